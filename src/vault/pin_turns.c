/* Turns at stretching PINs. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pin_turns.h"

struct seat {
	bool taken;
	const struct environment *env;
	char operator_id[VAULT_OPERATOR_MAX + 1];
};

struct pin_turns {
	pthread_mutex_t lock;
	pthread_cond_t left;
	size_t waiting;
	struct seat seats[PIN_STRETCHINGS];
};

enum pm_err pin_turns_new(struct pin_turns **out)
{
	struct pin_turns *turns = calloc(1, sizeof(*turns));

	if (!turns)
		return PM_NO_MEMORY;
	pthread_mutex_init(&turns->lock, NULL);
	pthread_cond_init(&turns->left, NULL);
	*out = turns;
	return PM_OK;
}

void pin_turns_free(struct pin_turns *turns)
{
	if (!turns)
		return;
	pthread_cond_destroy(&turns->left);
	pthread_mutex_destroy(&turns->lock);
	free(turns);
}

static bool is_operators(const struct seat *seat, const struct environment *env, const char *id)
{
	return seat->taken && seat->env == env && strcmp(seat->operator_id, id) == 0;
}

/* NULL: all are taken, or one is by the same operator. */
static struct seat *find_seat(struct pin_turns *turns, const struct environment *env,
			      const char *id)
{
	struct seat *free_one = NULL;

	for (size_t i = 0; i < PIN_STRETCHINGS; i++) {
		if (is_operators(&turns->seats[i], env, id))
			return NULL;
		if (!turns->seats[i].taken)
			free_one = &turns->seats[i];
	}
	return free_one;
}

/* Under the lock. */
static struct seat *wait_for_seat(struct pin_turns *turns, const struct environment *env,
				  const char *id, int64_t deadline)
{
	const struct timespec until = deadline_timespec(deadline);
	struct seat *seat = find_seat(turns, env, id);
	int waited = 0;

	if (seat || turns->waiting == PIN_WAITING)
		return seat;
	turns->waiting++;
	while (!seat && waited == 0) {
		waited =
			pthread_cond_clockwait(&turns->left, &turns->lock, CLOCK_MONOTONIC, &until);
		seat = find_seat(turns, env, id);
	}
	turns->waiting--;
	return seat;
}

enum pm_err pin_turns_begin(struct pin_turns *turns, const struct environment *env, const char *id,
			    int64_t deadline)
{
	if (strlen(id) > VAULT_OPERATOR_MAX)
		return PM_TOO_LARGE;
	pthread_mutex_lock(&turns->lock);
	struct seat *seat = wait_for_seat(turns, env, id, deadline);
	if (seat) {
		seat->taken = true;
		seat->env = env;
		strcpy(seat->operator_id, id);
	}
	pthread_mutex_unlock(&turns->lock);
	return seat ? PM_OK : PM_BUSY;
}

void pin_turns_end(struct pin_turns *turns, const struct environment *env, const char *id)
{
	pthread_mutex_lock(&turns->lock);
	for (size_t i = 0; i < PIN_STRETCHINGS; i++) {
		if (is_operators(&turns->seats[i], env, id))
			turns->seats[i].taken = false;
	}
	/* Not signal: with several waiters glibc 2.36 (Debian 12) can lose one (its bug 25847). */
	pthread_cond_broadcast(&turns->left);
	pthread_mutex_unlock(&turns->lock);
}
