/* A new secret for a key: rotation, reset, and the way back while the new one was not used. */
#include <string.h>

#include "base/cleanup.h"
#include "change.h"
#include "fresh.h"

struct rotation {
	const struct rotate_params *params;
	enum leaf_type type; /* LEAF_KEY_ROTATE or LEAF_KEY_RESET */
	struct key_secret *secret;
};

/* Is there still another secret beside the current one, so that a third would be one too many? */
static bool has_two(const struct key_change *change)
{
	const struct secret_record *previous = &change->record.secrets[SECRET_PREVIOUS];

	return previous->version != 0 &&
	       (change->record.first_use || previous->not_after > change->now);
}

static enum pm_err check_rotatable(const struct key_change *change,
				   const struct rotate_params *params)
{
	TRY(change_needs_live(change));
	if (params->force || !has_two(change))
		return PM_OK;
	change->actor->why =
		change->record.first_use
			? "an earlier rotation's secret was not used yet: use it, roll "
			  "back, or force, which ends the one in use now"
			: "an earlier rotation's overlap has not ended: wait for it, or "
			  "force, which ends it now";
	return PM_CONFLICT;
}

/* The secret that goes lives on for the overlap, or until then, and never longer than the key. */
static void retire_current(struct key_change *change, const struct rotate_params *params)
{
	struct key_record *record = &change->record;
	struct secret_record *previous = &record->secrets[SECRET_PREVIOUS];
	int64_t end = change->now + params->overlap;

	*previous = record->secrets[SECRET_CURRENT];
	if (record->expires_at != 0 && end > record->expires_at)
		end = record->expires_at;
	previous->not_after = params->first_use ? 0 : end;
	record->first_use = params->first_use;
	record->first_use_overlap = params->first_use ? params->overlap : 0;
	strcpy(record->previous_tail, params->first_use ? record->tail : "");
	record->rotated_at = change->now;
}

static enum pm_err save_rotated(struct key_change *change, const struct rotation *rotation,
				const struct fresh_value *value)
{
	struct leaf leaf CLEANUP(leaf_drop);

	change_leaf(change, &leaf, rotation->type);
	if (rotation->type == LEAF_KEY_ROTATE) {
		if (rotation->params->first_use)
			leaf_flag(&leaf, "first_use", true);
		else
			leaf_time(&leaf, "overlap_until",
				  change->record.secrets[SECRET_PREVIOUS].not_after);
		leaf_flag(&leaf, "force", rotation->params->force);
	}
	change->facts.recoverable = rotation->params->recoverable;
	return change_commit(change, &value->change, &leaf);
}

static enum pm_err rotate_once(struct key_change *change, void *arg)
{
	const struct rotation *rotation = arg;
	const struct rotate_params *params = rotation->params;
	const struct fresh_terms terms = { params->recoverable, params->recipient };
	struct fresh_value value;

	TRY(check_rotatable(change, params));
	retire_current(change, params);
	*rotation->secret = (struct key_secret){ .text = { "" } };
	strcpy(rotation->secret->merchant, change->facts.user);
	TRY(fresh_secret(change->env, &change->record, &terms, rotation->secret, &value,
			 change->actor->deadline));
	return save_rotated(change, rotation, &value);
}

static enum pm_err rotate(struct vault *vault, struct actor *actor, enum vault_act act,
			  struct rotation *rotation, struct key_info *info)
{
	const struct rotate_params *params = rotation->params;
	const struct fresh_terms terms = { params->recoverable, params->recipient };
	struct key_change change;

	TRY(change_begin(&change, vault, actor, params->environment, params->key_id));
	TRY(fresh_check(change.env, actor, &terms));
	TRY(change_authorize(&change, vault, act));
	TRY(change_run(&change, rotate_once, rotation));
	change_info(&change, info);
	return PM_OK;
}

static enum pm_err rotate_or_wipe(struct vault *vault, struct actor *actor, enum vault_act act,
				  struct rotation *rotation, struct key_info *info)
{
	*rotation->secret = (struct key_secret){ .text = { "" } };
	enum pm_err err = rotate(vault, actor, act, rotation, info);
	if (err != PM_OK)
		key_secret_wipe(rotation->secret);
	return err;
}

enum pm_err vault_rotate(struct vault *vault, struct actor *actor,
			 const struct rotate_params *params, struct key_info *info,
			 struct key_secret *secret)
{
	struct rotation rotation = { params, LEAF_KEY_ROTATE, secret };

	if (params->overlap < 0 || params->overlap > VAULT_OVERLAP_MAX) {
		actor->why = "overlap_seconds: at most 31536000";
		return PM_BAD_REQUEST;
	}
	return rotate_or_wipe(vault, actor, ACT_ROTATE, &rotation, info);
}

enum pm_err vault_reset(struct vault *vault, struct actor *actor,
			const struct rotate_params *params, struct key_info *info,
			struct key_secret *secret)
{
	const struct rotate_params at_once = {
		.environment = params->environment,
		.key_id = params->key_id,
		.force = true,
		.recoverable = params->recoverable,
		.recipient = params->recipient,
	};
	struct rotation rotation = { &at_once, LEAF_KEY_RESET, secret };

	return rotate_or_wipe(vault, actor, ACT_RESET, &rotation, info);
}

/* The number of the secret that goes is kept in last_version. */
static void restore_previous(struct key_record *record)
{
	record->secrets[SECRET_CURRENT] = record->secrets[SECRET_PREVIOUS];
	record->secrets[SECRET_CURRENT].not_after = 0;
	record->secrets[SECRET_PREVIOUS] = (struct secret_record){ 0 };
	record->first_use = false;
	record->first_use_overlap = 0;
	strcpy(record->tail, record->previous_tail);
	record->previous_tail[0] = '\0';
}

static enum pm_err rollback_once(struct key_change *change, void *arg)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	struct fresh_value value;

	(void)arg;
	TRY(change_needs_live(change));
	if (!change->record.first_use || !has_two(change)) {
		change->actor->why = "there is no rotation with first_use whose new secret was not "
				     "used yet";
		return PM_CONFLICT;
	}
	restore_previous(&change->record);
	change->facts.recoverable = false;
	fresh_forget(&change->record, &value);
	change_leaf(change, &leaf, LEAF_KEY_ROLLBACK);
	return change_commit(change, &value.change, &leaf);
}

enum pm_err vault_rollback(struct vault *vault, struct actor *actor, const char *environment,
			   const char *key_id, struct key_info *info)
{
	struct key_change change;

	TRY(change_begin(&change, vault, actor, environment, key_id));
	TRY(change_authorize(&change, vault, ACT_ROTATE));
	TRY(change_run(&change, rollback_once, NULL));
	change_info(&change, info);
	return PM_OK;
}
