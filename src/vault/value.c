/* Hashing values that are not API keys (card numbers, addresses …) under a named pepper. */
#include "value.h"

#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "sure.h"
#include "value_batch.h"

size_t value_scratch_size(void)
{
	return sizeof(struct value_batch);
}

static enum pm_err check_pepper(struct actor *actor, const char *pepper)
{
	if (strcmp(pepper, VAULT_API_KEYS_PEPPER) != 0)
		return PM_OK;
	actor->why = "pepper: `api-keys` hashes API keys and nothing else; create another";
	return PM_BAD_REQUEST;
}

static void value_cover(const struct environment *env, const char *pepper, struct bytes value,
			struct buf *buf)
{
	buf_put_field(buf, bytes_str("peppermint/v1/value"));
	buf_put_field(buf, bytes_str(env->name));
	buf_put_field(buf, bytes_str(pepper));
	buf_put_field(buf, value);
}

bool value_has_room(const struct value_batch *batch, struct bytes value)
{
	return batch->count == 0 ||
	       (batch->count < BATCH_MAX && value.len + VALUE_OVERHEAD <= VALUE_ROOM - batch->used);
}

enum pm_err value_add(struct environment *env, const char *pepper, uint32_t version,
		      struct bytes value, size_t item, struct value_batch *batch)
{
	struct master_record master;
	struct buf covered = { .data = batch->room + batch->used, .cap = VALUE_ROOM - batch->used };
	struct hsm_job *job = &batch->jobs[batch->count];

	if (value.len == 0 || value.len > HSM_DATA_MAX - VALUE_OVERHEAD)
		return PM_TOO_LARGE;
	TRY(pepper_in_token(env, pepper, version, &master));
	memcpy(job->key.bytes, master.key_id, sizeof(job->key.bytes));
	value_cover(env, pepper, value, &covered);
	job->data = buf_bytes(&covered);
	batch->used += covered.len;
	batch->item[batch->count++] = item;
	return PM_OK;
}

void value_reset(struct value_batch *batch)
{
	secret_wipe(batch->room, batch->used);
	batch->used = 0;
	batch->count = 0;
}

void value_hash_format(uint32_t version, const uint8_t mac[HSM_MAC_LEN],
		       char out[VAULT_HASH_TEXT_MAX + 1])
{
	char encoded[BASE64URL_32_LEN + 1];

	base64url_encode_32(mac, encoded);
	snprintf(out, VAULT_HASH_TEXT_MAX + 1, "v%u:%s", version, encoded);
}

static enum pm_err hash_batch(struct environment *env, const char *pepper, uint32_t version,
			      const struct bytes *values, size_t count, struct value_batch *batch,
			      struct value_hash *hashes, size_t *done, int64_t deadline)
{
	while (*done < count && value_has_room(batch, values[*done])) {
		TRY(value_add(env, pepper, version, values[*done], *done, batch));
		(*done)++;
	}
	TRY(sure_hmac(env, batch->jobs, batch->count, deadline));
	for (size_t i = 0; i < batch->count; i++)
		value_hash_format(version, batch->jobs[i].mac, hashes[batch->item[i]].text);
	return PM_OK;
}

enum pm_err value_begin(struct vault *vault, struct actor *actor, const char *environment,
			const char *pepper, bool making, struct environment **env, uint32_t *active,
			struct value_batch **batch)
{
	struct master_record master;

	TRY(check_pepper(actor, pepper));
	TRY(vault_enter(vault, actor, environment, env));
	if (making)
		TRY(pepper_active(*env, pepper, &master));
	else
		TRY(environment_master(*env, PURPOSE_PEPPER, pepper, 0, &master));
	*active = master.version;
	*batch = scratch_take(&vault->scratch);
	return *batch ? PM_OK : PM_NO_MEMORY;
}

void value_end(struct vault *vault, struct value_batch *batch)
{
	scratch_give(&vault->scratch, batch, offsetof(struct value_batch, room));
}

enum pm_err vault_hash(struct vault *vault, struct actor *actor, const char *environment,
		       const char *pepper, const struct bytes *values, size_t count,
		       struct value_hash *hashes)
{
	struct environment *env = NULL;
	struct value_batch *batch = NULL;
	uint32_t active = 0;
	enum pm_err err = PM_OK;
	size_t done = 0;

	TRY(value_begin(vault, actor, environment, pepper, true, &env, &active, &batch));
	while (done < count && err == PM_OK) {
		err = hash_batch(env, pepper, active, values, count, batch, hashes, &done,
				 actor->deadline);
		value_reset(batch);
	}
	value_end(vault, batch);
	TRY(err);
	const struct fold_act act = {
		.type = LEAF_VALUE_HASH,
		.env = env,
		.key = pepper,
		.version = active,
		.count = (uint32_t)count,
	};
	return audit_acts(vault->audit, actor, &act, 1);
}
