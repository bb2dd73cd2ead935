#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs what is above. */
#include <cmocka.h>

#include "base/clock.h"
#include "pace.h"

#define MS NS_PER_MS
#define T0 (1000000 * MS)

/* Starts at `now` and is lost `later_ms` after; how long it is to wait from then. */
static int64_t wait_after(struct pace *pace, enum hsm_cause cause, int64_t now, int64_t later_ms)
{
	const int64_t lost = now + later_ms * MS;

	pace_start(pace, now);
	return (pace_lose(pace, cause, lost) - lost) / MS;
}

static void a_crash_or_hang_waits_twice_as_long_each_time_up_to_30_seconds(void **state)
{
	static const int64_t waits[] = { 100,  200,   400,   800,   1600, 3200,
					 6400, 12800, 25600, 30000, 30000 };
	struct pace pace = { .reload_ms = 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		enum hsm_cause cause = i % 2 ? HSM_CAUSE_HANG : HSM_CAUSE_CRASH;

		assert_int_equal(wait_after(&pace, cause, T0, 5), waits[i]);
	}
}

static void the_first_failure_of_a_device_long_after_the_start_waits_for_nothing(void **state)
{
	struct pace pace = { .reload_ms = 30000 };

	(void)state;
	assert_int_equal(wait_after(&pace, HSM_CAUSE_DEVICE, T0, 30000), 0);
}

static void starts_after_failures_of_a_device_are_that_far_apart_and_farther_each_time(void **state)
{
	static const int64_t apart[] = { 1000, 2000, 4000, 8000, 10000, 10000 };
	struct pace pace = { .reload_ms = 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++) {
		enum hsm_cause cause = i % 2 ? HSM_CAUSE_SETUP : HSM_CAUSE_DEVICE;

		assert_int_equal(wait_after(&pace, cause, T0, 300), apart[i] - 300);
	}
}

static void starts_are_never_more_than_five_minutes_apart_unless_told_so(void **state)
{
	struct pace pace = { .reload_ms = 30000 }, slow = { .reload_ms = 600000 };

	(void)state;
	for (size_t i = 0; i < 5; i++)
		wait_after(&pace, HSM_CAUSE_DEVICE, T0, 0);
	assert_int_equal(wait_after(&pace, HSM_CAUSE_DEVICE, T0, 0), 300000);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(wait_after(&slow, HSM_CAUSE_DEVICE, T0, 0), 600000);
}

/* So that a device that fails after each start is not tried twice a second for ever. */
static void only_a_minute_of_service_makes_it_begin_anew(void **state)
{
	struct pace pace = { .reload_ms = 1000 };

	(void)state;
	wait_after(&pace, HSM_CAUSE_DEVICE, T0, 0);
	wait_after(&pace, HSM_CAUSE_CRASH, T0, 0);
	pace_start(&pace, T0);
	pace_serve(&pace, T0);
	assert_int_equal(pace_lose(&pace, HSM_CAUSE_CRASH, T0 + 59999 * MS),
			 T0 + (59999 + 200) * MS);
	pace_start(&pace, T0);
	pace_serve(&pace, T0);
	assert_int_equal(pace_lose(&pace, HSM_CAUSE_CRASH, T0 + 60000 * MS),
			 T0 + (60000 + 100) * MS);
	assert_int_equal(wait_after(&pace, HSM_CAUSE_DEVICE, T0, 0), 1000);
}

/* The minute is of this signer's own service. */
static void a_start_that_fails_is_no_service(void **state)
{
	struct pace pace = { .reload_ms = 1000 };

	(void)state;
	pace_start(&pace, T0);
	pace_serve(&pace, T0);
	pace_lose(&pace, HSM_CAUSE_CRASH, T0 + 1000 * MS);
	assert_int_equal(wait_after(&pace, HSM_CAUSE_CRASH, T0 + 2000 * MS, 100000), 200);
}

static void an_unseal_makes_it_begin_anew(void **state)
{
	struct pace pace = { .reload_ms = 1000 };

	(void)state;
	for (int i = 0; i < 8; i++) {
		wait_after(&pace, HSM_CAUSE_HANG, T0, 5);
		wait_after(&pace, HSM_CAUSE_DEVICE, T0, 5);
	}
	pace_forget(&pace);
	assert_int_equal(wait_after(&pace, HSM_CAUSE_HANG, T0, 5), 100);
	assert_int_equal(wait_after(&pace, HSM_CAUSE_DEVICE, T0, 300), 700);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crash_or_hang_waits_twice_as_long_each_time_up_to_30_seconds),
		cmocka_unit_test(
			the_first_failure_of_a_device_long_after_the_start_waits_for_nothing),
		cmocka_unit_test(
			starts_after_failures_of_a_device_are_that_far_apart_and_farther_each_time),
		cmocka_unit_test(starts_are_never_more_than_five_minutes_apart_unless_told_so),
		cmocka_unit_test(only_a_minute_of_service_makes_it_begin_anew),
		cmocka_unit_test(a_start_that_fails_is_no_service),
		cmocka_unit_test(an_unseal_makes_it_begin_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
