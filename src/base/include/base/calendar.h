/* Months, for what is kept by the calendar. Any thread. */
#ifndef BASE_CALENDAR_H
#define BASE_CALENDAR_H

#include <stdint.h>

/* So many calendar months before `when`, in seconds since 1970 UTC. A day that month lacks runs over:
 * a month before March 31st is March 2nd or 3rd. */
int64_t calendar_months_before(int64_t when, unsigned months);

#endif
