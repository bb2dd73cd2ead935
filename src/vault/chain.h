/*
 * The chain of the logs: each one's first entry tells where the one before ended. From the open
 * log's tree, which the writer has in memory, down, so that every closed log's end is known without
 * believing its rows.
 */
#ifndef VAULT_CHAIN_H
#define VAULT_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "tlog/note.h"

struct audit;

struct chain_end {
	struct tlog_checkpoint point; /* size and root; means nothing if abandoned */
	bool abandoned;
};

/* Number, size and root of the open log. */
enum pm_err chain_open_end(struct audit *audit, uint32_t *log,
			   struct tlog_checkpoint *out) NODISCARD;
/*
 * From a log whose size and root are known to the end of the one before it. PM_NOT_FOUND: its first
 * entry was pruned. PM_CONFLICT: that is not what is under that root.
 */
enum pm_err chain_step(struct audit *audit, uint32_t log, const struct tlog_checkpoint *known,
		       struct chain_end *out) NODISCARD;
/* All the steps from the open log to the end of a closed one. */
enum pm_err chain_end_of(struct audit *audit, uint32_t log, struct chain_end *out) NODISCARD;

#endif
