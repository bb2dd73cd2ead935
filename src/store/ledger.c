#include "ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "db.h"
#include "entry.h"
#include "row.h"
#include "rows.h"

#define KEEP_CHECKPOINTS "1000" /* that nobody cosigned */

enum statement {
	INSERT_LEAF,
	INSERT_NODE,
	CLOSE_LOG,
	FIND_LOG,
	UPDATE_LOG,
	REMOVE_LEAVES,
	PUT_CHECKPOINT,
	REMOVE_CHECKPOINTS,
	INSERT_LOG, /* this one from the table of columns */
	STATEMENTS,
};

#define NEWEST_SIGNED                                                                              \
	"(SELECT size FROM audit_checkpoint WHERE log = ?1 AND note <> ''"                         \
	" ORDER BY size DESC LIMIT 1)"

/* Where a record is bound, the numbers are those of its columns. */
static const char *const statement_sql[INSERT_LOG] = {
	[INSERT_LEAF] = "INSERT INTO audit_leaf (position, hash, entry) VALUES (?1, ?2, ?3)",
	[INSERT_NODE] = "INSERT INTO audit_node (log, row, n, hash) VALUES (?1, ?2, ?3, ?4)",
	[CLOSE_LOG] = "UPDATE audit_log SET state = ?2, closed_at = ?3, revision = revision + 1"
		      " WHERE log = ?1 AND state = 1",
	[FIND_LOG] = "SELECT minimum, coalesce(" NEWEST_SIGNED ", 0) FROM audit_log"
		     " WHERE log = ?1",
	[UPDATE_LOG] = "UPDATE audit_log SET key_version = ?4, vkey = ?5, minimum = ?8,"
		       " revision = ?9 WHERE log = ?1 AND revision = ?9 - 1",
	[REMOVE_LEAVES] = "DELETE FROM audit_leaf WHERE position >= ?1 AND position < ?2",
	[PUT_CHECKPOINT] =
		"INSERT INTO audit_checkpoint (log, size, root, at, cosigned, note)"
		" SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS"
		" (SELECT 1 FROM audit_checkpoint WHERE log = ?1 AND size > ?2) OR EXISTS"
		" (SELECT 1 FROM audit_checkpoint WHERE log = ?1 AND size = ?2)"
		" ON CONFLICT (log, size) DO UPDATE SET at = ?4, cosigned = ?5, note = ?6"
		" WHERE root = ?3",
	[REMOVE_CHECKPOINTS] =
		"DELETE FROM audit_checkpoint INDEXED BY audit_checkpoint_not_cosigned"
		" WHERE log = ?1 AND cosigned = 0 AND size < " NEWEST_SIGNED " AND size <="
		" (SELECT size FROM audit_checkpoint INDEXED BY audit_checkpoint_not_cosigned"
		"  WHERE log = ?1 AND cosigned = 0 ORDER BY size DESC"
		"  LIMIT 1 OFFSET " KEEP_CHECKPOINTS ")",
};

struct ledger {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	struct rows rows;
	struct openlog open;
	uint8_t entry[TLOG_ENTRY_MAX];
};

static void ledger_freep(struct ledger **ledger)
{
	ledger_free(*ledger);
}

enum pm_err ledger_new(sqlite3 *db, struct ledger **out)
{
	struct ledger *ledger CLEANUP(ledger_freep) = calloc(1, sizeof(*ledger));

	if (!ledger)
		return PM_NO_MEMORY;
	ledger->db = db;
	for (size_t i = 0; i < INSERT_LOG; i++)
		TRY(db_prepare(db, statement_sql[i], &ledger->statements[i]));
	TRY(row_prepare_insert(db, &log_table, &ledger->statements[INSERT_LOG]));
	TRY(rows_prepare(db, &ledger->rows));
	TRY(openlog_load(db, &ledger->rows, &ledger->open));
	*out = TAKE(ledger);
	return PM_OK;
}

void ledger_free(struct ledger *ledger)
{
	if (!ledger)
		return;
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(ledger->statements[i]);
	rows_finalize(&ledger->rows);
	free(ledger);
}

const struct openlog *ledger_open_log(const struct ledger *ledger)
{
	return &ledger->open;
}

void ledger_put_back(struct ledger *ledger, const struct openlog *before)
{
	ledger->open = *before;
}

/* A key that is taken is damage: everything here goes to places that are free. */
static enum pm_err run(struct ledger *ledger, sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	sqlite3_reset(stmt);
	if (rc == SQLITE_DONE)
		return PM_OK;
	if (rc == SQLITE_CONSTRAINT_PRIMARYKEY)
		return db_damaged(ledger->db, "damaged: the audit log has rows that others made");
	enum pm_err err = db_failed(ledger->db, rc, "writing the audit log");
	return (rc & 0xff) == SQLITE_CONSTRAINT ? PM_INTERNAL : err; /* a CHECK: our code's */
}

/* The same where exactly one row must be changed. */
static enum pm_err run_on_one(struct ledger *ledger, sqlite3_stmt *stmt)
{
	TRY(run(ledger, stmt));
	return sqlite3_changes(ledger->db) == 1 ? PM_OK : PM_CONFLICT;
}

static void bind_hash(sqlite3_stmt *stmt, int at, const struct tlog_hash *hash)
{
	sqlite3_bind_blob(stmt, at, hash->bytes, TLOG_HASH_LEN, SQLITE_STATIC);
}

static enum pm_err insert_leaf(struct ledger *ledger, struct bytes entry,
			       const struct tlog_hash *leaf)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = ledger->statements[INSERT_LEAF];
	const struct openlog *open = &ledger->open;

	sqlite3_bind_int64(stmt, 1, entry_position(open->log, open->tree.size));
	bind_hash(stmt, 2, leaf);
	sqlite3_bind_blob(stmt, 3, entry.data, (int)entry.len, SQLITE_STATIC);
	return run(ledger, stmt);
}

static enum pm_err insert_node(struct ledger *ledger, unsigned row, const struct tlog_hash *hash)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = ledger->statements[INSERT_NODE];
	uint64_t complete = ledger->open.tree.size >> (8 * row);

	sqlite3_bind_int64(stmt, 1, ledger->open.log);
	sqlite3_bind_int64(stmt, 2, row);
	sqlite3_bind_int64(stmt, 3, (int64_t)complete - 1);
	bind_hash(stmt, 4, hash);
	return run(ledger, stmt);
}

/* As the open log's next entry. */
static enum pm_err append(struct ledger *ledger, struct bytes entry, struct store_receipt *receipt)
{
	struct openlog *open = &ledger->open;
	struct tlog_hash leaf, nodes[TLOG_ROWS_MAX];

	tlog_leaf_hash(entry, &leaf);
	TRY(insert_leaf(ledger, entry, &leaf));
	if (receipt)
		*receipt = (struct store_receipt){ open->log, open->tree.size, leaf };
	size_t rows = tlog_tree_append(&open->tree, &leaf, nodes);
	for (size_t i = 0; i < rows; i++)
		TRY(insert_node(ledger, (unsigned)i + 1, &nodes[i]));
	return PM_OK;
}

static enum pm_err append_text(struct ledger *ledger, struct bytes text,
			       struct store_receipt *receipt)
{
	struct buf entry = BUF(ledger->entry);

	if (ledger->open.tree.size >= TLOG_SIZE_MAX)
		return PM_TOO_LARGE;
	TRY(entry_make(ledger->open.tree.size, text, &entry));
	return append(ledger, buf_bytes(&entry), receipt);
}

static enum pm_err append_leaf(struct ledger *ledger, const struct store_change *change)
{
	if (ledger->open.log == 0)
		return PM_NOT_FOUND;
	return append_text(ledger, change->leaf->text, change->leaf->receipt);
}

static enum pm_err close_log(struct ledger *ledger, const struct log_opening *opening)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = ledger->statements[CLOSE_LOG];
	bool abandoned = opening->close_text.len == 0;

	if (!abandoned)
		TRY(append_text(ledger, opening->close_text, NULL));
	sqlite3_bind_int64(stmt, 1, ledger->open.log);
	sqlite3_bind_int64(stmt, 2, abandoned ? LOG_ABANDONED : LOG_CLOSED);
	sqlite3_bind_int64(stmt, 3, opening->record->opened_at);
	return run_on_one(ledger, stmt);
}

static enum pm_err insert_log(struct ledger *ledger, const struct log_record *record)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = ledger->statements[INSERT_LOG];

	TRY(row_bind(stmt, &log_table, record));
	return run(ledger, stmt);
}

static enum pm_err check_new_log(const struct log_record *record)
{
	if (entry_is_origin(record->origin) && record->state == LOG_OPEN &&
	    record->closed_at == 0 && record->minimum == 0 && record->revision == 1)
		return PM_OK;
	log_error("store: our record for a new audit log is impossible");
	return PM_INTERNAL;
}

static enum pm_err open_log(struct ledger *ledger, const struct store_change *change)
{
	const struct log_opening *opening = change->opening;
	const struct log_record *record = opening->record;
	struct openlog *open = &ledger->open;
	struct buf entry = BUF(ledger->entry);
	struct tlog_checkpoint end;
	/* Of a damaged log nobody can say where it ended; it can only be given up. */
	bool no_end = open->log == 0 || open->damaged;

	if (record->log != open->log + 1)
		return PM_CONFLICT;
	if (record->log > STORE_LOGS_MAX)
		return PM_TOO_LARGE;
	TRY(check_new_log(record));
	if (open->log != 0)
		TRY(close_log(ledger, opening));
	end.size = open->tree.size;
	tlog_tree_root(&open->tree, &end.root);
	memcpy(end.origin, open->origin, sizeof(end.origin));
	TRY(insert_log(ledger, record));
	*open = (struct openlog){ .log = record->log };
	memcpy(open->origin, record->origin, sizeof(open->origin));
	TRY(entry_make_first(no_end ? NULL : &end, opening->open_text, &entry));
	return append(ledger, buf_bytes(&entry), NULL);
}

/* How far the log may be pruned, and how far it is. */
static enum pm_err find_log(struct ledger *ledger, uint32_t log, uint64_t *minimum,
			    uint64_t *is_signed)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = ledger->statements[FIND_LOG];

	sqlite3_bind_int64(stmt, 1, log);
	int rc = sqlite3_step(stmt);
	if (rc == SQLITE_DONE)
		return PM_CONFLICT;
	if (rc != SQLITE_ROW)
		return db_failed(ledger->db, rc, "reading an audit log's row");
	*minimum = (uint64_t)sqlite3_column_int64(stmt, 0);
	*is_signed = (uint64_t)sqlite3_column_int64(stmt, 1);
	return PM_OK;
}

static enum pm_err remove_leaves(struct ledger *ledger, uint32_t log, uint64_t from, uint64_t to)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = ledger->statements[REMOVE_LEAVES];

	sqlite3_bind_int64(stmt, 1, entry_position(log, from));
	sqlite3_bind_int64(stmt, 2, entry_position(log, to));
	return run(ledger, stmt);
}

static enum pm_err update_log(struct ledger *ledger, const struct store_change *change)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = ledger->statements[UPDATE_LOG];
	const struct log_record *record = change->log;
	uint64_t before = 0, is_signed = 0;

	TRY(find_log(ledger, record->log, &before, &is_signed));
	TRY(row_bind(stmt, &log_table, record));
	TRY(run_on_one(ledger, stmt));
	if (record->minimum == before)
		return PM_OK;
	if (record->minimum < before || record->minimum > is_signed)
		return PM_CONFLICT;
	if (record->minimum - before > STORE_PRUNE_LEAVES_MAX)
		return PM_TOO_LARGE;
	return remove_leaves(ledger, record->log, before, record->minimum);
}

/* PM_CONFLICT: the checkpoint is of entries that are not there. */
static enum pm_err check_reach(struct ledger *ledger, const struct checkpoint_record *record)
{
	struct rows *rows CLEANUP(rows_end) = &ledger->rows;
	struct extent extent;

	enum pm_err err = rows_extent(rows, record->log, &extent);
	if (err == PM_NOT_FOUND)
		return PM_CONFLICT;
	TRY(err);
	return record->size <= extent.stored ? PM_OK : PM_CONFLICT;
}

static enum pm_err remove_checkpoints(struct ledger *ledger, uint32_t log)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = ledger->statements[REMOVE_CHECKPOINTS];

	sqlite3_bind_int64(stmt, 1, log);
	return run(ledger, stmt);
}

static enum pm_err put_checkpoint(struct ledger *ledger, const struct store_change *change)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = ledger->statements[PUT_CHECKPOINT];
	const struct checkpoint_record *record = change->checkpoint;

	TRY(check_reach(ledger, record));
	TRY(row_bind(stmt, &checkpoint_table, record));
	TRY(run_on_one(ledger, stmt));
	return remove_checkpoints(ledger, record->log);
}

enum pm_err ledger_apply(struct ledger *ledger, const struct store_change *change)
{
	if (change->op == STORE_PUT_CHECKPOINT)
		return put_checkpoint(ledger, change);
	bool gives_up = change->op == STORE_OPEN_LOG && change->opening->close_text.len == 0;
	if (ledger->open.damaged && !gives_up)
		return PM_STORE_DAMAGED;
	switch (change->op) {
	case STORE_APPEND_LEAF:
		return append_leaf(ledger, change);
	case STORE_OPEN_LOG:
		return open_log(ledger, change);
	case STORE_UPDATE_LOG:
		return update_log(ledger, change);
	default:
		return PM_INTERNAL;
	}
}
