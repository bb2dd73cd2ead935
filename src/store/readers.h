/*
 * Read connections, each with its prepared statements, for one taker at a time. Any thread may take
 * one; more threads than connections wait. No reading goes on for more than a few seconds (or a
 * minute, if it is of everything), whatever is in the file.
 */
#ifndef STORE_READERS_H
#define STORE_READERS_H

#include <sqlite3.h>
#include <stdint.h>

#include "base/err.h"
#include "row.h"
#include "rows.h"

enum read_statement {
	READ_ENVIRONMENT,
	READ_KEY,
	READ_EXECUTED,
	READ_MASTERS,
	READ_USES,
	READ_SEALS,
	READ_LOG,
	READ_CHECKPOINTS,                /* by enum store_which */
	READ_IDS = READ_CHECKPOINTS + 3, /* ids and counts: four each, by filter; see read_keys.c */
	READ_COUNTS = READ_IDS + 4,
	READ_STATEMENTS = READ_COUNTS + 4,
};

struct readers;

struct reader {
	struct readers *pool;
	struct reader *next;
	sqlite3 *db;
	sqlite3_stmt *statements[READ_STATEMENTS];
	struct rows rows;
	int64_t deadline;    /* of the reading in progress */
	int64_t quiet_until; /* malformed rows are logged once a second, not once a read */
};

enum pm_err readers_open(const char *path, uint32_t count, struct readers **out) NODISCARD;
void readers_close(struct readers *readers); /* NULL is allowed; none is taken */

struct reader *readers_take(struct readers *readers);
struct reader *readers_take_for_all(struct readers *readers); /* to read all keys: for a minute */
void reader_givep(struct reader **reader);                    /* for CLEANUP */

/* In read.c, read_keys.c and read_audit.c, beside what uses them. */
enum pm_err reader_prepare(struct reader *reader) NODISCARD;
enum pm_err reader_prepare_keys(struct reader *reader) NODISCARD;
enum pm_err reader_prepare_audit(struct reader *reader) NODISCARD;

/* Logs that a row is quarantined because of `what`. */
void reader_malformed(struct reader *reader, const struct table *table, const char *what);

/* The one row of a statement whose keys are bound. */
enum pm_err reader_load(struct reader *reader, sqlite3_stmt *stmt, const struct table *table,
			void *out) NODISCARD;

#endif
