/* How many refusals of a minute get an entry each: to each caller his own number of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/clock.h"
#include "fake_clock.h"
#include "rate.h"

#define MINUTE 60
#define THREADS 8
#define RIVALS 3

static struct rates rates;

/* At the beginning of a minute, so that none ends meanwhile. */
static int setup(void **state)
{
	(void)state;
	fake_clock_reset();
	fake_clock_advance(MINUTE - clock_unix() % MINUTE);
	rates = (struct rates){ .per_minute = 10 };
	return 0;
}

static uint32_t take_all(uint32_t uid, bool stranger)
{
	uint32_t taken = 0;

	while (rate_take(&rates, uid, stranger))
		taken++;
	return taken;
}

static void a_callers_flood_takes_nothing_from_any_other(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 200; i++) {
		assert_int_equal(take_all(7 + i * RATE_CALLERS, false), 10);
		assert_int_equal(take_all(7 + i, false), i == 0 ? 0 : 10);
	}
}

static void a_minute_later_all_is_there_again(void **state)
{
	(void)state;
	for (int minute = 0; minute < 5; minute++) {
		for (uint32_t uid = 0; uid < 3 * RATE_CALLERS; uid += RATE_CALLERS)
			assert_int_equal(take_all(uid, false), 10);
		fake_clock_advance(MINUTE);
	}
}

static void the_largest_allowance_is_given_in_full(void **state)
{
	(void)state;
	rates.per_minute = UINT32_MAX;
	assert_int_equal(take_all(UINT32_MAX, false), RATE_MOST);
	assert_int_equal(take_all(UINT32_MAX - RATE_CALLERS, false), RATE_MOST);
}

static void who_finds_no_place_has_none_until_the_next_minute(void **state)
{
	(void)state;
	for (uint32_t uid = 0; uid < RATE_CALLERS; uid++)
		assert_true(rate_take(&rates, uid, false));
	assert_false(rate_take(&rates, RATE_CALLERS, false));
	assert_true(rate_take(&rates, 5, false));
	fake_clock_advance(MINUTE);
	assert_true(rate_take(&rates, RATE_CALLERS, false));
}

static void strangers_share_and_take_nothing_from_callers(void **state)
{
	uint32_t taken = 0;

	(void)state;
	for (uint32_t uid = 0; uid < 5000; uid++)
		taken += take_all(uid, true);
	assert_int_equal(taken, 10 * RATE_STRANGERS);
	assert_int_equal(take_all(7, false), 10);
}

static atomic_uint taken_by[RIVALS];

static void *rival(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; i < 3 * 100000; i++) {
		if (rate_take(&rates, 9 + i % RIVALS * RATE_CALLERS, false))
			atomic_fetch_add(&taken_by[i % RIVALS], 1);
	}
	return NULL;
}

static void each_is_given_once_whoever_takes_at_once(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	rates.per_minute = 50000;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, rival, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < RIVALS; i++)
		assert_int_equal(atomic_load(&taken_by[i]), 50000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_callers_flood_takes_nothing_from_any_other, setup),
		cmocka_unit_test_setup(a_minute_later_all_is_there_again, setup),
		cmocka_unit_test_setup(the_largest_allowance_is_given_in_full, setup),
		cmocka_unit_test_setup(who_finds_no_place_has_none_until_the_next_minute, setup),
		cmocka_unit_test_setup(strangers_share_and_take_nothing_from_callers, setup),
		cmocka_unit_test_setup(each_is_given_once_whoever_takes_at_once, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
