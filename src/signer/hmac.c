#include "hmac.h"

#include "base/log.h"
#include "mend.h"
#include "session.h"

/* As many jobs as there may be keys in use at once. */
struct part {
	struct keys *keys;
	struct pool *pool;
	struct job *jobs;
	size_t count;
};

static enum pm_err find_keys(const struct part *part, struct failure *failure)
{
	bool said = false;

	keys_new_round(part->keys);
	for (size_t i = 0; i < part->count; i++) {
		struct job *job = &part->jobs[i];

		if (job->state != JOB_OPEN)
			continue;
		enum pm_err err = keys_handle(part->keys, job->key_id, ALGORITHM_HMAC_SHA256,
					      &job->key, failure);
		if (err == PM_OK)
			continue;
		if (failure->class != FAILURE_CALLER)
			return err;
		job->state = JOB_REFUSED;
		if (!said) /* the answer has no room for why; once is enough */
			log_warn("hmac refused: %s", failure->detail);
		said = true;
	}
	return PM_OK;
}

static bool is_open(const struct part *part)
{
	for (size_t i = 0; i < part->count; i++) {
		if (part->jobs[i].state == JOB_OPEN)
			return true;
	}
	return false;
}

/*
 * Repeated after something was mended, it does what is still open. Clearing a session may cost the
 * handles: they are looked up for each run.
 */
static enum pm_err run_part(void *arg, struct failure *failure)
{
	const struct part *part = arg;

	while (is_open(part)) {
		TRY(find_keys(part, failure));
		TRY(pool_run(part->pool, part->jobs, part->count, failure));
		TRY(session_clear(part->keys->token, failure));
	}
	return PM_OK;
}

enum pm_err hmac_run(struct keys *keys, struct pool *pool, struct job *jobs, size_t count,
		     struct failure *failure)
{
	session_regain(keys->token);
	for (size_t at = 0; at < count; at += KEYS_MAX) {
		const size_t left = count - at;
		struct part part = { keys, pool, jobs + at, left < KEYS_MAX ? left : KEYS_MAX };

		TRY(mend_run(keys->token, run_part, &part, failure));
	}
	return PM_OK;
}
