#include "seal.h"

#include <string.h>

#include "base/secret.h"

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

/* Version 0 is the active one; *used is the version that the job is for. */
static enum pm_err integrity_job(struct environment *env, const struct seal_task *task,
				 uint32_t version, struct hsm_job *job, uint32_t *used)
{
	struct master_record integrity;

	if (task->covered.full)
		return PM_INTERNAL;
	TRY(environment_master(env, PURPOSE_INTEGRITY, INTEGRITY_NAME, version, &integrity));
	memcpy(job->key.bytes, integrity.key_id, sizeof(job->key.bytes));
	job->data = buf_bytes(&task->covered);
	*used = integrity.version;
	return PM_OK;
}

enum pm_err seal_job(struct environment *env, const struct seal_task *task, struct hsm_job *job)
{
	uint32_t used = 0;

	/* Not sealed at all; 0 would stand for the active version below. */
	if (task->seal->version == 0)
		return PM_RECORD_QUARANTINED;
	enum pm_err err = integrity_job(env, task, task->seal->version, job, &used);
	return err == PM_NOT_FOUND ? PM_RECORD_QUARANTINED : err;
}

bool seal_matches(const struct seal_task *task, const struct hsm_job *job)
{
	return secret_equal(task->seal->mac, job->mac, sizeof(task->seal->mac));
}

enum pm_err seal_make_with_leaf(struct environment *env, struct seal_task *tasks, size_t count,
				struct leaf *leaf, int64_t deadline)
{
	struct hsm_job jobs[SEAL_TASKS_MAX + LEAF_HIDDEN_MAX];

	if (count > SEAL_TASKS_MAX)
		return PM_TOO_LARGE;
	for (size_t i = 0; i < count; i++)
		TRY(integrity_job(env, &tasks[i], 0, &jobs[i], &tasks[i].seal->version));
	size_t hidden = leaf ? leaf_jobs(leaf, jobs + count) : 0;
	TRY(environment_hmac(env, jobs, count + hidden, deadline));
	for (size_t i = 0; i < count; i++)
		memcpy(tasks[i].seal->mac, jobs[i].mac, sizeof(tasks[i].seal->mac));
	if (leaf)
		leaf_take_jobs(leaf, jobs + count, hidden);
	return PM_OK;
}

enum pm_err seal_make(struct environment *env, struct seal_task *tasks, size_t count,
		      int64_t deadline)
{
	return seal_make_with_leaf(env, tasks, count, NULL, deadline);
}

enum pm_err seal_check(struct environment *env, struct seal_task *tasks, size_t count,
		       int64_t deadline)
{
	struct hsm_job jobs[SEAL_TASKS_MAX];
	struct seal_task *tested[SEAL_TASKS_MAX];
	size_t used = 0;

	if (count > SEAL_TASKS_MAX)
		return PM_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		tasks[i].holds = false;
		enum pm_err err = seal_job(env, &tasks[i], &jobs[used]);
		if (err == PM_RECORD_QUARANTINED)
			continue;
		TRY(err);
		tested[used++] = &tasks[i];
	}
	if (used > 0)
		TRY(environment_hmac(env, jobs, used, deadline));
	for (size_t i = 0; i < used; i++)
		tested[i]->holds = seal_matches(tested[i], &jobs[i]);
	return PM_OK;
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
