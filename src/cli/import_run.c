/* An import's threads: the main one reads and puts down, in order; the others send. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "import.h"
#include "import_send.h"

#define JOBS_MAX 8
#define SLOTS_MAX (JOBS_MAX + 2) /* some are read while all senders are busy */
#define STACK_SIZE ((size_t)256 * 1024)

enum slot_state { SLOT_FREE, SLOT_READY, SLOT_TAKEN, SLOT_SENT };

struct slot {
	enum slot_state state;
	struct import_batch *batch; /* the main thread's when FREE or SENT, a sender's when TAKEN */
	enum pm_err err;
	char message[2 * PEPPERMINT_TEXT_MAX + 1];
};

struct work {
	struct sender sender;
	atomic_bool stop;
	size_t slot_count, thread_count;
	pthread_t threads[JOBS_MAX];

	pthread_mutex_t lock; /* guards the states */
	pthread_cond_t changed;
	struct slot slots[SLOTS_MAX];
};

/* The one that was filled first. */
static struct slot *find_ready(struct work *work)
{
	struct slot *first = NULL;

	for (size_t i = 0; i < work->slot_count; i++) {
		struct slot *slot = &work->slots[i];

		if (slot->state == SLOT_READY &&
		    (!first || slot->batch->number < first->batch->number))
			first = slot;
	}
	return first;
}

static void set_state(struct work *work, struct slot *slot, enum slot_state state)
{
	pthread_mutex_lock(&work->lock);
	slot->state = state;
	pthread_cond_broadcast(&work->changed);
	pthread_mutex_unlock(&work->lock);
}

/* NULL when there is nothing more to do. */
static struct slot *take_slot(struct work *work)
{
	struct slot *slot = NULL;

	pthread_mutex_lock(&work->lock);
	while (!atomic_load(&work->stop) && !(slot = find_ready(work)))
		pthread_cond_wait(&work->changed, &work->lock);
	if (slot)
		slot->state = SLOT_TAKEN;
	pthread_mutex_unlock(&work->lock);
	return slot;
}

static void *send_slots(void *arg)
{
	struct work *work = arg;

	for (struct slot *slot; (slot = take_slot(work));) {
		slot->err = batch_send(&work->sender, slot->batch, slot->message);
		set_state(work, slot, SLOT_SENT);
	}
	return NULL;
}

static bool start(struct work *work, size_t jobs)
{
	pthread_attr_t attr;

	for (size_t i = 0; i < work->slot_count; i++) {
		work->slots[i].batch = batch_new();
		if (!work->slots[i].batch)
			return false;
	}
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	while (work->thread_count < jobs &&
	       pthread_create(&work->threads[work->thread_count], &attr, send_slots, work) == 0)
		work->thread_count++;
	pthread_attr_destroy(&attr);
	if (work->thread_count == jobs)
		return true;
	complain("cannot start a thread.");
	return false;
}

static void finish(struct work *work)
{
	pthread_mutex_lock(&work->lock);
	atomic_store(&work->stop, true);
	pthread_cond_broadcast(&work->changed);
	pthread_mutex_unlock(&work->lock);
	for (size_t i = 0; i < work->thread_count; i++)
		pthread_join(work->threads[i], NULL);
	for (size_t i = 0; i < work->slot_count; i++)
		batch_freep(&work->slots[i].batch);
	pthread_cond_destroy(&work->changed);
	pthread_mutex_destroy(&work->lock);
}

static void wait_sent(struct work *work, const struct slot *slot)
{
	pthread_mutex_lock(&work->lock);
	while (slot->state == SLOT_READY || slot->state == SLOT_TAKEN)
		pthread_cond_wait(&work->changed, &work->lock);
	pthread_mutex_unlock(&work->lock);
}

/* What is printed next, here or there, begins on the same line and covers it. */
static void tell_progress(const struct import_state *state)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "%" PRIu64 " lines\r", state->lines);
}

/* Waits until the slot's batch was sent, if there is one, and puts it down. */
static bool retire(struct work *work, struct slot *slot, struct import_state *state)
{
	wait_sent(work, slot);
	if (slot->state == SLOT_FREE)
		return true;
	set_state(work, slot, SLOT_FREE);
	if (slot->err != PM_OK) {
		complain("%s. (%s)", slot->message, peppermint_error_name(slot->err));
		return false;
	}
	int64_t saved_at = state->saved_at;
	bool good = import_state_add(state, slot->batch);
	if (state->saved_at != saved_at)
		tell_progress(state);
	return good;
}

static bool run(struct work *work, struct reader *reader, struct import_state *state)
{
	size_t at = 0;
	bool more = true;

	for (uint64_t number = state->batch; more; number++, at = (at + 1) % work->slot_count) {
		struct slot *slot = &work->slots[at];

		if (!retire(work, slot, state) || !batch_fill(slot->batch, number, reader))
			return false;
		more = slot->batch->line_count > 0;
		if (more)
			set_state(work, slot, SLOT_READY);
	}
	for (size_t i = 0; i < work->slot_count; i++) {
		if (!retire(work, &work->slots[(at + i) % work->slot_count], state))
			return false;
	}
	return true;
}

enum status import_all(struct session *session, struct reader *reader, struct import_state *state)
{
	size_t jobs = import_jobs(session->command, &session->options);
	struct work work = {
		.sender = { .vault = session->vault,
			    .environment = session->options.env,
			    .authorization = session->call.authorization,
			    .timeout_ms = session->call.timeout_ms },
		.slot_count = jobs + SLOTS_MAX - JOBS_MAX,
	};

	work.sender.stop = &work.stop;
	import_state_prefix(state, work.sender.prefix);
	pthread_mutex_init(&work.lock, NULL);
	pthread_cond_init(&work.changed, NULL);
	bool good = start(&work, jobs) && run(&work, reader, state);
	finish(&work);
	state->finished = good;
	return import_state_save(state) && good ? STATUS_DONE : STATUS_VAULT;
}
