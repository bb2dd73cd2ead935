#include "schema.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "check.h"
#include "db.h"

#define U32 "BETWEEN 0 AND 4294967295"
/* Up to seven pepper versions, four bytes each. */
#define WRAPS(column)                                                                              \
	"BLOB NOT NULL DEFAULT x'' CHECK (length(" column ") IN (0, 4, 8, 12, 16, 20, 24, 28))"

#define NUMBER(column) "  " column " INTEGER NOT NULL CHECK (" column " " U32 "),"
#define TIME(column) "  " column " INTEGER NOT NULL CHECK (" column " >= 0),"
#define FLAG(column) "  " column " INTEGER NOT NULL CHECK (" column " IN (0, 1)),"
#define BYTES(column, bytes) "  " column " BLOB NOT NULL CHECK (length(" column ") = " bytes "),"
#define REVISION "  revision INTEGER NOT NULL CHECK (revision > 0),"
#define SEAL NUMBER("seal_version") BYTES("seal_mac", "32")
#define SECRET(prefix)                                                                             \
	NUMBER(prefix "_version")                                                                  \
	NUMBER(prefix "_pepper")                                                                   \
	TIME(prefix "_not_after")                                                                  \
	BYTES(prefix "_mac", "32")                                                                 \
	"  " prefix "_wraps " WRAPS(prefix "_wraps") ","                                           \
						     "  " prefix                                   \
						     "_form INTEGER NOT NULL CHECK (" prefix       \
						     "_form BETWEEN 0 AND 4),"

/* clang-format off */
const char *const schema_migrations[] = {
	"CREATE TABLE environment ("
	"  name TEXT NOT NULL PRIMARY KEY,"
	"  token_serial TEXT NOT NULL,"
	"  created_at INTEGER NOT NULL CHECK (created_at >= 0),"
	"  revision INTEGER NOT NULL CHECK (revision > 0),"
	"  seal_version INTEGER NOT NULL CHECK (seal_version " U32 "),"
	"  seal_mac BLOB NOT NULL CHECK (length(seal_mac) = 32)"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE api_key ("
	"  environment TEXT NOT NULL,"
	"  id TEXT NOT NULL CHECK (length(id) BETWEEN 1 AND 16 AND id NOT GLOB '*[^0-9A-Za-z]*'),"
	"  account TEXT NOT NULL,"
	"  product TEXT NOT NULL,"
	"  name TEXT NOT NULL,"
	"  created_by TEXT NOT NULL,"
	"  tail TEXT NOT NULL,"
	"  created_at INTEGER NOT NULL CHECK (created_at >= 0),"
	"  expires_at INTEGER NOT NULL CHECK (expires_at >= 0),"
	"  rotated_at INTEGER NOT NULL CHECK (rotated_at >= 0),"
	"  revoked_at INTEGER NOT NULL CHECK (revoked_at >= 0),"
	"  current_version INTEGER NOT NULL CHECK (current_version " U32 "),"
	"  current_pepper INTEGER NOT NULL CHECK (current_pepper " U32 "),"
	"  current_not_after INTEGER NOT NULL CHECK (current_not_after >= 0),"
	"  current_mac BLOB NOT NULL CHECK (length(current_mac) = 32),"
	"  previous_version INTEGER NOT NULL CHECK (previous_version " U32 "),"
	"  previous_pepper INTEGER NOT NULL CHECK (previous_pepper " U32 "),"
	"  previous_not_after INTEGER NOT NULL CHECK (previous_not_after >= 0),"
	"  previous_mac BLOB NOT NULL CHECK (length(previous_mac) = 32),"
	"  revision INTEGER NOT NULL CHECK (revision > 0),"
	"  seal_version INTEGER NOT NULL CHECK (seal_version " U32 "),"
	"  seal_mac BLOB NOT NULL CHECK (length(seal_mac) = 32),"
	"  PRIMARY KEY (environment, id)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX api_key_by_account ON api_key (environment, account, id, product);"
	"CREATE INDEX api_key_by_product ON api_key (environment, product, id);"

	"CREATE TABLE master_key ("
	"  environment TEXT NOT NULL,"
	"  purpose TEXT NOT NULL,"
	"  name TEXT NOT NULL,"
	"  version INTEGER NOT NULL CHECK (version " U32 "),"
	"  state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),"
	"  key_id BLOB NOT NULL CHECK (length(key_id) = 16),"
	"  check_value BLOB NOT NULL CHECK (length(check_value) = 8),"
	"  created_at INTEGER NOT NULL CHECK (created_at >= 0),"
	"  changed_at INTEGER NOT NULL CHECK (changed_at >= 0),"
	"  revision INTEGER NOT NULL CHECK (revision > 0),"
	"  seal_version INTEGER NOT NULL CHECK (seal_version " U32 "),"
	"  seal_mac BLOB NOT NULL CHECK (length(seal_mac) = 32),"
	"  PRIMARY KEY (environment, purpose, name, version)"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE executed ("
	"  uid INTEGER NOT NULL CHECK (uid " U32 "),"
	"  request_id TEXT NOT NULL,"
	"  environment TEXT NOT NULL,"
	"  rpc INTEGER NOT NULL CHECK (rpc " U32 "),"
	"  subject TEXT NOT NULL,"
	"  at INTEGER NOT NULL CHECK (at >= 0),"
	"  seal_version INTEGER NOT NULL CHECK (seal_version " U32 "),"
	"  seal_mac BLOB NOT NULL CHECK (length(seal_mac) = 32),"
	"  PRIMARY KEY (uid, request_id)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX executed_by_time ON executed (at);",

	"CREATE TABLE audit_log ("
	"  log INTEGER NOT NULL PRIMARY KEY CHECK (log BETWEEN 1 AND 256),"
	"  origin TEXT NOT NULL,"
	"  state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),"
	"  key_version INTEGER NOT NULL CHECK (key_version " U32 "),"
	"  vkey TEXT NOT NULL,"
	"  opened_at INTEGER NOT NULL CHECK (opened_at >= 0),"
	"  closed_at INTEGER NOT NULL CHECK (closed_at >= 0),"
	"  minimum INTEGER NOT NULL CHECK (minimum >= 0 AND minimum % 256 = 0),"
	"  revision INTEGER NOT NULL CHECK (revision > 0)"
	") STRICT, WITHOUT ROWID;"

	/* By rowid, so that the next entry is always the table's last. */
	"CREATE TABLE audit_leaf ("
	"  position INTEGER PRIMARY KEY," /* log << 40 | index */
	"  hash BLOB NOT NULL CHECK (length(hash) = 32),"
	"  entry BLOB NOT NULL CHECK (length(entry) BETWEEN 1 AND 8192)"
	") STRICT;"

	"CREATE TABLE audit_node ("
	"  log INTEGER NOT NULL,"
	"  row INTEGER NOT NULL CHECK (row BETWEEN 1 AND 5),"
	"  n INTEGER NOT NULL CHECK (n >= 0),"
	"  hash BLOB NOT NULL CHECK (length(hash) = 32),"
	"  PRIMARY KEY (log, row, n)"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE audit_checkpoint ("
	"  log INTEGER NOT NULL,"
	"  size INTEGER NOT NULL CHECK (size >= 0),"
	"  root BLOB NOT NULL CHECK (length(root) = 32),"
	"  at INTEGER NOT NULL CHECK (at >= 0),"
	"  cosigned INTEGER NOT NULL CHECK (cosigned " U32 "),"
	"  note TEXT NOT NULL CHECK (cosigned = 0 OR note <> ''),"
	"  PRIMARY KEY (log, size)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX audit_checkpoint_not_cosigned ON audit_checkpoint (log, size)"
	"  WHERE cosigned = 0;",

	/* What is new is empty in the rows that were there: their seals do not cover it. */
	"ALTER TABLE environment ADD COLUMN standby_serial TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE api_key ADD COLUMN current_wraps " WRAPS("current_wraps") ";"
	"ALTER TABLE api_key ADD COLUMN previous_wraps " WRAPS("previous_wraps") ";"

	"ALTER TABLE master_key RENAME TO master_key_before;"
	"CREATE TABLE master_key ("
	"  environment TEXT NOT NULL,"
	"  purpose TEXT NOT NULL,"
	"  name TEXT NOT NULL,"
	"  version INTEGER NOT NULL CHECK (version " U32 "),"
	"  state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 7),"
	"  key_id BLOB NOT NULL CHECK (length(key_id) = 16),"
	"  check_value BLOB NOT NULL CHECK (length(check_value) = 8),"
	"  created_at INTEGER NOT NULL CHECK (created_at >= 0),"
	"  changed_at INTEGER NOT NULL CHECK (changed_at >= 0),"
	"  prior INTEGER NOT NULL CHECK (prior BETWEEN 0 AND 7),"
	"  ends_at INTEGER NOT NULL CHECK (ends_at >= 0),"
	"  destroy_at INTEGER NOT NULL CHECK (destroy_at >= 0),"
	"  activated_at INTEGER NOT NULL CHECK (activated_at >= 0),"
	"  rewrap INTEGER NOT NULL CHECK (rewrap IN (0, 1)),"
	"  revision INTEGER NOT NULL CHECK (revision > 0),"
	"  seal_version INTEGER NOT NULL CHECK (seal_version " U32 "),"
	"  seal_mac BLOB NOT NULL CHECK (length(seal_mac) = 32),"
	"  PRIMARY KEY (environment, purpose, name, version)"
	") STRICT, WITHOUT ROWID;"
	"INSERT INTO master_key SELECT environment, purpose, name, version, state, key_id,"
	"  check_value, created_at, changed_at, 0, 0, 0, 0, 0, revision, seal_version, seal_mac"
	"  FROM master_key_before;"
	"DROP TABLE master_key_before;"

	"CREATE TABLE master_use ("
	"  environment TEXT NOT NULL,"
	"  purpose TEXT NOT NULL,"
	"  name TEXT NOT NULL,"
	"  version INTEGER NOT NULL CHECK (version " U32 "),"
	"  uses INTEGER NOT NULL CHECK (uses >= 0),"
	"  last_at INTEGER NOT NULL CHECK (last_at >= 0),"
	"  PRIMARY KEY (environment, purpose, name, version)"
	") STRICT, WITHOUT ROWID;",

	/*
	 * By rowid: ids come in no order, rows and what is sorted by time grow at their ends. start_at
	 * and state are there to be found by: they cannot differ from the fields they are made of.
	 */
	"ALTER TABLE api_key RENAME TO api_key_before;"
	"CREATE TABLE api_key ("
	"  environment TEXT NOT NULL,"
	"  id TEXT NOT NULL CHECK (length(id) BETWEEN 1 AND 16 AND id NOT GLOB '*[^0-9A-Za-z]*'),"
	"  account TEXT NOT NULL,"
	"  product TEXT NOT NULL,"
	"  name TEXT NOT NULL,"
	"  external_ref TEXT NOT NULL,"
	"  labels TEXT NOT NULL,"
	TIME("created_at")
	TIME("expires_at")
	TIME("rotated_at")
	TIME("revoked_at")
	TIME("not_before")
	TIME("disabled_at")
	"  start_at INTEGER NOT NULL"
	"    AS (CASE not_before WHEN 0 THEN created_at ELSE not_before END) STORED,"
	"  state INTEGER NOT NULL" /* 0 enabled, 1 disabled, 2 revoked */
	"    AS (CASE WHEN revoked_at <> 0 THEN 2 WHEN disabled_at <> 0 THEN 1 ELSE 0 END) STORED,"
	"  created_by TEXT NOT NULL,"
	"  tail TEXT NOT NULL,"
	"  scopes TEXT NOT NULL,"
	"  networks TEXT NOT NULL,"
	FLAG("first_use")
	TIME("first_use_overlap")
	"  previous_tail TEXT NOT NULL,"
	NUMBER("last_version")
	FLAG("registered")
	NUMBER("lookup_version")
	"  lookup BLOB NOT NULL"
	"    CHECK (length(lookup) = CASE lookup_version WHEN 0 THEN 0 ELSE 16 END),"
	"  import_key TEXT NOT NULL,"
	SECRET("current")
	SECRET("previous")
	REVISION
	NUMBER("seal_version")
	"  seal_mac BLOB NOT NULL CHECK (length(seal_mac) = 32)"
	") STRICT;"
	"INSERT INTO api_key (environment, id, account, product, name, external_ref, labels,"
	"  created_at, expires_at, rotated_at, revoked_at, not_before, disabled_at, created_by, tail,"
	"  scopes, networks, first_use, first_use_overlap, previous_tail, last_version, registered,"
	"  lookup_version, lookup, import_key, current_version, current_pepper, current_not_after, current_mac,"
	"  current_wraps, current_form, previous_version, previous_pepper, previous_not_after,"
	"  previous_mac, previous_wraps, previous_form, revision, seal_version, seal_mac)"
	" SELECT environment, id, account, product, name, '', '',"
	"  created_at, expires_at, rotated_at, revoked_at, 0, 0, created_by, tail,"
	"  '', '', 0, 0, '', 0, 0, 0,"
	"  x'', '', current_version, current_pepper, current_not_after, current_mac,"
	"  current_wraps, 0, previous_version, previous_pepper, previous_not_after,"
	"  previous_mac, previous_wraps, 0, revision, seal_version, seal_mac"
	"  FROM api_key_before;"
	"DROP TABLE api_key_before;"

	"CREATE UNIQUE INDEX api_key_by_id ON api_key (environment, id);"
	"CREATE UNIQUE INDEX api_key_by_lookup ON api_key (environment, lookup)"
	"  WHERE lookup_version <> 0;"
	/* Lists go along these; what follows the id saves looking at the row. */
	"CREATE INDEX api_key_by_start"
	"  ON api_key (environment, account, start_at, id, state, expires_at);"
	"CREATE INDEX api_key_by_creation"
	"  ON api_key (environment, account, created_at, id, state, start_at, expires_at);"
	"CREATE INDEX api_key_by_state"
	"  ON api_key (environment, account, state, start_at, id, expires_at);"
	"CREATE INDEX api_key_by_end"
	"  ON api_key (environment, account, expires_at, id, state, start_at) WHERE expires_at <> 0;"
	"CREATE INDEX api_key_by_name"
	"  ON api_key (environment, account, name, id) WHERE name <> '' AND length(name) <= 128;"
	"CREATE UNIQUE INDEX api_key_by_reference ON api_key (environment, account, external_ref)"
	"  WHERE external_ref <> '' AND length(external_ref) <= 64;"
	"CREATE INDEX api_key_of_all_by_start"
	"  ON api_key (environment, start_at, id, state, expires_at);"
	"CREATE INDEX api_key_of_all_by_end"
	"  ON api_key (environment, expires_at, id, state, start_at) WHERE expires_at <> 0;"

	/* How many keys there are: see tally.c. */
	"CREATE TABLE key_count ("
	"  environment TEXT NOT NULL,"
	"  kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 2),"
	"  account TEXT NOT NULL,"
	"  product TEXT NOT NULL,"
	"  number INTEGER NOT NULL CHECK (number " U32 "),"
	"  count INTEGER NOT NULL CHECK (count >= 0),"
	"  PRIMARY KEY (environment, kind, account, product, number)"
	") STRICT, WITHOUT ROWID;"
	"INSERT INTO key_count"
	"  SELECT environment, 0, account, product, state, count(*) FROM api_key"
	"  GROUP BY environment, account, product, state;"
	"INSERT INTO key_count"
	"  SELECT environment, 1, '', product, state, count(*) FROM api_key"
	"  GROUP BY environment, product, state;"

	"CREATE TABLE account ("
	"  environment TEXT NOT NULL,"
	"  id TEXT NOT NULL,"
	"  name TEXT NOT NULL,"
	"  merchant TEXT NOT NULL,"
	"  status INTEGER NOT NULL CHECK (status BETWEEN 1 AND 5),"
	"  products TEXT NOT NULL,"
	"  first_product TEXT NOT NULL,"
	"  first_key TEXT NOT NULL,"
	"  created_by TEXT NOT NULL,"
	TIME("created_at")
	TIME("changed_at")
	TIME("approved_at")
	TIME("closed_at")
	FLAG("closing")
	REVISION
	SEAL
	"  PRIMARY KEY (environment, id)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX account_by_status ON account (environment, status, id);"
	"CREATE INDEX account_closing ON account (environment, id) WHERE closing <> 0;"

	"CREATE TABLE operator ("
	"  environment TEXT NOT NULL,"
	"  id TEXT NOT NULL,"
	"  name TEXT NOT NULL,"
	"  roles TEXT NOT NULL,"
	NUMBER("pin_version")
	BYTES("pin_salt", "16")
	BYTES("pin_mac", "32")
	TIME("pin_set_at")
	NUMBER("failures")
	TIME("locked_until")
	"  created_by TEXT NOT NULL,"
	TIME("created_at")
	TIME("changed_at")
	TIME("disabled_at")
	REVISION
	SEAL
	"  PRIMARY KEY (environment, id)"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE key_value ("
	"  environment TEXT NOT NULL,"
	"  id TEXT NOT NULL,"
	NUMBER("secret_version")
	NUMBER("key_version")
	"  sealed BLOB NOT NULL CHECK (length(sealed) BETWEEN 1 AND 288),"
	"  PRIMARY KEY (environment, id)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX key_value_by_version ON key_value (environment, key_version);"

	"CREATE TABLE key_use ("
	"  environment TEXT NOT NULL,"
	"  id TEXT NOT NULL,"
	"  uses INTEGER NOT NULL CHECK (uses >= 0),"
	TIME("last_at")
	TIME("warned_at")
	"  PRIMARY KEY (environment, id)"
	") STRICT, WITHOUT ROWID;",
};
/* clang-format on */
const size_t schema_version = sizeof(schema_migrations) / sizeof(schema_migrations[0]);

/* A file nothing was made in yet is ours to use: a first start may have ended right there. */
static enum pm_err identify(sqlite3 *db, size_t newest, size_t *version)
{
	int64_t application = 0, user_version = 0, objects = 0;

	TRY(db_number(db, "PRAGMA application_id", &application));
	TRY(db_number(db, "PRAGMA user_version", &user_version));
	TRY(db_number(db, "SELECT count(*) FROM sqlite_schema", &objects));
	*version = (size_t)user_version;
	if (application == 0 && user_version == 0 && objects == 0)
		return PM_OK;
	if (application != SCHEMA_APPLICATION_ID || user_version < 1)
		return db_damaged(db, "not a Peppermint database; move it away or set another "
				      "directory");
	if (*version > newest)
		return db_damaged(db, "from a newer Peppermint; install that version or a backup "
				      "from this one");
	return PM_OK;
}

/* A row that breaks a CHECK is taken along as it is: it is quarantined when it is read. */
static enum pm_err migrate_one(sqlite3 *db, const char *sql, size_t version)
{
	char stamp[160];

	sqlite3_snprintf(sizeof(stamp), stamp,
			 "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT;"
			 "PRAGMA ignore_check_constraints = OFF",
			 SCHEMA_APPLICATION_ID, (int)version);
	TRY(db_exec(db, "PRAGMA ignore_check_constraints = ON; BEGIN IMMEDIATE", "migrating"));
	TRY(db_exec(db, sql, "migrating"));
	return db_exec(db, stamp, "migrating"); /* what fails is rolled back as we close */
}

static enum pm_err migrate(sqlite3 *db, const char *const *migrations, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		TRY(migrate_one(db, migrations[i], i + 1));
	if (from > 0 && from < to)
		log_info("store: the database was migrated from version %zu to %zu", from, to);
	return PM_OK;
}

/* quote, because in an edited file any of them may be NULL. */
#define SCHEMA_OBJECTS                                                                             \
	"SELECT quote(type) || quote(name) || quote(tbl_name) || quote(sql) FROM sqlite_schema"    \
	" ORDER BY 1"

static bool same_text(sqlite3_stmt *a, sqlite3_stmt *b)
{
	const char *text_a = (const char *)sqlite3_column_text(a, 0);
	const char *text_b = (const char *)sqlite3_column_text(b, 0);

	return text_a && text_b && strcmp(text_a, text_b) == 0;
}

/* Triggers, views, generated columns or statistics that we did not make have no place in it. */
static enum pm_err check_schema(sqlite3 *db, const char *const *migrations, size_t count)
{
	sqlite3 *model CLEANUP(db_closep) = NULL;
	sqlite3_stmt *have CLEANUP(stmt_finalizep) = NULL;
	sqlite3_stmt *want CLEANUP(stmt_finalizep) = NULL;

	int rc = sqlite3_open(":memory:", &model);
	if (rc != SQLITE_OK)
		return db_failed(model, rc, "opening a database in memory");
	TRY(migrate(model, migrations, 0, count));
	TRY(db_prepare(db, SCHEMA_OBJECTS, &have));
	TRY(db_prepare(model, SCHEMA_OBJECTS, &want));
	for (;;) {
		int had = sqlite3_step(have), wanted = sqlite3_step(want);
		if (had == SQLITE_DONE && wanted == SQLITE_DONE)
			return PM_OK;
		if (had != SQLITE_ROW && had != SQLITE_DONE)
			return db_failed(db, had, "reading the schema");
		if (had != wanted || !same_text(have, want))
			return db_damaged(db, "damaged: its schema was changed by others; restore "
					      "it from a backup");
	}
}

static enum pm_err turn_wal_on(sqlite3 *db)
{
	sqlite3_stmt *stmt CLEANUP(stmt_finalizep) = NULL;

	TRY(db_prepare(db, "PRAGMA journal_mode = WAL", &stmt));
	int rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		return db_failed(db, rc, "turning WAL on");
	const char *mode = (const char *)sqlite3_column_text(stmt, 0);
	if (mode && strcmp(mode, "wal") == 0)
		return PM_OK;
	log_error("store: %s cannot be in WAL mode: its file system must have shared memory "
		  "and locks",
		  sqlite3_db_filename(db, "main"));
	return PM_STORE_UNAVAILABLE;
}

enum pm_err schema_bring_up(sqlite3 *db, const char *const *migrations, size_t count)
{
	size_t version = 0;

	TRY(identify(db, count, &version));
	TRY(check_integrity(db));
	TRY(turn_wal_on(db));
	TRY(migrate(db, migrations, version, count));
	return check_schema(db, migrations, count);
}
