/*
 * Does the database have everything that was ever signed? Compared are its own checkpoints, the
 * anchor, and checkpoints that callers bring. If it does not, a backup was put back, or entries were
 * removed: audit_lose.
 */
#ifndef VAULT_HISTORY_H
#define VAULT_HISTORY_H

#include "base/bytes.h"
#include "base/err.h"
#include "tlog/note.h"

struct audit;

/* At start. An error is one of reading only; what was found out is in the audit's health. */
enum pm_err history_check(struct audit *audit) NODISCARD;

/*
 * A note from outside. PM_OK: we continue it. PM_NOT_FOUND: it does not bear a signature of ours.
 * PM_CONFLICT: it does, and we cannot be its continuation; the log is lost from now on.
 */
enum pm_err history_confront(struct audit *audit, struct bytes note, int64_t deadline) NODISCARD;

/*
 * Are the log's first entries those of the checkpoint? Who asks about entries that were pruned gets
 * the benefit of the doubt. PM_CONFLICT: they are not, or are not there.
 */
enum pm_err history_continues(struct audit *audit, uint32_t log,
			      const struct tlog_checkpoint *point) NODISCARD;

/* What the anchor says, for the entry that tells of what was lost. PM_NOT_FOUND: nothing. */
enum pm_err history_anchor(struct audit *audit, struct tlog_checkpoint *out) NODISCARD;

#endif
