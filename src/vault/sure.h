/*
 * MACs that are kept or given away: each is computed twice and compared, because a bit that flipped on
 * the way would be found only when nobody can say any more what was meant.
 */
#ifndef VAULT_SURE_H
#define VAULT_SURE_H

#include "environment.h"

/* environment_hmac, twice. PM_HSM_UNAVAILABLE, logged: the two differ. At most SURE_JOBS_MAX jobs. */
#define SURE_JOBS_MAX 512
enum pm_err sure_hmac(struct environment *env, struct hsm_job *jobs, size_t count,
		      int64_t deadline) NODISCARD;

#endif
