/*
 * Verifying presented keys: parse, look the record up, compute in one frame to the HSM the record's
 * seal and the secret's MAC under each of its secrets, compare in constant time, judge. What an
 * older pepper version hashed is hashed again under the active one.
 */
#include "verify.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "domain.h"

#define JOBS_PER_ITEM (1 + SECRETS_PER_KEY)
#define NO_JOB SIZE_MAX

enum found { FOUND, MISSING, DAMAGED };

/* One well-formed text. Holds its secret. */
struct item {
	struct apikey key;
	struct key_record record; /* the decoy when there is none */
	enum found found;
	int secret; /* which of the record's it matched, or -1 */
	struct seal_task seal;
	uint8_t rooms[SECRETS_PER_KEY][SECRET_COVER_ROOM];
	size_t seal_job, secret_jobs[SECRETS_PER_KEY]; /* in the batch, or NO_JOB */
	struct verdict *verdict;
};

/* `accepted` and `refused` are for the audit log, and their keys' ids lent from the items. */
struct batch {
	size_t count;
	size_t job_count;
	size_t accepted_count, refused_count;
	struct fold_act accepted[BATCH_MAX], refused[BATCH_MAX];
	struct hsm_job jobs[BATCH_MAX * JOBS_PER_ITEM];
	struct item items[BATCH_MAX];
};

size_t verify_scratch_size(void)
{
	return sizeof(struct batch);
}

static size_t batch_used(const struct batch *batch)
{
	return offsetof(struct batch, items) + batch->count * sizeof(batch->items[0]);
}

/* `key` is an id that exists, or NULL: what is not in the database is not told to the log. */
static void refuse(struct environment *env, struct batch *batch, struct verdict *verdict,
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

static void fail(struct verdict *verdict, enum pm_err err)
{
	*verdict = (struct verdict){ .error = err, .reason = PM_REASON_NOT_CHECKED };
}

/*
 * Stands in for a record that does not exist, so that an unknown id costs what a wrong secret costs
 * and cannot be told from it by time.
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

/* A pepper version that is gone can verify nothing: then there is no job and no match. */
static enum pm_err add_secret_job(struct environment *env, struct batch *batch, struct item *item,
				  int which)
{
	const struct secret_record *secret = &item->record.secrets[which];
	struct hsm_job *job = &batch->jobs[batch->job_count];
	struct buf covered = BUF(item->rooms[which]);
	uint32_t used = 0;

	item->secret_jobs[which] = NO_JOB;
	if (secret->version == 0 || secret->pepper_version == 0)
		return PM_OK;
	enum pm_err err =
		pepper_job(env, VAULT_API_KEYS_PEPPER, secret->pepper_version, job, &used);
	if (err == PM_NOT_FOUND)
		return PM_OK;
	TRY(err);
	secret_cover(env, &item->key, secret->version, &covered);
	job->data = buf_bytes(&covered);
	item->secret_jobs[which] = batch->job_count++;
	return PM_OK;
}

static enum pm_err add_jobs(struct environment *env, struct batch *batch, struct item *item)
{
	seal_cover_key(&item->seal, &item->record);
	enum pm_err err = seal_job(env, &item->seal, &batch->jobs[batch->job_count]);
	if (err != PM_RECORD_QUARANTINED)
		TRY(err);
	item->seal_job = err == PM_OK ? batch->job_count++ : NO_JOB;
	for (int i = 0; i < SECRETS_PER_KEY; i++)
		TRY(add_secret_job(env, batch, item, i));
	return PM_OK;
}

static bool sealed(const struct batch *batch, const struct item *item)
{
	return item->seal_job != NO_JOB && seal_matches(&item->seal, &batch->jobs[item->seal_job]);
}

/* Every secret is compared, whichever matches. */
static int matching_secret(const struct batch *batch, const struct item *item)
{
	int match = -1;

	for (int i = SECRETS_PER_KEY - 1; i >= 0; i--) {
		size_t job = item->secret_jobs[i];

		if (job != NO_JOB &&
		    secret_equal(batch->jobs[job].mac, item->record.secrets[i].mac, HSM_MAC_LEN))
			match = i;
	}
	return match;
}

/* The state of a key is told only to who has its secret. */
static enum pm_reason judge(const struct batch *batch, struct item *item, int64_t now)
{
	const struct key_record *record = &item->record;

	item->secret = matching_secret(batch, item);
	if (item->found == MISSING)
		return PM_REASON_UNKNOWN_KEY;
	if (item->found == DAMAGED || !sealed(batch, item))
		return PM_REASON_QUARANTINED;
	if (item->secret < 0)
		return PM_REASON_WRONG_SECRET;
	if (record->revoked_at != 0)
		return PM_REASON_REVOKED;
	if (record->expires_at != 0 && now >= record->expires_at)
		return PM_REASON_EXPIRED;
	int64_t not_after = record->secrets[item->secret].not_after;
	if (not_after != 0 && now >= not_after)
		return PM_REASON_SUPERSEDED;
	return PM_REASON_NONE;
}

static void accept(struct environment *env, struct batch *batch, const struct item *item)
{
	struct verdict *verdict = item->verdict;

	batch->accepted[batch->accepted_count++] = (struct fold_act){
		.type = LEAF_KEY_VERIFY, .env = env, .key = item->key.id, .count = 1
	};
	*verdict = (struct verdict){
		.valid = true,
		.expires_at = item->record.expires_at,
		.secret_expires_at = item->record.secrets[item->secret].not_after,
	};
	strcpy(verdict->key_id, item->record.id);
	strcpy(verdict->account, item->record.account);
	strcpy(verdict->product, item->record.product);
}

static void judge_all(struct environment *env, struct batch *batch)
{
	int64_t now = clock_unix();

	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];
		enum pm_reason reason = judge(batch, item, now);

		if (reason == PM_REASON_NONE)
			accept(env, batch, item);
		else
			refuse(env, batch, item->verdict, reason,
			       item->found == MISSING ? NULL : item->key.id);
		if (reason == PM_REASON_QUARANTINED)
			environment_quarantine(env, "key", item->key.id);
	}
}

/*
 * Moves a verified secret to the active pepper version: a new MAC, a new seal, a compare-and-set.
 * Whatever stops it (somebody else's write, above all), the next successful verify tries again.
 */
static enum pm_err move_secret(struct environment *env, struct item *item, uint32_t active,
			       int64_t deadline)
{
	struct secret_record *secret = &item->record.secrets[item->secret];
	struct buf covered = BUF(item->rooms[0]);
	struct hsm_job job = { 0 };

	secret_cover(env, &item->key, secret->version, &covered);
	TRY(pepper_job(env, VAULT_API_KEYS_PEPPER, active, &job, &secret->pepper_version));
	job.data = buf_bytes(&covered);
	TRY(environment_hmac(env, &job, 1, deadline));
	memcpy(secret->mac, job.mac, sizeof(secret->mac));
	return PM_OK;
}

static enum pm_err save_moved(struct environment *env, struct actor *actor, struct item *item)
{
	struct leaf leaf CLEANUP(leaf_drop);
	const struct store_change changes[] = {
		{ .op = STORE_UPDATE_KEY, .key = &item->record },
		{ .op = STORE_APPEND_LEAF, .leaf = &leaf.record },
	};
	const struct secret_record *secret = &item->record.secrets[item->secret];

	leaf_begin(&leaf, LEAF_KEY_MOVE, actor, env->audit, env);
	leaf_text(&leaf, "key", item->record.id);
	leaf_number(&leaf, "secret_version", secret->version);
	leaf_number(&leaf, "pepper_version", secret->pepper_version);
	item->record.revision++;
	seal_cover_key(&item->seal, &item->record);
	TRY(seal_make_with_leaf(env, &item->seal, 1, &leaf, actor->deadline));
	TRY(leaf_end(&leaf));
	return audit_commit(env->audit, changes, 2, NULL, actor->deadline);
}

static enum pm_err try_move(struct environment *env, struct actor *actor, struct item *item,
			    uint32_t active)
{
	TRY(move_secret(env, item, active, actor->deadline));
	return save_moved(env, actor, item);
}

static void move_to_active_pepper(struct environment *env, struct actor *actor, struct batch *batch,
				  uint32_t active)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];

		if (!item->verdict->valid ||
		    item->record.secrets[item->secret].pepper_version == active)
			continue;
		enum pm_err err = try_move(env, actor, item, active);
		if (err != PM_OK && err != PM_CONFLICT)
			log_warn("vault: key %s of %s stays under its old pepper version for now: "
				 "%s",
				 item->key.id, env->name, peppermint_error_name(err));
	}
}

static enum pm_err run_batch(struct environment *env, struct actor *actor,
			     const struct key_record *decoy, struct batch *batch)
{
	batch->job_count = 0;
	for (size_t i = 0; i < batch->count; i++) {
		TRY(load(env, decoy, &batch->items[i]));
		TRY(add_jobs(env, batch, &batch->items[i]));
	}
	if (batch->job_count > 0)
		TRY(environment_hmac(env, batch->jobs, batch->job_count, actor->deadline));
	judge_all(env, batch);
	move_to_active_pepper(env, actor, batch, decoy->secrets[SECRET_CURRENT].pepper_version);
	return PM_OK;
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
			refuse(env, batch, &verdicts[taken], reason, NULL);
			continue;
		}
		item->verdict = &verdicts[taken];
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
		enum pm_err err = run_batch(env, actor, &decoy, batch);
		for (size_t i = 0; err != PM_OK && i < batch->count; i++)
			fail(batch->items[i].verdict, err);
		told = tell(env->audit, actor, batch);
		secret_wipe(batch, batch_used(batch));
	}
	scratch_give(&vault->scratch, batch, 0);
	return told;
}
