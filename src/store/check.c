#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "db.h"

#define CHECK_BUDGET_MS 1000

/*
 * Interrupts the check when its time is up. A thread, because SQLite's progress handler is not
 * called while the pages of a B-tree are checked, where a large file spends its time.
 */
struct watch {
	sqlite3 *db;
	int64_t deadline;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool end;
};

static void *watch_main(void *arg)
{
	struct watch *watch = arg;
	struct timespec until = deadline_timespec(watch->deadline);
	int rc = 0;

	pthread_mutex_lock(&watch->lock);
	while (!watch->end && rc == 0)
		rc = pthread_cond_clockwait(&watch->ended, &watch->lock, CLOCK_MONOTONIC, &until);
	if (!watch->end)
		sqlite3_interrupt(watch->db);
	pthread_mutex_unlock(&watch->lock);
	return NULL;
}

static void watch_end(struct watch *watch)
{
	pthread_mutex_lock(&watch->lock);
	watch->end = true;
	pthread_cond_signal(&watch->ended);
	pthread_mutex_unlock(&watch->lock);
}

static enum pm_err quick_check(sqlite3 *db)
{
	sqlite3_stmt *stmt CLEANUP(stmt_finalizep) = NULL;

	TRY(db_prepare(db, "PRAGMA quick_check(1)", &stmt));
	int rc = sqlite3_step(stmt);
	if (rc == SQLITE_INTERRUPT) {
		log_info("store: %s is too large to be checked at start",
			 sqlite3_db_filename(db, "main"));
		return PM_OK;
	}
	if (rc != SQLITE_ROW)
		return db_failed(db, rc, "checking");
	const char *finding = (const char *)sqlite3_column_text(stmt, 0);
	if (finding && strcmp(finding, "ok") == 0)
		return PM_OK;
	log_error("store: %s is damaged (%s); restore it from a backup",
		  sqlite3_db_filename(db, "main"), finding ? finding : "no finding");
	return PM_STORE_DAMAGED;
}

static enum pm_err check_watched(sqlite3 *db)
{
	struct watch watch = {
		.db = db,
		.deadline = deadline_in_ms(CHECK_BUDGET_MS),
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.ended = PTHREAD_COND_INITIALIZER,
	};
	pthread_t thread;

	int rc = pthread_create(&thread, NULL, watch_main, &watch);
	if (rc != 0) {
		log_error("store: starting a thread: %s", strerror(rc));
		return PM_NO_MEMORY;
	}
	enum pm_err err = quick_check(db);
	watch_end(&watch);
	pthread_join(thread, NULL);
	return err;
}

enum pm_err check_integrity(sqlite3 *db)
{
	/* A row that breaks a CHECK is quarantined when it is read; it does not stop the vault. */
	TRY(db_exec(db, "PRAGMA ignore_check_constraints = ON", "checking"));
	TRY(check_watched(db));
	return db_exec(db, "PRAGMA ignore_check_constraints = OFF", "checking");
}
