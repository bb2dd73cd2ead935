/* The end of a key. */
#include "base/cleanup.h"
#include "change.h"
#include "fresh.h"

static enum pm_err save(struct key_change *change)
{
	struct leaf leaf CLEANUP(leaf_drop);
	struct fresh_value value;

	change->facts.recoverable = false;
	fresh_forget(&change->record, &value);
	change_leaf(change, &leaf, LEAF_KEY_REVOKE);
	return change_commit(change, &value.change, &leaf);
}

/* The caller has what he wants, and the log does not count a change that there was not. */
static enum pm_err tell_revoked_before(const struct key_change *change)
{
	struct leaf leaf CLEANUP(leaf_drop);

	change_leaf(change, &leaf, LEAF_KEY_REVOKE);
	leaf_fail(&leaf, PM_ALREADY_DONE);
	leaf_resolve(&leaf, change->actor->deadline);
	return audit_append(change->env->audit, &leaf, &change->actor->receipt,
			    change->actor->deadline);
}

static enum pm_err revoke_once(struct key_change *change, void *arg)
{
	(void)arg;
	if (change->record.revoked_at != 0)
		return tell_revoked_before(change);
	change->record.revoked_at = change->now;
	return save(change);
}

enum pm_err vault_revoke(struct vault *vault, struct actor *actor, const char *environment,
			 const char *key_id, struct key_info *info)
{
	struct key_change change;

	TRY(change_begin(&change, vault, actor, environment, key_id));
	TRY(change_authorize(&change, vault, ACT_REVOKE));
	TRY(change_run(&change, revoke_once, NULL));
	change_info(&change, info);
	return PM_OK;
}
