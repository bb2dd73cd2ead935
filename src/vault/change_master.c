/* Changes of a master key's state: each is one commit with its entry and what was executed. */
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "domain.h"
#include "master.h"
#include "masters.h"
#include "renew.h"
#include "rewrap.h"
#include "state.h"
#include "verbs.h"

static const enum leaf_type leaf_types[] = {
	[MASTER_VERB_ACTIVATE] = LEAF_MASTER_ACTIVATE,
	[MASTER_VERB_SUSPEND] = LEAF_MASTER_SUSPEND,
	[MASTER_VERB_RESUME] = LEAF_MASTER_RESUME,
	[MASTER_VERB_COMPROMISE] = LEAF_MASTER_COMPROMISE,
	[MASTER_VERB_REWRAP] = LEAF_MASTER_REWRAP,
	[MASTER_VERB_DESTROY] = LEAF_MASTER_SCHEDULE,
	[MASTER_VERB_CANCEL] = LEAF_MASTER_CANCEL,
};

static void begin_leaf(const struct master_change *change, struct leaf *leaf)
{
	const struct master_record *after = &change->after;

	master_leaf(leaf, leaf_types[change->params->verb], change->actor, change->env, after);
	leaf_text(leaf, "before", state_rules(change->before.state)->name);
	leaf_text(leaf, "after", state_rules(after->state)->name);
	if (after->destroy_at != 0)
		leaf_time(leaf, "destroy_at", after->destroy_at);
	if (after->state == MASTER_COMPROMISED && after->ends_at != 0)
		leaf_time(leaf, "ends_at", after->ends_at);
	if (change->affected > 0)
		leaf_number(leaf, "records", (int64_t)change->affected);
	leaf_resolve(leaf, change->actor->deadline);
}

/* Records of a compromised version are moved off it at once, if there is one to move them to. */
static bool starts_rewrap(const struct master_change *change)
{
	return change->params->verb == MASTER_VERB_COMPROMISE && change->active.version != 0 &&
	       change->before.state != MASTER_STAGED && !change->active.rewrap &&
	       rewrap_applies(change->purpose, change->params->name);
}

static enum pm_err commit(struct master_change *change, struct leaf *leaf,
			  struct executed_record *executed)
{
	struct environment *env = change->env;
	struct master_record records[2] = { change->after, change->active };
	size_t count = starts_rewrap(change) ? 2 : 1;
	int64_t deadline = change->actor->deadline;
	const struct store_change changes[] = {
		{ .op = STORE_INSERT_EXECUTED, .executed = executed },
		{ .op = STORE_UPDATE_MASTER, .master = &records[0] },
		{ .op = STORE_APPEND_LEAF, .leaf = &leaf->record },
		{ .op = STORE_UPDATE_MASTER, .master = &records[1] },
	};

	if (records[0].state != change->before.state)
		records[0].changed_at = clock_unix();
	TRY(master_revise(env, &records[0], deadline));
	records[1].rewrap = true;
	if (count == 2)
		TRY(master_revise(env, &records[1], deadline));
	TRY(master_seal_executed(env, &records[0], executed, deadline));
	TRY(leaf_end(leaf));
	TRY(audit_commit(env->audit, changes, 2 + count, &change->actor->receipt, deadline));
	change->after = records[0];
	return environment_put_masters(env, records, count);
}

static enum pm_err set_state(struct master_change *change)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	struct executed_record executed;

	begin_leaf(change, &leaf);
	request_record(change->env, change->actor, "", &executed);
	return commit(change, &leaf, &executed);
}

static enum pm_err activate(struct master_change *change)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	struct executed_record executed;
	const struct takeover_terms terms = {
		.executed = &executed,
		.leaf = &leaf,
		.leaf_tells = TELLS_OF_NEW,
	};

	begin_leaf(change, &leaf);
	request_record(change->env, change->actor, "", &executed);
	change->after = change->before;
	TRY(takeover_commit(change->env, &change->after, NULL, &terms, change->actor->deadline));
	audit_receipt(&leaf.receipt, &change->actor->receipt);
	return PM_OK;
}

static enum pm_err renew_version(struct master_change *change)
{
	bool compromised = change->params->verb == MASTER_VERB_COMPROMISE;
	struct renewal renewal = {
		.purpose = change->purpose,
		.name = change->params->name,
		.actor = change->actor,
		.compromised = compromised ? &change->before : NULL,
		.ends_at = change->after.ends_at,
		.rewrap = compromised && rewrap_applies(change->purpose, change->params->name),
	};

	TRY(renew(change->env, &renewal, change->actor->deadline));
	if (!compromised) {
		change->after = renewal.made;
		return PM_OK;
	}
	return environment_master(change->env, change->purpose, change->params->name,
				  change->before.version, &change->after);
}

static enum pm_err execute(struct master_change *change)
{
	switch (change->params->verb) {
	case MASTER_VERB_ROTATE:
		return renew_version(change);
	case MASTER_VERB_ACTIVATE:
		return activate(change);
	case MASTER_VERB_COMPROMISE:
		return change->before.state == MASTER_ACTIVE ? renew_version(change)
							     : set_state(change);
	default:
		return set_state(change);
	}
}

static void fill(const struct master_change *change, struct master_outcome *out)
{
	const struct master_record *records[] = { &change->before, &change->after };
	struct master_info *infos[] = { &out->before, &out->after };

	for (size_t i = 0; i < 2; i++) {
		const struct usage usage =
			usage_of(change->lines, change->line_count, records[i]->version);
		if (records[i]->environment[0])
			master_info_fill(change->env, records[i], &usage, infos[i]);
	}
	out->affected = change->affected;
}

/* Inside a change of the environment. */
static enum pm_err change_master(struct master_change *change, struct master_outcome *out)
{
	if (!change->params->dry_run)
		TRY(request_begin(change->env, change->actor));
	TRY(verbs_plan(change));
	if (!change->params->dry_run)
		TRY(execute(change));
	fill(change, out);
	return PM_OK;
}

enum pm_err vault_change_master(struct vault *vault, struct actor *actor,
				const struct master_params *params, struct master_outcome *out)
{
	struct master_change *change CLEANUP(free_ptr) = calloc(1, sizeof(*change));

	if (!change)
		return PM_NO_MEMORY;
	*out = (struct master_outcome){ .affected = 0 };
	change->actor = actor;
	change->params = params;
	change->purpose = params->purpose[0] ? params->purpose : PURPOSE_PEPPER;
	change->now = clock_unix();
	change->text = out->text;
	TRY(vault_enter(vault, actor, params->environment, &change->env));
	TRY(environment_begin_change(change->env, actor->deadline));
	enum pm_err err = change_master(change, out);
	environment_end_change(change->env);
	return err;
}
