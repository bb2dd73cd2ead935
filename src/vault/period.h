/*
 * Cryptoperiods, and the counting of uses that they need: whether a version may still make anything
 * new, or vouch for what it made. Any thread.
 */
#ifndef VAULT_PERIOD_H
#define VAULT_PERIOD_H

#include "environment.h"

/* Ends of a version's periods, in seconds since 1970; 0: none. */
struct period {
	int64_t make_until, verify_until;
	uint64_t uses, uses_max; /* uses_max 0: no limit */
	int64_t last_used_at;
	bool warns; /* one of them is near, or over */
};

void period_of(struct environment *env, const struct master_record *master, struct period *out);

/* Is it past the time, or the uses, in which it makes anything new? */
bool period_is_over(const struct period *period, int64_t now);

/* PM_KEY_PERIOD_OVER: it must make nothing new any more. */
enum pm_err period_may_make(struct environment *env, const struct master_record *master) NODISCARD;

/* Whether it may still vouch for what it made: its state, the end of a compromised one, its period. */
bool period_vouches(struct environment *env, const struct master_record *master, int64_t now);

/* Is it past the end that it got when it was compromised? From then on that stays so, whatever its state. */
bool period_is_dead(const struct master_record *master, int64_t now);

/* `count` MACs or signatures were made under it. In memory; written from time to time. */
void period_count(struct environment *env, const struct master_record *master, uint64_t count);

/* How many versions warn. */
uint32_t period_warnings(struct environment *env);

/*
 * Writes the counts to the store; warns, in log and audit log, once a day of each version that is near
 * its end; rotates by itself where that is configured.
 */
void period_tend(struct environment *env, int64_t deadline);

#endif
