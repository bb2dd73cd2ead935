#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "domain.h"
#include "rewrap.h"

#define BATCH_TIMEOUT_MS 5000
#define IDLE_MS 1000
#define REST_MAX_MS 200
#define BACK_OFF_MIN_MS 1000
#define BACK_OFF_MAX_MS 30000

/* Of one environment. */
struct turn {
	int64_t next;     /* monotonic */
	int64_t back_off; /* milliseconds; 0: the last batch did not fail */
};

struct rewrapper {
	struct vault *vault;
	pthread_t thread;
	pthread_mutex_t lock; /* guards `stop` */
	pthread_cond_t wake;
	bool stop;
	struct turn turns[VAULT_ENVIRONMENTS_MAX];
};

static int64_t min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void back_off(struct turn *turn, const struct environment *env, enum pm_err err)
{
	if (turn->back_off == 0)
		log_warn("vault: %s: moving records to the newer key waits: %s", env->name,
			 peppermint_error_name(err));
	turn->back_off =
		turn->back_off == 0 ? BACK_OFF_MIN_MS : min(2 * turn->back_off, BACK_OFF_MAX_MS);
	turn->next = deadline_in_ms(turn->back_off);
}

static void take_turn(struct environment *env, struct turn *turn)
{
	int64_t begun = clock_now();
	bool more = false;

	if (begun < turn->next)
		return;
	enum pm_err err = rewrap_some(env, deadline_in_ms(BATCH_TIMEOUT_MS), &more);
	if (err != PM_OK) {
		back_off(turn, env, err);
		return;
	}
	int64_t now = clock_now();
	int64_t rest = more ? min((now - begun) / 2, REST_MAX_MS * NS_PER_MS) : IDLE_MS * NS_PER_MS;
	turn->back_off = 0;
	turn->next = now + rest;
}

/* False: to stop. */
static bool wait_for_turn(struct rewrapper *rewrapper)
{
	int64_t next = deadline_in_ms(IDLE_MS);
	int rc = 0;

	for (size_t i = 0; i < rewrapper->vault->environment_count; i++)
		next = min(next, rewrapper->turns[i].next);
	const struct timespec until = deadline_timespec(next);
	pthread_mutex_lock(&rewrapper->lock);
	while (!rewrapper->stop && rc == 0)
		rc = pthread_cond_clockwait(&rewrapper->wake, &rewrapper->lock, CLOCK_MONOTONIC,
					    &until);
	bool go_on = !rewrapper->stop;
	pthread_mutex_unlock(&rewrapper->lock);
	return go_on;
}

static void *turns(void *arg)
{
	struct rewrapper *rewrapper = arg;
	struct vault *vault = rewrapper->vault;

	while (wait_for_turn(rewrapper)) {
		for (size_t i = 0; i < vault->environment_count; i++)
			take_turn(&vault->environments[i], &rewrapper->turns[i]);
	}
	return NULL;
}

static int start(struct rewrapper *rewrapper)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&rewrapper->thread, NULL, turns, rewrapper);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

static void end(struct rewrapper *rewrapper)
{
	pthread_mutex_destroy(&rewrapper->lock);
	pthread_cond_destroy(&rewrapper->wake);
	free(rewrapper);
}

enum pm_err rewrap_start(struct vault *vault)
{
	struct rewrapper *rewrapper = calloc(1, sizeof(*rewrapper));

	if (!rewrapper)
		return PM_NO_MEMORY;
	rewrapper->vault = vault;
	pthread_mutex_init(&rewrapper->lock, NULL);
	pthread_cond_init(&rewrapper->wake, NULL);
	int rc = start(rewrapper);
	if (rc != 0) {
		log_error("vault: starting the thread that moves records: %s", strerror(rc));
		end(rewrapper);
		return PM_NO_MEMORY;
	}
	vault->rewrapper = rewrapper;
	return PM_OK;
}

void rewrap_stop(struct vault *vault)
{
	struct rewrapper *rewrapper = vault->rewrapper;

	if (!rewrapper)
		return;
	pthread_mutex_lock(&rewrapper->lock);
	rewrapper->stop = true;
	pthread_cond_broadcast(&rewrapper->wake);
	pthread_mutex_unlock(&rewrapper->lock);
	pthread_join(rewrapper->thread, NULL);
	vault->rewrapper = NULL;
	end(rewrapper);
}
