/*
 * The scrub reads old entries again, round after round, and names what was altered. It goes through
 * every log in about an hour, but for those that were given up.
 */
#ifndef VAULT_SCRUB_H
#define VAULT_SCRUB_H

#include "base/err.h"
#include "prune.h"
#include "tlog/merkle.h"

struct audit;

/* Guarded by the audit's `round`. */
struct scrub {
	uint32_t log;
	uint64_t next;         /* the entry to read next */
	struct tlog_tree tree; /* of the block of 256 that is being read */
	uint32_t passes;       /* through all logs, so far */
	struct pruned pruned;  /* heard in this pass */
};

/* One round: some 1,000 entries. */
enum pm_err scrub_some(struct audit *audit) NODISCARD;
/* All logs from beginning to end, now. */
enum pm_err scrub_all(struct audit *audit) NODISCARD;

#endif
