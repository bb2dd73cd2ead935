#include "sure.h"

#include <string.h>

#include "base/log.h"
#include "base/secret.h"

#define CHUNK 128 /* jobs that are sent twice in one call */

static enum pm_err compute_chunk(struct environment *env, struct hsm_job *jobs, size_t count,
				 int64_t deadline)
{
	struct hsm_job twice[2 * CHUNK];

	memcpy(twice, jobs, count * sizeof(*jobs));
	memcpy(twice + count, jobs, count * sizeof(*jobs));
	TRY(environment_hmac(env, twice, 2 * count, deadline));
	for (size_t i = 0; i < count; i++) {
		if (secret_equal(twice[i].mac, twice[count + i].mac, HSM_MAC_LEN))
			continue;
		log_error("vault: %s's token gave two MACs of one text: nothing is kept of it",
			  env->name);
		return PM_HSM_UNAVAILABLE;
	}
	memcpy(jobs, twice, count * sizeof(*jobs));
	return PM_OK;
}

enum pm_err sure_hmac(struct environment *env, struct hsm_job *jobs, size_t count, int64_t deadline)
{
	if (count > SURE_JOBS_MAX)
		return PM_TOO_LARGE;
	for (size_t done = 0; done < count; done += CHUNK) {
		size_t some = count - done < CHUNK ? count - done : CHUNK;

		TRY(compute_chunk(env, jobs + done, some, deadline));
	}
	return PM_OK;
}
