#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "layer.h"
#include "state.h"
#include "verify_batch.h"

/* Of the kind of text that was presented: one of ours, or one of another system. */
static int matching_secret(const struct item *item)
{
	for (int i = 0; i < SECRETS_PER_KEY; i++) {
		const bool imported = item->record->secrets[i].form != SECRET_OURS;

		if (item->secret_proofs[i].holds && imported == item->imported)
			return i;
	}
	return -1;
}

/* What a pepper version is worth now. Nearly all items of a batch ask for the same one. */
struct worth {
	uint32_t version; /* 0: none was asked for yet */
	enum pm_reason reason;
	bool compromised;
};

static void judge_version(struct environment *env, uint32_t version, int64_t now,
			  struct worth *worth)
{
	struct master_record pepper;

	if (worth->version == version)
		return;
	*worth = (struct worth){ .version = version, .reason = PM_REASON_PEPPER_ENDED };
	if (environment_master(env, PURPOSE_PEPPER, VAULT_API_KEYS_PEPPER, version, &pepper) !=
	    PM_OK)
		return;
	worth->reason = pepper_judge(env, &pepper, now);
	worth->compromised = state_rules(pepper.state)->flagged;
}

/*
 * Do the versions that made the secret's MAC still vouch for it? The outermost must; of those below
 * it none may be suspended, which is to be used for nothing.
 */
static enum pm_reason judge_layers(struct environment *env, struct item *item, int64_t now,
				   struct worth *worth)
{
	const struct secret_record *secret = &item->record->secrets[item->secret];

	for (uint32_t layer = 0; layer < layer_count(secret); layer++) {
		judge_version(env, layer_version(secret, layer), now, worth);
		if (worth->reason == PM_REASON_PEPPER_SUSPENDED)
			return worth->reason;
	}
	item->compromised = worth->compromised;
	return worth->reason;
}

/* The state of a key, and of its pepper, is told only to who has its secret. */
static enum pm_reason judge(struct environment *env, struct item *item, int64_t now,
			    struct worth *worth)
{
	item->secret = matching_secret(item);
	if (item->found == MISSING)
		return PM_REASON_UNKNOWN_KEY;
	if (item->found == DAMAGED || !item->seal_proof.holds)
		return PM_REASON_QUARANTINED;
	if (item->secret < 0)
		return PM_REASON_WRONG_SECRET;
	enum pm_reason layers = judge_layers(env, item, now, worth);
	if (layers != PM_REASON_NONE)
		return layers;
	return item->record->revoked_at != 0 ? PM_REASON_REVOKED : PM_REASON_NONE;
}

/*
 * What a flipped bit, or a record that is not the latest, may have made of a good key. UNKNOWN_KEY is for
 * company: doing it again must not tell a wrong secret from an id that does not exist.
 */
static bool is_doubtful(enum pm_reason reason)
{
	return reason == PM_REASON_UNKNOWN_KEY || reason == PM_REASON_QUARANTINED ||
	       reason == PM_REASON_WRONG_SECRET || reason == PM_REASON_PEPPER_SUSPENDED ||
	       reason == PM_REASON_PEPPER_ENDED;
}

bool verify_judge(struct environment *env, struct batch *batch)
{
	struct worth worth = { .version = 0 };
	int64_t now = clock_unix();
	bool doubts = false;

	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];

		if (!item->pending)
			continue;
		item->reason = judge(env, item, now, &worth);
		item->pending = is_doubtful(item->reason);
		doubts = doubts || item->pending;
	}
	return doubts;
}

void verify_refuse(struct environment *env, struct batch *batch, struct verdict *verdict,
		   enum pm_reason reason, const char *key)
{
	*verdict = (struct verdict){ .reason = reason };
	batch->refused[batch->refused_count++] = (struct fold_act){
		.type = reason == PM_REASON_QUARANTINED ? LEAF_KEY_QUARANTINE : LEAF_KEY_REFUSE,
		.env = env,
		.key = key,
		.reason = reason,
		.count = 1,
	};
}

static void detail(const struct key_record *record, struct verdict_detail *out)
{
	strcpy(out->external_ref, record->external_ref);
	strcpy(out->scopes, record->scopes);
	strcpy(out->labels, record->labels);
}

static void accept(struct environment *env, struct batch *batch, const struct item *item)
{
	const struct key_record *record = item->record;
	struct verdict *verdict = item->verdict;

	batch->accepted[batch->accepted_count++] = (struct fold_act){
		.type = LEAF_KEY_VERIFY, .env = env, .key = item->key.id, .count = 1
	};
	*verdict = (struct verdict){
		.valid = true,
		.expires_at = record->expires_at,
		.secret_expires_at = record->secrets[item->secret].not_after,
		.compromised = item->compromised,
	};
	strcpy(verdict->key_id, record->id);
	strcpy(verdict->account, record->account);
	strcpy(verdict->product, record->product);
	if (item->detail)
		detail(record, item->detail);
}

bool verify_is_unsure(const struct item *item)
{
	bool unsure = item->seal_proof.unsure;

	for (int i = 0; i < SECRETS_PER_KEY; i++)
		unsure = unsure || item->secret_proofs[i].unsure;
	return unsure && is_doubtful(item->reason);
}

static void fail(const struct environment *env, const struct item *item)
{
	enum pm_err err = item->err;

	if (err == PM_OK) {
		log_error("vault: %s's token gave two MACs of one text: no verdict on a key",
			  env->name);
		err = PM_HSM_UNAVAILABLE;
	}
	*item->verdict = (struct verdict){ .error = err, .reason = PM_REASON_NOT_CHECKED };
}

/* A key whose own seal holds is refused for its account's. */
static void quarantine(struct environment *env, const struct item *item)
{
	if (item->seal_proof.holds)
		environment_quarantine(env, "account", item->record->account);
	else
		environment_quarantine(env, "key", item->key.id);
}

void verify_conclude(struct environment *env, struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];

		if (item->err != PM_OK || verify_is_unsure(item)) {
			fail(env, item);
		} else if (item->reason == PM_REASON_NONE) {
			accept(env, batch, item);
		} else {
			verify_refuse(env, batch, item->verdict, item->reason,
				      item->found == MISSING ? NULL : item->key.id);
			if (item->reason == PM_REASON_QUARANTINED)
				quarantine(env, item);
		}
	}
}
