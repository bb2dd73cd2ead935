#include "fault.h"

#include <stdatomic.h>

static atomic_int countdown = -1;
static atomic_bool fired;

void fault_arm(int nth)
{
	atomic_store(&fired, false);
	atomic_store(&countdown, nth);
}

void fault_disarm(void)
{
	atomic_store(&countdown, -1);
}

bool fault_fired(void)
{
	return atomic_load(&fired);
}

bool fault_now(void)
{
	if (atomic_load(&countdown) < 0 || atomic_fetch_sub(&countdown, 1) != 0)
		return false;
	atomic_store(&fired, true);
	return true;
}
