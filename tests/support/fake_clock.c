#include "fake_clock.h"

#include <stdatomic.h>

static _Atomic int64_t offset;

#define US_PER_SECOND INT64_C(1000000)

int64_t __real_clock_unix(void);
int64_t __wrap_clock_unix(void);
int64_t __real_clock_unix_us(void);
int64_t __wrap_clock_unix_us(void);

void fake_clock_advance(int64_t seconds)
{
	offset += seconds;
}

void fake_clock_reset(void)
{
	offset = 0;
}

int64_t __wrap_clock_unix(void)
{
	return __real_clock_unix() + offset;
}

int64_t __wrap_clock_unix_us(void)
{
	return __real_clock_unix_us() + offset * US_PER_SECOND;
}
