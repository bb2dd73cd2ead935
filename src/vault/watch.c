#include "watch.h"

#include <string.h>

#include "audit_state.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define TELL_TIMEOUT_MS 2000

/* Serving, until told otherwise: an HSM that was never there is a fault to begin with. */
void watch_init(struct watch *watch)
{
	*watch = (struct watch){ .state = HSM_SERVING };
	pthread_mutex_init(&watch->lock, NULL);
}

void watch_end(struct watch *watch)
{
	pthread_mutex_destroy(&watch->lock);
}

static enum pm_err tell(struct audit *audit, struct environment *env, enum leaf_type type,
			const struct hsm_status *status)
{
	struct leaf leaf CLEANUP(leaf_drop);

	leaf_begin(&leaf, type, NULL, audit, env);
	leaf_number(&leaf, "restarts", status->restarts);
	if (type != LEAF_HSM_RECOVER && type != LEAF_HSM_UNSEAL) {
		leaf_fail(&leaf, status->state == HSM_SEALED ? PM_SEALED : PM_HSM_UNAVAILABLE);
		leaf_text(&leaf, "detail", status->reason);
	}
	return audit_append(audit, &leaf, NULL, deadline_in_ms(TELL_TIMEOUT_MS));
}

/* The signer says in its reason that it was the PIN; there is nothing else to tell it by. */
static enum leaf_type sealed_type(const struct hsm_status *status)
{
	return strstr(status->reason, "PIN") ? LEAF_HSM_PIN : LEAF_HSM_SEAL;
}

/* From what was told last to what is now: one entry, or two when it fell and came back meanwhile. */
static enum pm_err tell_change(struct audit *audit, struct watch *watch, struct environment *env,
			       const struct hsm_status *status)
{
	bool was_up = watch->state == HSM_SERVING, is_up = status->state == HSM_SERVING;

	if (status->state == HSM_SEALED)
		return watch->state == HSM_SEALED ? PM_OK
						  : tell(audit, env, sealed_type(status), status);
	if (!is_up)
		return was_up ? tell(audit, env, LEAF_HSM_FAULT, status) : PM_OK;
	if (was_up && watch->restarts == status->restarts)
		return PM_OK;
	if (was_up)
		TRY(tell(audit, env, LEAF_HSM_FAULT, status));
	if (was_up)
		watch->state = HSM_STARTING; /* that much is told */
	return tell(audit, env, watch->state == HSM_SEALED ? LEAF_HSM_UNSEAL : LEAF_HSM_RECOVER,
		    status);
}

void watch_tend(struct audit *audit, struct watch *watch, struct environment *env)
{
	struct hsm_status status;

	hsm_status(env->hsm, &status);
	pthread_mutex_lock(&watch->lock);
	if (tell_change(audit, watch, env, &status) == PM_OK) {
		watch->state = status.state;
		watch->restarts = status.restarts;
	}
	pthread_mutex_unlock(&watch->lock);
}
