/*
 * A connection to the database file, set up so that neither the file's schema nor its content can
 * make it run anything, and SQLite's errors turned into ours. A connection and its statements are
 * for one thread at a time.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <sqlite3.h>
#include <stdint.h>

#include "base/err.h"

enum db_mode { DB_WRITES, DB_READS };

/* `path` has no symbolic link in it, and the file is there. */
enum pm_err db_open(const char *path, enum db_mode mode, sqlite3 **out) NODISCARD;
void db_close(sqlite3 *db); /* its statements are finalized already */
void db_closep(sqlite3 **db);

/* Logs `rc` (an extended result code) in one line and returns what it is for our callers. */
enum pm_err db_failed(sqlite3 *db, int rc, const char *doing);

/* A file that is not to be used as it is: logs why, and what to do; PM_STORE_DAMAGED. */
enum pm_err db_damaged(sqlite3 *db, const char *why);

enum pm_err db_exec(sqlite3 *db, const char *sql, const char *doing) NODISCARD;
enum pm_err db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out) NODISCARD;
/* Runs a statement that gives no row, and resets it. */
enum pm_err db_run(sqlite3_stmt *stmt, const char *doing) NODISCARD;
/* The number that a PRAGMA or SELECT gives. */
enum pm_err db_number(sqlite3 *db, const char *sql, int64_t *out) NODISCARD;

void stmt_bind_text(sqlite3_stmt *stmt, int at, const char *text); /* which outlives the step */
void stmt_finalizep(sqlite3_stmt **stmt);
void stmt_resetp(sqlite3_stmt **stmt); /* for CLEANUP of a borrowed one: lets go of the snapshot */

#endif
