#include "test.h"

#include "base/calendar.h"

/* The seconds are what `date -u -d WHEN +%s` says. */
static void months_are_those_of_the_calendar(void **state)
{
	(void)state;
	/* 2026-11-21T08:00:01Z, and twelve months before */
	assert_int_equal(calendar_months_before(1795248001, 0), 1795248001);
	assert_int_equal(calendar_months_before(1795248001, 12), 1763712001);
	/* 2026-01-05 and 2025-12-05 */
	assert_int_equal(calendar_months_before(1767571200, 1), 1764892800);
	/* 2028-03-31T23:59:59Z: there is no 31st of February, and the 29th has two days to go */
	assert_int_equal(calendar_months_before(1838159999, 1), 1835654399);
	/* 2028-02-29 and 2027-03-01 */
	assert_int_equal(calendar_months_before(1835395200, 12), 1803859200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(months_are_those_of_the_calendar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
