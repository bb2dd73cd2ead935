/*
 * What an environment needs from time to time, beside requests: its check values compared again, its
 * tokens looked at, what is due destroyed, uses written, warnings given. By vault_tend's thread.
 */
#ifndef VAULT_UPKEEP_H
#define VAULT_UPKEEP_H

#include "environment.h"

/* Of an environment that serves, or refuses to; what fails is told and tried again. */
void upkeep_tend(struct environment *env, int64_t deadline);

/* destroy.c: versions whose time is over. */
void destroy_tend(struct environment *env, int64_t deadline);

/*
 * Destroys what has that id in every token, and looks that it is gone from each. May be repeated.
 * PM_HSM_UNAVAILABLE: a token does not answer, or still has it. PM_CONFLICT: another key has the id.
 */
enum pm_err destroy_object(struct environment *env, const struct hsm_id *id, const char *label,
			   int64_t deadline) NODISCARD;

#endif
