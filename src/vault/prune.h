/* Entries that are old enough are removed, whole blocks of 256 from the beginning of a log. */
#ifndef VAULT_PRUNE_H
#define VAULT_PRUNE_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "tlog/note.h"

struct audit;

/* Once an hour; again at once while there is more. */
enum pm_err prune_if_due(struct audit *audit, int64_t deadline) NODISCARD;

/*
 * Whether what is gone was pruned: log.prune entries say so, and the scrub, which reads all entries,
 * passes them on. Only the newest log of which anything is gone counts: what is older than its
 * entries was old enough to go.
 */
struct pruned {
	uint32_t log; /* 0: nothing of any log is gone */
	char origin[TLOG_NAME_MAX + 1];
	uint64_t said; /* the largest minimum of that log that an entry tells */
};

/* Before the first entry of the first log, for each, and after the last: then damage is told. */
enum pm_err pruned_begin(struct audit *audit, struct pruned *pruned) NODISCARD;
void pruned_hear(struct pruned *pruned, struct bytes entry);
enum pm_err pruned_end(struct audit *audit, const struct pruned *pruned) NODISCARD;

#endif
