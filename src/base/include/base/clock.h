/*
 * The two clocks. Waits and deadlines are monotonic nanoseconds; what is stored and shown is
 * seconds since 1970 UTC. A deadline is an absolute monotonic time. Any thread; unit tests link a
 * clock of their own behind this header.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_SECOND INT64_C(1000000000)

int64_t clock_now(void);     /* monotonic nanoseconds */
int64_t clock_unix(void);    /* seconds since 1970-01-01 UTC */
int64_t clock_unix_us(void); /* microseconds since then */

int64_t deadline_in_ms(int64_t ms);
int64_t deadline_left_ms(int64_t deadline); /* 0 when it has passed; rounds up */

/* For pthread_cond_clockwait on CLOCK_MONOTONIC. */
struct timespec deadline_timespec(int64_t deadline);

#endif
