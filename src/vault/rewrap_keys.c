#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "layer.h"
#include "leaf.h"
#include "rewrap_pass.h"
#include "seal.h"
#include "sure.h"

#define COVER_ROOM 192 /* bytes: more than layer_cover writes */
#define SECRETS_MAX (REWRAP_BATCH_MAX * SECRETS_PER_KEY)

/* A batch of keys, and of them those that are to change. */
struct work {
	int64_t now;
	size_t count, chosen_count, secret_count;
	struct key_record keys[REWRAP_BATCH_MAX];
	struct key_record *chosen[REWRAP_BATCH_MAX];
	struct seal_task tasks[REWRAP_BATCH_MAX];
	struct secret_record *secrets[SECRETS_MAX];
	struct hsm_job jobs[SECRETS_MAX];
	uint8_t rooms[SECRETS_MAX][COVER_ROOM];
};

/* Can it still verify anything? */
static bool is_live(const struct key_record *key, const struct secret_record *secret, int64_t now)
{
	return secret->version != 0 && key->revoked_at == 0 &&
	       (key->expires_at == 0 || now < key->expires_at) &&
	       (secret->not_after == 0 || now < secret->not_after);
}

/* Is it vouched for by another version, from which it is to be moved? */
static bool is_behind(struct environment *env, const struct rewrap_pass *pass,
		      const struct key_record *key, const struct secret_record *secret, int64_t now)
{
	return is_live(key, secret, now) && layer_outermost(secret) != pass->version &&
	       !layer_is_dead(env, secret, now);
}

static bool wants_wrap(struct environment *env, const struct rewrap_pass *pass,
		       const struct key_record *key, int which, int64_t now)
{
	const struct secret_record *secret = &key->secrets[which];

	return secret->wrap_count < STORE_WRAPS_MAX && is_behind(env, pass, key, secret, now);
}

static uint64_t count_too_deep(struct environment *env, const struct rewrap_pass *pass,
			       const struct key_record *key, int64_t now)
{
	uint64_t count = 0;

	for (int i = 0; i < SECRETS_PER_KEY; i++) {
		const struct secret_record *secret = &key->secrets[i];

		count += secret->wrap_count == STORE_WRAPS_MAX &&
			 is_behind(env, pass, key, secret, now);
	}
	return count;
}

/* A malformed row has no seal, and nothing that could be moved. */
static bool wants_change(struct environment *env, struct rewrap_pass *pass,
			 const struct key_record *key, int64_t now)
{
	bool wants = false;

	if (key->seal.version == 0)
		return false;
	if (pass->kind == REWRAP_SEALS)
		return key->seal.version != pass->version;
	pass->too_deep += count_too_deep(env, pass, key, now);
	for (int i = 0; i < SECRETS_PER_KEY; i++)
		wants = wants || wants_wrap(env, pass, key, i, now);
	return wants;
}

/* Those that want it and whose seal holds: what was altered outside the vault is not touched. */
static enum pm_err choose(struct environment *env, struct rewrap_pass *pass, struct work *work,
			  int64_t deadline)
{
	size_t wanting = 0;

	for (size_t i = 0; i < work->count; i++) {
		if (!wants_change(env, pass, &work->keys[i], work->now))
			continue;
		seal_cover_key(&work->tasks[wanting], &work->keys[i]);
		work->chosen[wanting++] = &work->keys[i];
	}
	TRY(seal_check(env, work->tasks, wanting, deadline));
	for (size_t i = 0; i < wanting; i++) {
		if (work->tasks[i].holds) {
			work->chosen[work->chosen_count++] = work->chosen[i];
			continue;
		}
		environment_quarantine(env, "key", work->chosen[i]->id);
		pass->altered++;
	}
	return PM_OK;
}

static enum pm_err add_wrap(const struct environment *env, const struct key_record *key,
			    struct secret_record *secret, const struct master_record *active,
			    struct work *work)
{
	size_t i = work->secret_count++;
	struct buf covered = BUF(work->rooms[i]);

	secret->wraps[secret->wrap_count++] = active->version;
	layer_cover(env, key->id, secret, secret->wrap_count, secret->mac, &covered);
	if (covered.full)
		return PM_INTERNAL;
	work->secrets[i] = secret;
	work->jobs[i] = (struct hsm_job){ .data = buf_bytes(&covered) };
	memcpy(work->jobs[i].key.bytes, active->key_id, sizeof(active->key_id));
	return PM_OK;
}

/* One more layer for each secret that wants it. */
static enum pm_err wrap(struct environment *env, const struct rewrap_pass *pass, struct work *work,
			int64_t deadline)
{
	struct master_record active;

	if (pass->kind != REWRAP_SECRETS)
		return PM_OK;
	TRY(environment_master(env, PURPOSE_PEPPER, VAULT_API_KEYS_PEPPER, pass->version, &active));
	for (size_t i = 0; i < work->chosen_count; i++) {
		struct key_record *key = work->chosen[i];

		for (int which = 0; which < SECRETS_PER_KEY; which++) {
			if (wants_wrap(env, pass, key, which, work->now))
				TRY(add_wrap(env, key, &key->secrets[which], &active, work));
		}
	}
	TRY(sure_hmac(env, work->jobs, work->secret_count, deadline));
	for (size_t i = 0; i < work->secret_count; i++)
		memcpy(work->secrets[i]->mac, work->jobs[i].mac, sizeof(work->secrets[i]->mac));
	return PM_OK;
}

static void begin_leaf(struct leaf *leaf, struct environment *env, const struct rewrap_pass *pass,
		       const struct work *work)
{
	bool secrets = pass->kind == REWRAP_SECRETS;

	leaf_begin(leaf, secrets ? LEAF_KEY_REWRAP : LEAF_RECORD_RESEAL, NULL, env->audit, env);
	leaf_number(leaf, secrets ? "pepper_version" : "version", pass->version);
	leaf_number(leaf, "count", (int64_t)work->chosen_count);
	leaf_text(leaf, "first", work->chosen[0]->id);
	leaf_text(leaf, "last", work->chosen[work->chosen_count - 1]->id);
}

/* All of the batch or nothing: whoever changed one of the keys meanwhile has won. */
static enum pm_err save(struct environment *env, const struct rewrap_pass *pass, struct work *work,
			int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop);
	struct store_change changes[REWRAP_BATCH_MAX + 1];
	size_t count = work->chosen_count;

	for (size_t i = 0; i < count; i++) {
		work->chosen[i]->revision++;
		seal_cover_key(&work->tasks[i], work->chosen[i]);
		changes[i] =
			(struct store_change){ .op = STORE_UPDATE_KEY, .key = work->chosen[i] };
	}
	begin_leaf(&leaf, env, pass, work);
	TRY(seal_make(env, work->tasks, count, deadline));
	TRY(leaf_end(&leaf));
	changes[count] = (struct store_change){ .op = STORE_APPEND_LEAF, .leaf = &leaf.record };
	return audit_commit(env->audit, changes, count + 1, NULL, deadline);
}

static void go_past(struct rewrap_pass *pass, const struct work *work)
{
	strcpy(pass->after, work->keys[work->count - 1].id);
	if (pass->batch < REWRAP_BATCH_MAX / 2)
		pass->batch *= 2;
	else
		pass->batch = REWRAP_BATCH_MAX;
}

/* The same again with fewer; a single key that is busy is left to the next pass. */
static void yield(struct rewrap_pass *pass, const struct work *work)
{
	pass->batch /= 2;
	if (pass->batch > 0)
		return;
	pass->batch = 1;
	pass->changed = true;
	go_past(pass, work);
}

static enum pm_err change_batch(struct environment *env, struct rewrap_pass *pass,
				struct work *work, int64_t deadline)
{
	TRY(choose(env, pass, work, deadline));
	if (work->chosen_count == 0)
		return PM_OK;
	TRY(wrap(env, pass, work, deadline));
	TRY(save(env, pass, work, deadline));
	pass->changed = true;
	rewrap_count_moved(pass,
			   pass->kind == REWRAP_SECRETS ? work->secret_count : work->chosen_count);
	return PM_OK;
}

enum pm_err rewrap_keys(struct environment *env, struct rewrap_pass *pass, bool *end,
			int64_t deadline)
{
	struct work *work CLEANUP(free_ptr) = calloc(1, sizeof(*work));
	struct rewrap_pass before = { .too_deep = pass->too_deep, .altered = pass->altered };

	if (!work)
		return PM_NO_MEMORY;
	work->now = clock_unix();
	TRY(store_scan_keys(env->store, env->name, pass->after, work->keys, pass->batch,
			    &work->count));
	*end = work->count == 0;
	if (*end)
		return PM_OK;
	enum pm_err err = change_batch(env, pass, work, deadline);
	if (err == PM_OK) {
		go_past(pass, work);
		return PM_OK;
	}
	/* All of it is looked at again. */
	pass->too_deep = before.too_deep;
	pass->altered = before.altered;
	if (err != PM_CONFLICT)
		return err;
	yield(pass, work);
	return PM_OK;
}
