/*
 * The statements that change the database, on the writer's connection. Only the writer's thread
 * calls this.
 */
#ifndef STORE_WRITE_H
#define STORE_WRITE_H

#include <sqlite3.h>

#include "openlog.h"
#include "store/store.h"

struct write;

/* `db` is borrowed. */
enum pm_err write_new(sqlite3 *db, struct write **out) NODISCARD;
void write_free(struct write *write);

/*
 * The frame of a transaction. A failed end leaves nothing done and no transaction open:
 * PM_STORE_UNAVAILABLE or PM_STORE_DAMAGED when that is certain, otherwise PM_OUTCOME_UNKNOWN.
 */
enum pm_err write_begin(struct write *write) NODISCARD;
enum pm_err write_end(struct write *write) NODISCARD;
void write_rollback(struct write *write);

/* The open log as of the last end that did not fail. */
const struct openlog *write_open_log(const struct write *write);

/*
 * All changes or none of them, inside the transaction; *outcome is store_commit's answer. Returns
 * an error when SQLite gave up the whole transaction.
 */
enum pm_err write_apply(struct write *write, const struct store_change *changes, size_t count,
			enum pm_err *outcome) NODISCARD;

/* In a transaction of its own: removes up to WRITE_PRUNE_MAX executed records before `before`. */
#define WRITE_PRUNE_MAX 1000
enum pm_err write_prune(struct write *write, int64_t before, int *removed) NODISCARD;

/*
 * Moves the WAL into the database once it is long enough to be worth it. Outside a transaction;
 * what fails is logged, harms nothing and is tried again after the next commit.
 */
void write_checkpoint(struct write *write);

#endif
