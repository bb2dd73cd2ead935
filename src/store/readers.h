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
#include "store/store.h"

enum read_statement {
	READ_ENVIRONMENT,
	READ_KEY,
	READ_KEY_BY_LOOKUP,
	READ_IDS, /* of keys */
	READ_IDS_OF_ALL,
	READ_TEXTS, /* of a key, by rowid: what a filter looks for, and what lists are sorted by */
	READ_VALUES,
	READ_KEY_USE,
	READ_VALUE,
	READ_TALLY,
	READ_TALLY_OF_ALL,
	READ_TALLY_OF_LOOKUPS,
	READ_UNREVOKED,
	READ_EXPIRING,
	READ_VALUE_VERSIONS,
	READ_ACCOUNT,
	READ_ACCOUNTS, /* those after an id: all, and those of a status */
	READ_ACCOUNTS_IN,
	READ_ACCOUNT_COUNT,
	READ_ACCOUNT_COUNT_IN,
	READ_CLOSING,
	READ_OPERATOR,
	READ_OPERATORS,
	READ_OPERATOR_COUNT,
	READ_PIN_VERSIONS,
	READ_EXECUTED,
	READ_MASTERS,
	READ_USES,
	READ_SEALS,
	READ_LOG,
	READ_BEGIN,
	READ_END,
	READ_CHECKPOINTS, /* by enum store_which */
	READ_STATEMENTS = READ_CHECKPOINTS + 3,
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

/* What is read from here on is as of one moment, until the end. */
enum pm_err reader_begin_snapshot(struct reader *reader) NODISCARD;
void reader_end_snapshot(struct reader *reader);

/* In read.c, read_keys.c, read_accounts.c and read_audit.c, beside what uses them. */
enum pm_err reader_prepare(struct reader *reader) NODISCARD;
enum pm_err reader_prepare_keys(struct reader *reader) NODISCARD;
enum pm_err reader_prepare_accounts(struct reader *reader) NODISCARD;
enum pm_err reader_prepare_audit(struct reader *reader) NODISCARD;

/* Logs that a row is quarantined because of `what`. */
void reader_malformed(struct reader *reader, const struct table *table, const char *what);

/* The one row of a statement whose keys are bound. */
enum pm_err reader_load(struct reader *reader, sqlite3_stmt *stmt, const struct table *table,
			void *out) NODISCARD;

/*
 * The key of an id that was found. A malformed one is loaded as a key of that id without anything
 * else, so that it is missed; so is an id that only an index knows.
 */
enum pm_err reader_load_listed(struct reader *reader, const char *environment, const char *id,
			       struct key_record *out) NODISCARD;

/* PM_NOT_FOUND, PM_RECORD_QUARANTINED: *out is all zero but for its key. */
enum pm_err reader_load_use(struct reader *reader, const char *environment, const char *id,
			    struct key_use_record *out) NODISCARD;

/* Texts of a statement's first column that fit, one per `size` bytes; malformed ones are left out. */
enum pm_err reader_list_texts(struct reader *reader, sqlite3_stmt *stmt, const struct table *table,
			      char *out, size_t size, size_t max, size_t *count) NODISCARD;

/* A statement's rows of version and count. PM_TOO_LARGE over `max`. */
enum pm_err reader_list_versions(struct reader *reader, sqlite3_stmt *stmt,
				 struct version_count *out, size_t max, size_t *count) NODISCARD;

#endif
