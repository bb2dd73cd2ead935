/* What is done from time to time, by a thread of its own or whenever somebody asks. */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>

#include "audit_state.h"
#include "base/clock.h"
#include "base/log.h"
#include "domain.h"
#include "prune.h"

#define ROUND_EVERY_MS 1000
#define CHECKPOINT_TIMEOUT_MS 5000
#define PART_TIMEOUT_MS 2000
#define ROUND_TRY_MS 5

/* Tried again and again: pthread's own timed lock goes by a clock that may be set. */
enum pm_err audit_enter_round(struct audit *audit, int64_t deadline)
{
	const struct timespec nap = { .tv_nsec = ROUND_TRY_MS * NS_PER_MS };

	while (pthread_mutex_trylock(&audit->round) != 0) {
		if (deadline_left_ms(deadline) == 0)
			return PM_DEADLINE_EXCEEDED;
		nanosleep(&nap, NULL);
	}
	return PM_OK;
}

/*
 * Each part is done whatever becomes of the others, in a time of its own; the first error is told.
 * The checkpoint does not wait for the counts, whose texts any environment's token may be asked for.
 */
enum pm_err audit_tend(struct audit *audit, int64_t deadline)
{
	audit_probe(audit);
	enum pm_err err = audit_notarize(audit, deadline);
	err = audit_first_error(err, audit_flush(audit, false, deadline_in_ms(PART_TIMEOUT_MS)));
	err = audit_first_error(err, scrub_some(audit));
	return audit_first_error(err, prune_if_due(audit, deadline_in_ms(PART_TIMEOUT_MS)));
}

enum pm_err vault_audit_tend(struct vault *vault, int64_t deadline)
{
	return audit_tend(vault->audit, deadline);
}

/* Until a second is over or there is enough to sign; false: to stop. */
static bool wait_for_round(struct audit *audit)
{
	struct timespec until = deadline_timespec(deadline_in_ms(ROUND_EVERY_MS));
	int rc = 0;

	pthread_mutex_lock(&audit->wake_lock);
	while (!audit->stop && atomic_load(&audit->fresh) < AUDIT_FRESH_MAX && rc == 0)
		rc = pthread_cond_clockwait(&audit->wake, &audit->wake_lock, CLOCK_MONOTONIC,
					    &until);
	bool go_on = !audit->stop;
	pthread_mutex_unlock(&audit->wake_lock);
	atomic_store(&audit->fresh, 0);
	return go_on;
}

/* What failed was told where it failed, and is in Status. */
static void *rounds(void *arg)
{
	struct audit *audit = arg;

	while (wait_for_round(audit)) {
		enum pm_err err = audit_tend(audit, deadline_in_ms(CHECKPOINT_TIMEOUT_MS));
		(void)err;
	}
	return NULL;
}

enum pm_err audit_start_thread(struct audit *audit)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&audit->thread, NULL, rounds, audit);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	audit->started = rc == 0;
	if (rc == 0)
		return PM_OK;
	log_error("vault: starting the notary: %s", strerror(rc));
	return PM_NO_MEMORY;
}

void audit_stop_thread(struct audit *audit)
{
	if (!audit->started)
		return;
	pthread_mutex_lock(&audit->wake_lock);
	audit->stop = true;
	pthread_cond_broadcast(&audit->wake);
	pthread_mutex_unlock(&audit->wake_lock);
	pthread_join(audit->thread, NULL);
}
