#include "base/clock.h"

#include "test.h"

static void the_monotonic_clock_does_not_go_back(void **state)
{
	int64_t before = clock_now();

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_now();
		assert_true(now >= before);
		before = now;
	}
}

static void a_deadline_has_at_most_what_it_was_given(void **state)
{
	int64_t deadline = deadline_in_ms(3600000);

	(void)state;
	assert_in_range(deadline_left_ms(deadline), 1, 3600000);
}

static void what_is_left_rounds_up_so_that_nobody_wakes_too_early(void **state)
{
	(void)state;
	/* An hour and half a millisecond, less however long the call takes. */
	int64_t before = clock_now();
	int64_t deadline = before + 3600 * NS_PER_SECOND + NS_PER_MS / 2;
	int64_t left = deadline_left_ms(deadline);

	assert_true(left * NS_PER_MS >= deadline - clock_now());
}

static void a_deadline_that_has_passed_has_nothing_left(void **state)
{
	(void)state;
	assert_int_equal(deadline_left_ms(clock_now() - 1), 0);
	assert_int_equal(deadline_left_ms(0), 0);
	assert_int_equal(deadline_left_ms(deadline_in_ms(-5)), 0);
}

static void a_deadline_splits_into_seconds_and_nanoseconds(void **state)
{
	struct timespec ts = deadline_timespec(7 * NS_PER_SECOND + 5);

	(void)state;
	assert_int_equal(ts.tv_sec, 7);
	assert_int_equal(ts.tv_nsec, 5);
}

static void the_time_of_day_is_seconds_since_1970(void **state)
{
	time_t before = time(NULL);
	int64_t now = clock_unix();

	(void)state;
	assert_in_range(now, before - 1, time(NULL) + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_monotonic_clock_does_not_go_back),
		cmocka_unit_test(a_deadline_has_at_most_what_it_was_given),
		cmocka_unit_test(what_is_left_rounds_up_so_that_nobody_wakes_too_early),
		cmocka_unit_test(a_deadline_that_has_passed_has_nothing_left),
		cmocka_unit_test(a_deadline_splits_into_seconds_and_nanoseconds),
		cmocka_unit_test(the_time_of_day_is_seconds_since_1970),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
