/* Acts that change nothing: an entry each, or counts in a table (fold.h) that become entries. */
#include "act.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit_state.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "fold.h"

#define MINUTE 60
#define ALL INT64_MAX

/* Leaves that are committed together. */
struct leaves {
	size_t count;
	struct leaf leaf[];
};

static struct leaves *leaves_new(size_t count)
{
	struct leaves *leaves = malloc(sizeof(*leaves) + count * sizeof(leaves->leaf[0]));

	if (leaves)
		leaves->count = 0;
	return leaves;
}

static void leaves_freep(struct leaves **leaves)
{
	if (!*leaves)
		return;
	for (size_t i = 0; i < (*leaves)->count; i++)
		leaf_drop(&(*leaves)->leaf[i]);
	free(*leaves);
}

static enum pm_err commit(struct audit *audit, struct leaves *leaves, struct vault_receipt *receipt,
			  int64_t deadline)
{
	struct store_change changes[STORE_CHANGES_MAX];

	for (size_t i = 0; i < leaves->count; i++) {
		TRY(leaf_end(&leaves->leaf[i]));
		changes[i] = (struct store_change){ .op = STORE_APPEND_LEAF,
						    .leaf = &leaves->leaf[i].record };
	}
	return audit_commit(audit, changes, leaves->count, receipt, deadline);
}

static const char *key_field(enum leaf_type type)
{
	switch (type) {
	case LEAF_VALUE_HASH:
	case LEAF_VALUE_VERIFY:
	case LEAF_VALUE_REFUSE:
		return "pepper";
	case LEAF_INVENTORY_READ:
	case LEAF_LOG_READ:
		return "report";
	default:
		return "key";
	}
}

static void put_act(struct leaf *leaf, const struct fold_name *name)
{
	if (name->err != PM_OK)
		leaf_fail(leaf, name->err);
	if (name->key[0])
		leaf_text(leaf, key_field(name->type), name->key);
	if (name->version != 0)
		leaf_number(leaf, "version", name->version);
	if (name->reason != PM_REASON_NONE)
		leaf_text(leaf, "reason", peppermint_reason_name(name->reason));
}

static void put_count(struct leaf *leaf, uint64_t count)
{
	leaf_number(leaf, "count", (int64_t)count);
}

/* Counts become entries. */

static void begin_fold(struct audit *audit, struct leaf *leaf, const struct fold *fold)
{
	const struct actor actor = {
		.uid = fold->uid,
		.pid = fold->pid,
		.caller = fold->caller,
		.operator_name = fold->other_operators ? "" : fold->operator_name,
		.request_id = "",
		.connection = fold->connection,
	};
	char from[64];

	leaf_begin(leaf, fold->name.type, &actor, audit, fold->name.env);
	if (fold->other_connections) {
		snprintf(from, sizeof(from), "connection %llu and others",
			 (unsigned long long)fold->connection);
		leaf_text(leaf, "from", from);
	}
	if (fold->other_operators)
		leaf_text(leaf, "operator", "any");
	put_act(leaf, &fold->name);
	if (fold->other_uids)
		leaf_flag(leaf, "other_uids", true);
	put_count(leaf, fold->count);
	if (fold->missed > 0)
		leaf_number(leaf, "missed", (int64_t)fold->missed);
	leaf_time(leaf, "since", fold->since);
	leaf_time(leaf, "until", fold->until);
}

static enum pm_err write_folds(struct audit *audit, const struct fold_batch *batch,
			       int64_t deadline)
{
	struct leaves *leaves CLEANUP(leaves_freep) = leaves_new(batch->count);

	if (!leaves)
		return PM_NO_MEMORY;
	for (; leaves->count < batch->count; leaves->count++)
		begin_fold(audit, &leaves->leaf[leaves->count], batch->folds[leaves->count]);
	for (size_t i = 0; i < audit->environment_count; i++)
		leaves_resolve(leaves->leaf, leaves->count, &audit->environments[i], deadline);
	return commit(audit, leaves, NULL, deadline);
}

static enum pm_err write_batch(struct audit *audit, struct fold_batch *batch, int64_t deadline)
{
	if (batch->count == 0)
		return PM_OK;
	enum pm_err err = write_folds(audit, batch, deadline);
	folds_settle(audit->folds, batch, err == PM_OK);
	return err;
}

enum pm_err audit_flush(struct audit *audit, bool all, int64_t deadline)
{
	int64_t minute = all ? ALL : clock_unix() / MINUTE;
	struct fold_batch batch = { 0 };

	for (size_t shard = 0; shard < FOLD_SHARDS; shard++) {
		size_t from = 0;

		while (folds_take(audit->folds, shard, minute, &from, &batch))
			TRY(write_batch(audit, &batch, deadline));
	}
	return write_batch(audit, &batch, deadline);
}

/* Whoever needs room writes some of what has it. PM_BUSY: others are about to. */
static enum pm_err make_room(struct audit *audit, size_t shard, int64_t deadline)
{
	struct fold_batch batch = { 0 };
	size_t from = 0;

	folds_take(audit->folds, shard, ALL, &from, &batch);
	return batch.count == 0 ? PM_BUSY : write_batch(audit, &batch, deadline);
}

static enum pm_err count_act(struct audit *audit, const struct actor *actor,
			     const struct fold_name *name, const struct fold_act *act, int64_t now)
{
	size_t shard = 0;

	if (folds_count(audit->folds, name, actor, act, now, &shard))
		return PM_OK;
	TRY(make_room(audit, shard, actor->deadline));
	return folds_count(audit->folds, name, actor, act, now, &shard) ? PM_OK : PM_BUSY;
}

/* An entry each. */

static struct fold_name name_of(const struct fold_act *act, enum pm_err err)
{
	struct fold_name name = {
		.type = act->type,
		.err = err,
		.reason = act->reason,
		.version = act->version,
		.env = act->env,
	};

	snprintf(name.key, sizeof(name.key), "%s", act->key ? act->key : "");
	return name;
}

static void begin_act(struct audit *audit, const struct actor *actor, const struct fold_act *act,
		      enum pm_err err, struct leaves *leaves)
{
	struct fold_name name = name_of(act, err);
	struct leaf *leaf = &leaves->leaf[leaves->count];

	leaf_begin(leaf, act->type, actor, audit, act->env);
	put_act(leaf, &name);
	if (act->count > 1)
		put_count(leaf, act->count);
	/* They all name the same operator and request. */
	if (leaves->count == 0)
		leaf_resolve(leaf, actor->deadline);
	else
		leaf_take_tags(leaf, &leaves->leaf[0]);
	leaves->count++;
}

/* Why a refusal was one, where its reason does not say more than that it was. */
static enum pm_err error_of(const struct fold_act *act)
{
	if (act->type == LEAF_KEY_QUARANTINE)
		return PM_RECORD_QUARANTINED;
	return act->type == LEAF_KEY_READ ? PM_NOT_FOUND : PM_DENIED;
}

static enum pm_err commit_some(struct audit *audit, struct actor *actor,
			       const struct fold_act *const *acts, size_t count, bool refused)
{
	struct leaves *leaves CLEANUP(leaves_freep) = leaves_new(count);

	if (!leaves)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < count; i++)
		begin_act(audit, actor, acts[i], refused ? error_of(acts[i]) : PM_OK, leaves);
	return commit(audit, leaves, &actor->receipt, actor->deadline);
}

static enum pm_err commit_each(struct audit *audit, struct actor *actor,
			       const struct fold_act *acts, size_t count)
{
	const struct fold_act *some[STORE_CHANGES_MAX];
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		some[used++] = &acts[i];
		if (used < STORE_CHANGES_MAX && i + 1 < count)
			continue;
		TRY(commit_some(audit, actor, some, used, false));
		used = 0;
	}
	return PM_OK;
}

/*
 * Who reads is told person by person. Who verifies or hashes is not: those callers change nothing
 * else, and shall not make the log grow by naming ever other operators.
 */
static bool is_told_by_operator(enum leaf_type type)
{
	return type != LEAF_KEY_VERIFY && type != LEAF_VALUE_HASH && type != LEAF_VALUE_VERIFY;
}

enum pm_err audit_acts(struct audit *audit, struct actor *actor, const struct fold_act *acts,
		       size_t count)
{
	int64_t now = clock_unix();

	TRY(audit_admit(audit));
	if (folds_each(audit->folds))
		return commit_each(audit, actor, acts, count);
	for (size_t i = 0; i < count; i++) {
		struct fold_name name = name_of(&acts[i], PM_OK);

		name.uid = actor->uid;
		name.minute = now / MINUTE;
		if (is_told_by_operator(acts[i].type))
			snprintf(name.operator_name, sizeof(name.operator_name), "%s",
				 actor->operator_name);
		TRY(count_act(audit, actor, &name, &acts[i], now));
	}
	return PM_OK;
}

enum pm_err act_count_refusal(struct audit *audit, const struct actor *actor,
			      const struct fold_act *act, enum pm_err err)
{
	int64_t now = clock_unix();
	const struct fold_name name = {
		.type = act->type,
		.err = err,
		.reason = act->reason,
		.uid = act->type == LEAF_CALL_UNKNOWN ? actor->uid % RATE_STRANGERS : actor->uid,
		.minute = now / MINUTE,
		.env = act->env,
	};

	return count_act(audit, actor, &name, act, now);
}

enum pm_err audit_refusals(struct audit *audit, struct actor *actor, const struct fold_act *acts,
			   size_t count)
{
	const struct fold_act *some[STORE_CHANGES_MAX];
	size_t used = 0;

	if (count == 0)
		return PM_OK;
	TRY(audit_admit(audit));
	for (size_t i = 0; i < count; i++) {
		if (!audit_refusal_allowed(audit, actor->uid)) {
			TRY(act_count_refusal(audit, actor, &acts[i], error_of(&acts[i])));
			continue;
		}
		some[used++] = &acts[i];
		if (used < STORE_CHANGES_MAX)
			continue;
		TRY(commit_some(audit, actor, some, used, true));
		used = 0;
	}
	return used == 0 ? PM_OK : commit_some(audit, actor, some, used, true);
}

bool audit_refusal_allowed(struct audit *audit, uint32_t uid)
{
	return rate_take(folds_rates(audit->folds), uid, false);
}

bool act_stranger_allowed(struct audit *audit, uint32_t uid)
{
	return rate_take(folds_rates(audit->folds), uid, true);
}
