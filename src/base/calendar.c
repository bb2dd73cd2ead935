#define _GNU_SOURCE
#include "base/calendar.h"

#include <time.h>

int64_t calendar_months_before(int64_t when, unsigned months)
{
	time_t moment = (time_t)when;
	struct tm tm;

	gmtime_r(&moment, &tm);
	tm.tm_mon -= (int)months;
	return timegm(&tm);
}
