/*
 * How many refusals get an entry of their own: so many per caller and minute, so that no caller can
 * fill the disk, or drown others' in his own. Strangers, whose number nobody bounds, share a few
 * allowances. Any thread.
 */
#ifndef VAULT_RATE_H
#define VAULT_RATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* More than there can be callers: one who finds no place this minute has only his counts. */
#define RATE_CALLERS 1024
#define RATE_STRANGERS 64
#define RATE_MOST 1000000 /* of a minute, whatever per_minute says */

struct rates {
	uint32_t per_minute;
	/* whose, which minute, and how many in it (rate.c) */
	atomic_uint_fast64_t callers[RATE_CALLERS], strangers[RATE_STRANGERS];
};

/* Takes one, if there is one left. */
bool rate_take(struct rates *rates, uint32_t uid, bool stranger);

#endif
