#include "change.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "db.h"
#include "row.h"
#include "tally.h"

/* Whatever the row says of itself, it counts on from there and never runs over. */
#define INT64_MAX_SQL "9223372036854775807"
static const char add_uses_sql[] =
	"INSERT INTO master_use (environment, purpose, name, version, uses, last_at)"
	" VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
	" ON CONFLICT (environment, purpose, name, version) DO UPDATE SET"
	" uses = CASE WHEN uses > " INT64_MAX_SQL " - ?5 THEN " INT64_MAX_SQL
	" ELSE max(uses, 0) + ?5 END, last_at = max(last_at, ?6)";

static const char add_key_uses_sql[] =
	"INSERT INTO key_use (environment, id, uses, last_at, warned_at)"
	" VALUES (?1, ?2, ?3, ?4, ?5)"
	" ON CONFLICT (environment, id) DO UPDATE SET"
	" uses = CASE WHEN uses > " INT64_MAX_SQL " - ?3 THEN " INT64_MAX_SQL
	" ELSE max(uses, 0) + ?3 END, last_at = max(last_at, ?4),"
	" warned_at = CASE ?5 WHEN 0 THEN warned_at ELSE ?5 END";

/* Their parameters are the table's columns. */
static enum pm_err prepare_add_uses(sqlite3 *db, const struct table *table, sqlite3_stmt **out)
{
	(void)table;
	return db_prepare(db, add_uses_sql, out);
}

static enum pm_err prepare_add_key_uses(sqlite3 *db, const struct table *table, sqlite3_stmt **out)
{
	(void)table;
	return db_prepare(db, add_key_uses_sql, out);
}

enum { OPS = STORE_IMPORT_KEYS + 1 };

/* What each op does to which table (none: the ledger's), and what it means that its key is taken. */
static const struct op {
	const struct table *table;
	enum pm_err (*prepare)(sqlite3 *db, const struct table *table, sqlite3_stmt **out);
	enum pm_err taken;
} ops[OPS] = {
	[STORE_INSERT_ENVIRONMENT] = { &environment_table, row_prepare_insert, PM_ALREADY_EXISTS },
	[STORE_UPDATE_ENVIRONMENT] = { &environment_table, row_prepare_update, PM_INTERNAL },
	[STORE_INSERT_KEY] = { &key_table, row_prepare_insert, PM_ALREADY_EXISTS },
	[STORE_UPDATE_KEY] = { &key_table, row_prepare_update, PM_ALREADY_EXISTS },
	[STORE_IMPORT_KEYS] = { &key_table, row_prepare_insert_new, PM_CONFLICT },
	[STORE_INSERT_MASTER] = { &master_table, row_prepare_insert, PM_ALREADY_EXISTS },
	[STORE_UPDATE_MASTER] = { &master_table, row_prepare_update, PM_INTERNAL },
	[STORE_INSERT_ACCOUNT] = { &account_table, row_prepare_insert, PM_ALREADY_EXISTS },
	[STORE_UPDATE_ACCOUNT] = { &account_table, row_prepare_update, PM_INTERNAL },
	[STORE_INSERT_OPERATOR] = { &operator_table, row_prepare_insert, PM_ALREADY_EXISTS },
	[STORE_UPDATE_OPERATOR] = { &operator_table, row_prepare_update, PM_INTERNAL },
	[STORE_PUT_VALUE] = { &value_table, row_prepare_put, PM_INTERNAL },
	[STORE_DELETE_VALUE] = { &value_table, row_prepare_delete, PM_INTERNAL },
	[STORE_INSERT_EXECUTED] = { &executed_table, row_prepare_insert, PM_ALREADY_DONE },
	[STORE_ADD_USES] = { &uses_table, prepare_add_uses, PM_INTERNAL },
	[STORE_ADD_KEY_USES] = { &key_use_table, prepare_add_key_uses, PM_INTERNAL },
};

struct changes {
	sqlite3 *db;
	sqlite3_stmt *statements[OPS];
	struct tally tally;
};

static void changes_freep(struct changes **changes)
{
	changes_free(*changes);
}

enum pm_err changes_new(sqlite3 *db, struct changes **out)
{
	struct changes *changes CLEANUP(changes_freep) = calloc(1, sizeof(*changes));

	if (!changes)
		return PM_NO_MEMORY;
	changes->db = db;
	for (size_t i = 0; i < OPS; i++) {
		if (ops[i].table)
			TRY(ops[i].prepare(db, ops[i].table, &changes->statements[i]));
	}
	TRY(tally_prepare(db, &changes->tally));
	*out = TAKE(changes);
	return PM_OK;
}

void changes_free(struct changes *changes)
{
	if (!changes)
		return;
	for (size_t i = 0; i < OPS; i++)
		sqlite3_finalize(changes->statements[i]);
	tally_finalize(&changes->tally);
	free(changes);
}

bool changes_know(const struct store_change *change)
{
	return (size_t)change->op < OPS && ops[change->op].table;
}

static enum pm_err change_failed(struct changes *changes, const struct op *op, int rc)
{
	if (rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_UNIQUE)
		return op->taken;
	if ((rc & 0xff) != SQLITE_CONSTRAINT)
		return db_failed(changes->db, rc, "writing");
	db_failed(changes->db, rc, "writing a record of ours"); /* a CHECK that our code broke */
	return PM_INTERNAL;
}

/* *rows: how many rows were changed. */
static enum pm_err change_row(struct changes *changes, enum store_op which, const void *record,
			      int *rows)
{
	const struct op *op = &ops[which];
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = changes->statements[which];

	TRY(row_bind(stmt, op->table, record));
	int rc = sqlite3_step(stmt);
	if (rc != SQLITE_DONE)
		return change_failed(changes, op, rc);
	*rows = sqlite3_changes(changes->db);
	return PM_OK;
}

/* Keys that were inserted one after the other, all counted in the same place. */
struct run {
	const struct key_record *first;
	uint32_t count;
};

static enum pm_err run_end(struct changes *changes, struct run *run)
{
	uint32_t count = run->count;

	run->count = 0;
	return count > 0 ? tally_insert(&changes->tally, run->first, count) : PM_OK;
}

static enum pm_err run_add(struct changes *changes, struct run *run, const struct key_record *key)
{
	if (run->count == 0 || !tally_is_same(run->first, key)) {
		TRY(run_end(changes, run));
		run->first = key;
	}
	run->count++;
	return PM_OK;
}

static enum pm_err import_keys(struct changes *changes, const struct key_import *import)
{
	struct run run = { 0 };

	if (import->count > STORE_IMPORT_MAX)
		return PM_INTERNAL;
	for (size_t i = 0; i < import->count; i++) {
		const struct key_record *key = &import->keys[i];
		int rows = 0;
		enum pm_err err = change_row(changes, STORE_IMPORT_KEYS, key, &rows);
		if (err != PM_CONFLICT)
			TRY(err);
		import->outcomes[i] = err == PM_OK && rows == 0 ? PM_ALREADY_EXISTS : err;
		if (rows == 1)
			TRY(run_add(changes, &run, key));
	}
	return run_end(changes, &run);
}

enum pm_err changes_apply(struct changes *changes, const struct store_change *change)
{
	int rows = 0;

	if (change->op == STORE_IMPORT_KEYS)
		return import_keys(changes, change->import);
	if (change->op == STORE_UPDATE_KEY)
		TRY(tally_update(&changes->tally, change->key));
	/* Or whichever record the union points to. */
	TRY(change_row(changes, change->op, change->key, &rows));
	if (rows != 1)
		return change->op == STORE_DELETE_VALUE ? PM_OK : PM_CONFLICT;
	if (change->op == STORE_INSERT_KEY)
		return tally_insert(&changes->tally, change->key, 1);
	return PM_OK;
}
