#include "rate.h"

#include "base/clock.h"

#define MINUTE 60

/*
 * An allowance in one word:
 *
 *	owner (32 bits) | minute, its last bits (12) | taken in it (20)
 *
 * It is nobody's when nothing is taken or its minute is over. Owners look for theirs from the place
 * of their number on, and take the first that is theirs or nobody's: within a minute none becomes
 * nobody's again, so no owner has two. Who is still in the minute before may give a place back too
 * early: then a few more are given.
 */
#define TAKEN_BITS 20
#define MINUTE_BITS 12
#define TAKEN_MASK ((UINT64_C(1) << TAKEN_BITS) - 1)
#define MINUTE_MASK ((UINT64_C(1) << MINUTE_BITS) - 1)

_Static_assert(RATE_MOST <= TAKEN_MASK, "as many as may be taken fit");

enum outcome { TAKEN, SPENT, OTHERS };

static enum outcome take(atomic_uint_fast64_t *place, uint64_t whose, uint32_t most)
{
	uint_fast64_t old = atomic_load(place);
	uint64_t taken = 0;

	do {
		bool current = (old >> TAKEN_BITS & MINUTE_MASK) == (whose & MINUTE_MASK);

		taken = current ? old & TAKEN_MASK : 0;
		if (taken > 0 && old >> TAKEN_BITS != whose)
			return OTHERS;
		if (taken >= most)
			return SPENT;
	} while (!atomic_compare_exchange_weak(place, &old, whose << TAKEN_BITS | (taken + 1)));
	return TAKEN;
}

static bool take_from(atomic_uint_fast64_t *places, size_t count, uint32_t owner, uint32_t most)
{
	uint64_t minute = (uint64_t)(clock_unix() / MINUTE) & MINUTE_MASK;
	uint64_t whose = (uint64_t)owner << MINUTE_BITS | minute;
	enum outcome outcome = OTHERS;

	for (size_t i = 0; i < count && outcome == OTHERS; i++)
		outcome = take(&places[(owner + i) % count], whose, most);
	return outcome == TAKEN;
}

bool rate_take(struct rates *rates, uint32_t uid, bool stranger)
{
	uint32_t most = rates->per_minute < RATE_MOST ? rates->per_minute : RATE_MOST;

	if (stranger)
		return take_from(rates->strangers, RATE_STRANGERS, uid % RATE_STRANGERS, most);
	return take_from(rates->callers, RATE_CALLERS, uid, most);
}
