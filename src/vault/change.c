/*
 * Changes to a stored key: rotate and revoke. A record is read, checked, changed, sealed and
 * written only if nobody changed it meanwhile; if somebody did, all of it is done again.
 */
#include "base/clock.h"
#include "domain.h"

/* The checked record, or why it cannot be had. */
static enum pm_err load_key(struct vault *vault, struct actor *actor, struct environment *env,
			    const char *id, struct key_record *record)
{
	if (!apikey_is_id(id))
		return PM_NOT_FOUND;
	enum pm_err err = store_get_key(vault->store, env->name, id, record);
	if (err == PM_RECORD_QUARANTINED)
		environment_quarantine(env, "key", id);
	TRY(err);
	return seal_check_key(env, record, actor->deadline);
}

static enum pm_err save_key(struct vault *vault, struct actor *actor, struct environment *env,
			    struct key_record *record)
{
	struct executed_record executed;
	const struct store_change changes[] = {
		{ .op = STORE_UPDATE_KEY, .key = record },
		{ .op = STORE_INSERT_EXECUTED, .executed = &executed },
	};

	record->revision++;
	request_record(env, actor, record->id, &executed);
	TRY(request_seal_with_key(env, &executed, record, actor->deadline));
	return store_commit(vault->store, changes, 2, actor->deadline);
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
	return save_key(vault, actor, env, record);
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

static enum pm_err try_revoke(struct vault *vault, struct actor *actor, struct environment *env,
			      const char *key_id, struct key_record *record)
{
	TRY(load_key(vault, actor, env, key_id, record));
	if (record->revoked_at != 0)
		return PM_OK;
	record->revoked_at = clock_unix();
	return save_key(vault, actor, env, record);
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
