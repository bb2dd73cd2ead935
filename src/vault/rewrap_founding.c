/* Sealing anew the records that say what an environment and its master keys are. */
#include <stdlib.h>

#include "audit.h"
#include "base/cleanup.h"
#include "leaf.h"
#include "rewrap_pass.h"
#include "seal.h"

/* Masters whose seal is another version's; then the environment, in the last batch. */
struct work {
	size_t count;
	struct master_record masters[MASTERS_MAX];
	struct environment_record environment;
	bool has_environment;
	struct seal_task tasks[REWRAP_BATCH_MAX + 1];
};

static void choose(struct environment *env, const struct rewrap_pass *pass, struct work *work)
{
	size_t count = environment_copy_masters(env, work->masters);

	for (size_t i = 0; i < count; i++) {
		if (work->masters[i].seal.version != pass->version)
			work->masters[work->count++] = work->masters[i];
	}
}

static enum pm_err choose_environment(struct environment *env, const struct rewrap_pass *pass,
				      struct work *work, int64_t deadline)
{
	struct environment_record *record = &work->environment;

	TRY(store_get_environment(env->store, env->name, record));
	if (record->seal.version == pass->version)
		return PM_OK;
	seal_cover_environment(&work->tasks[0], record);
	enum pm_err err = seal_check_one(env, &work->tasks[0], deadline);
	if (err == PM_RECORD_QUARANTINED)
		environment_quarantine(env, "environment", record->name);
	TRY(err);
	work->has_environment = true;
	return PM_OK;
}

static enum pm_err commit(struct environment *env, const struct rewrap_pass *pass,
			  struct store_change *changes, size_t count, int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop);

	leaf_begin(&leaf, LEAF_RECORD_RESEAL, NULL, env->audit, env);
	leaf_number(&leaf, "version", pass->version);
	leaf_number(&leaf, "count", (int64_t)count);
	TRY(leaf_end(&leaf));
	changes[count] = (struct store_change){ .op = STORE_APPEND_LEAF, .leaf = &leaf.record };
	return audit_commit(env->audit, changes, count + 1, NULL, deadline);
}

static enum pm_err save_masters(struct environment *env, const struct rewrap_pass *pass,
				struct master_record *masters, size_t count, struct work *work,
				int64_t deadline)
{
	struct store_change changes[REWRAP_BATCH_MAX + 1];

	for (size_t i = 0; i < count; i++) {
		masters[i].revision++;
		seal_cover_master(&work->tasks[i], &masters[i]);
		changes[i] =
			(struct store_change){ .op = STORE_UPDATE_MASTER, .master = &masters[i] };
	}
	TRY(seal_make(env, work->tasks, count, deadline));
	TRY(commit(env, pass, changes, count, deadline));
	return environment_put_masters(env, masters, count);
}

static enum pm_err save_environment(struct environment *env, const struct rewrap_pass *pass,
				    struct work *work, int64_t deadline)
{
	struct store_change changes[2] = { { .op = STORE_UPDATE_ENVIRONMENT,
					     .environment = &work->environment } };

	work->environment.revision++;
	seal_cover_environment(&work->tasks[0], &work->environment);
	TRY(seal_make(env, work->tasks, 1, deadline));
	return commit(env, pass, changes, 1, deadline);
}

enum pm_err rewrap_founding(struct environment *env, struct rewrap_pass *pass, int64_t deadline)
{
	struct work *work CLEANUP(free_ptr) = calloc(1, sizeof(*work));

	if (!work)
		return PM_NO_MEMORY;
	if (pass->kind != REWRAP_SEALS)
		return PM_OK;
	choose(env, pass, work);
	for (size_t done = 0; done < work->count; done += REWRAP_BATCH_MAX) {
		size_t rest = work->count - done;
		size_t some = rest < REWRAP_BATCH_MAX ? rest : REWRAP_BATCH_MAX;

		TRY(save_masters(env, pass, &work->masters[done], some, work, deadline));
		rewrap_count_moved(pass, some);
	}
	TRY(choose_environment(env, pass, work, deadline));
	if (!work->has_environment)
		return PM_OK;
	TRY(save_environment(env, pass, work, deadline));
	rewrap_count_moved(pass, 1);
	return PM_OK;
}
