#include "pace.h"

#include <stdbool.h>

#include "base/clock.h"

#define CRASH_MIN_MS 100
#define CRASH_MAX_MS 30000
#define RELOAD_GROWTH 10
#define RELOAD_MAX_MS 300000
#define STEADY (60 * NS_PER_SECOND)

void pace_start(struct pace *pace, int64_t now)
{
	pace->started = now;
	pace->serving_since = 0;
}

void pace_serve(struct pace *pace, int64_t now)
{
	pace->serving_since = now;
}

void pace_forget(struct pace *pace)
{
	pace->crash_ms = pace->reload_now_ms = 0;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* From one wait to the next. */
static int64_t grow(int64_t last, int64_t first, int64_t max)
{
	return last == 0 ? first : least(last * 2, max);
}

static int64_t reload_max(const struct pace *pace)
{
	int64_t max = least(pace->reload_ms * RELOAD_GROWTH, RELOAD_MAX_MS);

	return max < pace->reload_ms ? pace->reload_ms : max;
}

int64_t pace_lose(struct pace *pace, enum hsm_cause cause, int64_t now)
{
	if (pace->serving_since != 0 && now - pace->serving_since >= STEADY)
		pace_forget(pace);
	pace->serving_since = 0;
	if (cause == HSM_CAUSE_CRASH || cause == HSM_CAUSE_HANG) {
		pace->crash_ms = grow(pace->crash_ms, CRASH_MIN_MS, CRASH_MAX_MS);
		return now + pace->crash_ms * NS_PER_MS;
	}
	pace->reload_now_ms = grow(pace->reload_now_ms, pace->reload_ms, reload_max(pace));
	int64_t due = pace->started + pace->reload_now_ms * NS_PER_MS;
	return due > now ? due : now;
}
