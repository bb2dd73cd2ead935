#include "renew.h"

#include <string.h>

#include "audit.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "master.h"
#include "request.h"
#include "standby.h"
#include "state.h"

bool renew_applies(const char *purpose, const char *name)
{
	if (strcmp(purpose, PURPOSE_IMPORT) == 0)
		return false;
	return strcmp(purpose, PURPOSE_AUDIT) != 0 || strcmp(name, AUDIT_LOG_NAME) != 0;
}

enum pm_err renew_check(struct environment *env, const char *purpose, const char *name,
			uint32_t *staged)
{
	*staged = 0;
	pthread_rwlock_rdlock(&env->lock);
	for (size_t i = 0; i < env->master_count; i++) {
		const struct master_record *master = &env->masters[i];

		if (master->state == MASTER_STAGED && state_is_finished(master) &&
		    strcmp(master->purpose, purpose) == 0 && strcmp(master->name, name) == 0)
			*staged = master->version;
	}
	pthread_rwlock_unlock(&env->lock);
	return *staged == 0 ? PM_OK : PM_CONFLICT;
}

static void begin_leaf(struct environment *env, const struct renewal *renewal, struct leaf *leaf)
{
	const struct actor *actor = renewal->actor;

	if (renewal->compromised) {
		master_leaf(leaf, LEAF_MASTER_COMPROMISE, actor, env, renewal->compromised);
		leaf_text(leaf, "before", state_rules(renewal->compromised->state)->name);
		leaf_text(leaf, "after", state_rules(MASTER_COMPROMISED)->name);
		if (renewal->ends_at != 0)
			leaf_time(leaf, "ends_at", renewal->ends_at);
	} else if (strcmp(renewal->purpose, PURPOSE_PEPPER) == 0) {
		leaf_begin(leaf, LEAF_PEPPER_ROTATE, actor, env->audit, env);
		leaf_text(leaf, "pepper", renewal->name);
	} else {
		leaf_begin(leaf, LEAF_MASTER_ROTATE, actor, env->audit, env);
		leaf_text(leaf, "purpose", renewal->purpose);
		leaf_text(leaf, "name", renewal->name);
	}
}

static void tell(const struct environment *env, const struct master_making *making)
{
	const struct master_record *made = &making->made;

	if (making->stage_only)
		log_warn(
			"vault: %s %s version %u of %s is staged: bring it to the standby token by "
			"its vendor's means, then activate it",
			made->purpose, made->name, made->version, env->name);
	else
		log_info("vault: %s %s version %u of %s is the active one", made->purpose,
			 made->name, made->version, env->name);
}

enum pm_err renew(struct environment *env, struct renewal *renewal, int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	struct actor *actor = renewal->actor;
	struct executed_record executed;
	struct master_making making = {
		.purpose = renewal->purpose,
		.name = renewal->name,
		.stage_only = standby_tokens(env) > 1,
		.terms = { .compromised = renewal->compromised != NULL,
			   .ends_at = renewal->ends_at,
			   .rewrap = renewal->rewrap,
			   .executed = actor ? &executed : NULL,
			   .leaf = &leaf,
			   .leaf_tells = renewal->compromised ? TELLS_OF_OLD : TELLS_OF_ACT },
	};

	begin_leaf(env, renewal, &leaf);
	if (making.stage_only)
		leaf_flag(&leaf, "staged", true);
	leaf_resolve(&leaf, deadline);
	if (actor)
		request_record(env, actor, "", &executed);
	TRY(master_make(env, &making, deadline));
	renewal->made = making.made;
	if (actor)
		audit_receipt(&leaf.receipt, &actor->receipt);
	tell(env, &making);
	return PM_OK;
}
