/*
 * Reading the audit tables by place, on any connection. Nothing in them is trusted: a row that is
 * missing, moved, malformed or has not the hash of its entry is damage, logged with its place.
 */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/audit.h"

struct rows {
	sqlite3_stmt *leaves, *hashes, *nodes, *extent;
	char damage[STORE_DAMAGE_MAX + 1]; /* what was last found damaged, as it was logged */
};

enum pm_err rows_prepare(sqlite3 *db, struct rows *out) NODISCARD;
void rows_finalize(struct rows *rows);

/* From where to where a log goes. */
struct extent {
	uint64_t minimum; /* entries below were pruned */
	uint64_t stored;  /* where its rows end */
	uint64_t size;    /* more than stored if a checkpoint tells of entries that are gone */
};

/* PM_NOT_FOUND: no such log. Leaves the statement at its row, which holds the snapshot. */
enum pm_err rows_extent(struct rows *rows, uint32_t log, struct extent *out) NODISCARD;
void rows_end(struct rows **rows); /* for CLEANUP: lets go of it */

/* The entries from `first` to before `end`, all of which must be there; *more: visit never said no.
 */
enum pm_err rows_visit(struct rows *rows, uint32_t log, uint64_t first, uint64_t end,
		       store_visit *visit, void *arg, bool *more) NODISCARD;

/* A tlog_read; `arg` is a struct rows_of. PM_NOT_FOUND, not logged: one is not there. */
struct rows_of {
	struct rows *rows;
	uint32_t log;
};
tlog_read rows_read;

#endif
