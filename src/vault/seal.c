#include "seal.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "period.h"
#include "state.h"
#include "sure.h"

static void put_text(struct buf *buf, const char *text)
{
	buf_put_field(buf, bytes_str(text));
}

static void put_time(struct buf *buf, int64_t time)
{
	buf_put_u64(buf, (uint64_t)time);
}

static struct buf *begin(struct seal_task *task, struct store_seal *seal, const char *tag)
{
	task->seal = seal;
	task->holds = false;
	task->founding = false;
	task->covered = BUF(task->room);
	put_text(&task->covered, tag);
	return &task->covered;
}

void seal_cover_environment(struct seal_task *task, struct environment_record *record)
{
	struct buf *buf = begin(task, &record->seal, "peppermint/v1/seal/environment");

	put_text(buf, record->name);
	put_text(buf, record->token_serial);
	put_time(buf, record->created_at);
	buf_put_u64(buf, record->revision);
	task->founding = true;
	/* Records from before there were standby tokens cover what they always did. */
	if (record->standby_serial[0] == '\0')
		return;
	put_text(buf, "standby");
	put_text(buf, record->standby_serial);
}

static bool has_wraps(const struct key_record *record)
{
	bool has = false;

	for (size_t i = 0; i < SECRETS_PER_KEY; i++)
		has = has || record->secrets[i].wrap_count != 0;
	return has;
}

static void put_wraps(struct buf *buf, const struct key_record *record)
{
	put_text(buf, "wraps");
	for (size_t i = 0; i < SECRETS_PER_KEY; i++) {
		const struct secret_record *secret = &record->secrets[i];

		buf_put_u32(buf, secret->wrap_count);
		for (uint32_t wrap = 0; wrap < secret->wrap_count; wrap++)
			buf_put_u32(buf, secret->wraps[wrap]);
	}
}

void seal_cover_key(struct seal_task *task, struct key_record *record)
{
	struct buf *buf = begin(task, &record->seal, "peppermint/v1/seal/api-key");

	put_text(buf, record->environment);
	put_text(buf, record->id);
	put_text(buf, record->account);
	put_text(buf, record->product);
	put_text(buf, record->name);
	put_text(buf, record->created_by);
	put_text(buf, record->tail);
	put_time(buf, record->created_at);
	put_time(buf, record->expires_at);
	put_time(buf, record->rotated_at);
	put_time(buf, record->revoked_at);
	for (size_t i = 0; i < SECRETS_PER_KEY; i++) {
		const struct secret_record *secret = &record->secrets[i];

		buf_put_u32(buf, secret->version);
		buf_put_u32(buf, secret->pepper_version);
		put_time(buf, secret->not_after);
		buf_put_field(buf, bytes_of(secret->mac, sizeof(secret->mac)));
	}
	buf_put_u64(buf, record->revision);
	/* Records from before there were wraps cover what they always did. */
	if (has_wraps(record))
		put_wraps(buf, record);
}

/* What came later than the first records: those that have nothing of it cover what they always did. */
static void put_life(struct buf *buf, const struct master_record *record)
{
	if (record->prior == 0 && record->ends_at == 0 && record->destroy_at == 0 &&
	    record->activated_at == 0 && !record->rewrap)
		return;
	put_text(buf, "life");
	buf_put_u32(buf, (uint32_t)record->prior);
	put_time(buf, record->ends_at);
	put_time(buf, record->destroy_at);
	put_time(buf, record->activated_at);
	buf_put_u32(buf, record->rewrap);
}

void seal_cover_master(struct seal_task *task, struct master_record *record)
{
	struct buf *buf = begin(task, &record->seal, "peppermint/v1/seal/master-key");

	put_text(buf, record->environment);
	put_text(buf, record->purpose);
	put_text(buf, record->name);
	buf_put_u32(buf, record->version);
	buf_put_u32(buf, (uint32_t)record->state);
	buf_put_field(buf, bytes_of(record->key_id, sizeof(record->key_id)));
	buf_put_field(buf, bytes_of(record->check, sizeof(record->check)));
	put_time(buf, record->created_at);
	put_time(buf, record->changed_at);
	buf_put_u64(buf, record->revision);
	put_life(buf, record);
	task->founding = true;
}

void seal_cover_executed(struct seal_task *task, struct executed_record *record)
{
	struct buf *buf = begin(task, &record->seal, "peppermint/v1/seal/executed");

	put_text(buf, record->environment);
	buf_put_u32(buf, record->uid);
	put_text(buf, record->request_id);
	buf_put_u32(buf, record->rpc);
	put_text(buf, record->subject);
	put_time(buf, record->at);
}

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

enum pm_err seal_check(struct environment *env, struct seal_task *tasks, size_t count,
		       int64_t deadline)
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
		checks.tasks[checks.count++] = &tasks[i];
	}
	if (checks.count == 0)
		return PM_OK;
	TRY(environment_hmac(env, checks.jobs, checks.count, deadline));
	compare(&checks);
	return check_again(env, &checks, deadline);
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
