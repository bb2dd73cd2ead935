#include "operator.h"

#include <stdio.h>
#include <string.h>

#include "authority.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "refusal.h"

#define LIST_BATCH 50

void operator_maker(const struct actor *actor, char out[STORE_ACTOR_MAX + 1])
{
	snprintf(out, STORE_ACTOR_MAX + 1, "%s%s%s", actor->caller,
		 actor->operator_name[0] ? "/" : "", actor->operator_name);
}

static enum pm_err check(struct environment *env, struct operator_record *record, int64_t deadline)
{
	struct seal_task task;

	seal_cover_operator(&task, record);
	TRY(seal_check_known(env, &task, 1, deadline));
	return task.holds ? PM_OK : PM_RECORD_QUARANTINED;
}

enum pm_err operator_load(struct environment *env, const char *id, struct operator_record *out,
			  int64_t deadline)
{
	enum pm_err err = store_get_operator(env->store, env->name, id, out);

	if (err == PM_OK)
		err = check(env, out, deadline);
	if (err == PM_RECORD_QUARANTINED)
		environment_quarantine(env, "operator", id);
	return err;
}

enum pm_err operator_save(struct environment *env, struct operator_record *record, int64_t deadline)
{
	const struct store_change change = { .op = STORE_UPDATE_OPERATOR, .operator_ = record };
	struct seal_task task;

	record->revision++;
	seal_cover_operator(&task, record);
	TRY(seal_make(env, &task, 1, deadline));
	return audit_commit(env->audit, &change, 1, NULL, deadline);
}

enum pm_err operator_commit(struct environment *env, struct actor *actor, enum store_op op,
			    struct operator_record *record, struct leaf *leaf)
{
	struct executed_record executed;
	const struct store_change changes[] = {
		{ .op = op, .operator_ = record },
		{ .op = STORE_INSERT_EXECUTED, .executed = &executed },
		{ .op = STORE_APPEND_LEAF, .leaf = &leaf->record },
	};
	struct seal_task tasks[2];

	request_record(env, actor, record->id, &executed);
	seal_cover_executed(&tasks[0], &executed);
	seal_cover_operator(&tasks[1], record);
	TRY(seal_make_with_leaf(env, tasks, 2, leaf, actor->deadline));
	TRY(leaf_end(leaf));
	return audit_commit(env->audit, changes, 3, &actor->receipt, actor->deadline);
}

void operator_info_fill(const struct operator_record *record, struct operator_info *info)
{
	struct grants grants;

	grants_read(record->roles, &grants);
	*info = (struct operator_info){
		.grant_count = grants.count,
		.has_pin = record->pin_version != 0,
		.failures = record->failures,
		.locked_until = record->locked_until > clock_unix() ? record->locked_until : 0,
		.created_at = record->created_at,
		.changed_at = record->changed_at,
		.disabled_at = record->disabled_at,
	};
	memcpy(info->grants, grants.list, grants.count * sizeof(grants.list[0]));
	strcpy(info->environment, record->environment);
	strcpy(info->id, record->id);
	strcpy(info->name, record->name);
	snprintf(info->created_by, sizeof(info->created_by), "%s", record->created_by);
}

/* A list, and what it goes through. */
struct listing {
	struct environment *env;
	struct actor *actor;
	const char *account; /* "": all */
	bool whole;          /* their roles in other accounts, too */
	struct operator_info *infos;
	size_t max, count;
	struct operator_record records[LIST_BATCH];
	struct seal_task tasks[LIST_BATCH];
};

/* What somebody may in other accounts is not for whoever asks about this one. */
static void keep_grants_in(const char *account, struct operator_info *info)
{
	size_t kept = 0;

	for (size_t i = 0; i < info->grant_count; i++) {
		const struct grant *grant = &info->grants[i];

		if (strcmp(grant->account, account) == 0 ||
		    strcmp(grant->account, EVERY_ACCOUNT) == 0)
			info->grants[kept++] = *grant;
	}
	info->grant_count = kept;
}

static void add(struct listing *listing, const struct operator_record *record)
{
	struct operator_info *info = &listing->infos[listing->count];
	struct grants grants;

	grants_read(record->roles, &grants);
	if (listing->account[0] && grants_in(&grants, listing->account) == 0)
		return;
	operator_info_fill(record, info);
	if (!listing->whole)
		keep_grants_in(listing->account, info);
	listing->count++;
}

/* Its fields mean nothing: it is told by its id only, and only to who asks for all. */
static enum pm_err add_quarantined(struct listing *listing, const struct operator_record *record)
{
	struct operator_info *info = &listing->infos[listing->count];

	environment_quarantine(listing->env, "operator", record->id);
	TRY(refusal_of_quarantined(listing->env, listing->actor, NULL));
	if (listing->account[0])
		return PM_OK;
	*info = (struct operator_info){ .grant_count = 0 };
	strcpy(info->environment, listing->env->name);
	strcpy(info->id, record->id);
	listing->count++;
	return PM_OK;
}

/* `used`: how many of the records were looked at before the list was full. */
static enum pm_err add_batch(struct listing *listing, size_t count, size_t *used)
{
	for (size_t i = 0; i < count; i++)
		seal_cover_operator(&listing->tasks[i], &listing->records[i]);
	TRY(seal_check_known(listing->env, listing->tasks, count, listing->actor->deadline));
	for (*used = 0; *used < count && listing->count < listing->max; (*used)++) {
		if (listing->tasks[*used].holds)
			add(listing, &listing->records[*used]);
		else
			TRY(add_quarantined(listing, &listing->records[*used]));
	}
	return PM_OK;
}

static enum pm_err fill(struct listing *listing, const char *after, uint64_t *total, bool *more)
{
	char last[STORE_ACCOUNT_MAX + 1];
	size_t count = 0, used = 0;

	if (!copy_text(last, sizeof(last), after))
		return PM_BAD_REQUEST;
	do {
		if (clock_now() > listing->actor->deadline)
			return PM_DEADLINE_EXCEEDED;
		TRY(store_list_operators(listing->env->store, listing->env->name, last,
					 listing->records, LIST_BATCH, &count, total));
		TRY(add_batch(listing, count, &used));
		if (used > 0)
			strcpy(last, listing->records[used - 1].id);
	} while (count == LIST_BATCH && listing->count < listing->max);
	*more = used < count || (count == LIST_BATCH && listing->count == listing->max);
	return PM_OK;
}

static enum pm_err tell_read(struct environment *env, struct actor *actor)
{
	const struct fold_act act = { .type = LEAF_OPERATOR_READ, .env = env, .count = 1 };

	return audit_acts(env->audit, actor, &act, 1);
}

enum pm_err vault_list_operators(struct vault *vault, struct actor *actor, const char *environment,
				 const char *account, const char *after,
				 struct operator_info *infos, size_t max, size_t *count,
				 uint64_t *total, bool *more)
{
	struct listing *listing CLEANUP(free_ptr) = calloc(1, sizeof(*listing));

	if (!listing)
		return PM_NO_MEMORY;
	if (actor->on_behalf && account[0] == '\0') {
		actor->why = "account: required of a portal";
		return PM_BAD_REQUEST;
	}
	TRY(vault_enter(vault, actor, environment, &listing->env));
	TRY(authority_over_account(vault, listing->env, actor, account, NEED_OPERATORS, 0, ""));
	listing->actor = actor;
	listing->account = account;
	listing->whole = !actor->on_behalf || strcmp(account, EVERY_ACCOUNT) == 0;
	listing->infos = infos;
	listing->max = max;
	TRY(fill(listing, after, total, more));
	*count = listing->count;
	return tell_read(listing->env, actor);
}
