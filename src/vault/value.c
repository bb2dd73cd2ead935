/* Hashing values that are not API keys (card numbers, addresses …) under a named pepper. */
#include "value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "domain.h"

#define VALUE_OVERHEAD 128 /* bytes: more than value_cover adds to a value */
#define VALUE_ROOM ((size_t)3 * HSM_DATA_MAX)

struct value_batch {
	size_t count;
	struct hsm_job jobs[BATCH_MAX];
	size_t item[BATCH_MAX]; /* job → the caller's index */
	size_t used;
	uint8_t room[VALUE_ROOM];
};

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

static bool has_room(const struct value_batch *batch, struct bytes value)
{
	/* An empty batch takes anything: add_value then says what is too large. */
	return batch->count == 0 ||
	       (batch->count < BATCH_MAX && value.len + VALUE_OVERHEAD <= VALUE_ROOM - batch->used);
}

/* The caller has seen to it that there is room. */
static enum pm_err add_value(struct environment *env, const char *pepper, uint32_t version,
			     struct bytes value, size_t item, struct value_batch *batch,
			     uint32_t *used)
{
	struct buf covered = { .data = batch->room + batch->used, .cap = VALUE_ROOM - batch->used };
	struct hsm_job *job = &batch->jobs[batch->count];

	if (value.len == 0 || value.len > HSM_DATA_MAX - VALUE_OVERHEAD)
		return PM_TOO_LARGE;
	TRY(pepper_job(env, pepper, version, job, used));
	value_cover(env, pepper, value, &covered);
	job->data = buf_bytes(&covered);
	batch->used += covered.len;
	batch->item[batch->count++] = item;
	return PM_OK;
}

static void batch_reset(struct value_batch *batch)
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
	uint32_t used = 0;

	while (*done < count && has_room(batch, values[*done])) {
		TRY(add_value(env, pepper, version, values[*done], *done, batch, &used));
		(*done)++;
	}
	TRY(environment_hmac(env, batch->jobs, batch->count, deadline));
	for (size_t i = 0; i < batch->count; i++)
		value_hash_format(version, batch->jobs[i].mac, hashes[batch->item[i]].text);
	return PM_OK;
}

/*
 * What both calls begin with: the environment, a pepper that hashes values, its active version (one
 * for the whole request, even if it is rotated meanwhile), and a batch.
 */
static enum pm_err begin(struct vault *vault, struct actor *actor, const char *environment,
			 const char *pepper, struct environment **env, uint32_t *active,
			 struct value_batch **batch)
{
	struct master_record master;

	TRY(check_pepper(actor, pepper));
	TRY(vault_enter(vault, actor, environment, env));
	TRY(environment_master(*env, PURPOSE_PEPPER, pepper, 0, &master));
	*active = master.version;
	*batch = scratch_take(&vault->scratch);
	return *batch ? PM_OK : PM_NO_MEMORY;
}

static void end(struct vault *vault, struct value_batch *batch)
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

	TRY(begin(vault, actor, environment, pepper, &env, &active, &batch));
	while (done < count && err == PM_OK) {
		err = hash_batch(env, pepper, active, values, count, batch, hashes, &done,
				 actor->deadline);
		batch_reset(batch);
	}
	end(vault, batch);
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

/* v<version>:<base64url>, in the one way that value_hash_format writes it. */
static bool hash_parse(struct bytes text, uint32_t *version, uint8_t mac[HSM_MAC_LEN])
{
	struct value_hash again;
	char digits[11] = "";
	const uint8_t *colon = memchr(text.data, ':', text.len);
	size_t head = colon ? (size_t)(colon - text.data) : 0;

	if (head < 2 || head > sizeof(digits) || text.data[0] != 'v')
		return false;
	memcpy(digits, text.data + 1, head - 1);
	unsigned long long number = strtoull(digits, NULL, 10);
	if (number == 0 || number > UINT32_MAX)
		return false;
	*version = (uint32_t)number;
	if (!base64url_decode_32(bytes_of(colon + 1, text.len - head - 1), mac))
		return false;
	value_hash_format(*version, mac, again.text);
	return strlen(again.text) == text.len && memcmp(again.text, text.data, text.len) == 0;
}

static enum pm_reason claim_reason(const struct hash_claim *claim, uint32_t *version)
{
	uint8_t mac[HSM_MAC_LEN];

	if (claim->value.len == 0 || claim->hash.len == 0)
		return PM_REASON_MISSING;
	return hash_parse(claim->hash, version, mac) ? PM_REASON_NONE : PM_REASON_MALFORMED;
}

static void compare(const struct value_batch *batch, const struct hash_claim *claims,
		    uint32_t active, struct hash_verdict *verdicts)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct hash_verdict *verdict = &verdicts[batch->item[i]];
		uint8_t claimed[HSM_MAC_LEN];
		uint32_t version = 0;

		verdict->match = hash_parse(claims[batch->item[i]].hash, &version, claimed) &&
				 secret_equal(claimed, batch->jobs[i].mac, sizeof(claimed));
		verdict->reason = verdict->match ? PM_REASON_NONE : PM_REASON_MISMATCH;
		verdict->outdated = verdict->match && version != active;
	}
}

/* Claims that can be decided without the HSM are; the others go into the batch while it has room.
 */
static enum pm_err fill_claims(struct environment *env, const char *pepper,
			       const struct hash_claim *claims, size_t count,
			       struct value_batch *batch, struct hash_verdict *verdicts,
			       size_t *done)
{
	for (; *done < count && has_room(batch, claims[*done].value); (*done)++) {
		uint32_t version = 0, used = 0;
		enum pm_reason reason = claim_reason(&claims[*done], &version);

		if (reason == PM_REASON_NONE) {
			enum pm_err err = add_value(env, pepper, version, claims[*done].value,
						    *done, batch, &used);
			if (err == PM_NOT_FOUND)
				reason = PM_REASON_UNKNOWN_VERSION;
			else
				TRY(err);
		}
		verdicts[*done] = (struct hash_verdict){ .reason = reason };
	}
	return PM_OK;
}

static void check_batch(struct environment *env, const struct hash_claim *claims,
			struct value_batch *batch, uint32_t active, struct hash_verdict *verdicts,
			int64_t deadline)
{
	if (batch->count == 0)
		return;
	enum pm_err err = environment_hmac(env, batch->jobs, batch->count, deadline);
	if (err == PM_OK) {
		compare(batch, claims, active, verdicts);
		return;
	}
	for (size_t i = 0; i < batch->count; i++)
		verdicts[batch->item[i]] = (struct hash_verdict){
			.error = err,
			.reason = PM_REASON_NOT_CHECKED,
		};
}

/* What one call comes to, for the audit log: matches by version, refusals by reason. */
struct tally {
	size_t count;
	struct fold_act acts[VAULT_PEPPER_VERSIONS_MAX];
};

static enum pm_err add_to_tally(struct tally *tally, const struct fold_act *act)
{
	for (size_t i = 0; i < tally->count; i++) {
		struct fold_act *same = &tally->acts[i];

		if (same->version != act->version || same->reason != act->reason)
			continue;
		same->count += act->count;
		return PM_OK;
	}
	if (tally->count == VAULT_PEPPER_VERSIONS_MAX)
		return PM_INTERNAL;
	tally->acts[tally->count++] = *act;
	return PM_OK;
}

static enum pm_err add_verdict(struct tally *matches, struct tally *refusals,
			       struct environment *env, const char *pepper,
			       const struct hash_claim *claim, const struct hash_verdict *verdict)
{
	struct fold_act act = { .env = env, .key = pepper, .count = 1 };
	uint8_t mac[HSM_MAC_LEN];

	if (verdict->error != PM_OK)
		return PM_OK;
	act.type = verdict->match ? LEAF_VALUE_VERIFY : LEAF_VALUE_REFUSE;
	act.reason = verdict->reason;
	/* A version that matched exists; of the others the claim is the caller's text. */
	if (verdict->match && !hash_parse(claim->hash, &act.version, mac))
		return PM_INTERNAL;
	return add_to_tally(verdict->match ? matches : refusals, &act);
}

static enum pm_err tell(struct actor *actor, struct environment *env, const char *pepper,
			const struct hash_claim *claims, const struct hash_verdict *verdicts,
			size_t count)
{
	struct tally matches = { 0 }, refusals = { 0 };

	for (size_t i = 0; i < count; i++)
		TRY(add_verdict(&matches, &refusals, env, pepper, &claims[i], &verdicts[i]));
	TRY(audit_refusals(env->audit, actor, refusals.acts, refusals.count));
	return audit_acts(env->audit, actor, matches.acts, matches.count);
}

enum pm_err vault_verify_hash(struct vault *vault, struct actor *actor, const char *environment,
			      const char *pepper, const struct hash_claim *claims, size_t count,
			      struct hash_verdict *verdicts)
{
	struct environment *env = NULL;
	struct value_batch *batch = NULL;
	uint32_t active = 0;
	enum pm_err err = PM_OK;
	size_t done = 0;

	TRY(begin(vault, actor, environment, pepper, &env, &active, &batch));
	while (done < count && err == PM_OK) {
		err = fill_claims(env, pepper, claims, count, batch, verdicts, &done);
		if (err == PM_OK)
			check_batch(env, claims, batch, active, verdicts, actor->deadline);
		batch_reset(batch);
	}
	end(vault, batch);
	TRY(err);
	return tell(actor, env, pepper, claims, verdicts, count);
}
