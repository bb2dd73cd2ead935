#define _GNU_SOURCE
#include "calls.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#define ARENA_KEEP ((size_t)96 * 1024) /* a full frame's items, before they are packed */

enum pm_err calls_open(struct calls *calls)
{
	*calls = (struct calls){
		.mutex = PTHREAD_MUTEX_INITIALIZER,
		.emptied = PTHREAD_COND_INITIALIZER,
		.refusal = PM_HSM_UNAVAILABLE,
		.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	TAILQ_INIT(&calls->waiting);
	TAILQ_INIT(&calls->flying);
	if (calls->wake_fd < 0) {
		log_error("hsm: eventfd: %s", strerror(errno));
		return PM_NO_MEMORY;
	}
	return arena_new(FRAME_ARENA_MAX, ARENA_KEEP, &calls->arena);
}

void calls_close(struct calls *calls)
{
	close_fd(&calls->wake_fd);
	arena_free(calls->arena);
	pthread_cond_destroy(&calls->emptied);
	pthread_mutex_destroy(&calls->mutex);
}

static size_t jobs_of(const struct call *call)
{
	return call->kind == CALL_HMAC ? call->count : 1;
}

static void take_out(struct calls *calls, struct call *call)
{
	if (call->state == CALL_FLIES)
		TAILQ_REMOVE(&calls->flying, call, link);
	if (call->state == CALL_WAITS) {
		TAILQ_REMOVE(&calls->waiting, call, link);
		calls->waiting_jobs -= jobs_of(call);
	}
	call->state = CALL_DONE;
}

/* The caller may be gone as soon as the mutex is. */
static void finish(struct calls *calls, struct call *call, enum pm_err err)
{
	take_out(calls, call);
	call->err = err;
	pthread_cond_signal(&call->done);
}

/* What a call gets that is given up: in flight it may have changed the token. */
static enum pm_err loss(const struct call *call, enum pm_err err)
{
	return call_changes_token(call->kind) && call->state == CALL_FLIES ? PM_OUTCOME_UNKNOWN
									   : err;
}

static void fail_list(struct calls *calls, struct call_list *list, enum pm_err err)
{
	struct call *call;

	while ((call = TAILQ_FIRST(list)))
		finish(calls, call, loss(call, err));
}

static enum pm_err enqueue(struct calls *calls, struct call *call)
{
	size_t jobs = jobs_of(call);

	TRY(calls->refusal);
	if (jobs > CALLS_JOBS_MAX - calls->waiting_jobs)
		return PM_BUSY;
	calls->waiting_jobs += jobs;
	call->state = CALL_WAITS;
	TAILQ_INSERT_TAIL(&calls->waiting, call, link);
	if (calls->idle) {
		calls->idle = false;
		eventfd_write(calls->wake_fd, 1);
	}
	return PM_OK;
}

static void wait_done(struct calls *calls, struct call *call, int64_t deadline)
{
	const struct timespec until = deadline_timespec(deadline);

	while (call->state != CALL_DONE) {
		int err =
			pthread_cond_clockwait(&call->done, &calls->mutex, CLOCK_MONOTONIC, &until);
		if (err != 0 && call->state != CALL_DONE) {
			call->err = loss(call, PM_DEADLINE_EXCEEDED);
			take_out(calls, call);
		}
	}
}

enum pm_err calls_do(struct calls *calls, struct call *call, int64_t deadline)
{
	if (deadline <= clock_now())
		return PM_DEADLINE_EXCEEDED;
	call->state = CALL_DONE;
	pthread_cond_init(&call->done, NULL);
	pthread_mutex_lock(&calls->mutex);
	calls->inside++;
	call->err = enqueue(calls, call);
	wait_done(calls, call, deadline);
	if (--calls->inside == 0)
		pthread_cond_signal(&calls->emptied);
	pthread_mutex_unlock(&calls->mutex);
	pthread_cond_destroy(&call->done);
	return call->err;
}

static void refuse(struct calls *calls, enum pm_err err)
{
	calls->refusal = err;
	fail_list(calls, &calls->flying, err);
	fail_list(calls, &calls->waiting, err);
}

void calls_stop(struct calls *calls)
{
	pthread_mutex_lock(&calls->mutex);
	refuse(calls, PM_SHUTTING_DOWN);
	while (calls->inside > 0)
		pthread_cond_wait(&calls->emptied, &calls->mutex);
	pthread_mutex_unlock(&calls->mutex);
}

void calls_refuse(struct calls *calls, enum pm_err err)
{
	pthread_mutex_lock(&calls->mutex);
	if (calls->refusal != PM_SHUTTING_DOWN)
		refuse(calls, err);
	pthread_mutex_unlock(&calls->mutex);
}

void calls_admit(struct calls *calls)
{
	pthread_mutex_lock(&calls->mutex);
	if (calls->refusal != PM_SHUTTING_DOWN)
		calls->refusal = PM_OK;
	pthread_mutex_unlock(&calls->mutex);
}

static void board(struct calls *calls, struct call *call)
{
	take_out(calls, call);
	call->state = CALL_FLIES;
	call->first = calls->frame_items;
	calls->frame_items += jobs_of(call);
	TAILQ_INSERT_TAIL(&calls->flying, call, link);
}

/* The first call that waits and, if it is an HMAC, those after it that fit into the same frame. */
static void board_frame(struct calls *calls)
{
	struct call *call = TAILQ_FIRST(&calls->waiting);
	size_t size = 0;

	calls->frame_kind = call->kind;
	calls->frame_items = 0;
	do {
		size += call->size;
		board(calls, call);
		call = TAILQ_FIRST(&calls->waiting);
	} while (call && calls->frame_kind == CALL_HMAC && call->kind == CALL_HMAC &&
		 calls->frame_items + call->count <= FRAME_ITEMS_MAX &&
		 size + call->size <= FRAME_HMAC_MAX);
}

static enum pm_err pack_hmac(const struct calls *calls, uint64_t id, struct buf *frame)
{
	const struct hsm_job **jobs =
		arena_array(calls->arena, calls->frame_items, sizeof(const struct hsm_job *));
	const struct call *call;
	size_t count = 0;

	if (!jobs)
		return PM_NO_MEMORY;
	for (call = TAILQ_FIRST(&calls->flying); call; call = TAILQ_NEXT(call, link)) {
		for (size_t i = 0; i < call->count; i++)
			jobs[count++] = &call->jobs[i];
	}
	return frame_hmac(id, jobs, count, calls->arena, frame);
}

static enum pm_err pack(const struct calls *calls, uint64_t id, struct buf *frame)
{
	const struct call *call = TAILQ_FIRST(&calls->flying);

	switch (call->kind) {
	case CALL_HMAC:
		return pack_hmac(calls, id, frame);
	case CALL_GENERATE:
		return frame_generate(id, HSM_HMAC_SHA256, call->id, call->text, frame);
	case CALL_GENERATE_PAIR:
		return frame_generate(id, HSM_ED25519, call->id, call->text, frame);
	case CALL_GENERATE_AES:
		return frame_generate(id, HSM_AES256_GCM, call->id, call->text, frame);
	case CALL_IMPORT:
		return frame_import(id, call->id, call->text, call->data, frame);
	case CALL_SIGN:
		return frame_sign(id, call->id, call->algorithm, call->data, frame);
	case CALL_ENCRYPT:
		return frame_encrypt(id, call->id, call->iv, call->aad, call->data, frame);
	case CALL_DECRYPT:
		return frame_decrypt(id, call->id, call->iv, call->aad, call->data, frame);
	case CALL_LIST:
		return frame_list(id, call->text, frame);
	case CALL_RANDOM:
		return frame_random(id, call->out_len, frame);
	case CALL_DESTROY:
		return frame_destroy(id, call->id, call->text, frame);
	case CALL_INSPECT:
		return frame_inspect(id, frame);
	case CALL_CHANGE_PIN:
		return frame_change_pin(id, call->old_pin, call->new_pin, frame);
	}
	return PM_INTERNAL;
}

/* Under the mutex, because it reads what the callers lend. */
static bool next_frame(struct calls *calls, uint64_t id, struct buf *frame)
{
	while (!TAILQ_EMPTY(&calls->waiting)) {
		board_frame(calls);
		enum pm_err err = pack(calls, id, frame);
		arena_reset(calls->arena);
		if (err == PM_OK)
			return true;
		fail_list(calls, &calls->flying, err);
	}
	return false;
}

bool calls_take(struct calls *calls, uint64_t id, struct buf *frame)
{
	pthread_mutex_lock(&calls->mutex);
	bool taken = next_frame(calls, id, frame);
	calls->idle = !taken;
	pthread_mutex_unlock(&calls->mutex);
	return taken;
}

static void give_macs(struct calls *calls, const struct reply *reply)
{
	struct call *call;

	while ((call = TAILQ_FIRST(&calls->flying))) {
		for (size_t i = 0; i < call->count; i++) {
			const uint8_t *mac = reply->macs[call->first + i];

			call->jobs[i].err = mac ? PM_OK : PM_NOT_FOUND;
			if (mac)
				memcpy(call->jobs[i].mac, mac, HSM_MAC_LEN);
		}
		finish(calls, call, PM_OK);
	}
}

/* Whether the object is of the kind that was to be made. */
static bool is_made(enum call_kind kind, const struct hsm_object *object)
{
	switch (kind) {
	case CALL_GENERATE:
	case CALL_IMPORT:
		return object->algorithm == HSM_HMAC_SHA256;
	case CALL_GENERATE_AES:
		return object->algorithm == HSM_AES256_GCM;
	default:
		return object->public_len > 0; /* only pairs have it */
	}
}

static enum pm_err give_objects(struct calls *calls, const struct reply *reply)
{
	struct call *call = TAILQ_FIRST(&calls->flying);
	const bool made = call_makes_key(calls->frame_kind);

	if (made && (reply->count != 1 || !is_made(calls->frame_kind, &reply->objects[0])))
		return PM_BAD_REPLY;
	if (!call)
		return PM_OK;
	if (made && memcmp(call->id->bytes, reply->objects[0].id.bytes, HSM_ID_LEN) != 0)
		return PM_BAD_REPLY;
	memcpy(call->objects, reply->objects, reply->count * sizeof(*reply->objects));
	call->object_count = reply->count;
	finish(calls, call, PM_OK);
	return PM_OK;
}

static enum pm_err give_bytes(struct calls *calls, const struct reply *reply)
{
	struct call *call = TAILQ_FIRST(&calls->flying);

	if (!call)
		return PM_OK;
	if (reply->bytes.len != call->out_len)
		return PM_BAD_REPLY;
	if (call->out_len > 0)
		memcpy(call->out, reply->bytes.data, call->out_len);
	finish(calls, call, PM_OK);
	return PM_OK;
}

static void give_signature(struct calls *calls, const struct reply *reply)
{
	struct call *call = TAILQ_FIRST(&calls->flying);

	if (!call)
		return;
	memcpy(call->signature, reply->signature, HSM_SIGNATURE_LEN);
	finish(calls, call, PM_OK);
}

static void give_inspection(struct calls *calls, const struct reply *reply)
{
	struct call *call = TAILQ_FIRST(&calls->flying);

	if (!call)
		return;
	*call->inspection = *reply->inspection;
	finish(calls, call, PM_OK);
}

/* A signer that falls right after its answer is started again with the new PIN. */
static void give_pin_change(struct calls *calls)
{
	struct call *call = TAILQ_FIRST(&calls->flying);

	if (!call)
		return;
	call->changed(call->changed_arg);
	finish(calls, call, PM_OK);
}

static void finish_frame(struct calls *calls, enum pm_err err)
{
	struct call *call;

	while ((call = TAILQ_FIRST(&calls->flying)))
		finish(calls, call, err);
}

static enum pm_err give(struct calls *calls, const struct reply *reply)
{
	enum call_kind kind = calls->frame_kind;

	if (reply->kind == REPLY_MACS && kind == CALL_HMAC && reply->count == calls->frame_items) {
		give_macs(calls, reply);
		return PM_OK;
	}
	if (reply->kind == REPLY_OBJECTS && (call_makes_key(kind) || kind == CALL_LIST))
		return give_objects(calls, reply);
	if (reply->kind == REPLY_SIGNATURE && kind == CALL_SIGN) {
		give_signature(calls, reply);
		return PM_OK;
	}
	if ((reply->kind == REPLY_RANDOM && kind == CALL_RANDOM) ||
	    (reply->kind == REPLY_ENCRYPTED && kind == CALL_ENCRYPT) ||
	    (reply->kind == REPLY_DECRYPTED && kind == CALL_DECRYPT))
		return give_bytes(calls, reply);
	if (reply->kind == REPLY_INSPECTION && kind == CALL_INSPECT) {
		give_inspection(calls, reply);
		return PM_OK;
	}
	if (reply->kind == REPLY_PIN_CHANGED && kind == CALL_CHANGE_PIN) {
		give_pin_change(calls);
		return PM_OK;
	}
	if (reply->kind == REPLY_DESTROYED && kind == CALL_DESTROY) {
		finish_frame(calls, PM_OK);
		return PM_OK;
	}
	return PM_BAD_REPLY;
}

static enum pm_err refuse_frame(struct calls *calls, const struct reply *reply)
{
	/* Logs, and so must not hold the mutex: a full log pipe would stop every caller. */
	enum pm_err err = call_refusal(calls->frame_kind, reply);

	pthread_mutex_lock(&calls->mutex);
	finish_frame(calls, err);
	pthread_mutex_unlock(&calls->mutex);
	return PM_OK;
}

enum pm_err calls_answer(struct calls *calls, const struct reply *reply)
{
	if (reply->kind == REPLY_FAILED)
		return refuse_frame(calls, reply);
	pthread_mutex_lock(&calls->mutex);
	enum pm_err err = give(calls, reply);
	pthread_mutex_unlock(&calls->mutex);
	return err;
}
