/* The end of a master key: its object is destroyed in every token, then its record says so. */
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "check.h"
#include "leaf.h"
#include "master.h"
#include "standby.h"
#include "state.h"
#include "upkeep.h"
#include "usage.h"

#define DESTROY_TIMEOUT_MS 5000
#define RETRY_SECONDS 30

static enum pm_err is_there(struct hsm *token, const struct hsm_id *id, const char *label,
			    bool *there, int64_t deadline)
{
	struct hsm_object *objects CLEANUP(free_ptr) = calloc(HSM_OBJECTS_MAX, sizeof(*objects));
	size_t count = 0;

	if (!objects)
		return PM_NO_MEMORY;
	*there = false;
	TRY(hsm_list(token, label, objects, &count, deadline));
	for (size_t i = 0; i < count; i++)
		*there = *there || memcmp(&objects[i].id, id, sizeof(*id)) == 0;
	return PM_OK;
}

static enum pm_err destroy_in(struct hsm *token, const struct hsm_id *id, const char *label,
			      int64_t deadline)
{
	bool there = true;

	enum pm_err err = hsm_destroy(token, id, label, deadline);
	/* What became of it is settled by looking. */
	if (err != PM_OUTCOME_UNKNOWN)
		TRY(err);
	TRY(is_there(token, id, label, &there, deadline));
	return there ? PM_HSM_UNAVAILABLE : PM_OK;
}

enum pm_err destroy_object(struct environment *env, const struct hsm_id *id, const char *label,
			   int64_t deadline)
{
	for (size_t i = 0; i < standby_tokens(env); i++)
		TRY(destroy_in(hsm_member(env->hsm, i), id, label, deadline));
	return PM_OK;
}

/* How many records need it now. */
static enum pm_err count_needed(struct environment *env, const struct master_record *master,
				uint64_t *needed)
{
	struct usage lines[VAULT_PEPPER_VERSIONS_MAX];
	size_t count = 0;

	TRY(usage_count(env, master->purpose, master->name, lines, VAULT_PEPPER_VERSIONS_MAX,
			&count));
	*needed = usage_of(lines, count, master->version).needed;
	return PM_OK;
}

static enum pm_err settle(struct environment *env, struct master_record *master,
			  enum master_state state, enum leaf_type type, uint64_t needed,
			  int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	const char *before = state_rules(master->state)->name;

	master->prior = 0;
	master->destroy_at = 0;
	TRY(master_set_state(env, master, state, deadline));
	master_leaf(&leaf, type, NULL, env, master);
	leaf_text(&leaf, "before", before);
	leaf_text(&leaf, "after", state_rules(state)->name);
	if (needed > 0)
		leaf_number(&leaf, "needed", (int64_t)needed);
	return master_commit(env, STORE_UPDATE_MASTER, master, NULL, &leaf, deadline);
}

/* Nothing that a record needs is destroyed: what turned out to be needed goes back. */
static enum pm_err keep(struct environment *env, struct master_record *master, uint64_t needed,
			int64_t deadline)
{
	enum master_state prior = master->prior;

	log_error("vault: %s %s version %u of %s is not destroyed: %llu records need it again",
		  master->purpose, master->name, master->version, env->name,
		  (unsigned long long)needed);
	if (!state_may_follow(master->state, prior))
		return PM_INTERNAL;
	return settle(env, master, prior, LEAF_MASTER_CANCEL, needed, deadline);
}

/*
 * There is no way back from here, whatever the clock says later: not once the object is gone from one
 * token. The store writes in turns, so all that was committed before is counted after.
 */
static enum pm_err begin(struct environment *env, struct master_record *master, int64_t deadline)
{
	const struct store_change change = { .op = STORE_UPDATE_MASTER, .master = master };

	if (master->destroy_at == 0)
		return PM_OK;
	master->destroy_at = 0;
	TRY(master_revise(env, master, deadline));
	TRY(audit_commit(env->audit, &change, 1, NULL, deadline));
	return environment_put_masters(env, master, 1);
}

static enum pm_err destroy(struct environment *env, struct master_record *master, int64_t deadline)
{
	char label[HSM_LABEL_MAX + 1];
	struct hsm_id id;
	uint64_t needed = 0;

	TRY(begin(env, master, deadline));
	TRY(count_needed(env, master, &needed));
	/* Counting takes as long as there are keys. */
	deadline = deadline_in_ms(DESTROY_TIMEOUT_MS);
	if (needed > 0)
		return keep(env, master, needed, deadline);
	master_label(master, label);
	memcpy(id.bytes, master->key_id, sizeof(id.bytes));
	TRY(destroy_object(env, &id, label, deadline));
	TRY(settle(env, master, MASTER_DESTROYED, LEAF_MASTER_DESTROY, 0, deadline));
	log_warn("vault: %s %s version %u of %s is destroyed", master->purpose, master->name,
		 master->version, env->name);
	return PM_OK;
}

static bool find_due(struct environment *env, struct master_record *out)
{
	bool found = false;

	pthread_rwlock_rdlock(&env->lock);
	for (size_t i = 0; i < env->master_count && !found; i++) {
		found = check_is_due(&env->masters[i]);
		if (found)
			*out = env->masters[i];
	}
	pthread_rwlock_unlock(&env->lock);
	return found;
}

/* One at a time; the next in a second. */
void destroy_tend(struct environment *env, int64_t deadline)
{
	struct master_record due;

	if (clock_now() < atomic_load(&env->destroy_at) || !takeover_is_drained(env) ||
	    !find_due(env, &due) || environment_begin_change(env, deadline) != PM_OK)
		return;
	/* It may have been cancelled meanwhile. */
	enum pm_err err = find_due(env, &due) ? destroy(env, &due, deadline) : PM_OK;
	environment_end_change(env);
	if (err == PM_OK)
		return;
	atomic_store(&env->destroy_at, clock_now() + RETRY_SECONDS * NS_PER_SECOND);
	log_warn("vault: %s %s version %u of %s is due to be destroyed, and is still there: %s",
		 due.purpose, due.name, due.version, env->name, peppermint_error_name(err));
}
