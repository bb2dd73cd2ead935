#include "write.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "change.h"
#include "db.h"
#include "ledger.h"

/* 32 MiB. Pages changed again meanwhile are moved once: fewer checkpoints move less. */
#define CHECKPOINT_PAGES 8192

enum frame { BEGIN, COMMIT, ROLLBACK, SAVEPOINT, ROLLBACK_TO, RELEASE, FRAMES };

static const char *const frame_sql[FRAMES] = {
	[BEGIN] = "BEGIN IMMEDIATE",       [COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",           [SAVEPOINT] = "SAVEPOINT one",
	[ROLLBACK_TO] = "ROLLBACK TO one", [RELEASE] = "RELEASE one",
};

struct write {
	sqlite3 *db;
	sqlite3_stmt *frames[FRAMES];
	sqlite3_stmt *prune;
	sqlite3_stmt *overwrite;
	struct changes *changes;
	struct ledger *ledger;
	struct openlog committed; /* the open log as of the last commit */
	int wal_pages;            /* after the last commit */
};

static void write_freep(struct write **write)
{
	write_free(*write);
}

/* Sets user_version to what it is: the smallest transaction that writes a page. */
static enum pm_err prepare_overwrite(struct write *write)
{
	char sql[64];
	int64_t version = 0;

	TRY(db_number(write->db, "PRAGMA user_version", &version));
	sqlite3_snprintf(sizeof(sql), sql, "PRAGMA user_version = %lld", (long long)version);
	return db_prepare(write->db, sql, &write->overwrite);
}

static int note_wal_pages(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct write *write = arg;

	(void)db;
	(void)name;
	write->wal_pages = pages;
	return SQLITE_OK;
}

enum pm_err write_new(sqlite3 *db, struct write **out)
{
	struct write *write CLEANUP(write_freep) = calloc(1, sizeof(*write));

	if (!write)
		return PM_NO_MEMORY;
	write->db = db;
	for (size_t i = 0; i < FRAMES; i++)
		TRY(db_prepare(db, frame_sql[i], &write->frames[i]));
	TRY(changes_new(db, &write->changes));
	TRY(db_prepare(db,
		       "DELETE FROM executed WHERE (uid, request_id) IN (SELECT uid, request_id"
		       " FROM executed WHERE at < ?1 ORDER BY at LIMIT ?2)",
		       &write->prune));
	TRY(prepare_overwrite(write));
	TRY(ledger_new(db, &write->ledger));
	write->committed = *ledger_open_log(write->ledger);
	sqlite3_wal_hook(db, note_wal_pages, write);
	*out = TAKE(write);
	return PM_OK;
}

void write_free(struct write *write)
{
	if (!write)
		return;
	sqlite3_wal_hook(write->db, NULL, NULL);
	for (size_t i = 0; i < FRAMES; i++)
		sqlite3_finalize(write->frames[i]);
	changes_free(write->changes);
	sqlite3_finalize(write->prune);
	sqlite3_finalize(write->overwrite);
	ledger_free(write->ledger);
	free(write);
}

enum pm_err write_begin(struct write *write)
{
	return db_run(write->frames[BEGIN], "beginning a transaction");
}

void write_rollback(struct write *write)
{
	ledger_put_back(write->ledger, &write->committed);
	/* SQLite has rolled back by itself after many failures. */
	if (sqlite3_get_autocommit(write->db))
		return;
	sqlite3_step(write->frames[ROLLBACK]);
	sqlite3_reset(write->frames[ROLLBACK]);
}

/*
 * A COMMIT that failed to sync leaves its frames whole in the WAL, past its valid end. Nobody reads
 * them, except the recovery after a crash: that would bring back what we said was not done. The
 * next commit overwrites them, so one is made at once. A disk that was full cannot have taken the
 * frame that ends the transaction, so there is nothing to bring back.
 */
static enum pm_err settle(struct write *write, int rc, enum pm_err err)
{
	write_rollback(write);
	int overwritten = sqlite3_step(write->overwrite);
	sqlite3_reset(write->overwrite);
	if (overwritten == SQLITE_DONE || (rc & 0xff) == SQLITE_FULL)
		return err;
	return PM_OUTCOME_UNKNOWN;
}

enum pm_err write_end(struct write *write)
{
	int rc = sqlite3_step(write->frames[COMMIT]);

	sqlite3_reset(write->frames[COMMIT]);
	if (rc == SQLITE_DONE) {
		write->committed = *ledger_open_log(write->ledger);
		return PM_OK;
	}
	return settle(write, rc, db_failed(write->db, rc, "committing"));
}

const struct openlog *write_open_log(const struct write *write)
{
	return &write->committed;
}

static enum pm_err change_one(struct write *write, const struct store_change *change)
{
	if (changes_know(change))
		return changes_apply(write->changes, change);
	return ledger_apply(write->ledger, change);
}

static enum pm_err change_all(struct write *write, const struct store_change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		TRY(change_one(write, &changes[i]));
	return PM_OK;
}

enum pm_err write_apply(struct write *write, const struct store_change *changes, size_t count,
			enum pm_err *outcome)
{
	struct openlog before = *ledger_open_log(write->ledger);

	TRY(db_run(write->frames[SAVEPOINT], "opening a savepoint"));
	*outcome = change_all(write, changes, count);
	if (sqlite3_get_autocommit(write->db))
		return *outcome;
	if (*outcome != PM_OK) {
		ledger_put_back(write->ledger, &before);
		TRY(db_run(write->frames[ROLLBACK_TO], "rolling back to a savepoint"));
	}
	return db_run(write->frames[RELEASE], "closing a savepoint");
}

enum pm_err write_prune(struct write *write, int64_t before, int *removed)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = write->prune;

	sqlite3_bind_int64(stmt, 1, before);
	sqlite3_bind_int(stmt, 2, WRITE_PRUNE_MAX);
	TRY(write_begin(write));
	int rc = sqlite3_step(stmt);
	sqlite3_reset(stmt);
	if (rc != SQLITE_DONE) {
		write_rollback(write);
		return db_failed(write->db, rc, "removing old request ids");
	}
	*removed = sqlite3_changes(write->db);
	return write_end(write);
}

void write_checkpoint(struct write *write)
{
	if (write->wal_pages < CHECKPOINT_PAGES)
		return;
	write->wal_pages = 0;
	int rc = sqlite3_wal_checkpoint_v2(write->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (rc != SQLITE_OK)
		db_failed(write->db, rc, "moving the WAL into the database");
}
