#include "seal.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "period.h"
#include "sealed.h"
#include "state.h"
#include "sure.h"

static void use_key(const struct master_record *integrity, const struct seal_task *task,
		    struct hsm_job *job)
{
	memcpy(job->key.bytes, integrity->key_id, sizeof(job->key.bytes));
	job->data = buf_bytes(&task->covered);
}

/*
 * A version that is suspended, or past its end, vouches for no record but those that say what it is:
 * without them nobody could resume it, or seal the others anew.
 */
static bool vouches(struct environment *env, const struct seal_task *task,
		    const struct master_record *integrity)
{
	if (!state_in_token(integrity))
		return false;
	if (task->founding || period_vouches(env, integrity, clock_unix()))
		return true;
	log_warn("vault: a record of %s is sealed under version %u of the integrity key, which is "
		 "%s and vouches for nothing now",
		 env->name, integrity->version, state_rules(integrity->state)->name);
	return false;
}

enum pm_err seal_job(struct environment *env, const struct seal_task *task, struct hsm_job *job)
{
	struct master_record integrity;

	if (task->covered.full)
		return PM_INTERNAL;
	/* Not sealed at all; 0 would stand for the active version below. */
	if (task->seal->version == 0 ||
	    environment_master(env, PURPOSE_INTEGRITY, INTEGRITY_NAME, task->seal->version,
			       &integrity) != PM_OK ||
	    !vouches(env, task, &integrity))
		return PM_RECORD_QUARANTINED;
	use_key(&integrity, task, job);
	return PM_OK;
}

bool seal_matches(const struct seal_task *task, const uint8_t mac[HSM_MAC_LEN])
{
	return secret_equal(task->seal->mac, mac, sizeof(task->seal->mac));
}

enum pm_err seal_make_with_leaf(struct environment *env, struct seal_task *tasks, size_t count,
				struct leaf *leaf, int64_t deadline)
{
	struct hsm_job jobs[SEAL_TASKS_MAX + LEAF_HIDDEN_MAX];
	struct master_record active;

	if (count > SEAL_TASKS_MAX)
		return PM_TOO_LARGE;
	TRY(environment_master(env, PURPOSE_INTEGRITY, INTEGRITY_NAME, 0, &active));
	for (size_t i = 0; i < count; i++) {
		if (tasks[i].covered.full)
			return PM_INTERNAL;
		use_key(&active, &tasks[i], &jobs[i]);
	}
	size_t hidden = leaf ? leaf_jobs(leaf, jobs + count) : 0;
	TRY(sure_hmac(env, jobs, count + hidden, deadline));
	for (size_t i = 0; i < count; i++) {
		tasks[i].seal->version = active.version;
		memcpy(tasks[i].seal->mac, jobs[i].mac, sizeof(tasks[i].seal->mac));
	}
	if (leaf)
		leaf_take_jobs(leaf, jobs + count, hidden);
	return PM_OK;
}

enum pm_err seal_make(struct environment *env, struct seal_task *tasks, size_t count,
		      int64_t deadline)
{
	return seal_make_with_leaf(env, tasks, count, NULL, deadline);
}

/* The checks of one call: jobs and their tasks, side by side. */
struct checks {
	size_t count;
	struct hsm_job jobs[SEAL_TASKS_MAX];
	struct seal_task *tasks[SEAL_TASKS_MAX];
};

static void compare(struct checks *checks)
{
	for (size_t i = 0; i < checks->count; i++)
		checks->tasks[i]->holds = seal_matches(checks->tasks[i], checks->jobs[i].mac);
}

/* Those that do not hold are computed once more: a bit may have flipped on the way. */
static enum pm_err check_again(struct environment *env, const struct checks *first,
			       int64_t deadline)
{
	struct checks again = { .count = 0 };
	const uint8_t *before[SEAL_TASKS_MAX] = { NULL };

	for (size_t i = 0; i < first->count; i++) {
		if (first->tasks[i]->holds)
			continue;
		before[again.count] = first->jobs[i].mac;
		again.tasks[again.count] = first->tasks[i];
		again.jobs[again.count++] = first->jobs[i];
	}
	if (again.count == 0)
		return PM_OK;
	TRY(environment_hmac(env, again.jobs, again.count, deadline));
	compare(&again);
	for (size_t i = 0; i < again.count; i++) {
		if (again.tasks[i]->holds ||
		    secret_equal(before[i], again.jobs[i].mac, HSM_MAC_LEN))
			continue;
		log_error("vault: %s's token gave two seals of one record, and neither is its own",
			  env->name);
		return PM_HSM_UNAVAILABLE;
	}
	return PM_OK;
}

/* `sealed` may be NULL. */
static enum pm_err check(struct environment *env, struct seal_task *tasks, size_t count,
			 struct sealed *sealed, int64_t deadline)
{
	struct checks checks = { .count = 0 };

	if (count > SEAL_TASKS_MAX)
		return PM_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		tasks[i].holds = false;
		enum pm_err err = seal_job(env, &tasks[i], &checks.jobs[checks.count]);
		if (err == PM_RECORD_QUARANTINED)
			continue;
		TRY(err);
		tasks[i].holds = sealed && sealed_knows(sealed, &tasks[i]);
		if (!tasks[i].holds)
			checks.tasks[checks.count++] = &tasks[i];
	}
	if (checks.count == 0)
		return PM_OK;
	TRY(environment_hmac(env, checks.jobs, checks.count, deadline));
	compare(&checks);
	TRY(check_again(env, &checks, deadline));
	for (size_t i = 0; sealed && i < checks.count; i++) {
		if (checks.tasks[i]->holds)
			sealed_learn(sealed, checks.tasks[i]);
	}
	return PM_OK;
}

enum pm_err seal_check(struct environment *env, struct seal_task *tasks, size_t count,
		       int64_t deadline)
{
	return check(env, tasks, count, NULL, deadline);
}

enum pm_err seal_check_known(struct environment *env, struct seal_task *tasks, size_t count,
			     int64_t deadline)
{
	return check(env, tasks, count, env->sealed, deadline);
}

enum pm_err seal_check_one(struct environment *env, struct seal_task *task, int64_t deadline)
{
	TRY(seal_check(env, task, 1, deadline));
	return task->holds ? PM_OK : PM_RECORD_QUARANTINED;
}

enum pm_err seal_check_key(struct environment *env, struct key_record *record, int64_t deadline)
{
	struct seal_task task;

	seal_cover_key(&task, record);
	enum pm_err err = seal_check_one(env, &task, deadline);
	if (err == PM_RECORD_QUARANTINED)
		environment_quarantine(env, "key", record->id);
	return err;
}
