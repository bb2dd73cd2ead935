/* Reading one key. */
#include <string.h>

#include "authority.h"
#include "domain.h"
#include "lookup.h"
#include "refusal.h"

void key_info_altered(const struct environment *env, const char *id, struct key_info *info)
{
	*info = (struct key_info){ .state = KEY_QUARANTINED };
	strcpy(info->environment, env->name);
	strcpy(info->id, id);
}

/* The text that names nothing is the caller's: the entry has only that there was one. */
static enum pm_err tell_not_found(struct environment *env, struct actor *actor)
{
	const struct fold_act act = {
		.type = LEAF_KEY_READ, .env = env, .reason = PM_REASON_UNKNOWN_KEY, .count = 1
	};

	TRY(audit_refusals(env->audit, actor, &act, 1));
	/* A key that he may not see has none: by a receipt he would know that this one is not there. */
	if (actor->on_behalf)
		actor->receipt = (struct vault_receipt){ 0 };
	return PM_OK;
}

enum pm_err lookup_tell(struct environment *env, struct actor *actor, const char *key_id)
{
	const struct fold_act act = {
		.type = LEAF_KEY_READ, .env = env, .key = key_id, .count = 1
	};

	return audit_acts(env->audit, actor, &act, 1);
}

static enum pm_err load(struct environment *env, const struct actor *actor, const char *key_id,
			struct key_record *record)
{
	if (!apikey_is_id(key_id))
		return PM_NOT_FOUND;
	enum pm_err err = store_get_key(env->store, env->name, key_id, record);
	if (err == PM_RECORD_QUARANTINED)
		environment_quarantine(env, "key", key_id);
	TRY(err);
	return seal_check_key(env, record, actor->deadline);
}

/*
 * Whose an altered key is nobody knows: who acts for somebody is not told more than that it is one.
 */
static enum pm_err get_altered(struct environment *env, struct actor *actor, const char *key_id,
			       struct key_info *info)
{
	key_info_altered(env, key_id, info);
	TRY(refusal_of_quarantined(env, actor, key_id));
	return actor->on_behalf ? PM_RECORD_QUARANTINED : PM_OK;
}

enum pm_err vault_get(struct vault *vault, struct actor *actor, const char *environment,
		      const char *key_id, struct key_info *info)
{
	struct environment *env = NULL;
	struct key_record record;
	struct key_facts facts;

	TRY(vault_enter(vault, actor, environment, &env));
	enum pm_err err = load(env, actor, key_id, &record);
	if (err == PM_NOT_FOUND)
		TRY(tell_not_found(env, actor));
	if (err == PM_RECORD_QUARANTINED)
		return get_altered(env, actor, key_id, info);
	TRY(err);
	TRY(authority_over_keys(vault, env, actor, record.account, 0, key_id, key_id));
	TRY(key_facts_load(env, &record, NULL, &facts, actor->deadline));
	key_info_fill(env, &record, &facts, info);
	return lookup_tell(env, actor, key_id);
}
