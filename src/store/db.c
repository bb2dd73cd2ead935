#include "db.h"

#include <pthread.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/log.h"

/* How long an SQLite tool of the administrator's (a backup, say) may hold us up. */
#define DB_BUSY_MS 2000
#define DB_WAL_KEEP_BYTES "67108864"
#define DB_VALUE_MAX 65536 /* bytes of a value or row that a reader accepts: ours have < 10,000 */

/*
 * No statistics behind a global lock, and no temporary files: what a savepoint needs for its
 * rollback stays in memory. Without effect, and harmless, if somebody used SQLite before us.
 */
static void configure_library(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, -1);
}

enum pm_err db_failed(sqlite3 *db, int rc, const char *doing)
{
	const char *file = db ? sqlite3_db_filename(db, "main") : NULL;
	int primary = rc & 0xff;
	enum pm_err err = PM_STORE_UNAVAILABLE;

	if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB)
		err = PM_STORE_DAMAGED;
	log_error("store: %s: %s: %s (SQLite %d)%s", file ? file : "database", doing,
		  sqlite3_errstr(rc), rc,
		  err == PM_STORE_DAMAGED ? "; restore the database from a backup" : "");
	return err;
}

enum pm_err db_damaged(sqlite3 *db, const char *why)
{
	log_error("store: %s is %s", sqlite3_db_filename(db, "main"), why);
	return PM_STORE_DAMAGED;
}

enum pm_err db_exec(sqlite3 *db, const char *sql, const char *doing)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? PM_OK : db_failed(db, rc, doing);
}

enum pm_err db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out)
{
	int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);

	return rc == SQLITE_OK ? PM_OK : db_failed(db, rc, "preparing a statement");
}

enum pm_err db_run(sqlite3_stmt *stmt, const char *doing)
{
	int rc = sqlite3_step(stmt);

	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? PM_OK : db_failed(sqlite3_db_handle(stmt), rc, doing);
}

enum pm_err db_number(sqlite3 *db, const char *sql, int64_t *out)
{
	sqlite3_stmt *stmt CLEANUP(stmt_finalizep) = NULL;

	TRY(db_prepare(db, sql, &stmt));
	int rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		return db_failed(db, rc, sql);
	*out = sqlite3_column_int64(stmt, 0);
	return PM_OK;
}

/* What the file says is data: no triggers, views, extensions or functions of its choosing. */
static enum pm_err distrust_file(sqlite3 *db)
{
	static const struct {
		int option, value;
	} settings[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },      { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 }, { SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },        { SQLITE_DBCONFIG_DQS_DML, 0 },
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		int rc = sqlite3_db_config(db, settings[i].option, settings[i].value, NULL);
		if (rc != SQLITE_OK)
			return db_failed(db, rc, "hardening the connection");
	}
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	return db_exec(db,
		       "PRAGMA cell_size_check = ON;"
		       "PRAGMA mmap_size = 0;"
		       "PRAGMA temp_store = MEMORY;",
		       "hardening the connection");
}

static enum pm_err configure(sqlite3 *db, enum db_mode mode)
{
	sqlite3_busy_timeout(db, DB_BUSY_MS);
	TRY(distrust_file(db));
	if (mode == DB_READS) {
		/* A value larger than any of ours fails (SQLITE_TOOBIG) before it is loaded. */
		sqlite3_limit(db, SQLITE_LIMIT_LENGTH, DB_VALUE_MAX);
		return db_exec(db, "PRAGMA query_only = ON;", "configuring a reader");
	}
	return db_exec(db,
		       "PRAGMA synchronous = FULL;"
		       "PRAGMA secure_delete = ON;"
		       "PRAGMA wal_autocheckpoint = 0;" /* the writer does it: write_checkpoint */
		       "PRAGMA cache_size = -65536;"    /* KiB: inserts go to random pages */
		       "PRAGMA journal_size_limit = " DB_WAL_KEEP_BYTES ";",
		       "configuring the writer");
}

enum pm_err db_open(const char *path, enum db_mode mode, sqlite3 **out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	sqlite3 *db CLEANUP(db_closep) = NULL;
	int access = mode == DB_WRITES ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
	int flags = access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_NOFOLLOW |
		    SQLITE_OPEN_EXRESCODE;

	pthread_once(&once, configure_library);
	int rc = sqlite3_open_v2(path, &db, flags, NULL);
	if (rc != SQLITE_OK)
		return db_failed(NULL, rc, path);
	TRY(configure(db, mode));
	*out = TAKE(db);
	return PM_OK;
}

void db_close(sqlite3 *db)
{
	int rc = sqlite3_close(db);

	if (rc != SQLITE_OK)
		db_failed(db, rc, "closing");
}

void db_closep(sqlite3 **db)
{
	db_close(*db);
}

void stmt_bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

void stmt_finalizep(sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
}

void stmt_resetp(sqlite3_stmt **stmt)
{
	sqlite3_reset(*stmt);
	sqlite3_clear_bindings(*stmt);
}
