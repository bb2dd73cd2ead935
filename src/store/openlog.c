#include "openlog.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "db.h"
#include "entry.h"
#include "row.h"

static enum pm_err log_damaged(struct rows *rows, uint32_t log, const char *what)
{
	snprintf(rows->damage, sizeof(rows->damage), "audit log %" PRIu32 ": %s", log, what);
	log_error("store: %s; it takes no entries, because the database was edited by others or is "
		  "damaged",
		  rows->damage);
	return PM_STORE_DAMAGED;
}

static enum pm_err entries_gone(struct rows *rows, uint32_t log, uint64_t from)
{
	char what[64];

	snprintf(what, sizeof(what), "the entries from %" PRIu64 " on are missing", from);
	return log_damaged(rows, log, what);
}

static enum pm_err find_newest(sqlite3 *db, struct rows *rows, uint32_t *log)
{
	int64_t newest = 0, with_entries = 0;

	TRY(db_number(db, "SELECT coalesce(max(log), 0) FROM audit_log", &newest));
	TRY(db_number(db, "SELECT coalesce(max(position) >> 40, 0) FROM audit_leaf",
		      &with_entries));
	*log = (uint32_t)newest;
	if (with_entries > newest)
		return log_damaged(rows, *log,
				   "there are entries of a later one, which is not known");
	return PM_OK;
}

static enum pm_err load_origin(sqlite3 *db, struct rows *rows, struct openlog *open)
{
	sqlite3_stmt *stmt CLEANUP(stmt_finalizep) = NULL;
	struct log_record record = { 0 };

	TRY(row_prepare_select(db, &log_table, log_table.keys, &stmt));
	sqlite3_bind_int64(stmt, 1, open->log);
	int rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		return db_failed(db, rc, "reading an audit log's row");
	if (row_load(stmt, &log_table, &record) || !entry_is_origin(record.origin))
		return log_damaged(rows, open->log, "its row is malformed");
	if (record.state != LOG_OPEN)
		return log_damaged(rows, open->log, "it is the newest and not open");
	memcpy(open->origin, record.origin, sizeof(open->origin));
	return PM_OK;
}

/* A checkpoint or a node of the tree that covers more than the rows shows that the end was cut. */
static enum pm_err check_end(struct rows_of *of, const struct extent *extent)
{
	struct tlog_hash beyond;

	if (extent->size > extent->stored || extent->stored == 0)
		return entries_gone(of->rows, of->log, extent->stored);
	enum pm_err err = rows_read(of, 1, extent->stored / TLOG_ROW, 1, &beyond);
	if (err == PM_OK)
		return entries_gone(of->rows, of->log, extent->stored);
	return err == PM_NOT_FOUND ? PM_OK : err;
}

static bool look_at_next(void *arg, uint64_t index, struct bytes entry,
			 const struct tlog_hash *leaf)
{
	(void)arg;
	(void)index;
	(void)entry;
	(void)leaf;
	return true;
}

/* The leaves that are not yet under a node of the row above. */
static enum pm_err check_last_leaves(struct rows_of *of, uint64_t size)
{
	bool more = false;

	return rows_visit(of->rows, of->log, size - size % TLOG_ROW, size, look_at_next, NULL,
			  &more);
}

static enum pm_err load_tree(struct rows_of *of, uint64_t size, struct tlog_tree *out)
{
	enum pm_err err = tlog_tree_load(size, rows_read, of, out);

	if (err == PM_NOT_FOUND)
		return log_damaged(of->rows, of->log,
				   "hashes of its tree's right edge are missing");
	return err;
}

/* What was signed, or was about to be, must follow from the rows. */
static enum pm_err check_newest_checkpoint(sqlite3 *db, struct rows_of *of)
{
	sqlite3_stmt *stmt CLEANUP(stmt_finalizep) = NULL;
	struct checkpoint_record checkpoint = { 0 };
	struct tlog_tree tree;
	struct tlog_hash root;

	TRY(row_prepare_newest(db, &checkpoint_table, "TRUE", &stmt));
	sqlite3_bind_int64(stmt, 1, of->log);
	int rc = sqlite3_step(stmt);
	if (rc == SQLITE_DONE)
		return PM_OK;
	if (rc != SQLITE_ROW)
		return db_failed(db, rc, "reading the newest checkpoint");
	if (row_load(stmt, &checkpoint_table, &checkpoint))
		return log_damaged(of->rows, of->log, "its newest checkpoint is malformed");
	TRY(load_tree(of, checkpoint.size, &tree));
	tlog_tree_root(&tree, &root);
	if (!tlog_hash_equal(&root, &checkpoint.root))
		return log_damaged(of->rows, of->log,
				   "its tree is not the one of its newest checkpoint");
	return PM_OK;
}

static enum pm_err load(sqlite3 *db, struct rows *borrowed, struct openlog *out)
{
	struct rows *rows CLEANUP(rows_end) = borrowed;
	struct rows_of of = { .rows = rows };
	struct extent extent;

	TRY(find_newest(db, rows, &out->log));
	if (out->log == 0)
		return PM_OK;
	of.log = out->log;
	TRY(load_origin(db, rows, out));
	TRY(rows_extent(rows, out->log, &extent));
	TRY(check_end(&of, &extent));
	TRY(check_last_leaves(&of, extent.stored));
	TRY(check_newest_checkpoint(db, &of));
	return load_tree(&of, extent.stored, &out->tree);
}

enum pm_err openlog_load(sqlite3 *db, struct rows *rows, struct openlog *out)
{
	*out = (struct openlog){ 0 };
	enum pm_err err = load(db, rows, out);
	out->damaged = err == PM_STORE_DAMAGED;
	if (out->damaged)
		memcpy(out->damage, rows->damage, sizeof(out->damage));
	return out->damaged ? PM_OK : err;
}
