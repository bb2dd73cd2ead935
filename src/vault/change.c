#include "change.h"

#include <string.h>

#include "authority.h"
#include "base/clock.h"
#include "refusal.h"

/* Told as such, and not instead of what becomes of the change. */
enum pm_err change_tell_altered(struct key_change *change)
{
	TRY(refusal_of_quarantined(change->env, change->actor, change->key_id));
	change->actor->receipt = (struct vault_receipt){ 0 };
	return PM_RECORD_QUARANTINED;
}

static enum pm_err load_record(struct key_change *change)
{
	struct environment *env = change->env;

	if (!apikey_is_id(change->key_id))
		return PM_NOT_FOUND;
	enum pm_err err = store_get_key(env->store, env->name, change->key_id, &change->record);
	if (err == PM_OK || err == PM_RECORD_QUARANTINED)
		strcpy(change->actor->key_id, change->key_id);
	if (err == PM_RECORD_QUARANTINED)
		environment_quarantine(env, "key", change->key_id);
	else if (err == PM_OK)
		err = seal_check_key(env, &change->record, change->actor->deadline);
	return err == PM_RECORD_QUARANTINED ? change_tell_altered(change) : err;
}

enum pm_err change_begin(struct key_change *change, struct vault *vault, struct actor *actor,
			 const char *environment, const char *key_id)
{
	change->actor = actor;
	change->key_id = key_id;
	TRY(vault_enter(vault, actor, environment, &change->env));
	return request_begin(change->env, actor);
}

enum pm_err change_authorize(struct key_change *change, struct vault *vault, enum vault_act act)
{
	return authority_over_key(vault, change->env, change->actor, change->key_id, act);
}

enum pm_err change_load(struct key_change *change)
{
	change->now = clock_unix();
	TRY(load_record(change));
	return key_facts_load(change->env, &change->record, NULL, &change->facts,
			      change->actor->deadline);
}

enum pm_err change_run(struct key_change *change, change_step *step, void *arg)
{
	enum pm_err err = PM_CONFLICT;

	/* A conflict with a reason is the answer; one without is somebody else's write. */
	for (int i = 0; i < CHANGE_ATTEMPTS && err == PM_CONFLICT && !change->actor->why; i++) {
		TRY(change_load(change));
		err = step(change, arg);
	}
	return err;
}

enum pm_err change_needs_unrevoked(const struct key_change *change)
{
	if (change->record.revoked_at != 0)
		change->actor->why = "the key was revoked, which is final: mint a new one";
	else if (change->facts.closed_at != 0)
		change->actor->why = "the key's account was closed, which revokes its keys";
	else
		return PM_OK;
	return PM_CONFLICT;
}

enum pm_err change_needs_live(const struct key_change *change)
{
	TRY(change_needs_unrevoked(change));
	if (change->record.expires_at == 0 || change->now < change->record.expires_at)
		return PM_OK;
	change->actor->why = "the key has expired: mint a new one";
	return PM_CONFLICT;
}

void change_leaf(const struct key_change *change, struct leaf *leaf, enum leaf_type type)
{
	leaf_begin(leaf, type, change->actor, change->env->audit, change->env);
	key_leaf_fill(leaf, &change->record);
}

enum pm_err change_commit(struct key_change *change, const struct store_change *also,
			  struct leaf *leaf)
{
	change->record.revision++;
	return request_commit_key(change->env, change->actor, STORE_UPDATE_KEY, &change->record,
				  also, leaf);
}

void change_info(const struct key_change *change, struct key_info *info)
{
	key_info_fill(change->env, &change->record, &change->facts, info);
}
