/*
 * Threads that run jobs from one bounded queue. Each environment has workers of its own, so that a
 * hung HSM holds only its own. A job is embedded in what it is about and belongs to the queue from
 * workers_submit until `run` is called with it, once, whatever happens.
 */
#ifndef RPC_WORKERS_H
#define RPC_WORKERS_H

#include <stdint.h>

#include "base/err.h"

struct job {
	struct job *next;
	int64_t deadline; /* monotonic */
};

struct workers;

/*
 * Runs a job, or, with an error, only says that it was not run: PM_DEADLINE_EXCEEDED,
 * PM_SHUTTING_DOWN.
 */
typedef void workers_run(struct job *job, enum pm_err err);

enum pm_err workers_new(uint32_t threads, uint32_t queue, workers_run *run,
			struct workers **out) NODISCARD;

/* What waits is not run any more; what runs is waited for; then the threads end. */
void workers_stop(struct workers *workers);
void workers_free(struct workers *workers); /* stops first; NULL is allowed */

/* Never waits. PM_BUSY when the queue is full, PM_SHUTTING_DOWN after workers_stop. */
enum pm_err workers_submit(struct workers *workers, struct job *job) NODISCARD;

/* Ends the waiting of jobs whose deadline has passed, also when no worker is free to see it. */
void workers_expire(struct workers *workers, int64_t now);

#endif
