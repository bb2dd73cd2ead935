/*
 * What changes the audit tables, inside the writer's transactions: entries, logs and checkpoints.
 * It keeps the open log's tree in step with the rows; whoever undoes rows puts back the tree that
 * was there before them. Only the writer's thread calls this.
 */
#ifndef STORE_LEDGER_H
#define STORE_LEDGER_H

#include <sqlite3.h>

#include "openlog.h"
#include "store/store.h"

struct ledger;

/* `db` is borrowed. A damaged log is no error: it only takes no entries. */
enum pm_err ledger_new(sqlite3 *db, struct ledger **out) NODISCARD;
void ledger_free(struct ledger *ledger); /* NULL is allowed */

/* The changes of store/audit.h. What fails may be half done, in the rows and in the tree. */
enum pm_err ledger_apply(struct ledger *ledger, const struct store_change *change) NODISCARD;

/* The open log with all that was applied so far. */
const struct openlog *ledger_open_log(const struct ledger *ledger);
void ledger_put_back(struct ledger *ledger, const struct openlog *before);

#endif
