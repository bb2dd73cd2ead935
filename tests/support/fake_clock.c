#include "fake_clock.h"

#include <stdatomic.h>

static _Atomic int64_t offset;

int64_t __real_clock_unix(void);
int64_t __wrap_clock_unix(void);

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
