/* Keys that end soon: the log is told, once for each end. */
#include "key_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "expiry.h"
#include "fake_clock.h"

#define DAY INT64_C(86400)

static void tend(struct fixture *f)
{
	atomic_store(&keys_environment(f)->expiry_at, 0); /* as if the minute were over */
	expiry_tend(keys_environment(f), deadline_in_ms(60000));
}

static size_t told(struct fixture *f)
{
	return fixture_count_entries(f, "key.expiring");
}

static void mint_until(struct fixture *f, int64_t expires_at, struct key_info *info)
{
	struct mint_params params = keys_params();
	struct key_secret secret;

	params.expires_at = expires_at;
	assert_int_equal(keys_mint_as(f, &params, info, &secret), PM_OK);
}

static void end_at(struct fixture *f, const char *id, int64_t at)
{
	const struct update_params params = {
		.environment = "live", .key_id = id, .set_expires_at = true, .expires_at = at
	};
	struct key_info info;

	assert_int_equal(vault_update(f->vault, fixture_actor(f), &params, &info), PM_OK);
}

static void the_log_is_told_once_when_the_week_begins(void **state)
{
	struct fixture *f = *state;
	struct key_info info;

	mint_until(f, clock_unix() + 8 * DAY, &info);
	tend(f);
	assert_int_equal(told(f), 0);
	fake_clock_advance(DAY + 1);
	for (int i = 0; i < 3; i++)
		tend(f);
	assert_int_equal(told(f), 1);
	json_t *entry = fixture_newest_entry(f, "key.expiring");
	assert_string_equal(entry_text(entry, "key"), info.id);
	assert_string_equal(entry_text(entry, "caller"), "peppermintd");
	assert_non_null(entry_text(entry, "expires"));
	json_decref(entry);
}

static void a_restart_does_not_tell_it_again(void **state)
{
	struct fixture *f = *state;
	struct key_info info;

	mint_until(f, clock_unix() + DAY, &info);
	tend(f);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	tend(f);
	assert_int_equal(told(f), 1);
}

static void a_new_end_is_told_of_again(void **state)
{
	struct fixture *f = *state;
	struct key_info info;

	mint_until(f, clock_unix() + DAY, &info);
	tend(f);
	end_at(f, info.id, clock_unix() + 2 * DAY);
	tend(f);
	tend(f);
	assert_int_equal(told(f), 2);
	end_at(f, info.id, clock_unix() + 30 * DAY);
	tend(f);
	assert_int_equal(told(f), 2);
}

static void the_days_are_the_policys(void **state)
{
	struct fixture *f = *state;
	struct key_info info;

	keys_policy(f)->expiry_warn_days = 30;
	mint_until(f, clock_unix() + 29 * DAY, &info);
	tend(f);
	assert_int_equal(told(f), 1);
}

static void revoked_and_ended_keys_are_not_told_of(void **state)
{
	struct fixture *f = *state;
	struct key_info info;

	mint_until(f, clock_unix() + 10, &info);
	fake_clock_advance(10);
	mint_until(f, clock_unix() + DAY, &info);
	keys_revoke(f, info.id);
	tend(f);
	assert_int_equal(told(f), 0);
}

static void it_is_looked_for_once_a_minute(void **state)
{
	struct fixture *f = *state;
	struct key_info info;

	tend(f);
	mint_until(f, clock_unix() + DAY, &info);
	expiry_tend(keys_environment(f), deadline_in_ms(60000));
	assert_int_equal(told(f), 0);
}

static void more_than_one_round_takes_are_all_told_of(void **state)
{
	enum { KEYS = 150 };
	struct fixture *f = *state;
	struct key_info info;

	for (int i = 0; i < KEYS; i++)
		mint_until(f, clock_unix() + DAY + i, &info);
	atomic_store(&keys_environment(f)->expiry_at, 0);
	for (int i = 0; i < 4; i++)
		expiry_tend(keys_environment(f), deadline_in_ms(60000));
	assert_int_equal(told(f), KEYS);
}

static void an_altered_end_is_told_as_altered(void **state)
{
	struct fixture *f = *state;
	struct key_info info;

	mint_until(f, clock_unix() + 100 * DAY, &info);
	fixture_sql(f, "UPDATE api_key SET expires_at = expires_at - 99 * 86400");
	tend(f);
	tend(f);
	assert_int_equal(told(f), 0);
	assert_int_equal(fixture_count_entries(f, "key.quarantine"), 1);
}

static void vault_tend_sees_to_it(void **state)
{
	struct fixture *f = *state;
	struct key_info info;

	mint_until(f, clock_unix() + DAY, &info);
	atomic_store(&keys_environment(f)->expiry_at, 0);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(told(f), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, keys_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_log_is_told_once_when_the_week_begins),
		TEST(a_restart_does_not_tell_it_again),
		TEST(a_new_end_is_told_of_again),
		TEST(the_days_are_the_policys),
		TEST(revoked_and_ended_keys_are_not_told_of),
		TEST(it_is_looked_for_once_a_minute),
		TEST(more_than_one_round_takes_are_all_told_of),
		TEST(an_altered_end_is_told_as_altered),
		TEST(vault_tend_sees_to_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
