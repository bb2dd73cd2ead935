#include "workers.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/*
 * Each worker waits on a condition of its own: where several threads wait on one, glibc 2.36
 * (Debian 12) can lose a pthread_cond_signal (its bug 25847). And the one that became idle last is
 * woken first, because its memory is still warm.
 */
struct worker {
	struct workers *workers;
	struct worker *next; /* among the idle ones */
	pthread_t thread;
	pthread_cond_t wake;
	bool idle;
};

struct workers {
	pthread_mutex_t lock;
	workers_run *run;
	struct job *first;
	struct job **last; /* where the next job is linked in */
	uint32_t waiting;
	uint32_t queue;
	struct worker *idle;
	bool stopping;
	uint32_t count;
	struct worker all[];
};

static void unlink_idle(struct workers *workers, struct worker *worker)
{
	struct worker **link = &workers->idle;

	while (*link != worker)
		link = &(*link)->next;
	*link = worker->next;
	worker->idle = false;
}

static void wait_for_work(struct worker *self)
{
	struct workers *workers = self->workers;

	self->idle = true;
	self->next = workers->idle;
	workers->idle = self;
	pthread_cond_wait(&self->wake, &workers->lock);
	if (self->idle) /* nobody woke it: POSIX allows that */
		unlink_idle(workers, self);
}

static void wake_one(struct workers *workers)
{
	struct worker *last = workers->idle;

	if (!last)
		return;
	unlink_idle(workers, last);
	pthread_cond_signal(&last->wake);
}

/* The next job, and whether it may still begin; NULL when there is none and will be none. */
static struct job *take(struct worker *self, enum pm_err *err)
{
	struct workers *workers = self->workers;

	pthread_mutex_lock(&workers->lock);
	while (!workers->first && !workers->stopping)
		wait_for_work(self);
	*err = workers->stopping ? PM_SHUTTING_DOWN : PM_OK;
	struct job *job = workers->first;
	if (job) {
		workers->first = job->next;
		if (!workers->first)
			workers->last = &workers->first;
		workers->waiting--;
	}
	pthread_mutex_unlock(&workers->lock);
	if (job && *err == PM_OK && job->deadline <= clock_now())
		*err = PM_DEADLINE_EXCEEDED;
	return job;
}

static void *work(void *arg)
{
	struct worker *self = arg;
	struct job *job = NULL;
	enum pm_err err = PM_OK;

	while ((job = take(self, &err)) != NULL)
		self->workers->run(job, err);
	return NULL;
}

static enum pm_err start_worker(struct workers *workers, struct worker *worker)
{
	worker->workers = workers;
	pthread_cond_init(&worker->wake, NULL);
	int rv = pthread_create(&worker->thread, NULL, work, worker);
	if (rv == 0)
		return PM_OK;
	log_error("rpc: cannot start a worker: %s", strerror(rv));
	pthread_cond_destroy(&worker->wake);
	return PM_NO_MEMORY;
}

enum pm_err workers_new(uint32_t threads, uint32_t queue, workers_run *run, struct workers **out)
{
	struct workers *workers = calloc(1, sizeof(*workers) + threads * sizeof(struct worker));

	if (!workers)
		return PM_NO_MEMORY;
	pthread_mutex_init(&workers->lock, NULL);
	workers->run = run;
	workers->queue = queue;
	workers->last = &workers->first;
	for (; workers->count < threads; workers->count++) {
		enum pm_err err = start_worker(workers, &workers->all[workers->count]);

		if (err != PM_OK) {
			workers_free(workers);
			return err;
		}
	}
	*out = workers;
	return PM_OK;
}

void workers_stop(struct workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	workers->stopping = true;
	while (workers->idle)
		wake_one(workers);
	pthread_mutex_unlock(&workers->lock);
	for (; workers->count > 0; workers->count--) {
		struct worker *last = &workers->all[workers->count - 1];

		pthread_join(last->thread, NULL);
		pthread_cond_destroy(&last->wake);
	}
}

void workers_free(struct workers *workers)
{
	if (!workers)
		return;
	workers_stop(workers);
	pthread_mutex_destroy(&workers->lock);
	free(workers);
}

static enum pm_err submit(struct workers *workers, struct job *job)
{
	if (workers->stopping)
		return PM_SHUTTING_DOWN;
	if (workers->waiting >= workers->queue)
		return PM_BUSY;
	job->next = NULL;
	*workers->last = job;
	workers->last = &job->next;
	workers->waiting++;
	wake_one(workers);
	return PM_OK;
}

enum pm_err workers_submit(struct workers *workers, struct job *job)
{
	pthread_mutex_lock(&workers->lock);
	enum pm_err err = submit(workers, job);
	pthread_mutex_unlock(&workers->lock);
	return err;
}

static struct job *unlink_expired(struct workers *workers, int64_t now)
{
	struct job *expired = NULL;
	struct job **link = &workers->first;

	while (*link) {
		struct job *job = *link;

		if (job->deadline > now) {
			link = &job->next;
			continue;
		}
		*link = job->next;
		job->next = expired;
		expired = job;
		workers->waiting--;
	}
	workers->last = link;
	return expired;
}

void workers_expire(struct workers *workers, int64_t now)
{
	pthread_mutex_lock(&workers->lock);
	struct job *expired = unlink_expired(workers, now);
	pthread_mutex_unlock(&workers->lock);
	while (expired) {
		struct job *job = expired;

		expired = job->next; /* the job is gone once it has run */
		workers->run(job, PM_DEADLINE_EXCEEDED);
	}
}
