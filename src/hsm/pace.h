/*
 * When a signer may be started again. After a crash or a hang: after 100 ms, and twice as long each
 * time, up to 30 s. After any other failure: reload_ms after the last start, at once if that is long
 * ago, and twice as far apart each time, up to ten times that or 5 minutes. Who served steadily for a
 * minute begins anew. Times are monotonic nanoseconds; no clock is read here.
 */
#ifndef HSM_PACE_H
#define HSM_PACE_H

#include <stdint.h>

#include "hsm/hsm.h"

struct pace {
	int64_t reload_ms;
	int64_t started;                 /* the last start; 0: there was none */
	int64_t serving_since;           /* 0: it has not come to serve */
	int64_t crash_ms, reload_now_ms; /* what was waited for last; 0: nothing */
};

void pace_start(struct pace *pace, int64_t now);
void pace_serve(struct pace *pace, int64_t now);
/* Begins anew: somebody has looked after it. */
void pace_forget(struct pace *pace);
/* A signer was lost; the time of the next start. */
int64_t pace_lose(struct pace *pace, enum hsm_cause cause, int64_t now);

#endif
