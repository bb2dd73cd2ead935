#include "rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "db.h"
#include "entry.h"

/* What is too long for ours is NULL instead, and not loaded. */
#define HASH "CASE WHEN length(hash) = 32 THEN hash END"
#define ENTRY "CASE WHEN length(entry) <= 8192 THEN entry END"
#define LEAF_RANGE " FROM audit_leaf WHERE position >= ?1 AND position < ?2 ORDER BY position"
_Static_assert(TLOG_HASH_LEN == 32 && TLOG_ENTRY_MAX == 8192, "as in HASH and ENTRY");

enum pm_err rows_prepare(sqlite3 *db, struct rows *out)
{
	TRY(db_prepare(db, "SELECT position, " HASH ", " ENTRY LEAF_RANGE, &out->leaves));
	TRY(db_prepare(db, "SELECT position, " HASH LEAF_RANGE, &out->hashes));
	TRY(db_prepare(db,
		       "SELECT n, " HASH " FROM audit_node"
		       " WHERE n >= ?1 AND n < ?2 AND log = ?3 AND row = ?4 ORDER BY n",
		       &out->nodes));
	return db_prepare(
		db,
		"SELECT minimum,"
		" (SELECT position - ?2 + 1 FROM audit_leaf"
		"  WHERE position >= ?2 AND position < ?3 ORDER BY position DESC LIMIT 1),"
		" (SELECT size FROM audit_checkpoint WHERE log = ?1"
		"  ORDER BY size DESC LIMIT 1)"
		" FROM audit_log WHERE log = ?1",
		&out->extent);
}

void rows_finalize(struct rows *rows)
{
	sqlite3_finalize(rows->leaves);
	sqlite3_finalize(rows->hashes);
	sqlite3_finalize(rows->nodes);
	sqlite3_finalize(rows->extent);
}

void rows_end(struct rows **rows)
{
	stmt_resetp(&(*rows)->extent);
}

/* NULL is 0, as is what no size can be. */
static uint64_t column_size(sqlite3_stmt *stmt, int at)
{
	int64_t value = sqlite3_column_int64(stmt, at);

	return value >= 0 && value <= (int64_t)TLOG_SIZE_MAX ? (uint64_t)value : 0;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

enum pm_err rows_extent(struct rows *rows, uint32_t log, struct extent *out)
{
	sqlite3_stmt *stmt = rows->extent;

	sqlite3_bind_int64(stmt, 1, log);
	sqlite3_bind_int64(stmt, 2, entry_position(log, 0));
	sqlite3_bind_int64(stmt, 3, entry_position(log + 1, 0));
	int rc = sqlite3_step(stmt);
	if (rc == SQLITE_DONE)
		return PM_NOT_FOUND;
	if (rc != SQLITE_ROW)
		return db_failed(sqlite3_db_handle(stmt), rc, "measuring an audit log");
	out->minimum = column_size(stmt, 0);
	out->stored = max_u64(column_size(stmt, 1), out->minimum);
	out->size = max_u64(column_size(stmt, 2), out->stored);
	return PM_OK;
}

static enum pm_err damaged(struct rows *rows)
{
	log_error("store: %s: the database was edited by others or is damaged", rows->damage);
	return PM_STORE_DAMAGED;
}

static enum pm_err leaf_damaged(struct rows *rows, uint32_t log, uint64_t index, const char *what)
{
	snprintf(rows->damage, sizeof(rows->damage),
		 "entry %" PRIu64 " of audit log %" PRIu32 " %s", index, log, what);
	return damaged(rows);
}

static bool column_hash(sqlite3_stmt *stmt, int at, struct tlog_hash *out)
{
	const void *blob = sqlite3_column_blob(stmt, at);

	if (sqlite3_column_type(stmt, at) != SQLITE_BLOB ||
	    sqlite3_column_bytes(stmt, at) != TLOG_HASH_LEN)
		return false;
	memcpy(out->bytes, blob, TLOG_HASH_LEN);
	return true;
}

/* Empty when it is not an entry at all. */
static struct bytes column_entry(sqlite3_stmt *stmt, int at)
{
	const void *blob = sqlite3_column_blob(stmt, at);
	size_t len = (size_t)sqlite3_column_bytes(stmt, at);

	if (sqlite3_column_type(stmt, at) != SQLITE_BLOB || len > TLOG_ENTRY_MAX)
		return bytes_of(NULL, 0);
	return bytes_of(blob, len);
}

/* The next row, which must be that entry. It is lent until the next step. */
static enum pm_err next_leaf(struct rows *rows, uint32_t log, uint64_t index, struct bytes *entry,
			     struct tlog_hash *leaf)
{
	sqlite3_stmt *stmt = rows->leaves;
	struct tlog_hash hash;
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_DONE)
		return leaf_damaged(rows, log, index, "is missing");
	if (rc != SQLITE_ROW)
		return db_failed(sqlite3_db_handle(stmt), rc, "reading the audit log");
	if (sqlite3_column_int64(stmt, 0) != entry_position(log, index))
		return leaf_damaged(rows, log, index, "is missing");
	*entry = column_entry(stmt, 2);
	if (entry->len == 0 || !column_hash(stmt, 1, leaf))
		return leaf_damaged(rows, log, index, "is malformed");
	tlog_leaf_hash(*entry, &hash);
	if (!tlog_hash_equal(&hash, leaf))
		return leaf_damaged(rows, log, index, "does not have its hash");
	if (!entry_is_at(*entry, index))
		return leaf_damaged(rows, log, index, "is in a place not its own");
	return PM_OK;
}

enum pm_err rows_visit(struct rows *rows, uint32_t log, uint64_t first, uint64_t end,
		       store_visit *visit, void *arg, bool *more)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = rows->leaves;
	struct bytes entry = { 0 };
	struct tlog_hash leaf;

	*more = true;
	sqlite3_bind_int64(stmt, 1, entry_position(log, first));
	sqlite3_bind_int64(stmt, 2, entry_position(log, end));
	for (uint64_t index = first; index < end && *more; index++) {
		TRY(next_leaf(rows, log, index, &entry, &leaf));
		*more = visit(arg, index, entry, &leaf);
	}
	return PM_OK;
}

static enum pm_err hash_damaged(const struct rows_of *of, unsigned row, uint64_t n)
{
	snprintf(of->rows->damage, sizeof(of->rows->damage),
		 "hash %" PRIu64 " of row %u of audit log %" PRIu32 " is malformed", n, row,
		 of->log);
	return damaged(of->rows);
}

enum pm_err rows_read(void *arg, unsigned row, uint64_t first, size_t count, struct tlog_hash *out)
{
	const struct rows_of *of = arg;
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = row == 0 ? of->rows->hashes : of->rows->nodes;
	int64_t base = row == 0 ? entry_position(of->log, 0) : 0;

	if (of->log > STORE_LOGS_MAX || first > TLOG_SIZE_MAX || count > TLOG_SIZE_MAX - first)
		return PM_NOT_FOUND;
	base += (int64_t)first;
	sqlite3_bind_int64(stmt, 1, base);
	sqlite3_bind_int64(stmt, 2, base + (int64_t)count);
	if (row > 0) {
		sqlite3_bind_int64(stmt, 3, of->log);
		sqlite3_bind_int64(stmt, 4, row);
	}
	for (size_t i = 0; i < count; i++) {
		int rc = sqlite3_step(stmt);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			return db_failed(sqlite3_db_handle(stmt), rc, "reading the audit tree");
		if (rc == SQLITE_DONE || sqlite3_column_int64(stmt, 0) != base + (int64_t)i)
			return PM_NOT_FOUND;
		if (!column_hash(stmt, 1, &out[i]))
			return hash_damaged(of, row, first + i);
	}
	return PM_OK;
}
