/*
 * What custodians do to a version of a master key: whether it may be done, and what would come of it.
 * Reads only; change_master.c does it.
 */
#ifndef VAULT_VERBS_H
#define VAULT_VERBS_H

#include "environment.h"
#include "usage.h"

struct master_change {
	struct environment *env;
	struct actor *actor;
	const struct master_params *params;
	const char *purpose;
	int64_t now;
	struct master_record before; /* version 0: it will be a new one */
	struct master_record after;
	struct master_record active; /* version 0: there is none */
	struct usage lines[VAULT_PEPPER_VERSIONS_MAX];
	size_t line_count;
	uint64_t affected;
	char *text; /* of the outcome */
};

/*
 * Fills in what would be, and the text. PM_CONFLICT, with actor->why; PM_NOT_FOUND; PM_BAD_REQUEST;
 * PM_TOKEN_MISMATCH. Inside a change of the environment.
 */
enum pm_err verbs_plan(struct master_change *change) NODISCARD;

/* actor->why; it stays as it is until the next call by this thread. */
__attribute__((format(printf, 3, 4))) enum pm_err verbs_refuse(struct master_change *change,
							       enum pm_err err, const char *fmt,
							       ...) NODISCARD;

#endif
