#include "row.h"

#include <stddef.h>

#include "store/store.h"

#define FIELD_SIZE(record, field) sizeof(((struct record *)NULL)->field)
#define COLUMN(column, record, field, type, least, most)                                           \
	{                                                                                          \
		.name = (column), .kind = (type), .at = offsetof(struct record, field),            \
		.size = FIELD_SIZE(record, field), .min = (least), .max = (most)                   \
	}

#define TEXT(column, record, field) COLUMN(column, record, field, COLUMN_TEXT, 0, 0)
#define BLOB(column, record, field) COLUMN(column, record, field, COLUMN_BLOB, 0, 0)
#define NUMBER(column, record, field) COLUMN(column, record, field, COLUMN_INTEGER, 0, UINT32_MAX)
#define TIME(column, record, field) COLUMN(column, record, field, COLUMN_INTEGER, 0, INT64_MAX)
#define FLAG(column, record, field) COLUMN(column, record, field, COLUMN_INTEGER, false, true)
#define REVISION(record) COLUMN("revision", record, revision, COLUMN_INTEGER, 1, INT64_MAX)
#define SEAL(record)                                                                               \
	NUMBER("seal_version", record, seal.version), BLOB("seal_mac", record, seal.mac)
#define SECRET(prefix, which)                                                                      \
	NUMBER(prefix "_version", key_record, secrets[which].version),                             \
		NUMBER(prefix "_pepper", key_record, secrets[which].pepper_version),               \
		TIME(prefix "_not_after", key_record, secrets[which].not_after),                   \
		BLOB(prefix "_mac", key_record, secrets[which].mac),                               \
		COLUMN(prefix "_wraps", key_record, secrets[which], COLUMN_WRAPS, 0, 0),           \
		COLUMN(prefix "_form", key_record, secrets[which].form, COLUMN_INTEGER,            \
		       SECRET_OURS, SECRET_HMAC)

#define TABLE(sql_name, list, key_columns)                                                         \
	{                                                                                          \
		.name = (sql_name), .columns = (list), .count = sizeof(list) / sizeof((list)[0]),  \
		.keys = (key_columns)                                                              \
	}

static const struct column environment_columns[] = {
	TEXT("name", environment_record, name),
	TEXT("token_serial", environment_record, token_serial),
	TEXT("standby_serial", environment_record, standby_serial),
	TIME("created_at", environment_record, created_at),
	REVISION(environment_record),
	SEAL(environment_record),
};

static const struct column key_columns[] = {
	TEXT("environment", key_record, environment),
	TEXT("id", key_record, id),
	TEXT("account", key_record, account),
	TEXT("product", key_record, product),
	TEXT("name", key_record, name),
	TEXT("created_by", key_record, created_by),
	TEXT("tail", key_record, tail),
	TIME("created_at", key_record, created_at),
	TIME("expires_at", key_record, expires_at),
	TIME("rotated_at", key_record, rotated_at),
	TIME("revoked_at", key_record, revoked_at),
	TEXT("external_ref", key_record, external_ref),
	TEXT("scopes", key_record, scopes),
	TEXT("labels", key_record, labels),
	TEXT("networks", key_record, networks),
	TIME("not_before", key_record, not_before),
	TIME("disabled_at", key_record, disabled_at),
	FLAG("first_use", key_record, first_use),
	TIME("first_use_overlap", key_record, first_use_overlap),
	TEXT("previous_tail", key_record, previous_tail),
	NUMBER("last_version", key_record, last_version),
	FLAG("registered", key_record, registered),
	NUMBER("lookup_version", key_record, lookup_version),
	COLUMN("lookup", key_record, lookup, COLUMN_LOOKUP, 0, 0),
	TEXT("import_key", key_record, import_key),
	SECRET("current", SECRET_CURRENT),
	SECRET("previous", SECRET_PREVIOUS),
	REVISION(key_record),
	SEAL(key_record),
};

static const struct column master_columns[] = {
	TEXT("environment", master_record, environment),
	TEXT("purpose", master_record, purpose),
	TEXT("name", master_record, name),
	NUMBER("version", master_record, version),
	COLUMN("state", master_record, state, COLUMN_INTEGER, MASTER_STAGED,
	       MASTER_DESTROY_SCHEDULED),
	BLOB("key_id", master_record, key_id),
	BLOB("check_value", master_record, check),
	TIME("created_at", master_record, created_at),
	TIME("changed_at", master_record, changed_at),
	COLUMN("prior", master_record, prior, COLUMN_INTEGER, 0, MASTER_DESTROY_SCHEDULED),
	TIME("ends_at", master_record, ends_at),
	TIME("destroy_at", master_record, destroy_at),
	TIME("activated_at", master_record, activated_at),
	FLAG("rewrap", master_record, rewrap),
	REVISION(master_record),
	SEAL(master_record),
};

static const struct column account_columns[] = {
	TEXT("environment", account_record, environment),
	TEXT("id", account_record, id),
	TEXT("name", account_record, name),
	TEXT("merchant", account_record, merchant),
	COLUMN("status", account_record, status, COLUMN_INTEGER, ACCOUNT_ONBOARDING,
	       ACCOUNT_CLOSED),
	TEXT("products", account_record, products),
	TEXT("first_product", account_record, first_product),
	TEXT("first_key", account_record, first_key),
	TEXT("created_by", account_record, created_by),
	TIME("created_at", account_record, created_at),
	TIME("changed_at", account_record, changed_at),
	TIME("approved_at", account_record, approved_at),
	TIME("closed_at", account_record, closed_at),
	FLAG("closing", account_record, closing),
	REVISION(account_record),
	SEAL(account_record),
};

static const struct column operator_columns[] = {
	TEXT("environment", operator_record, environment),
	TEXT("id", operator_record, id),
	TEXT("name", operator_record, name),
	TEXT("roles", operator_record, roles),
	NUMBER("pin_version", operator_record, pin_version),
	BLOB("pin_salt", operator_record, pin_salt),
	BLOB("pin_mac", operator_record, pin_mac),
	TIME("pin_set_at", operator_record, pin_set_at),
	NUMBER("failures", operator_record, failures),
	TIME("locked_until", operator_record, locked_until),
	TEXT("created_by", operator_record, created_by),
	TIME("created_at", operator_record, created_at),
	TIME("changed_at", operator_record, changed_at),
	TIME("disabled_at", operator_record, disabled_at),
	REVISION(operator_record),
	SEAL(operator_record),
};

/* A COLUMN_BYTES is followed by its length. */
_Static_assert(offsetof(struct value_record, sealed_len) ==
		       offsetof(struct value_record, sealed) + STORE_SEALED_MAX,
	       "the length of a sealed value follows it");

static const struct column value_columns[] = {
	TEXT("environment", value_record, environment),
	TEXT("id", value_record, id),
	NUMBER("secret_version", value_record, secret_version),
	NUMBER("key_version", value_record, key_version),
	COLUMN("sealed", value_record, sealed, COLUMN_BYTES, 0, 0),
};

static const struct column key_use_columns[] = {
	TEXT("environment", key_use_record, environment),
	TEXT("id", key_use_record, id),
	COLUMN("uses", key_use_record, uses, COLUMN_INTEGER, 0, INT64_MAX),
	TIME("last_at", key_use_record, last_at),
	TIME("warned_at", key_use_record, warned_at),
};

static const struct column executed_columns[] = {
	NUMBER("uid", executed_record, uid),
	TEXT("request_id", executed_record, request_id),
	TEXT("environment", executed_record, environment),
	NUMBER("rpc", executed_record, rpc),
	TEXT("subject", executed_record, subject),
	TIME("at", executed_record, at),
	SEAL(executed_record),
};

static const struct column uses_columns[] = {
	TEXT("environment", uses_record, environment),
	TEXT("purpose", uses_record, purpose),
	TEXT("name", uses_record, name),
	NUMBER("version", uses_record, version),
	COLUMN("uses", uses_record, uses, COLUMN_INTEGER, 0, INT64_MAX),
	TIME("last_at", uses_record, last_at),
};

static const struct column log_columns[] = {
	COLUMN("log", log_record, log, COLUMN_INTEGER, 1, STORE_LOGS_MAX),
	TEXT("origin", log_record, origin),
	COLUMN("state", log_record, state, COLUMN_INTEGER, LOG_OPEN, LOG_ABANDONED),
	NUMBER("key_version", log_record, key_version),
	TEXT("vkey", log_record, vkey),
	TIME("opened_at", log_record, opened_at),
	TIME("closed_at", log_record, closed_at),
	COLUMN("minimum", log_record, minimum, COLUMN_INTEGER, 0, TLOG_SIZE_MAX),
	REVISION(log_record),
};

static const struct column checkpoint_columns[] = {
	COLUMN("log", checkpoint_record, log, COLUMN_INTEGER, 1, STORE_LOGS_MAX),
	COLUMN("size", checkpoint_record, size, COLUMN_INTEGER, 0, TLOG_SIZE_MAX),
	BLOB("root", checkpoint_record, root),
	TIME("at", checkpoint_record, at),
	NUMBER("cosigned", checkpoint_record, cosigned),
	TEXT("note", checkpoint_record, note),
};

const struct table environment_table = TABLE("environment", environment_columns, 1);
const struct table key_table = TABLE("api_key", key_columns, 2);
const struct table master_table = TABLE("master_key", master_columns, 4);
const struct table account_table = TABLE("account", account_columns, 2);
const struct table operator_table = TABLE("operator", operator_columns, 2);
const struct table value_table = TABLE("key_value", value_columns, 2);
const struct table key_use_table = TABLE("key_use", key_use_columns, 2);
const struct table executed_table = TABLE("executed", executed_columns, 2);
const struct table uses_table = TABLE("master_use", uses_columns, 4);
const struct table log_table = TABLE("audit_log", log_columns, 1);
const struct table checkpoint_table = TABLE("audit_checkpoint", checkpoint_columns, 2);
