/*
 * What follows when an account was closed. Its keys verify nothing from that moment on (account_judge);
 * here they are revoked as well, some per commit, so that this can be interrupted anywhere.
 */
#include <string.h>

#include "account.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#define ACCOUNTS 1024                      /* of one round */
#define IDS 512                            /* keys that are looked at for one commit, at most */
#define KEYS ((STORE_CHANGES_MAX - 1) / 2) /* of one commit: each changed, its value deleted */

/* Of one round: others are waiting for theirs. */
#define SLICE_MS 1000

/* Where all that is left was altered outside the vault it says so no more often. */
#define ALTERED_SECONDS 60

/* After that long no mint that began before the account was closed can still come. */
#define SETTLE_SECONDS 60

struct work {
	struct environment *env;
	struct account_record account;
	size_t batch; /* keys of the next commit, at most: fewer when others change them, too */
	size_t id_count, count;
	bool altered, moved; /* what this round saw and did */
	char accounts[ACCOUNTS][STORE_ACCOUNT_MAX + 1];
	char ids[IDS][STORE_ID_LEN + 1];
	struct key_record keys[KEYS];
	struct value_record values[KEYS];
	struct seal_task tasks[KEYS];
	struct store_change changes[STORE_CHANGES_MAX];
};

/* A well-formed one, or none: what is altered outside the vault is not touched. */
static enum pm_err load(struct work *work, const char *id)
{
	struct key_record *key = &work->keys[work->count];
	enum pm_err err = store_get_key(work->env->store, work->env->name, id, key);

	if (err == PM_NOT_FOUND || err == PM_RECORD_QUARANTINED)
		return PM_OK;
	TRY(err);
	if (key->revoked_at == 0)
		work->count++;
	return PM_OK;
}

static enum pm_err keep_sealed(struct work *work, int64_t deadline)
{
	size_t kept = 0;

	for (size_t i = 0; i < work->count; i++)
		seal_cover_key(&work->tasks[i], &work->keys[i]);
	TRY(seal_check(work->env, work->tasks, work->count, deadline));
	for (size_t i = 0; i < work->count; i++) {
		if (!work->tasks[i].holds)
			continue;
		if (kept != i)
			work->keys[kept] = work->keys[i];
		kept++;
	}
	work->count = kept;
	return PM_OK;
}

/* Some keys that can be revoked; none if none is left but those that do not bear their seal. */
static enum pm_err choose(struct work *work, int64_t deadline)
{
	size_t next = 0;

	TRY(store_unrevoked_keys(work->env->store, work->env->name, work->account.id, work->ids,
				 IDS, &work->id_count));
	work->count = 0;
	while (next < work->id_count && work->count == 0) {
		for (; next < work->id_count && work->count < work->batch; next++)
			TRY(load(work, work->ids[next]));
		TRY(keep_sealed(work, deadline));
	}
	return PM_OK;
}

/* Nobody can be shown again what was revoked. */
static void delete_value(struct work *work, size_t i)
{
	struct value_record *value = &work->values[i];

	strcpy(value->environment, work->env->name);
	strcpy(value->id, work->keys[i].id);
	work->changes[work->count + i] =
		(struct store_change){ .op = STORE_DELETE_VALUE, .value = value };
}

static void begin_leaf(struct work *work, struct leaf *leaf)
{
	leaf_begin(leaf, LEAF_ACCOUNT_REVOKE, NULL, work->env->audit, work->env);
	leaf_hide(leaf, "account", work->account.id);
	leaf_number(leaf, "count", (int64_t)work->count);
	if (work->count == 0)
		return;
	leaf_text(leaf, "first", work->keys[0].id);
	leaf_text(leaf, "last", work->keys[work->count - 1].id);
}

/* All of them or none: whoever changed one meanwhile has won, this time. */
static enum pm_err revoke_chosen(struct work *work, int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop);
	size_t count = work->count;

	for (size_t i = 0; i < count; i++) {
		struct key_record *key = &work->keys[i];

		key->revoked_at = clock_unix();
		key->revision++;
		seal_cover_key(&work->tasks[i], key);
		work->changes[i] = (struct store_change){ .op = STORE_UPDATE_KEY, .key = key };
		delete_value(work, i);
	}
	begin_leaf(work, &leaf);
	TRY(seal_make_with_leaf(work->env, work->tasks, count, &leaf, deadline));
	TRY(leaf_end(&leaf));
	work->changes[2 * count] =
		(struct store_change){ .op = STORE_APPEND_LEAF, .leaf = &leaf.record };
	TRY(audit_commit(work->env->audit, work->changes, 2 * count + 1, NULL, deadline));
	work->moved = true;
	return PM_OK;
}

/* It is closed altogether. `count` 0 in the entry: there are no more. */
static enum pm_err settle(struct work *work, int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop);
	const struct store_change changes[] = {
		{ .op = STORE_UPDATE_ACCOUNT, .account = &work->account },
		{ .op = STORE_APPEND_LEAF, .leaf = &leaf.record },
	};

	begin_leaf(work, &leaf);
	work->account.closing = false;
	work->account.revision++;
	seal_cover_account(&work->tasks[0], &work->account);
	TRY(seal_make_with_leaf(work->env, work->tasks, 1, &leaf, deadline));
	TRY(leaf_end(&leaf));
	TRY(audit_commit(work->env->audit, changes, 2, NULL, deadline));
	if (work->id_count > 0)
		log_warn("vault: %zu keys of a closed account of %s do not bear the vault's seal "
			 "and stay as they are: they verify nothing",
			 work->id_count, work->env->name);
	return PM_OK;
}

static void adapt(struct work *work, enum pm_err err)
{
	if (err == PM_CONFLICT)
		work->batch = work->batch > 1 ? work->batch / 2 : 1;
	else
		work->batch = work->batch < KEYS / 2 ? work->batch * 2 : KEYS;
}

static enum pm_err close_account(struct work *work, const char *id, int64_t deadline)
{
	int64_t until = deadline_in_ms(SLICE_MS);

	TRY(account_load(work->env, id, &work->account, deadline));
	work->batch = KEYS;
	work->count = 1; /* as far as is known */
	while (clock_now() < until && clock_now() < deadline) {
		TRY(choose(work, deadline));
		if (work->count == 0)
			break;
		enum pm_err err = revoke_chosen(work, deadline);
		if (err != PM_CONFLICT)
			TRY(err);
		adapt(work, err);
	}
	if (work->count > 0 || clock_unix() < work->account.closed_at + SETTLE_SECONDS)
		return PM_OK;
	if (work->id_count == IDS)
		return PM_RECORD_QUARANTINED; /* behind so many there may be others */
	return settle(work, deadline);
}

static void close_or_say(struct work *work, const char *id, int64_t deadline)
{
	enum pm_err err = close_account(work, id, deadline);

	if (err == PM_RECORD_QUARANTINED)
		work->altered = true;
	if (err != PM_OK && err != PM_CONFLICT && err != PM_DEADLINE_EXCEEDED)
		log_warn("vault: keys of a closed account of %s could not be revoked yet: %s",
			 work->env->name, peppermint_error_name(err));
}

void account_tend(struct environment *env, int64_t deadline)
{
	size_t count = 0;

	if (clock_now() < atomic_load(&env->closing_at))
		return;
	struct work *work CLEANUP(free_ptr) = calloc(1, sizeof(*work));
	if (!work || store_closing_accounts(env->store, env->name, work->accounts, ACCOUNTS,
					    &count) != PM_OK)
		return;
	work->env = env;
	for (size_t i = 0; i < count && clock_now() < deadline; i++)
		close_or_say(work, work->accounts[i], deadline);
	if (work->altered && !work->moved)
		atomic_store(&env->closing_at, clock_now() + ALTERED_SECONDS * NS_PER_SECOND);
}
