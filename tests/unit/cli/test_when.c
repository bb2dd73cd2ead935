/* Numbers and times as people type them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "when.h"

static void numbers_are_whole_and_within_their_bounds(void **state)
{
	static const char *const bad[] = { "",   "0",    "101",
					   "1x", " 1",   "+1",
					   "-1", "0x10", "99999999999999999999" };
	uint32_t value = 0;

	(void)state;
	assert_true(parse_number("100", 1, 100, &value));
	assert_int_equal(value, 100);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(parse_number(bad[i], 1, 100, &value));
}

static void durations_have_units_or_are_seconds(void **state)
{
	static const struct {
		const char *text;
		uint32_t seconds;
	} good[] = { { "0", 0 },       { "45", 45 },     { "45s", 45 },     { "30m", 1800 },
		     { "12h", 43200 }, { "7d", 604800 }, { "2w", 1209600 }, { "365d", 31536000 } };
	static const char *const bad[] = { "366d", "31536001", "1y",  "1dd",
					   "d",    "1 d",      "-1d", "18446744073709551615d" };
	uint32_t seconds = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(parse_duration(good[i].text, 31536000, &seconds));
		assert_int_equal(seconds, good[i].seconds);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(parse_duration(bad[i], 31536000, &seconds));
}

static void date_times_are_rfc3339(void **state)
{
	static const struct {
		const char *text;
		int64_t when;
	} good[] = {
		{ "2030-01-01T00:00:00Z", 1893456000 },
		{ "2030-01-01T01:30:00+01:30", 1893456000 },
		{ "2029-12-31T19:00:00-05:00", 1893456000 },
		{ "2028-02-29T12:00:00Z", 1835438400 },
		{ "1893456000", 1893456000 },
	};
	static const char *const bad[] = {
		"2030-01-01",
		"2030-01-01T00:00:00",
		"2030-13-01T00:00:00Z",
		"2030-02-30T00:00:00Z",
		"2030-01-01T24:00:00Z",
		"2030-01-01T00:60:00Z",
		"2030-01-01T00:00:00+1:00",
		"2030-01-01T00:00:00+24:00",
		"2030-01-01T00:00:00ZZ",
		"2030-01-01 00:00:00Z",
		"2030-1-1T00:00:00Z",
		"tomorrow",
		"2030-01-01T00:00:00+ 1: 0",
		"",
		"1893456000x",
	};
	int64_t when = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(parse_when(good[i].text, &when));
		assert_int_equal(when, good[i].when);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse_when(bad[i], &when))
			fail_msg("%s was taken for a time", bad[i]);
	}
}

static void a_duration_counts_from_now(void **state)
{
	int64_t before = clock_unix();
	int64_t when = 0;

	(void)state;
	assert_true(parse_when("90d", &when));
	assert_in_range(when, before + 90 * 86400, clock_unix() + 90 * 86400);
}

static void the_past_counts_back_from_now(void **state)
{
	int64_t before = clock_unix();
	int64_t when = 0;

	(void)state;
	assert_true(parse_past("90d", &when));
	assert_in_range(when, before - 90 * 86400, clock_unix() - 90 * 86400);
	assert_true(parse_past("2030-01-01T00:00:00Z", &when));
	assert_int_equal(when, 1893456000);
	assert_false(parse_past("-90d", &when));
}

static void an_entrys_time_may_have_a_fraction(void **state)
{
	static const char *const bad[] = { "",
					   "2030-01-01T00:00:00",
					   "2030-01-01T00:00:00.Z",
					   "2030-01-01T00:00:00.5",
					   "2030-13-01T00:00:00.5Z",
					   "2030-01-01T00:00:00.5+00:00:00:00:00:00:00:00" };
	int64_t when = 0;

	(void)state;
	assert_true(parse_timestamp("2030-01-01T00:00:00.123456Z", &when));
	assert_int_equal(when, 1893456000);
	assert_true(parse_timestamp("2030-01-01T00:00:00Z", &when));
	assert_true(parse_timestamp("2030-01-01T01:00:00.999999999999+01:00", &when));
	assert_int_equal(when, 1893456000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(parse_timestamp(bad[i], &when));
}

static void indexes_are_of_entries(void **state)
{
	uint64_t index = 1;

	(void)state;
	assert_true(parse_index("0", &index));
	assert_int_equal(index, 0);
	assert_true(parse_index("1099511627776", &index));
	assert_false(parse_index("1099511627777", &index));
	assert_false(parse_index("-1", &index));
	assert_false(parse_index("", &index));
	assert_false(parse_index("1x", &index));
}

static void times_are_shown_in_utc(void **state)
{
	char text[WHEN_LEN];

	(void)state;
	format_when(1893456000, text);
	assert_string_equal(text, "2030-01-01T00:00:00Z");
	format_when(INT64_MAX, text); /* no calendar reaches it */
	assert_string_equal(text, "@9223372036854775807");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_whole_and_within_their_bounds),
		cmocka_unit_test(durations_have_units_or_are_seconds),
		cmocka_unit_test(date_times_are_rfc3339),
		cmocka_unit_test(a_duration_counts_from_now),
		cmocka_unit_test(the_past_counts_back_from_now),
		cmocka_unit_test(an_entrys_time_may_have_a_fraction),
		cmocka_unit_test(indexes_are_of_entries),
		cmocka_unit_test(times_are_shown_in_utc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
