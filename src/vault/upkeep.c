#include "upkeep.h"

#include <stdlib.h>

#include "account.h"
#include "attach.h"
#include "audit.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "check.h"
#include "expiry.h"
#include "key_uses.h"
#include "leaf.h"
#include "master.h"
#include "object.h"
#include "period.h"
#include "standby.h"
#include "state.h"

#define RETRY_SECONDS 10

/* A key is not what it was: nothing is answered from now on, and then that is told. */
static enum pm_err refuse(struct environment *env, const struct hsm_status *status,
			  const struct check_finding *finding, int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	char text[CHECK_TEXT_MAX];

	check_describe(finding, text);
	enum pm_err refusal = attach_refuse(env, "%s: attach the right token", text);
	attach_settle(env, status->generation, refusal);
	leaf_begin(&leaf, LEAF_ENV_REFUSE, NULL, env->audit, env);
	leaf_text(&leaf, "token", status->serial);
	leaf_fail(&leaf, refusal);
	leaf_text(&leaf, "detail", text);
	return audit_append(env->audit, &leaf, NULL, deadline);
}

/* What a crash or a full disk left of a version that was being made. */
static enum pm_err abandon_intents(struct environment *env, struct master_record *masters,
				   size_t count, int64_t deadline)
{
	for (size_t i = 0; i < count; i++) {
		if (masters[i].state == MASTER_STAGED && !state_is_finished(&masters[i]))
			TRY(master_abandon(env, &masters[i], deadline));
	}
	return PM_OK;
}

static enum pm_err compare(struct environment *env, const struct hsm_status *status,
			   int64_t deadline)
{
	struct master_record *masters CLEANUP(free_ptr) = calloc(MASTERS_MAX, sizeof(*masters));
	struct check_finding finding;
	uint64_t generation = status->generation;

	if (!masters)
		return PM_NO_MEMORY;
	size_t count = environment_copy_masters(env, masters);
	enum pm_err err = check_values(env->hsm, masters, count, &finding, deadline);
	if (err != PM_OK && err != PM_TOKEN_MISMATCH)
		return err;
	TRY(environment_same_token(env, generation)); /* or another one answered */
	if (err != PM_OK)
		return refuse(env, status, &finding, deadline);
	attach_settle(env, generation, PM_OK);
	TRY(abandon_intents(env, masters, count, deadline));
	return object_report_orphans(env, deadline);
}

/* Inside a change. One that refused is looked at as if it had just come. */
static enum pm_err check_now(struct environment *env, int64_t deadline)
{
	struct hsm_status status;

	hsm_status(env->hsm, &status);
	if (status.state != HSM_SERVING || status.generation != env->generation)
		return PM_OK; /* whoever enters looks at it */
	if (env->refusal != PM_OK)
		return environment_attach(env, status.generation, deadline);
	return compare(env, &status, deadline);
}

static void check_tend(struct environment *env, int64_t deadline)
{
	if (clock_now() < atomic_load(&env->check_at) ||
	    environment_begin_change(env, deadline) != PM_OK)
		return;
	enum pm_err err = check_now(env, deadline);
	environment_end_change(env);
	if (err == PM_OK || err == PM_TOKEN_MISMATCH)
		return;
	atomic_store(&env->check_at, clock_now() + RETRY_SECONDS * NS_PER_SECOND);
	log_warn("vault: the keys of %s were not compared with their check values: %s", env->name,
		 peppermint_error_name(err));
}

/* Needs no token. */
static void key_uses_tend(struct environment *env, int64_t deadline)
{
	enum pm_err err = key_uses_write(env, false, deadline);

	if (err != PM_OK)
		log_warn("vault: uses of %s's API keys are written later: %s", env->name,
			 peppermint_error_name(err));
}

void upkeep_tend(struct environment *env, int64_t deadline)
{
	key_uses_tend(env, deadline);
	standby_tend(env, deadline);
	check_tend(env, deadline);
	if (!environment_in_service(env))
		return;
	destroy_tend(env, deadline);
	period_tend(env, deadline);
	expiry_tend(env, deadline);
	account_tend(env, deadline);
}
