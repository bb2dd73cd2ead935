/*
 * Verifying presented keys: parse, look the record up, compute in one frame to the HSM the record's
 * seal and the secret's MAC under each of its secrets, compare in constant time, judge. A refusal
 * that rests on a MAC, or on the version that made it, is computed once more before it is believed, and
 * the record read again: it may have been moved away from that version meanwhile, and the version gone.
 */
#include "verify.h"

#include <string.h>

#include "base/secret.h"
#include "verify_batch.h"

/* Of records that others keep changing under our hands. */
#define RELOADS 3

size_t verify_scratch_size(void)
{
	return sizeof(struct batch);
}

static size_t batch_used(const struct batch *batch)
{
	return offsetof(struct batch, items) + batch->count * sizeof(batch->items[0]);
}

/*
 * Stands in for a record that does not exist, so that an unknown id costs what a wrong secret costs
 * and cannot be told from it by time: a key's that has one secret, of one layer. What rewrap has wrapped
 * costs a frame more for each layer.
 */
static enum pm_err make_decoy(struct environment *env, struct key_record *decoy)
{
	struct master_record master;

	*decoy = (struct key_record){ .secrets[SECRET_CURRENT].version = 1 };
	strcpy(decoy->environment, env->name);
	TRY(environment_master(env, PURPOSE_INTEGRITY, INTEGRITY_NAME, 0, &master));
	decoy->seal.version = master.version;
	TRY(environment_master(env, PURPOSE_PEPPER, VAULT_API_KEYS_PEPPER, 0, &master));
	decoy->secrets[SECRET_CURRENT].pepper_version = master.version;
	return PM_OK;
}

/* A well-formed key of another environment is that, and not just malformed. */
static enum pm_reason parse(const struct vault *vault, const struct environment *env,
			    struct bytes text, struct apikey *out)
{
	enum pm_reason reason = apikey_parse(text, env->prefix, out);

	for (size_t i = 0; reason == PM_REASON_MALFORMED && i < vault->environment_count; i++) {
		if (apikey_parse(text, vault->environments[i].prefix, out) == PM_REASON_NONE)
			reason = PM_REASON_WRONG_ENVIRONMENT;
	}
	return reason;
}

static enum pm_err load(struct environment *env, const struct key_record *decoy, struct item *item)
{
	enum pm_err err = store_get_key(env->store, env->name, item->key.id, &item->record);

	if (err == PM_OK) {
		item->found = FOUND;
		return PM_OK;
	}
	if (err != PM_NOT_FOUND && err != PM_RECORD_QUARANTINED)
		return err;
	item->found = err == PM_NOT_FOUND ? MISSING : DAMAGED;
	item->record = *decoy;
	return PM_OK;
}

static void fail_pending(struct batch *batch, enum pm_err err)
{
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->items[i].pending)
			batch->items[i].err = err;
	}
}

static void compute_and_judge(struct environment *env, struct batch *batch, int64_t deadline)
{
	bool doubts = batch->count > 0;

	for (int computation = 0; computation < COMPUTATIONS && doubts; computation++) {
		enum pm_err err = verify_compute(env, batch, computation, deadline);

		if (err != PM_OK) {
			fail_pending(batch, err);
			return;
		}
		doubts = verify_judge(env, batch);
	}
}

/* Looks whether the doubted records are still what was judged; those that are not are pending. */
static bool load_again(struct environment *env, const struct key_record *decoy, struct batch *batch)
{
	bool any = false;

	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];
		const uint64_t revision = item->record.revision;
		const enum found found = item->found;

		if (!item->pending || item->err != PM_OK)
			continue;
		item->err = load(env, decoy, item);
		item->pending = item->err == PM_OK &&
				(item->found != found || item->record.revision != revision);
		if (!item->pending)
			continue;
		memset(&item->seal_proof, 0, sizeof(item->seal_proof));
		memset(item->secret_proofs, 0, sizeof(item->secret_proofs));
		any = true;
	}
	return any;
}

static void run_batch(struct environment *env, struct actor *actor, const struct key_record *decoy,
		      struct batch *batch)
{
	enum pm_err err = PM_OK;

	for (size_t i = 0; i < batch->count && err == PM_OK; i++)
		err = load(env, decoy, &batch->items[i]);
	if (err == PM_OK)
		compute_and_judge(env, batch, actor->deadline);
	else
		fail_pending(batch, err);
	for (int i = 0; i < RELOADS && load_again(env, decoy, batch); i++)
		compute_and_judge(env, batch, actor->deadline);
	verify_conclude(env, batch);
	verify_move(env, actor, batch);
}

/* Takes texts until the batch is full; the malformed get their verdicts at once. */
static size_t fill_batch(const struct vault *vault, struct environment *env,
			 const struct bytes *texts, size_t count, struct verdict *verdicts,
			 struct batch *batch)
{
	size_t taken = 0;

	batch->count = 0;
	batch->accepted_count = 0;
	batch->refused_count = 0;
	for (; taken < count && taken < BATCH_MAX; taken++) {
		struct item *item = &batch->items[batch->count];
		enum pm_reason reason = parse(vault, env, texts[taken], &item->key);

		if (reason != PM_REASON_NONE) {
			apikey_wipe(&item->key); /* well-formed, perhaps, for elsewhere */
			verify_refuse(env, batch, &verdicts[taken], reason, NULL);
			continue;
		}
		item->verdict = &verdicts[taken];
		item->pending = true;
		batch->count++;
	}
	return taken;
}

/* No verdict without its entry, or its place in a count that will be one. */
static enum pm_err tell(struct audit *audit, struct actor *actor, const struct batch *batch)
{
	TRY(audit_refusals(audit, actor, batch->refused, batch->refused_count));
	return audit_acts(audit, actor, batch->accepted, batch->accepted_count);
}

enum pm_err vault_verify(struct vault *vault, struct actor *actor, const char *environment,
			 const struct bytes *texts, size_t count, struct verdict *verdicts)
{
	struct environment *env = NULL;
	struct key_record decoy;
	size_t done = 0;

	TRY(vault_enter(vault, actor, environment, &env));
	TRY(make_decoy(env, &decoy));
	struct batch *batch = scratch_take(&vault->scratch);
	if (!batch)
		return PM_NO_MEMORY;
	enum pm_err told = PM_OK;
	while (done < count && told == PM_OK) {
		done += fill_batch(vault, env, texts + done, count - done, verdicts + done, batch);
		run_batch(env, actor, &decoy, batch);
		told = tell(env->audit, actor, batch);
		secret_wipe(batch, batch_used(batch));
	}
	scratch_give(&vault->scratch, batch, 0);
	return told;
}
