/* What a good key brings about in its own record: a new secret's first use, and the move of its MAC. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "imported.h"
#include "layer.h"
#include "verify_batch.h"

/* Seals and commits the item's record, as it was changed, with the leaf that was begun for it. */
static enum pm_err save(struct environment *env, struct actor *actor, struct item *item,
			struct leaf *leaf)
{
	const struct store_change changes[] = {
		{ .op = STORE_UPDATE_KEY, .key = item->record },
		{ .op = STORE_APPEND_LEAF, .leaf = &leaf->record },
	};

	item->record->revision++;
	seal_cover_key(item->seal, item->record);
	TRY(seal_make_with_leaf(env, item->seal, 1, leaf, actor->deadline));
	TRY(leaf_end(leaf));
	return audit_commit(env->audit, changes, 2, NULL, actor->deadline);
}

/* The secret that goes lives on for the overlap, and never longer than the key. */
static void begin_overlap(struct key_record *record, int64_t now)
{
	struct secret_record *previous = &record->secrets[SECRET_PREVIOUS];
	const int64_t end = now + record->first_use_overlap;

	record->first_use = false;
	record->first_use_overlap = 0;
	record->previous_tail[0] = '\0';
	if (previous->version == 0)
		return;
	previous->not_after =
		record->expires_at != 0 && end > record->expires_at ? record->expires_at : end;
}

static enum pm_err save_first_use(struct environment *env, struct actor *actor, struct item *item)
{
	struct leaf leaf CLEANUP(leaf_drop);

	begin_overlap(item->record, clock_unix());
	leaf_begin(&leaf, LEAF_KEY_FIRST_USE, actor, env->audit, env);
	leaf_text(&leaf, "key", item->record->id);
	leaf_number(&leaf, "secret_version", item->record->secrets[SECRET_CURRENT].version);
	leaf_time(&leaf, "overlap_until", item->record->secrets[SECRET_PREVIOUS].not_after);
	return save(env, actor, item, &leaf);
}

static bool is_first_use(const struct item *item)
{
	return item->err == PM_OK && item->reason == PM_REASON_NONE &&
	       item->secret == SECRET_CURRENT && item->record->first_use;
}

bool verify_first_uses(struct environment *env, struct actor *actor, struct batch *batch)
{
	bool again = false;

	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];

		if (!is_first_use(item))
			continue;
		item->err = save_first_use(env, actor, item);
		item->pending = item->err == PM_CONFLICT;
		again = again || item->pending;
	}
	return again;
}

struct cover {
	uint8_t known[IMPORTED_KNOWN_MAX];
	uint8_t room[COVER_ROOM];
};

static void cover_wipe(struct cover *cover)
{
	secret_wipe(cover, sizeof(*cover));
}

/* From here on the text itself is what is hashed, whatever the other system kept of it. */
static enum pm_err mac_imported(struct environment *env, const struct item *item,
				struct secret_record *secret, int64_t deadline)
{
	struct cover cover CLEANUP(cover_wipe);
	struct buf covered = BUF(cover.room);
	size_t len = 0;

	secret->form = SECRET_TEXT;
	TRY(imported_known(env, secret->form, "", bytes_of(item->text, item->text_len), cover.known,
			   &len, deadline));
	imported_cover(env, item->key.id, secret->version, secret->form, bytes_of(cover.known, len),
		       &covered);
	return secret_mac_over(env, &covered, secret, deadline);
}

static enum pm_err save_move(struct environment *env, struct actor *actor, struct item *item)
{
	const struct secret_record *secret = &item->record->secrets[item->secret];
	struct leaf leaf CLEANUP(leaf_drop);

	leaf_begin(&leaf, LEAF_KEY_MOVE, actor, env->audit, env);
	leaf_text(&leaf, "key", item->record->id);
	leaf_number(&leaf, "secret_version", secret->version);
	leaf_number(&leaf, "pepper_version", secret->pepper_version);
	return save(env, actor, item, &leaf);
}

static enum pm_err move(struct environment *env, struct actor *actor, struct item *item)
{
	struct secret_record *secret = &item->record->secrets[item->secret];

	if (item->imported)
		TRY(mac_imported(env, item, secret, actor->deadline));
	else
		TRY(secret_mac(env, &item->key, secret, actor->deadline));
	return save_move(env, actor, item);
}

static bool wants_move(const struct item *item, uint32_t active)
{
	const struct secret_record *secret = NULL;

	if (!item->verdict->valid)
		return false;
	secret = &item->record->secrets[item->secret];
	return !layer_is_bare(secret, active) ||
	       (secret->form != SECRET_OURS && secret->form != SECRET_TEXT);
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

		if (!wants_move(item, active.version))
			continue;
		enum pm_err err = move(env, actor, item);
		if (!is_expected(err))
			log_warn("vault: key %s of %s stays under its old pepper version for now: "
				 "%s",
				 item->key.id, env->name, peppermint_error_name(err));
	}
}
