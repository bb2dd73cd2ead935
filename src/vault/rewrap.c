#include "rewrap.h"

#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "leaf.h"
#include "period.h"
#include "rewrap_pass.h"
#include "seal.h"
#include "takeover.h"
#include "usage.h"

static const struct {
	const char *purpose, *name;
} kinds[REWRAP_KINDS] = {
	[REWRAP_SECRETS] = { PURPOSE_PEPPER, VAULT_API_KEYS_PEPPER },
	[REWRAP_SEALS] = { PURPOSE_INTEGRITY, INTEGRITY_NAME },
};

struct rewrap {
	struct rewrap_pass passes[REWRAP_KINDS];
};

enum pm_err rewrap_new(struct rewrap **out)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return PM_NO_MEMORY;
	for (enum rewrap_kind kind = 0; kind < REWRAP_KINDS; kind++)
		(*out)->passes[kind].kind = kind;
	return PM_OK;
}

void rewrap_free(struct rewrap *rewrap)
{
	free(rewrap);
}

/* REWRAP_KINDS: it is none. */
static enum rewrap_kind kind_of(const char *purpose, const char *name)
{
	enum rewrap_kind kind = 0;

	while (kind < REWRAP_KINDS &&
	       (strcmp(kinds[kind].purpose, purpose) != 0 || strcmp(kinds[kind].name, name) != 0))
		kind++;
	return kind;
}

bool rewrap_applies(const char *purpose, const char *name)
{
	return kind_of(purpose, name) != REWRAP_KINDS;
}

uint64_t rewrap_left(struct environment *env, const char *purpose, const char *name)
{
	enum rewrap_kind kind = kind_of(purpose, name);

	return kind == REWRAP_KINDS ? 0 : atomic_load(&env->rewrap->passes[kind].left);
}

void rewrap_count_moved(struct rewrap_pass *pass, uint64_t moved)
{
	uint64_t left = atomic_load(&pass->left);

	atomic_store(&pass->left, left > moved ? left - moved : 0);
}

/* For people to see how far it is: without it the work is done as well. */
static uint64_t count_left(struct environment *env, const struct rewrap_pass *pass)
{
	struct usage *lines CLEANUP(free_ptr) = calloc(MASTERS_MAX, sizeof(*lines));
	size_t count = 0;
	uint64_t left = 0;

	if (!lines || usage_count(env, kinds[pass->kind].purpose, kinds[pass->kind].name, lines,
				  MASTERS_MAX, &count) != PM_OK)
		return 0;
	for (size_t i = 0; i < count; i++)
		left += lines[i].to_rewrap;
	return left;
}

static void begin_pass(struct rewrap_pass *pass)
{
	pass->after[0] = '\0';
	pass->people = PEOPLE_ACCOUNTS;
	pass->after_person[0] = '\0';
	pass->batch = REWRAP_BATCH_MAX;
	pass->changed = false;
	pass->too_deep = 0;
	pass->altered = 0;
}

static void begin(struct environment *env, struct rewrap_pass *pass, uint32_t version)
{
	begin_pass(pass);
	pass->version = version;
	atomic_store(&pass->left, count_left(env, pass));
	log_info("vault: %s: moving %llu records to %s version %u", env->name,
		 (unsigned long long)atomic_load(&pass->left), kinds[pass->kind].name, version);
}

static void stop(struct rewrap_pass *pass)
{
	pass->version = 0;
	atomic_store(&pass->left, 0);
}

/* It is over, says the record; what had to be left alone is in the entry, and in the log. */
static enum pm_err save_end(struct environment *env, const struct rewrap_pass *pass,
			    struct master_record *active, int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop);
	const struct store_change changes[] = {
		{ .op = STORE_UPDATE_MASTER, .master = active },
		{ .op = STORE_APPEND_LEAF, .leaf = &leaf.record },
	};
	struct seal_task task;

	active->rewrap = false;
	active->revision++;
	leaf_begin(&leaf, LEAF_MASTER_REWRAPPED, NULL, env->audit, env);
	leaf_text(&leaf, "purpose", active->purpose);
	leaf_text(&leaf, "name", active->name);
	leaf_number(&leaf, "version", active->version);
	leaf_number(&leaf, "altered", (int64_t)pass->altered);
	leaf_number(&leaf, "too_deep", (int64_t)pass->too_deep);
	seal_cover_master(&task, active);
	TRY(seal_make(env, &task, 1, deadline));
	TRY(leaf_end(&leaf));
	TRY(audit_commit(env->audit, changes, 2, NULL, deadline));
	return environment_put_masters(env, active, 1);
}

/* The active version, if it is still the one that this pass is for and is still to be done. */
static bool is_current(struct environment *env, const struct rewrap_pass *pass,
		       struct master_record *active)
{
	return environment_master(env, kinds[pass->kind].purpose, kinds[pass->kind].name, 0,
				  active) == PM_OK &&
	       active->version == pass->version && active->rewrap;
}

/* Inside a change. Where another version took over, the next look begins with that. */
static enum pm_err end(struct environment *env, struct rewrap_pass *pass, int64_t deadline)
{
	struct master_record active;

	if (!is_current(env, pass, &active))
		return PM_OK;
	TRY(rewrap_founding(env, pass, deadline));
	/* Its own record may be among those that were sealed anew. */
	if (!is_current(env, pass, &active))
		return PM_INTERNAL;
	TRY(save_end(env, pass, &active, deadline));
	log_info("vault: %s: all records are under %s version %u, but for %llu altered outside the "
		 "vault and %llu wrapped too often, which move on their next verify",
		 env->name, active.name, active.version, (unsigned long long)pass->altered,
		 (unsigned long long)pass->too_deep);
	return PM_OK;
}

static enum pm_err end_in_change(struct environment *env, struct rewrap_pass *pass,
				 int64_t deadline)
{
	TRY(environment_begin_change(env, deadline));
	enum pm_err err = end(env, pass, deadline);
	environment_end_change(env);
	TRY(err);
	stop(pass);
	return PM_OK;
}

/*
 * What a request from before a takeover still brings is under a version that may have an end: it must not
 * be left behind.
 */
static bool is_more_to_come(struct environment *env, enum rewrap_kind kind)
{
	bool compromised = false;

	if (takeover_is_drained(env))
		return false;
	pthread_rwlock_rdlock(&env->lock);
	for (size_t i = 0; i < env->master_count; i++) {
		const struct master_record *master = &env->masters[i];

		compromised = compromised || (master->state == MASTER_COMPROMISED &&
					      kind_of(master->purpose, master->name) == kind);
	}
	pthread_rwlock_unlock(&env->lock);
	return compromised;
}

static enum pm_err do_some(struct environment *env, struct rewrap_pass *pass,
			   const struct master_record *active, bool *more, int64_t deadline)
{
	bool end = false;

	TRY(period_may_make(env, active));
	if (pass->version != active->version)
		begin(env, pass, active->version);
	TRY(rewrap_keys(env, pass, &end, deadline));
	if (end)
		TRY(rewrap_people(env, pass, &end, deadline));
	*more = true;
	if (!end)
		return PM_OK;
	if (is_more_to_come(env, pass->kind)) {
		*more = false; /* it waits here, and then goes over all once more */
		pass->changed = true;
		return PM_OK;
	}
	if (!pass->changed)
		return end_in_change(env, pass, deadline);
	begin_pass(pass);
	return PM_OK;
}

enum pm_err rewrap_some(struct environment *env, int64_t deadline, bool *more)
{
	struct master_record active;

	*more = false;
	TRY(audit_admit(env->audit));
	if (!environment_in_service(env))
		return PM_OK;
	for (enum rewrap_kind kind = 0; kind < REWRAP_KINDS && !*more; kind++) {
		struct rewrap_pass *pass = &env->rewrap->passes[kind];

		if (environment_master(env, kinds[kind].purpose, kinds[kind].name, 0, &active) ==
			    PM_OK &&
		    active.rewrap)
			TRY(do_some(env, pass, &active, more, deadline));
		else
			stop(pass);
	}
	return PM_OK;
}
