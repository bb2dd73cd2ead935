/*
 * Is this text that key's secret? Found, computed and made sure of as for verifying, so an id that does
 * not exist takes the time of a wrong text; but nothing of it is a use, and nothing changes.
 */
#include <string.h>

#include "authority.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "quota.h"
#include "refusal.h"
#include "verify_batch.h"

/* For that key only, whatever the text says. False: it cannot be one of its secrets. */
static bool begin(const struct vault *vault, struct environment *env, const char *key_id,
		  struct bytes text, struct batch *batch)
{
	struct item *item = &batch->items[0];

	if (verify_take_text(vault, env, text, item) != PM_REASON_NONE)
		return false;
	if (!item->imported && strcmp(item->key.id, key_id) != 0)
		return false;
	strcpy(item->key.id, key_id);
	item->named = true;
	verify_add(batch);
	return true;
}

/* Is it one that still counts? What the key's own state is does not matter. */
static bool matches(const struct item *item)
{
	return (item->reason == PM_REASON_NONE || item->reason == PM_REASON_REVOKED) &&
	       !verify_is_ended(item, clock_unix());
}

static enum pm_err tell(struct environment *env, struct actor *actor, bool match)
{
	struct leaf leaf CLEANUP(leaf_drop);

	leaf_begin(&leaf, LEAF_KEY_CHECK, actor, env->audit, env);
	if (actor->key_id[0])
		leaf_text(&leaf, "key", actor->key_id);
	leaf_flag(&leaf, "match", match);
	leaf_resolve(&leaf, actor->deadline);
	return audit_append(env->audit, &leaf, &actor->receipt, actor->deadline);
}

static enum pm_err prove(struct environment *env, struct actor *actor, struct batch *batch)
{
	struct item *item = &batch->items[0];
	struct key_record decoy;

	TRY(verify_make_decoy(env, &decoy));
	verify_prove(env, &decoy, batch, actor->deadline);
	TRY(item->err);
	if (item->found != MISSING)
		strcpy(actor->key_id, item->key.id);
	if (verify_is_unsure(item))
		return PM_HSM_UNAVAILABLE;
	if (item->reason != PM_REASON_QUARANTINED)
		return PM_OK;
	environment_quarantine(env, "key", item->key.id);
	TRY(refusal_of_quarantined(env, actor, item->key.id));
	return PM_RECORD_QUARANTINED;
}

static enum pm_err check(struct vault *vault, struct environment *env, struct actor *actor,
			 const char *key_id, struct bytes text, struct batch *batch, bool *match)
{
	if (begin(vault, env, key_id, text, batch)) {
		TRY(prove(env, actor, batch));
		*match = matches(&batch->items[0]);
	}
	return tell(env, actor, *match);
}

static enum pm_err allow(struct vault *vault, struct actor *actor, const char *environment,
			 const char *key_id, struct environment **env)
{
	TRY(vault_enter(vault, actor, environment, env));
	if (!apikey_is_id(key_id))
		return PM_NOT_FOUND;
	if (actor->on_behalf)
		TRY(authority_over_key(vault, *env, actor, key_id, 0));
	return quota_take((*env)->asked, key_id, clock_now()) ? PM_OK : PM_RATE_LIMITED;
}

enum pm_err vault_verify_secret(struct vault *vault, struct actor *actor, const char *environment,
				const char *key_id, struct bytes text, bool *match)
{
	struct rows *rows CLEANUP(free_ptr) = NULL;
	struct environment *env = NULL;

	*match = false;
	TRY(allow(vault, actor, environment, key_id, &env));
	rows = malloc(sizeof(*rows));
	struct batch *batch = rows ? scratch_take(&vault->scratch) : NULL;
	if (!batch)
		return PM_NO_MEMORY;
	batch->rows = rows;
	enum pm_err err = check(vault, env, actor, key_id, text, batch, match);
	scratch_give(&vault->scratch, batch, offsetof(struct batch, items[1]));
	if (err != PM_OK)
		*match = false;
	return err;
}
