#include "row.h"

#include <endian.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "db.h"
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
#define REVISION(record) COLUMN("revision", record, revision, COLUMN_INTEGER, 1, INT64_MAX)
#define SEAL(record)                                                                               \
	NUMBER("seal_version", record, seal.version), BLOB("seal_mac", record, seal.mac)
#define SECRET(prefix, which)                                                                      \
	NUMBER(prefix "_version", key_record, secrets[which].version),                             \
		NUMBER(prefix "_pepper", key_record, secrets[which].pepper_version),               \
		TIME(prefix "_not_after", key_record, secrets[which].not_after),                   \
		BLOB(prefix "_mac", key_record, secrets[which].mac),                               \
		COLUMN(prefix "_wraps", key_record, secrets[which], COLUMN_WRAPS, 0, 0)

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
	COLUMN("rewrap", master_record, rewrap, COLUMN_INTEGER, false, true),
	REVISION(master_record),
	SEAL(master_record),
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
const struct table executed_table = TABLE("executed", executed_columns, 2);
const struct table uses_table = TABLE("master_use", uses_columns, 4);
const struct table log_table = TABLE("audit_log", log_columns, 1);
const struct table checkpoint_table = TABLE("audit_checkpoint", checkpoint_columns, 2);

static void sql_freep(char **sql)
{
	sqlite3_free(*sql);
}

/* Columns `first` to `end`, each as `format` has it (given its name and its parameter's number). */
static void add_columns(sqlite3_str *sql, const struct table *table, size_t first, size_t end,
			const char *format, const char *separator)
{
	for (size_t i = first; i < end; i++) {
		if (i > first)
			sqlite3_str_appendall(sql, separator);
		sqlite3_str_appendf(sql, format, table->columns[i].name, (int)i + 1);
	}
}

static enum pm_err prepare(sqlite3 *db, sqlite3_str *sql, sqlite3_stmt **out)
{
	char *text CLEANUP(sql_freep) = sqlite3_str_finish(sql);

	return text ? db_prepare(db, text, out) : PM_NO_MEMORY;
}

enum pm_err row_prepare_insert(sqlite3 *db, const struct table *table, sqlite3_stmt **out)
{
	sqlite3_str *sql = sqlite3_str_new(db);

	sqlite3_str_appendf(sql, "INSERT INTO %s (", table->name);
	add_columns(sql, table, 0, table->count, "%s", ", ");
	sqlite3_str_appendall(sql, ") VALUES (");
	add_columns(sql, table, 0, table->count, "/* %s */ ?%d", ", ");
	sqlite3_str_appendall(sql, ")");
	return prepare(db, sql, out);
}

enum pm_err row_prepare_update(sqlite3 *db, const struct table *table, sqlite3_stmt **out)
{
	sqlite3_str *sql = sqlite3_str_new(db);

	sqlite3_str_appendf(sql, "UPDATE %s SET ", table->name);
	add_columns(sql, table, table->keys, table->count, "%s = ?%d", ", ");
	sqlite3_str_appendall(sql, " WHERE ");
	add_columns(sql, table, 0, table->keys, "%s = ?%d", " AND ");
	for (size_t i = 0; i < table->count; i++) {
		if (strcmp(table->columns[i].name, "revision") == 0)
			sqlite3_str_appendf(sql, " AND revision = ?%d - 1", (int)i + 1);
	}
	return prepare(db, sql, out);
}

enum pm_err row_prepare_select(sqlite3 *db, const struct table *table, size_t keys,
			       sqlite3_stmt **out)
{
	sqlite3_str *sql = sqlite3_str_new(db);

	sqlite3_str_appendall(sql, "SELECT ");
	add_columns(sql, table, 0, table->count, "%s", ", ");
	sqlite3_str_appendf(sql, " FROM %s WHERE ", table->name);
	add_columns(sql, table, 0, keys, "%s = ?%d", " AND ");
	sqlite3_str_appendall(sql, " ORDER BY ");
	add_columns(sql, table, 0, table->keys, "%s", ", ");
	return prepare(db, sql, out);
}

enum pm_err row_prepare_newest(sqlite3 *db, const struct table *table, const char *condition,
			       sqlite3_stmt **out)
{
	sqlite3_str *sql = sqlite3_str_new(db);
	size_t last = table->keys - 1;

	sqlite3_str_appendall(sql, "SELECT ");
	add_columns(sql, table, 0, table->count, "%s", ", ");
	sqlite3_str_appendf(sql, " FROM %s WHERE ", table->name);
	add_columns(sql, table, 0, last, "%s = ?%d", " AND ");
	sqlite3_str_appendf(sql, " AND %s ORDER BY %s DESC LIMIT 1", condition,
			    table->columns[last].name);
	return prepare(db, sql, out);
}

static int64_t get_integer(const struct column *column, const uint8_t *field)
{
	uint32_t narrow = 0;
	int64_t wide = 0;

	if (column->size == sizeof(bool))
		return *field != 0;
	if (column->size == sizeof(narrow)) {
		memcpy(&narrow, field, sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, field, sizeof(wide));
	return wide;
}

static void put_integer(const struct column *column, uint8_t *field, int64_t value)
{
	uint32_t narrow = (uint32_t)value;
	bool flag = value != 0;

	if (column->size == sizeof(flag))
		memcpy(field, &flag, sizeof(flag));
	else if (column->size == sizeof(narrow))
		memcpy(field, &narrow, sizeof(narrow));
	else
		memcpy(field, &value, sizeof(value));
}

static bool in_range(const struct column *column, int64_t value)
{
	return value >= column->min && value <= column->max;
}

/* SQLITE_RANGE: the field cannot be stored. */
static int bind_wraps(sqlite3_stmt *stmt, int at, const uint8_t *field)
{
	struct secret_record secret;
	uint8_t blob[STORE_WRAPS_MAX * sizeof(uint32_t)];

	memcpy(&secret, field, sizeof(secret));
	if (secret.wrap_count > STORE_WRAPS_MAX)
		return SQLITE_RANGE;
	for (uint32_t i = 0; i < secret.wrap_count; i++) {
		if (secret.wraps[i] == 0)
			return SQLITE_RANGE;
		uint32_t wire = htobe32(secret.wraps[i]);
		memcpy(blob + i * sizeof(wire), &wire, sizeof(wire));
	}
	return sqlite3_bind_blob64(stmt, at, blob, secret.wrap_count * sizeof(uint32_t),
				   SQLITE_TRANSIENT);
}

/* As above. */
static int bind_field(sqlite3_stmt *stmt, int at, const struct column *column, const uint8_t *field)
{
	const char *text = (const char *)field;

	switch (column->kind) {
	case COLUMN_TEXT:
		if (strnlen(text, column->size) == column->size)
			return SQLITE_RANGE;
		return sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
	case COLUMN_BLOB:
		return sqlite3_bind_blob64(stmt, at, field, column->size, SQLITE_STATIC);
	case COLUMN_INTEGER:
		if (!in_range(column, get_integer(column, field)))
			return SQLITE_RANGE;
		return sqlite3_bind_int64(stmt, at, get_integer(column, field));
	case COLUMN_WRAPS:
		return bind_wraps(stmt, at, field);
	}
	return SQLITE_RANGE;
}

enum pm_err row_bind(sqlite3_stmt *stmt, const struct table *table, const void *record)
{
	const uint8_t *base = record;

	for (size_t i = 0; i < table->count; i++) {
		const struct column *column = &table->columns[i];
		int rc = bind_field(stmt, (int)i + 1, column, base + column->at);
		if (rc == SQLITE_RANGE) {
			log_error("store: our record for %s has an impossible %s", table->name,
				  column->name);
			return PM_INTERNAL;
		}
		if (rc != SQLITE_OK)
			return db_failed(sqlite3_db_handle(stmt), rc, "binding a record");
	}
	return PM_OK;
}

static bool load_text(sqlite3_stmt *stmt, int at, const struct column *column, uint8_t *field)
{
	if (sqlite3_column_type(stmt, at) != SQLITE_TEXT)
		return false;
	const unsigned char *text = sqlite3_column_text(stmt, at);
	size_t len = (size_t)sqlite3_column_bytes(stmt, at);
	if (!text || len >= column->size || memchr(text, '\0', len))
		return false;
	memcpy(field, text, len);
	return true;
}

static bool load_blob(sqlite3_stmt *stmt, int at, const struct column *column, uint8_t *field)
{
	if (sqlite3_column_type(stmt, at) != SQLITE_BLOB)
		return false;
	const void *blob = sqlite3_column_blob(stmt, at);
	if (!blob || (size_t)sqlite3_column_bytes(stmt, at) != column->size)
		return false;
	memcpy(field, blob, column->size);
	return true;
}

static bool load_integer(sqlite3_stmt *stmt, int at, const struct column *column, uint8_t *field)
{
	if (sqlite3_column_type(stmt, at) != SQLITE_INTEGER)
		return false;
	int64_t value = sqlite3_column_int64(stmt, at);
	if (!in_range(column, value))
		return false;
	put_integer(column, field, value);
	return true;
}

static bool load_wraps(sqlite3_stmt *stmt, int at, const struct column *column, uint8_t *field)
{
	struct secret_record secret;

	if (sqlite3_column_type(stmt, at) != SQLITE_BLOB)
		return false;
	const uint8_t *blob = sqlite3_column_blob(stmt, at); /* NULL if it is empty */
	size_t len = (size_t)sqlite3_column_bytes(stmt, at);
	if (len > sizeof(secret.wraps) || len % sizeof(uint32_t) != 0 || (len > 0 && !blob))
		return false;
	memcpy(&secret, field, column->size);
	for (size_t i = 0; i < len / sizeof(uint32_t); i++) {
		uint32_t wire = 0;
		memcpy(&wire, blob + i * sizeof(wire), sizeof(wire));
		if (wire == 0)
			return false;
		secret.wraps[i] = be32toh(wire);
	}
	secret.wrap_count = (uint32_t)(len / sizeof(uint32_t));
	memcpy(field, &secret, sizeof(secret));
	return true;
}

const char *row_load(sqlite3_stmt *stmt, const struct table *table, void *record)
{
	static bool (*const load[])(sqlite3_stmt *, int, const struct column *, uint8_t *) = {
		[COLUMN_TEXT] = load_text,
		[COLUMN_BLOB] = load_blob,
		[COLUMN_INTEGER] = load_integer,
		[COLUMN_WRAPS] = load_wraps,
	};
	uint8_t *base = record;
	const char *malformed = NULL;

	for (size_t i = 0; i < table->count; i++) {
		const struct column *column = &table->columns[i];
		if (!load[column->kind](stmt, (int)i, column, base + column->at) && !malformed)
			malformed = column->name;
	}
	return malformed;
}
