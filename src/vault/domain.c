#include "domain.h"

#include <stdio.h>
#include <string.h>

#include "account.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/secret.h"
#include "key_uses.h"
#include "layer.h"
#include "period.h"
#include "shown.h"
#include "state.h"
#include "sure.h"

bool copy_text(char *out, size_t room, const char *text)
{
	size_t len = strlen(text);

	if (len >= room)
		return false;
	memcpy(out, text, len + 1);
	return true;
}

void secret_cover(const struct environment *env, const struct apikey *key, uint32_t version,
		  struct buf *buf)
{
	buf_put_field(buf, bytes_str("peppermint/v1/api-key"));
	buf_put_field(buf, bytes_str(env->name));
	buf_put_field(buf, bytes_str(key->id));
	buf_put_u32(buf, version);
	buf_put_field(buf, bytes_str(key->secret));
}

enum pm_err pepper_active(struct environment *env, const char *pepper, struct master_record *out)
{
	TRY(environment_master(env, PURPOSE_PEPPER, pepper, 0, out));
	return period_may_make(env, out);
}

enum pm_err pepper_in_token(struct environment *env, const char *pepper, uint32_t version,
			    struct master_record *out)
{
	if (version == 0) /* which would be the active one */
		return PM_NOT_FOUND;
	TRY(environment_master(env, PURPOSE_PEPPER, pepper, version, out));
	return state_in_token(out) ? PM_OK : PM_NOT_FOUND;
}

enum pm_reason pepper_judge(struct environment *env, const struct master_record *pepper,
			    int64_t now)
{
	if (pepper->state == MASTER_SUSPENDED)
		return PM_REASON_PEPPER_SUSPENDED;
	return period_vouches(env, pepper, now) ? PM_REASON_NONE : PM_REASON_PEPPER_ENDED;
}

struct cover {
	uint8_t room[SECRET_COVER_ROOM]; /* holds a secret */
};

static void cover_wipe(struct cover *cover)
{
	secret_wipe(cover, sizeof(*cover));
}

enum pm_err secret_mac_over(struct environment *env, const struct buf *covered,
			    struct secret_record *secret, int64_t deadline)
{
	struct hsm_job job = { 0 };
	struct master_record pepper;

	TRY(pepper_active(env, VAULT_API_KEYS_PEPPER, &pepper));
	if (covered->full)
		return PM_INTERNAL;
	memcpy(job.key.bytes, pepper.key_id, sizeof(job.key.bytes));
	job.data = buf_bytes(covered);
	TRY(sure_hmac(env, &job, 1, deadline));
	secret->pepper_version = pepper.version;
	memset(secret->wraps, 0, sizeof(secret->wraps));
	secret->wrap_count = 0;
	memcpy(secret->mac, job.mac, sizeof(secret->mac));
	return PM_OK;
}

enum pm_err secret_mac(struct environment *env, const struct apikey *key,
		       struct secret_record *secret, int64_t deadline)
{
	struct cover cover CLEANUP(cover_wipe);
	struct buf covered = BUF(cover.room);

	secret_cover(env, key, secret->version, &covered);
	return secret_mac_over(env, &covered, secret, deadline);
}

enum pm_err secret_renew(struct environment *env, struct key_record *record, uint32_t version,
			 struct key_text *text, int64_t deadline)
{
	struct apikey key CLEANUP(apikey_wipe) = { 0 };
	struct secret_record *secret = &record->secrets[SECRET_CURRENT];

	memcpy(key.id, record->id, sizeof(key.id));
	TRY(apikey_new_secret(key.secret));
	*secret = (struct secret_record){ .version = version };
	TRY(secret_mac(env, &key, secret, deadline));
	apikey_format(&key, env->prefix, text);
	memcpy(record->tail, text->text + strlen(text->text) - STORE_TAIL_LEN, STORE_TAIL_LEN + 1);
	return PM_OK;
}

void key_leaf_fill(struct leaf *leaf, const struct key_record *record)
{
	const struct secret_record *current = &record->secrets[SECRET_CURRENT];

	leaf_text(leaf, "key", record->id);
	leaf_number(leaf, "secret_version", current->version);
	leaf_number(leaf, "pepper_version", layer_outermost(current));
}

/*
 * An altered account gives no rights here, and shall not keep its keys from being seen, or revoked.
 */
static enum pm_err add_account(struct environment *env, const struct key_record *record,
			       struct key_facts *out, int64_t deadline)
{
	struct account_record account;
	enum pm_err err = account_load(env, record->account, &account, deadline);

	if (err != PM_OK && err != PM_NOT_FOUND && err != PM_RECORD_QUARANTINED)
		return err;
	copy_text(out->user, sizeof(out->user),
		  account_user(err == PM_OK ? &account : NULL, record));
	if (err == PM_OK && account.status == ACCOUNT_CLOSED)
		out->closed_at = account.closed_at;
	return PM_OK;
}

/* Counters are not sealed: a malformed one is as good as none. */
static enum pm_err read_use(struct environment *env, const struct key_record *record,
			    struct key_use_record *out)
{
	enum pm_err err = store_get_key_use(env->store, env->name, record->id, out);

	if (err != PM_NOT_FOUND && err != PM_RECORD_QUARANTINED)
		return err;
	*out = (struct key_use_record){ .uses = 0 };
	return PM_OK;
}

enum pm_err key_facts_load(struct environment *env, const struct key_record *record,
			   const struct key_use_record *use, struct key_facts *out,
			   int64_t deadline)
{
	*out = (struct key_facts){ .closed_at = 0 };
	TRY(add_account(env, record, out, deadline));
	if (use)
		out->use = *use;
	else
		TRY(read_use(env, record, &out->use));
	strcpy(out->use.environment, env->name);
	strcpy(out->use.id, record->id);
	key_uses_add(env, &out->use);
	return env->policy.recoverable ? shown_is_kept(env, record, &out->recoverable) : PM_OK;
}

static enum key_state state_of(const struct key_record *record, const struct key_facts *facts,
			       int64_t now)
{
	if (record->revoked_at != 0 || facts->closed_at != 0)
		return KEY_REVOKED;
	if (record->expires_at != 0 && now >= record->expires_at)
		return KEY_EXPIRED;
	if (record->disabled_at != 0)
		return KEY_DISABLED;
	return now < record->not_before ? KEY_NOT_YET : KEY_ACTIVE;
}

static int64_t overlap_of(const struct key_record *record, int64_t now)
{
	const struct secret_record *previous = &record->secrets[SECRET_PREVIOUS];

	return previous->version != 0 && previous->not_after > now ? previous->not_after : 0;
}

static void fill_texts(const struct environment *env, const struct key_record *record,
		       struct key_info *info)
{
	const char *mask = env->policy.mask[0] != '\0' ? env->policy.mask : "*****";

	strcpy(info->environment, record->environment);
	strcpy(info->id, record->id);
	strcpy(info->account, record->account);
	strcpy(info->product, record->product);
	strcpy(info->name, record->name);
	strcpy(info->external_ref, record->external_ref);
	strcpy(info->scopes, record->scopes);
	strcpy(info->labels, record->labels);
	strcpy(info->networks, record->networks);
	snprintf(info->created_by, sizeof(info->created_by), "%s", record->created_by);
	snprintf(info->masked, sizeof(info->masked), "%s%s", mask, record->tail);
}

void key_info_fill(const struct environment *env, const struct key_record *record,
		   const struct key_facts *facts, struct key_info *info)
{
	const struct secret_record *current = &record->secrets[SECRET_CURRENT];
	int64_t now = clock_unix();

	*info = (struct key_info){
		.state = state_of(record, facts, now),
		.created_at = record->created_at,
		.expires_at = record->expires_at,
		.rotated_at = record->rotated_at,
		.overlap_until = overlap_of(record, now),
		.revoked_at = record->revoked_at != 0 ? record->revoked_at : facts->closed_at,
		.secret_version = current->version,
		.pepper_version = layer_outermost(current),
		.not_before = record->not_before,
		.disabled_at = record->disabled_at,
		.last_used_at = facts->use.last_at,
		.use_count = facts->use.uses,
		.first_use_pending = record->first_use,
		.imported = current->form != SECRET_OURS,
		.recoverable = facts->recoverable,
	};
	fill_texts(env, record, info);
}
