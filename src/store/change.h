/*
 * One change of records at a time, on the writer's connection and inside its transaction. The audit
 * log's are the ledger's.
 */
#ifndef STORE_CHANGE_H
#define STORE_CHANGE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "store/store.h"

struct changes;

/* `db` is borrowed. */
enum pm_err changes_new(sqlite3 *db, struct changes **out) NODISCARD;
void changes_free(struct changes *changes);

/* Is it a change of records at all? */
bool changes_know(const struct store_change *change);

/* store_commit's answer for this change. What a refused one did is to be rolled back. */
enum pm_err changes_apply(struct changes *changes, const struct store_change *change) NODISCARD;

#endif
