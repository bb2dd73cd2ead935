#include "domain.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/secret.h"
#include "layer.h"
#include "period.h"
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

enum pm_err secret_mac(struct environment *env, const struct apikey *key,
		       struct secret_record *secret, int64_t deadline)
{
	struct cover cover CLEANUP(cover_wipe);
	struct buf covered = BUF(cover.room);
	struct hsm_job job = { 0 };
	struct master_record pepper;

	TRY(pepper_active(env, VAULT_API_KEYS_PEPPER, &pepper));
	secret_cover(env, key, secret->version, &covered);
	if (covered.full)
		return PM_INTERNAL;
	memcpy(job.key.bytes, pepper.key_id, sizeof(job.key.bytes));
	job.data = buf_bytes(&covered);
	TRY(sure_hmac(env, &job, 1, deadline));
	secret->pepper_version = pepper.version;
	memset(secret->wraps, 0, sizeof(secret->wraps));
	secret->wrap_count = 0;
	memcpy(secret->mac, job.mac, sizeof(secret->mac));
	return PM_OK;
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

static enum key_state state_of(const struct key_record *record, int64_t now)
{
	if (record->revoked_at != 0)
		return KEY_REVOKED;
	if (record->expires_at != 0 && now >= record->expires_at)
		return KEY_EXPIRED;
	return KEY_ACTIVE;
}

void key_leaf_fill(struct leaf *leaf, const struct key_record *record)
{
	const struct secret_record *current = &record->secrets[SECRET_CURRENT];

	leaf_text(leaf, "key", record->id);
	leaf_number(leaf, "secret_version", current->version);
	leaf_number(leaf, "pepper_version", layer_outermost(current));
}

void key_info_fill(const struct key_record *record, struct key_info *info)
{
	const struct secret_record *current = &record->secrets[SECRET_CURRENT];
	const struct secret_record *previous = &record->secrets[SECRET_PREVIOUS];
	int64_t now = clock_unix();

	*info = (struct key_info){
		.state = state_of(record, now),
		.created_at = record->created_at,
		.expires_at = record->expires_at,
		.rotated_at = record->rotated_at,
		.overlap_until = previous->version != 0 && previous->not_after > now
					 ? previous->not_after
					 : 0,
		.revoked_at = record->revoked_at,
		.secret_version = current->version,
		.pepper_version = layer_outermost(current),
	};
	strcpy(info->environment, record->environment);
	strcpy(info->id, record->id);
	strcpy(info->account, record->account);
	strcpy(info->product, record->product);
	strcpy(info->name, record->name);
	snprintf(info->created_by, sizeof(info->created_by), "%s", record->created_by);
	snprintf(info->masked, sizeof(info->masked), "*****%s", record->tail);
}
