#include "rate.h"

#include "base/clock.h"

#define MINUTE 60

bool rate_take(struct rates *rates, uint32_t uid, bool stranger)
{
	size_t place = stranger ? RATE_CALLERS + uid % RATE_STRANGERS : uid % RATE_CALLERS;
	uint32_t minute = (uint32_t)(clock_unix() / MINUTE);
	uint_fast64_t old = atomic_load(&rates->used[place]), next = 0;

	do {
		uint32_t used = old >> 32 == minute ? (uint32_t)old : 0;

		if (used >= rates->per_minute)
			return false;
		next = (uint_fast64_t)minute << 32 | (used + 1);
	} while (!atomic_compare_exchange_weak(&rates->used[place], &old, next));
	return true;
}
