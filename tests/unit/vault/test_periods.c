/* Cryptoperiods: warned of, enforced, counted over restarts, and rotated by the vault itself. */
#include <string.h>

#include "base/clock.h"
#include "change_fixture.h"
#include "fake_clock.h"
#include "period.h"
#include "uses.h"

#define DAY INT64_C(86400)

static int teardown(void **state)
{
	fake_clock_reset();
	return fixture_teardown(state);
}

static void pass(int64_t days)
{
	fake_clock_advance(days * DAY);
}

static struct period period(struct fixture *f, const char *purpose, const char *name,
			    uint32_t version)
{
	const struct master_record master = master_get(f, purpose, name, version);
	struct period out;

	period_of(live(f), &master, &out);
	return out;
}

static uint32_t warnings(struct fixture *f)
{
	struct environment_info info;

	assert_int_equal(vault_environment_status(f->vault, LIVE_ENV, &info), PM_OK);
	return info.warnings;
}

static enum pm_err hash(struct fixture *f)
{
	const struct bytes value = bytes_str("4111111111111111");
	struct value_hash out;

	return vault_hash(f->vault, fixture_actor(f), "live", "pan", &value, 1, &out);
}

static void without_a_period_nothing_ends(void **state)
{
	struct fixture *f = *state;

	change_make_pan(f, 1);
	pass(36500);
	assert_int_equal(hash(f), PM_OK);
	assert_int_equal(warnings(f), 0);
	assert_int_equal(period(f, PAN, 1).make_until, 0);
}

static void a_pepper_is_warned_of_and_then_makes_nothing_and_then_vouches_for_nothing(void **state)
{
	struct fixture *f = *state;

	change_make_pan(f, 1);
	live(f)->peppers =
		(struct vault_periods){ .make_days = 365, .verify_days = 30, .warn_days = 14 };
	pass(350);
	assert_int_equal(warnings(f), 0);
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(fixture_count_entries(f, "master.warn"), 0);
	pass(2);
	assert_int_equal(warnings(f), 2); /* api-keys as well */
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(fixture_count_entries(f, "master.warn"), 2); /* once a day each */
	assert_int_equal(hash(f), PM_OK);
	pass(13);
	struct master_record pan = master_get(f, PAN, 1);
	assert_int_equal(period_may_make(live(f), &pan), PM_KEY_PERIOD_OVER);
	assert_int_equal(hash(f), PM_KEY_PERIOD_OVER);
	assert_true(period_vouches(live(f), &pan, clock_unix()));
	pass(30);
	assert_false(period_vouches(live(f), &pan, clock_unix()));
	change_ok(f, PAN, 0, MASTER_VERB_ROTATE);
	assert_int_equal(hash(f), PM_OK);
}

static void uses_are_a_period_too(void **state)
{
	struct fixture *f = *state;
	uint32_t used = 0;

	change_make_pan(f, 1);
	uint64_t before = period(f, PAN, 1).uses;
	live(f)->peppers.make_uses = before + 50;
	while (hash(f) == PM_OK) {
		bool warned = period(f, PAN, 1).warns;
		uint64_t uses = period(f, PAN, 1).uses, most = before + 50;

		assert_int_equal(warned, uses >= most - most / 10);
		assert_true(++used < 100);
	}
	assert_int_equal(hash(f), PM_KEY_PERIOD_OVER);
	assert_true(used > 10);
}

static void uses_outlive_a_restart(void **state)
{
	struct fixture *f = *state;

	change_make_pan(f, 1);
	for (int i = 0; i < 7; i++)
		assert_int_equal(hash(f), PM_OK);
	uint64_t uses = period(f, PAN, 1).uses;
	assert_true(uses >= 7);
	assert_int_equal(uses_write(live(f), deadline_in_ms(1000)), PM_OK);
	assert_int_equal(period(f, PAN, 1).uses, uses);
	assert_int_equal(hash(f), PM_OK);
	uint64_t later = period(f, PAN, 1).uses;
	fixture_reopen(f); /* which writes the rest */
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(period(f, PAN, 1).uses, later);
	fake_hsm_restart(f->hsm[LIVE_ENV]); /* attached again, and not counted twice */
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(period(f, PAN, 1).uses, later);
	assert_true(period(f, PAN, 1).last_used_at > 0);
}

static void check_values_are_no_uses(void **state)
{
	struct fixture *f = *state;

	change_make_pan(f, 1);
	uint64_t uses = period(f, PAN, 1).uses;
	for (int i = 0; i < 5; i++)
		assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(period(f, PAN, 1).uses, uses);
}

static void a_pepper_is_rotated_by_itself_where_that_is_configured(void **state)
{
	struct fixture *f = *state;

	change_make_pan(f, 1);
	live(f)->peppers =
		(struct vault_periods){ .make_days = 100, .warn_days = 10, .rotate = true };
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(master_get(f, PAN, 0).version, 1);
	pass(91);
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(master_get(f, PAN, 0).version, 2);
	assert_int_equal(master_get(f, PEPPER, 0).version, 2);
	json_t *entry = fixture_newest_entry(f, "pepper.rotate");
	assert_string_equal(entry_text(entry, "caller"), "peppermintd");
	json_decref(entry);
	assert_int_equal(warnings(f), 0);
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(master_get(f, PAN, 0).version, 2);
}

static void with_a_standby_a_version_is_staged_and_not_one_each_hour(void **state)
{
	struct fixture *f = *state;

	change_make_pan(f, 1);
	fake_hsm_add_standby(f->hsm[LIVE_ENV], "2223");
	fake_hsm_clone(f->hsm[LIVE_ENV]);
	live(f)->peppers =
		(struct vault_periods){ .make_days = 100, .warn_days = 10, .rotate = true };
	pass(91);
	for (int i = 0; i < 3; i++) {
		const struct master_record pan = master_get(f, PAN, 1);

		assert_int_equal(change_tend(f), PM_OK);
		assert_int_equal(change_state(f, PAN, 1), MASTER_ACTIVE);
		assert_int_equal(change_state(f, PAN, 2), MASTER_STAGED);
		struct master_record none;
		assert_int_equal(environment_master(live(f), PAN, 3, &none), PM_NOT_FOUND);
		uses_set_mark(live(f), &pan, USES_ROTATED, 0);
	}
}

/* Refusing it would stop every revoke; so it goes on, and makes room for another at once. */
static void the_key_that_seals_records_is_never_refused_but_rotated(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	live(f)->internals = (struct vault_periods){ .make_days = 100 };
	pass(101);
	assert_int_equal(vault_revoke(f->vault, fixture_actor(f), "live", info.id, &info), PM_OK);
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(master_get(f, RECORDS, 0).version, 2);
	assert_true(master_get(f, RECORDS, 0).rewrap);
	/* Texts in the log are warned of only: nobody said that they are to be rotated. */
	assert_int_equal(master_get(f, PURPOSE_AUDIT, AUDIT_TEXT_NAME, 0).version, 1);
	assert_true(fixture_count_entries(f, "master.warn") >= 2);
}

static void a_compromised_version_vouches_until_its_end(void **state)
{
	struct fixture *f = *state;
	struct master_outcome out;

	change_make_pan(f, 2);
	assert_int_equal(change_as(f,
				   (struct master_params){ .purpose = PURPOSE_PEPPER,
							   .name = "pan",
							   .version = 1,
							   .verb = MASTER_VERB_COMPROMISE,
							   .after = 10 * DAY },
				   &out),
			 PM_OK);
	struct master_record old = master_get(f, PAN, 1);
	assert_true(period_vouches(live(f), &old, clock_unix() + 9 * DAY));
	assert_false(period_vouches(live(f), &old, clock_unix() + 11 * DAY));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_period_nothing_ends),
		TEST(a_pepper_is_warned_of_and_then_makes_nothing_and_then_vouches_for_nothing),
		TEST(uses_are_a_period_too),
		TEST(uses_outlive_a_restart),
		TEST(check_values_are_no_uses),
		TEST(a_pepper_is_rotated_by_itself_where_that_is_configured),
		TEST(with_a_standby_a_version_is_staged_and_not_one_each_hour),
		TEST(the_key_that_seals_records_is_never_refused_but_rotated),
		TEST(a_compromised_version_vouches_until_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
