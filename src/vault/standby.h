/*
 * An environment's second token, a clone of the first that takes over when that fails: whether it is
 * fit for it, which serial it has, and the way back.
 */
#ifndef VAULT_STANDBY_H
#define VAULT_STANDBY_H

#include "check.h"
#include "environment.h"

/*
 * Looks at the token that is not active, when it is time; makes the configured one the active one again
 * when it has been steady for a while, or at once if the other turned out unfit. Never makes an
 * environment refuse to serve.
 */
void standby_tend(struct environment *env, int64_t deadline);

/*
 * Inside an attach that has found all check values right: if the standby is the active token and its
 * serial is not known yet, it is from now on.
 */
enum pm_err standby_pin_active(struct environment *env, struct environment_record *record,
			       int64_t deadline) NODISCARD;

/* Of all tokens, what a version's check value says. PM_TOKEN_MISMATCH: one has not got it, *detail. */
enum pm_err standby_all_have(struct environment *env, const struct master_record *master,
			     char detail[CHECK_TEXT_MAX], int64_t deadline) NODISCARD;

/* How many tokens there are: 1 or 2. */
size_t standby_tokens(struct environment *env);

#endif
