#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "db.h"
#include "handle.h"
#include "readers.h"
#include "row.h"
#include "rows.h"
#include "writer.h"

#define PAGE_LEAVES 4096 /* entries of one snapshot: a long reading holds up nothing else */

/* A checkpoint that is cosigned is signed, and at most some 1,000 are not cosigned. */
static const char *const which_sql[] = {
	[STORE_NEWEST] = "TRUE",
	[STORE_NEWEST_SIGNED] = "note <> ''",
	[STORE_NEWEST_COSIGNED] = "cosigned > 0",
};

enum pm_err reader_prepare_audit(struct reader *reader)
{
	sqlite3_stmt **statements = reader->statements;

	TRY(row_prepare_select(reader->db, &log_table, log_table.keys, &statements[READ_LOG]));
	for (size_t i = 0; i < sizeof(which_sql) / sizeof(which_sql[0]); i++)
		TRY(row_prepare_newest(reader->db, &checkpoint_table, which_sql[i],
				       &statements[READ_CHECKPOINTS + i]));
	return rows_prepare(reader->db, &reader->rows);
}

enum pm_err store_get_tree(struct store *store, uint32_t *log, struct tlog_tree *out)
{
	struct openlog open;

	writer_open_log(store->writer, &open);
	if (open.damaged)
		return PM_STORE_DAMAGED;
	if (open.log == 0)
		return PM_NOT_FOUND;
	*log = open.log;
	*out = open.tree;
	return PM_OK;
}

void store_get_damage(struct store *store, char out[STORE_DAMAGE_MAX + 1])
{
	struct openlog open;

	writer_open_log(store->writer, &open);
	memcpy(out, open.damage, sizeof(open.damage));
}

/* Log 0 is the open one. */
static uint32_t choose_log(struct store *store, uint32_t log)
{
	struct openlog open;

	if (log != 0)
		return log;
	writer_open_log(store->writer, &open);
	return open.log;
}

enum pm_err store_get_log(struct store *store, uint32_t log, struct log_record *out)
{
	uint32_t chosen = choose_log(store, log);
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_LOG];

	*out = (struct log_record){ 0 };
	sqlite3_bind_int64(stmt, 1, chosen);
	return reader_load(reader, stmt, &log_table, out);
}

enum pm_err store_get_checkpoint(struct store *store, uint32_t log, enum store_which which,
				 struct checkpoint_record *out)
{
	uint32_t chosen = choose_log(store, log);
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_CHECKPOINTS + which];

	*out = (struct checkpoint_record){ 0 };
	sqlite3_bind_int64(stmt, 1, chosen);
	return reader_load(reader, stmt, &checkpoint_table, out);
}

/* The writer's word for how long the open log is: rows that somebody took off its end are missed. */
static uint64_t committed_size(struct store *store, uint32_t log)
{
	struct openlog open;

	writer_open_log(store->writer, &open);
	return open.log == log && !open.damaged ? open.tree.size : 0;
}

/* `committed` was asked before the snapshot, which has all that then was there. */
static enum pm_err measure(struct rows *rows, uint32_t log, uint64_t committed,
			   struct extent *extent)
{
	TRY(rows_extent(rows, log, extent));
	if (extent->size < committed)
		extent->size = committed;
	return PM_OK;
}

enum pm_err store_log_size(struct store *store, uint32_t log, uint64_t *size)
{
	uint32_t chosen = choose_log(store, log);
	uint64_t committed = committed_size(store, chosen);
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	struct rows *rows CLEANUP(rows_end) = &reader->rows;
	struct extent extent;

	TRY(measure(rows, chosen, committed, &extent));
	*size = extent.size;
	return PM_OK;
}

/* The leaves of [first, end) that are in the log, as of one snapshot; *more: there may be more. */
static enum pm_err read_page(struct store *store, uint32_t log, uint64_t first, uint64_t end,
			     store_visit *visit, void *arg, bool *more)
{
	uint64_t committed = committed_size(store, log);
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	struct rows *rows CLEANUP(rows_end) = &reader->rows;
	struct extent extent;

	TRY(measure(rows, log, committed, &extent));
	if (first < extent.minimum)
		return PM_NOT_FOUND;
	bool is_last = end >= extent.size;
	TRY(rows_visit(rows, log, first, is_last ? extent.size : end, visit, arg, more));
	*more = *more && !is_last;
	return PM_OK;
}

enum pm_err store_read_leaves(struct store *store, uint32_t log, uint64_t first, size_t max,
			      store_visit *visit, void *arg)
{
	uint32_t chosen = choose_log(store, log);
	bool more = true;

	while (max > 0 && more) {
		size_t count = max < PAGE_LEAVES ? max : PAGE_LEAVES;
		if (first >= TLOG_SIZE_MAX)
			return PM_OK;
		TRY(read_page(store, chosen, first, first + count, visit, arg, &more));
		first += count;
		max -= count;
	}
	return PM_OK;
}

enum pm_err store_read_row(void *arg, unsigned row, uint64_t first, size_t count,
			   struct tlog_hash *out)
{
	const struct store_rows *of = arg;
	struct reader *reader CLEANUP(reader_givep) = readers_take(of->store->readers);
	struct rows_of rows = { .rows = &reader->rows, .log = of->log };

	return rows_read(&rows, row, first, count, out);
}
