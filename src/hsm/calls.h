/*
 * The calls that wait for the signer: a bounded queue in which HMACs of several threads share a
 * frame. A call lives on its caller's stack and borrows the caller's memory, so both ends touch it
 * under the mutex only: a caller whose deadline passes takes its call out, wherever it is, and
 * goes; an answer that comes later finds nobody to give it to.
 *
 * calls_do is for any thread; the rest is the link thread's. There is at most one frame in flight.
 */
#ifndef HSM_CALLS_H
#define HSM_CALLS_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "call_kind.h"
#include "frames.h"

#define CALLS_JOBS_MAX 4096 /* that wait; beyond it PM_BUSY */

struct call {
	enum call_kind kind;
	size_t size; /* of an HMAC call in a frame: the sum of frame_item_size */
	/* HMAC: as many jobs as fit a frame. The others count as one job. */
	struct hsm_job *jobs;
	size_t count;
	/* of those that name a key, or list some */
	const struct hsm_id *id;
	const char *text;           /* label or prefix */
	struct hsm_object *objects; /* out */
	size_t object_count;        /* out */
	/* sign, import, encrypt and decrypt; only sign asks for an algorithm */
	enum hsm_algorithm algorithm;
	struct bytes data;
	uint8_t *signature; /* out */
	/* encrypt and decrypt */
	const uint8_t *iv;
	struct bytes aad;
	/* encrypt, decrypt and random */
	uint8_t *out;
	size_t out_len; /* which is what is asked for */
	/* inspect */
	struct hsm_inspection *inspection; /* out */
	/* change_pin; `changed` is called, under the mutex, before anybody hears of the answer */
	struct bytes old_pin, new_pin;
	void (*changed)(void *arg);
	void *changed_arg;

	/* The queue's own. */
	enum { CALL_WAITS, CALL_FLIES, CALL_DONE } state;
	size_t first; /* in flight: the frame's item that is jobs[0] */
	enum pm_err err;
	pthread_cond_t done;
	TAILQ_ENTRY(call) link;
};

TAILQ_HEAD(call_list, call);

struct calls {
	pthread_mutex_t mutex;
	struct call_list waiting, flying;
	size_t waiting_jobs;
	enum call_kind frame_kind; /* of the frame in flight, whoever of its callers has left */
	size_t frame_items;
	enum pm_err refusal;    /* what new calls get; PM_OK: they are taken */
	int wake_fd;            /* readable when work has come while `idle` */
	bool idle;              /* the link thread found nothing and sleeps */
	size_t inside;          /* callers in calls_do */
	pthread_cond_t emptied; /* `inside` became 0 */
	struct arena *arena;    /* for packing */
};

enum pm_err calls_open(struct calls *calls) NODISCARD;
/* Fails every call with PM_SHUTTING_DOWN and waits until their callers have gone. */
void calls_stop(struct calls *calls);
void calls_close(struct calls *calls);

/*
 * Queues the call, waits for its answer and returns its error. PM_BUSY when the queue is full;
 * PM_DEADLINE_EXCEEDED; or, for one already sent that changes the token, PM_OUTCOME_UNKNOWN.
 */
enum pm_err calls_do(struct calls *calls, struct call *call, int64_t deadline) NODISCARD;

void calls_admit(struct calls *calls);
/*
 * Fails all calls, and new ones from now on, with `err`; one in flight that changes the token, with
 * PM_OUTCOME_UNKNOWN.
 */
void calls_refuse(struct calls *calls, enum pm_err err);

/* Packs the next frame and returns true; or false when nothing waits: then sleep on wake_fd. */
bool calls_take(struct calls *calls, uint64_t id, struct buf *frame);

/* Gives out the answer to the frame in flight; PM_BAD_REPLY if it is no answer to it. */
enum pm_err calls_answer(struct calls *calls, const struct reply *reply) NODISCARD;

#endif
