/* Verifying hashes of values: is this the value that was hashed? */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "state.h"
#include "value.h"
#include "value_batch.h"

/* What is asked, and where the answers go. */
struct check {
	const char *pepper;
	uint32_t active; /* version of it */
	const struct hash_claim *claims;
	struct hash_verdict *verdicts;
};

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

/* With the right value, and only then, it is told what its version is worth now. */
static void judge_match(struct environment *env, const char *pepper, uint32_t version,
			struct hash_verdict *verdict)
{
	struct master_record master;

	verdict->reason = PM_REASON_PEPPER_ENDED;
	if (environment_master(env, PURPOSE_PEPPER, pepper, version, &master) == PM_OK)
		verdict->reason = pepper_judge(env, &master, clock_unix());
	verdict->match = verdict->reason == PM_REASON_NONE;
	verdict->compromised = verdict->match && state_rules(master.state)->flagged;
}

static void compare(struct environment *env, const struct check *check, size_t item,
		    const uint8_t mac[HSM_MAC_LEN])
{
	struct hash_verdict *verdict = &check->verdicts[item];
	uint8_t claimed[HSM_MAC_LEN];
	uint32_t version = 0;

	verdict->reason = PM_REASON_MISMATCH;
	if (!hash_parse(check->claims[item].hash, &version, claimed) ||
	    !secret_equal(claimed, mac, sizeof(claimed)))
		return;
	judge_match(env, check->pepper, version, verdict);
	verdict->outdated = verdict->match && version != check->active;
}

static void gather_doubted(const struct check *check, struct value_batch *batch, size_t *count)
{
	*count = 0;
	for (size_t i = 0; i < batch->count; i++) {
		if (check->verdicts[batch->item[i]].reason != PM_REASON_MISMATCH)
			continue;
		batch->doubted[*count] = i;
		batch->again[(*count)++] = batch->jobs[i];
	}
}

static void fail(struct hash_verdict *verdict, enum pm_err err)
{
	*verdict = (struct hash_verdict){ .error = err, .reason = PM_REASON_NOT_CHECKED };
}

/* Refused only if both computations agree. */
static void compare_again(struct environment *env, const struct check *check, size_t item,
			  const uint8_t first[HSM_MAC_LEN], const uint8_t again[HSM_MAC_LEN])
{
	struct hash_verdict *verdict = &check->verdicts[item];

	compare(env, check, item, again);
	if (verdict->reason != PM_REASON_MISMATCH || secret_equal(first, again, HSM_MAC_LEN))
		return;
	log_error("vault: %s's token gave two MACs of one value: no verdict on it", env->name);
	fail(verdict, PM_HSM_UNAVAILABLE);
}

/* A bit may have flipped on the way: what does not match is computed once more. */
static void check_doubted(struct environment *env, const struct check *check,
			  struct value_batch *batch, int64_t deadline)
{
	size_t count = 0;

	gather_doubted(check, batch, &count);
	if (count == 0)
		return;
	enum pm_err err = environment_hmac(env, batch->again, count, deadline);
	for (size_t i = 0; i < count; i++) {
		size_t job = batch->doubted[i], item = batch->item[job];

		if (err == PM_OK)
			compare_again(env, check, item, batch->jobs[job].mac, batch->again[i].mac);
		else
			fail(&check->verdicts[item], err);
	}
}

/* Claims that can be decided without the HSM are; the others go into the batch while it has room. */
static enum pm_err fill_claims(struct environment *env, const struct check *check, size_t count,
			       struct value_batch *batch, size_t *done)
{
	for (; *done < count && value_has_room(batch, check->claims[*done].value); (*done)++) {
		const struct hash_claim *claim = &check->claims[*done];
		uint32_t version = 0;
		enum pm_reason reason = claim_reason(claim, &version);

		if (reason == PM_REASON_NONE) {
			enum pm_err err =
				value_add(env, check->pepper, version, claim->value, *done, batch);
			if (err == PM_NOT_FOUND)
				reason = PM_REASON_UNKNOWN_VERSION;
			else
				TRY(err);
		}
		check->verdicts[*done] = (struct hash_verdict){ .reason = reason };
	}
	return PM_OK;
}

static void check_batch(struct environment *env, const struct check *check,
			struct value_batch *batch, int64_t deadline)
{
	if (batch->count == 0)
		return;
	enum pm_err err = environment_hmac(env, batch->jobs, batch->count, deadline);
	for (size_t i = 0; i < batch->count; i++) {
		if (err == PM_OK)
			compare(env, check, batch->item[i], batch->jobs[i].mac);
		else
			fail(&check->verdicts[batch->item[i]], err);
	}
	if (err == PM_OK)
		check_doubted(env, check, batch, deadline);
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
	struct check check = { .pepper = pepper, .claims = claims, .verdicts = verdicts };
	enum pm_err err = PM_OK;
	size_t done = 0;

	TRY(value_begin(vault, actor, environment, pepper, false, &env, &check.active, &batch));
	while (done < count && err == PM_OK) {
		err = fill_claims(env, &check, count, batch, &done);
		if (err == PM_OK)
			check_batch(env, &check, batch, actor->deadline);
		value_reset(batch);
	}
	value_end(vault, batch);
	TRY(err);
	return tell(actor, env, pepper, claims, verdicts, count);
}
