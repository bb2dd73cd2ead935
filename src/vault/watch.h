/*
 * What happens to the HSMs, as entries of the audit log: faults, recoveries, sealing, refused PINs.
 * Their state is compared with what it was a second ago; a restart in between shows in its counter.
 * Any thread.
 */
#ifndef VAULT_WATCH_H
#define VAULT_WATCH_H

#include <pthread.h>

#include "hsm/hsm.h"

struct audit;
struct environment;

#define WATCH_TOKENS_MAX 2

/* As last told. */
struct watch {
	pthread_mutex_t lock;
	struct watch_token {
		enum hsm_state state;
		uint32_t restarts;
	} tokens[WATCH_TOKENS_MAX]; /* the configured one, and its standby */
	uint32_t active;
};

void watch_init(struct watch *watch);
void watch_end(struct watch *watch);

/* Tells what has changed. What cannot be told now is told at the next call. */
void watch_tend(struct audit *audit, struct watch *watch, struct environment *env);

#endif
