/* What refusal.c needs of act.c beside audit.h. */
#ifndef VAULT_ACT_H
#define VAULT_ACT_H

#include "audit.h"

/*
 * Counts one refusal that gets no entry of its own, by type, environment, caller, error and reason
 * only: whatever else the caller varies makes no more counts.
 */
enum pm_err act_count_refusal(struct audit *audit, const struct actor *actor,
			      const struct fold_act *act, enum pm_err err) NODISCARD;

/* Takes one from the allowance of a uid that the configuration lacks. */
bool act_stranger_allowed(struct audit *audit, uint32_t uid);

#endif
