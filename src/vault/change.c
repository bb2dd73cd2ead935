/*
 * Changes to a stored key: rotate and revoke. A record is read, checked, changed, sealed and
 * written only if nobody changed it meanwhile; if somebody did, all of it is done again.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "domain.h"
#include "refusal.h"

/* Told as such, and not instead of what becomes of the change. */
static enum pm_err tell_quarantine(struct actor *actor, struct environment *env, const char *id)
{
	TRY(refusal_of_quarantined(env, actor, id));
	actor->receipt = (struct vault_receipt){ 0 };
	return PM_RECORD_QUARANTINED;
}

/* The checked record, or why it cannot be had. */
static enum pm_err load_key(struct vault *vault, struct actor *actor, struct environment *env,
			    const char *id, struct key_record *record)
{
	if (!apikey_is_id(id))
		return PM_NOT_FOUND;
	enum pm_err err = store_get_key(vault->store, env->name, id, record);
	if (err == PM_OK || err == PM_RECORD_QUARANTINED)
		strcpy(actor->key_id, id);
	if (err == PM_RECORD_QUARANTINED)
		environment_quarantine(env, "key", id);
	else if (err == PM_OK)
		err = seal_check_key(env, record, actor->deadline);
	return err == PM_RECORD_QUARANTINED ? tell_quarantine(actor, env, id) : err;
}

static enum pm_err check_rotatable(struct actor *actor, const struct key_record *record,
				   const struct rotate_params *params, int64_t now)
{
	const struct secret_record *previous = &record->secrets[SECRET_PREVIOUS];

	if (record->revoked_at != 0)
		actor->why = "the key was revoked, which is final: mint a new one";
	else if (record->expires_at != 0 && now >= record->expires_at)
		actor->why = "the key has expired: mint a new one";
	else if (previous->version != 0 && previous->not_after > now && !params->force)
		actor->why = "an earlier rotation's overlap has not ended: wait for it, or force, "
			     "which ends it now";
	else
		return PM_OK;
	return PM_CONFLICT;
}

/* The secret that goes lives on for the overlap, and never longer than the key. */
static void retire_current(struct key_record *record, int64_t overlap, int64_t now)
{
	struct secret_record *previous = &record->secrets[SECRET_PREVIOUS];

	*previous = record->secrets[SECRET_CURRENT];
	previous->not_after = now + overlap;
	if (record->expires_at != 0 && previous->not_after > record->expires_at)
		previous->not_after = record->expires_at;
	record->rotated_at = now;
}

static enum pm_err save_rotated(struct actor *actor, struct environment *env,
				const struct rotate_params *params, struct key_record *record)
{
	struct leaf leaf CLEANUP(leaf_drop);

	leaf_begin(&leaf, LEAF_KEY_ROTATE, actor, env->audit, env);
	key_leaf_fill(&leaf, record);
	leaf_time(&leaf, "overlap_until", record->secrets[SECRET_PREVIOUS].not_after);
	leaf_flag(&leaf, "force", params->force);
	record->revision++;
	return request_commit_key(env, actor, STORE_UPDATE_KEY, record, &leaf);
}

static enum pm_err try_rotate(struct vault *vault, struct actor *actor, struct environment *env,
			      const struct rotate_params *params, struct key_record *record,
			      struct key_text *text)
{
	int64_t now = clock_unix();

	TRY(load_key(vault, actor, env, params->key_id, record));
	TRY(check_rotatable(actor, record, params, now));
	retire_current(record, params->overlap, now);
	TRY(secret_renew(env, record, record->secrets[SECRET_PREVIOUS].version + 1, text,
			 actor->deadline));
	return save_rotated(actor, env, params, record);
}

enum pm_err vault_rotate(struct vault *vault, struct actor *actor,
			 const struct rotate_params *params, struct key_info *info,
			 struct key_text *text)
{
	struct environment *env = NULL;
	struct key_record record;
	enum pm_err err = PM_CONFLICT;

	if (params->overlap < 0 || params->overlap > VAULT_OVERLAP_MAX) {
		actor->why = "overlap_seconds: at most 31536000";
		return PM_BAD_REQUEST;
	}
	TRY(vault_enter(vault, actor, params->environment, &env));
	TRY(request_begin(env, actor));
	/* A conflict with a reason is the answer; one without is somebody else's write. */
	for (int i = 0; i < CHANGE_ATTEMPTS && err == PM_CONFLICT && !actor->why; i++)
		err = try_rotate(vault, actor, env, params, &record, text);
	if (err == PM_OK)
		key_info_fill(&record, info);
	else
		key_text_wipe(text);
	return err;
}

static enum pm_err save_revoked(struct actor *actor, struct environment *env,
				struct key_record *record)
{
	struct leaf leaf CLEANUP(leaf_drop);

	leaf_begin(&leaf, LEAF_KEY_REVOKE, actor, env->audit, env);
	key_leaf_fill(&leaf, record);
	record->revision++;
	return request_commit_key(env, actor, STORE_UPDATE_KEY, record, &leaf);
}

/* The caller has what he wants, and the log does not count a change that there was not. */
static enum pm_err tell_revoked_before(struct actor *actor, struct environment *env,
				       const struct key_record *record)
{
	struct leaf leaf CLEANUP(leaf_drop);

	leaf_begin(&leaf, LEAF_KEY_REVOKE, actor, env->audit, env);
	key_leaf_fill(&leaf, record);
	leaf_fail(&leaf, PM_ALREADY_DONE);
	leaf_resolve(&leaf, actor->deadline);
	return audit_append(env->audit, &leaf, &actor->receipt, actor->deadline);
}

static enum pm_err try_revoke(struct vault *vault, struct actor *actor, struct environment *env,
			      const char *key_id, struct key_record *record)
{
	TRY(load_key(vault, actor, env, key_id, record));
	if (record->revoked_at != 0)
		return tell_revoked_before(actor, env, record);
	record->revoked_at = clock_unix();
	return save_revoked(actor, env, record);
}

enum pm_err vault_revoke(struct vault *vault, struct actor *actor, const char *environment,
			 const char *key_id, struct key_info *info)
{
	struct environment *env = NULL;
	struct key_record record;
	enum pm_err err = PM_CONFLICT;

	TRY(vault_enter(vault, actor, environment, &env));
	TRY(request_begin(env, actor));
	for (int i = 0; i < CHANGE_ATTEMPTS && err == PM_CONFLICT; i++)
		err = try_revoke(vault, actor, env, key_id, &record);
	if (err == PM_OK)
		key_info_fill(&record, info);
	return err;
}
