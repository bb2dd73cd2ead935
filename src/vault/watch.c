#include "watch.h"

#include "audit_state.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define TELL_TIMEOUT_MS 2000

/* Serving, until told otherwise: an HSM that was never there is a fault to begin with. */
void watch_init(struct watch *watch)
{
	*watch = (struct watch){ .active = 0 };
	for (size_t i = 0; i < WATCH_TOKENS_MAX; i++)
		watch->tokens[i].state = HSM_SERVING;
	pthread_mutex_init(&watch->lock, NULL);
}

void watch_end(struct watch *watch)
{
	pthread_mutex_destroy(&watch->lock);
}

/* Which token, where there are two. */
struct seen {
	struct hsm_status status;
	bool standby;
};

static enum pm_err tell(struct audit *audit, struct environment *env, enum leaf_type type,
			const struct seen *seen)
{
	struct leaf leaf CLEANUP(leaf_drop);

	leaf_begin(&leaf, type, NULL, audit, env);
	if (seen->standby)
		leaf_flag(&leaf, "standby", true);
	leaf_number(&leaf, "restarts", seen->status.restarts);
	if (type != LEAF_HSM_RECOVER && type != LEAF_HSM_UNSEAL) {
		leaf_fail(&leaf, seen->status.state == HSM_SEALED ? PM_SEALED : PM_HSM_UNAVAILABLE);
		leaf_text(&leaf, "detail", seen->status.reason);
	}
	return audit_append(audit, &leaf, NULL, deadline_in_ms(TELL_TIMEOUT_MS));
}

/* Whoever sealed it by a call has his own entry. */
static enum pm_err tell_sealed(struct audit *audit, struct environment *env,
			       const struct seen *seen)
{
	switch (seen->status.cause) {
	case HSM_CAUSE_OPERATOR:
		return PM_OK;
	case HSM_CAUSE_PIN:
		return tell(audit, env, LEAF_HSM_PIN, seen);
	default:
		return tell(audit, env, LEAF_HSM_SEAL, seen);
	}
}

/* From what was told last to what is now: one entry, or two when it fell and came back meanwhile. */
static enum pm_err tell_change(struct audit *audit, struct watch_token *told,
			       struct environment *env, const struct seen *seen)
{
	const struct hsm_status *status = &seen->status;
	bool was_up = told->state == HSM_SERVING, is_up = status->state == HSM_SERVING;

	if (status->state == HSM_SEALED)
		return told->state == HSM_SEALED ? PM_OK : tell_sealed(audit, env, seen);
	if (!is_up)
		return was_up ? tell(audit, env, LEAF_HSM_FAULT, seen) : PM_OK;
	if (was_up && told->restarts == status->restarts)
		return PM_OK;
	if (was_up)
		TRY(tell(audit, env, LEAF_HSM_FAULT, seen));
	if (was_up)
		told->state = HSM_STARTING; /* that much is told */
	return tell(audit, env, told->state == HSM_SEALED ? LEAF_HSM_UNSEAL : LEAF_HSM_RECOVER,
		    seen);
}

static void watch_token(struct audit *audit, struct watch_token *told, struct environment *env,
			struct hsm *token, bool standby)
{
	struct seen seen = { .standby = standby };

	hsm_status(token, &seen.status);
	if (tell_change(audit, told, env, &seen) != PM_OK)
		return;
	told->state = seen.status.state;
	told->restarts = seen.status.restarts;
}

static void watch_switch(struct audit *audit, struct watch *watch, struct environment *env,
			 const struct hsm_status *status)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };

	if (status->active == watch->active)
		return;
	leaf_begin(&leaf, LEAF_HSM_SWITCH, NULL, audit, env);
	leaf_text(&leaf, "to", status->serial);
	leaf_flag(&leaf, "standby", status->active != 0);
	if (audit_append(audit, &leaf, NULL, deadline_in_ms(TELL_TIMEOUT_MS)) == PM_OK)
		watch->active = status->active;
}

void watch_tend(struct audit *audit, struct watch *watch, struct environment *env)
{
	struct hsm_status status;

	hsm_status(env->hsm, &status);
	pthread_mutex_lock(&watch->lock);
	watch_switch(audit, watch, env, &status);
	for (size_t i = 0; i < WATCH_TOKENS_MAX; i++) {
		struct hsm *token = hsm_member(env->hsm, i);

		if (token)
			watch_token(audit, &watch->tokens[i], env, token, i != 0);
	}
	pthread_mutex_unlock(&watch->lock);
}
