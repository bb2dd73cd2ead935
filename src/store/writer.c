#define _GNU_SOURCE
#include "writer.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "db.h"
#include "write.h"

#define PRUNE_EVERY_MS 60000
#define PRUNE_SOON_MS 100 /* when a pass did not remove all there was */
#define SECONDS_PER_DAY INT64_C(86400)
#define KEEP_DAYS_MIN 7

enum commit_state { COMMIT_QUEUED, COMMIT_TAKEN, COMMIT_DONE };

/* A store_commit in progress, on its caller's stack: all it points to stays until it is done. */
struct commit {
	TAILQ_ENTRY(commit) link;
	const struct store_change *changes;
	size_t count;
	enum commit_state state;
	enum pm_err err;
	pthread_cond_t done;
};

struct writer {
	sqlite3 *db;
	struct write *write;
	int64_t keep_executed; /* seconds */
	int64_t prune_at;
	struct commit **batch;
	size_t batch_max;
	size_t queue_max;

	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* for what follows, and every commit's state */
	pthread_cond_t work;
	TAILQ_HEAD(commit_queue, commit) queue;
	size_t queued;
	bool stop;
	struct openlog open_log; /* as of the last commit */
};

static void run_batch(struct writer *writer, size_t count)
{
	enum pm_err err = write_begin(writer->write);

	for (size_t i = 0; i < count && err == PM_OK; i++) {
		struct commit *commit = writer->batch[i];
		err = write_apply(writer->write, commit->changes, commit->count, &commit->err);
	}
	if (err == PM_OK)
		err = write_end(writer->write);
	if (err == PM_OK)
		return;
	write_rollback(writer->write);
	/* Refusals too: they may rest on a neighbour's change that is now undone. */
	for (size_t i = 0; i < count; i++)
		writer->batch[i]->err = err;
}

static void prune_if_due(struct writer *writer)
{
	int removed = 0;

	if (clock_now() < writer->prune_at)
		return;
	enum pm_err err =
		write_prune(writer->write, clock_unix() - writer->keep_executed, &removed);
	bool more = err == PM_OK && removed == WRITE_PRUNE_MAX;
	writer->prune_at = deadline_in_ms(more ? PRUNE_SOON_MS : PRUNE_EVERY_MS);
}

static size_t take_batch(struct writer *writer)
{
	size_t count = 0;

	while (count < writer->batch_max && !TAILQ_EMPTY(&writer->queue)) {
		struct commit *commit = TAILQ_FIRST(&writer->queue);
		TAILQ_REMOVE(&writer->queue, commit, link);
		writer->queued--;
		commit->state = COMMIT_TAKEN;
		writer->batch[count++] = commit;
	}
	return count;
}

static void finish_batch(struct writer *writer, size_t count)
{
	writer->open_log = *write_open_log(writer->write);
	for (size_t i = 0; i < count; i++) {
		writer->batch[i]->state = COMMIT_DONE;
		pthread_cond_signal(&writer->batch[i]->done);
	}
}

/* Until there is something to do; false when the writer has stopped and nothing is left. */
static bool wait_for_work(struct writer *writer)
{
	struct timespec until = deadline_timespec(writer->prune_at);
	int rc = 0;

	while (TAILQ_EMPTY(&writer->queue) && !writer->stop && rc == 0)
		rc = pthread_cond_clockwait(&writer->work, &writer->lock, CLOCK_MONOTONIC, &until);
	return !writer->stop || !TAILQ_EMPTY(&writer->queue);
}

static void *writer_main(void *arg)
{
	struct writer *writer = arg;

	pthread_mutex_lock(&writer->lock);
	while (wait_for_work(writer)) {
		size_t count = take_batch(writer);
		if (count > 0) {
			pthread_mutex_unlock(&writer->lock);
			run_batch(writer, count);
			pthread_mutex_lock(&writer->lock);
			finish_batch(writer, count);
		}
		pthread_mutex_unlock(&writer->lock);
		write_checkpoint(writer->write); /* nobody waits for it */
		prune_if_due(writer);
		pthread_mutex_lock(&writer->lock);
	}
	pthread_mutex_unlock(&writer->lock);
	return NULL;
}

/* Signals are for the threads that expect them. */
static int start_thread(struct writer *writer)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&writer->thread, NULL, writer_main, writer);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

static void writer_stopp(struct writer **writer)
{
	writer_stop(*writer);
}

enum pm_err writer_start(sqlite3 *db, const struct store_config *config, struct writer **out)
{
	sqlite3 *owned CLEANUP(db_closep) = db;
	struct writer *writer CLEANUP(writer_stopp) = calloc(1, sizeof(*writer));
	uint32_t days = config->keep_executed_days;

	if (!writer)
		return PM_NO_MEMORY;
	writer->db = TAKE(owned);
	writer->keep_executed = SECONDS_PER_DAY * (days > KEEP_DAYS_MIN ? days : KEEP_DAYS_MIN);
	writer->prune_at = clock_now();
	writer->batch_max = config->batch;
	writer->queue_max = config->queue;
	writer->lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	writer->work = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	TAILQ_INIT(&writer->queue);
	writer->batch = calloc(config->batch, sizeof(struct commit *));
	if (!writer->batch)
		return PM_NO_MEMORY;
	TRY(write_new(writer->db, &writer->write));
	writer->open_log = *write_open_log(writer->write);
	int rc = start_thread(writer);
	if (rc != 0) {
		log_error("store: starting the writer: %s", strerror(rc));
		return PM_NO_MEMORY;
	}
	writer->started = true;
	*out = TAKE(writer);
	return PM_OK;
}

void writer_stop(struct writer *writer)
{
	if (!writer)
		return;
	if (writer->started) {
		pthread_mutex_lock(&writer->lock);
		writer->stop = true;
		pthread_cond_signal(&writer->work);
		pthread_mutex_unlock(&writer->lock);
		pthread_join(writer->thread, NULL);
	}
	write_free(writer->write);
	db_close(writer->db);
	free(writer->batch);
	free(writer);
}

/* Once taken, it is done soon: only what is still queued can give up. */
static void wait_until_done(struct writer *writer, struct commit *commit, int64_t deadline)
{
	struct timespec until = deadline_timespec(deadline);
	int rc = 0;

	while (commit->state == COMMIT_QUEUED && rc == 0)
		rc = pthread_cond_clockwait(&commit->done, &writer->lock, CLOCK_MONOTONIC, &until);
	if (commit->state == COMMIT_QUEUED) {
		TAILQ_REMOVE(&writer->queue, commit, link);
		writer->queued--;
		commit->err = PM_DEADLINE_EXCEEDED;
		return;
	}
	while (commit->state != COMMIT_DONE)
		pthread_cond_wait(&commit->done, &writer->lock);
}

static enum pm_err enqueue_and_wait(struct writer *writer, struct commit *commit, int64_t deadline)
{
	if (writer->queued >= writer->queue_max)
		return PM_BUSY;
	TAILQ_INSERT_TAIL(&writer->queue, commit, link);
	writer->queued++;
	pthread_cond_signal(&writer->work);
	wait_until_done(writer, commit, deadline);
	return commit->err;
}

enum pm_err writer_commit(struct writer *writer, const struct store_change *changes, size_t count,
			  int64_t deadline)
{
	struct commit commit = {
		.changes = changes,
		.count = count,
		.state = COMMIT_QUEUED,
		.done = PTHREAD_COND_INITIALIZER,
	};

	if (count < 1 || count > STORE_CHANGES_MAX)
		return PM_INTERNAL;
	if (deadline <= clock_now())
		return PM_DEADLINE_EXCEEDED;
	pthread_mutex_lock(&writer->lock);
	enum pm_err err = enqueue_and_wait(writer, &commit, deadline);
	pthread_mutex_unlock(&writer->lock);
	pthread_cond_destroy(&commit.done);
	return err;
}

void writer_open_log(struct writer *writer, struct openlog *out)
{
	pthread_mutex_lock(&writer->lock);
	*out = writer->open_log;
	pthread_mutex_unlock(&writer->lock);
}
