/* Verifying presented keys, a batch at a time; verify_batch.h tells which file does what. */
#include "verify.h"

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/secret.h"
#include "key_uses.h"
#include "verify_batch.h"

size_t verify_scratch_size(void)
{
	return sizeof(struct batch);
}

static size_t batch_used(const struct batch *batch)
{
	return offsetof(struct batch, items) + batch->count * sizeof(batch->items[0]);
}

static void run_batch(struct environment *env, struct actor *actor, const struct key_record *decoy,
		      struct batch *batch)
{
	bool again = batch->count > 0;

	for (int i = 0; i < CHANGE_ATTEMPTS && again; i++) {
		verify_prove(env, decoy, batch, actor->deadline);
		verify_judge_state(env, batch, actor->deadline);
		again = verify_first_uses(env, actor, batch);
	}
	verify_conclude(env, batch);
	verify_move(env, actor, batch);
}

/* What is asked for, and what comes of it. */
struct work {
	const struct presented *presented;
	struct verdict *verdicts;
	struct verdict_detail *details; /* may be NULL */
	size_t count, done;
};

/* Takes texts until the batch is full; what is no key gets its verdict at once. */
static void fill_batch(const struct vault *vault, struct environment *env, struct work *work,
		       struct batch *batch)
{
	batch->count = 0;
	batch->accepted_count = 0;
	batch->refused_count = 0;
	for (size_t taken = 0; work->done < work->count && taken < BATCH_MAX; taken++) {
		const size_t i = work->done++;
		struct item *item = &batch->items[batch->count];
		enum pm_reason reason = verify_take(vault, env, &work->presented[i], item);

		if (reason != PM_REASON_NONE) {
			verify_refuse(env, batch, &work->verdicts[i], reason, NULL);
			continue;
		}
		item->verdict = &work->verdicts[i];
		item->detail = work->details ? &work->details[i] : NULL;
		verify_add(batch);
	}
}

/* No verdict without its entry, or its place in a count that will be one. */
static enum pm_err tell(struct environment *env, struct actor *actor, const struct batch *batch)
{
	const int64_t now = clock_unix();

	TRY(audit_refusals(env->audit, actor, batch->refused, batch->refused_count));
	TRY(audit_acts(env->audit, actor, batch->accepted, batch->accepted_count));
	for (size_t i = 0; i < batch->accepted_count; i++)
		key_uses_count(env, batch->accepted[i].key, now);
	return PM_OK;
}

static enum pm_err run(struct vault *vault, struct environment *env, struct actor *actor,
		       struct work *work, struct batch *batch)
{
	struct key_record decoy;
	enum pm_err told = PM_OK;

	TRY(verify_make_decoy(env, &decoy));
	while (work->done < work->count && told == PM_OK) {
		struct rows *rows = batch->rows;

		fill_batch(vault, env, work, batch);
		run_batch(env, actor, &decoy, batch);
		told = tell(env, actor, batch);
		secret_wipe(batch, batch_used(batch));
		batch->rows = rows;
	}
	return told;
}

enum pm_err vault_verify(struct vault *vault, struct actor *actor, const char *environment,
			 const struct presented *presented, size_t count, struct verdict *verdicts,
			 struct verdict_detail *details)
{
	struct rows *rows CLEANUP(free_ptr) = NULL;
	struct environment *env = NULL;
	struct work work = {
		.presented = presented, .verdicts = verdicts, .details = details, .count = count
	};

	if (details)
		memset(details, 0, count * sizeof(*details));
	TRY(vault_enter(vault, actor, environment, &env));
	rows = malloc(sizeof(*rows));
	struct batch *batch = rows ? scratch_take(&vault->scratch) : NULL;
	if (!batch)
		return PM_NO_MEMORY;
	batch->rows = rows;
	enum pm_err err = run(vault, env, actor, &work, batch);
	scratch_give(&vault->scratch, batch, sizeof(batch->rows));
	return err;
}
