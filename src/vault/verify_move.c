#include "base/cleanup.h"
#include "base/log.h"
#include "layer.h"
#include "verify_batch.h"

static enum pm_err save(struct environment *env, struct actor *actor, struct item *item)
{
	struct leaf leaf CLEANUP(leaf_drop);
	const struct store_change changes[] = {
		{ .op = STORE_UPDATE_KEY, .key = &item->record },
		{ .op = STORE_APPEND_LEAF, .leaf = &leaf.record },
	};
	const struct secret_record *secret = &item->record.secrets[item->secret];

	leaf_begin(&leaf, LEAF_KEY_MOVE, actor, env->audit, env);
	leaf_text(&leaf, "key", item->record.id);
	leaf_number(&leaf, "secret_version", secret->version);
	leaf_number(&leaf, "pepper_version", secret->pepper_version);
	item->record.revision++;
	seal_cover_key(&item->seal, &item->record);
	TRY(seal_make_with_leaf(env, &item->seal, 1, &leaf, actor->deadline));
	TRY(leaf_end(&leaf));
	return audit_commit(env->audit, changes, 2, NULL, actor->deadline);
}

static enum pm_err move(struct environment *env, struct actor *actor, struct item *item)
{
	TRY(secret_mac(env, &item->key, &item->record.secrets[item->secret], actor->deadline));
	return save(env, actor, item);
}

/* Of what it is the rest of the vault warns: the active version is past its period. */
static bool is_expected(enum pm_err err)
{
	return err == PM_OK || err == PM_CONFLICT || err == PM_KEY_PERIOD_OVER;
}

void verify_move(struct environment *env, struct actor *actor, struct batch *batch)
{
	struct master_record active;

	if (environment_master(env, PURPOSE_PEPPER, VAULT_API_KEYS_PEPPER, 0, &active) != PM_OK)
		return;
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];

		if (!item->verdict->valid ||
		    layer_is_bare(&item->record.secrets[item->secret], active.version))
			continue;
		enum pm_err err = move(env, actor, item);
		if (!is_expected(err))
			log_warn("vault: key %s of %s stays under its old pepper version for now: "
				 "%s",
				 item->key.id, env->name, peppermint_error_name(err));
	}
}
