#include "base/clock.h"

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * NS_PER_SECOND + ts.tv_nsec;
}

int64_t clock_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_unix(void)
{
	return read_clock(CLOCK_REALTIME) / NS_PER_SECOND;
}

int64_t clock_unix_us(void)
{
	return read_clock(CLOCK_REALTIME) / NS_PER_US;
}

int64_t deadline_in_ms(int64_t ms)
{
	return clock_now() + ms * NS_PER_MS;
}

int64_t deadline_left_ms(int64_t deadline)
{
	int64_t left = deadline - clock_now();

	return left <= 0 ? 0 : (left + NS_PER_MS - 1) / NS_PER_MS;
}

struct timespec deadline_timespec(int64_t deadline)
{
	return (struct timespec){
		.tv_sec = deadline / NS_PER_SECOND,
		.tv_nsec = deadline % NS_PER_SECOND,
	};
}
