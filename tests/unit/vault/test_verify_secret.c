/* Is this my secret? Yes or no, not often, and nothing comes of it. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "fake_clock.h"
#include "fault.h"
#include "quota.h"
#include "verify_fixture.h"

static enum pm_err ask(struct fixture *f, const char *id, const char *text, bool *match)
{
	return vault_verify_secret(f->vault, fixture_actor(f), "live", id, bytes_str(text), match);
}

static bool matches(struct fixture *f, const char *id, const char *text)
{
	bool match = false;

	assert_int_equal(ask(f, id, text, &match), PM_OK);
	return match;
}

static void only_the_keys_own_secrets_match(void **state)
{
	struct fixture *f = *state;
	struct key_info info, other_info;
	struct key_text text, other, wrong;

	fixture_mint(f, &info, &text);
	fixture_mint(f, &other_info, &other);
	fixture_craft(&wrong, info.id);
	assert_true(matches(f, info.id, text.text));
	assert_false(matches(f, info.id, wrong.text));
	assert_false(matches(f, info.id, other.text));
	assert_false(matches(f, info.id, "nonsense"));
	assert_false(matches(f, info.id, "x7Gq-kl2m9_TTs.04fLQz"));
	assert_false(matches(f, info.id, ""));
	assert_false(matches(f, "0000000000000000", text.text));
	assert_int_equal(ask(f, "no id", text.text, &(bool){ false }), PM_NOT_FOUND);
}

static void both_secrets_match_until_the_overlap_ends(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text old, new;

	fixture_mint(f, &info, &old);
	const struct rotate_params rotate = { .environment = "live",
					      .key_id = info.id,
					      .overlap = 60 };
	assert_int_equal(fixture_rotate_text(f->vault, fixture_actor(f), &rotate, &info, &new),
			 PM_OK);
	assert_true(matches(f, info.id, old.text));
	assert_true(matches(f, info.id, new.text));
	fake_clock_advance(60);
	assert_false(matches(f, info.id, old.text));
	assert_true(matches(f, info.id, new.text));
}

static void the_keys_state_does_not_matter(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	verify_open_account(f, "acme", "pay");
	fixture_mint(f, &info, &text);
	verify_set_status(f, "acme", VAULT_ACCOUNT_SUSPENDED);
	assert_true(matches(f, info.id, text.text));
	assert_int_equal(vault_revoke(f->vault, fixture_actor(f), "live", info.id, &info), PM_OK);
	assert_true(matches(f, info.id, text.text));
}

static void an_edited_row_answers_nothing(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;
	bool match = true;

	fixture_mint(f, &info, &text);
	fixture_sql(f, "UPDATE api_key SET name = 'evil'");
	assert_int_equal(ask(f, info.id, text.text, &match), PM_RECORD_QUARANTINED);
	assert_false(match);
	assert_int_equal(fixture_count_entries(f, "key.quarantine"), 1);
}

static struct key_record stored(struct fixture *f, const char *id)
{
	struct key_record record;

	assert_int_equal(store_get_key(f->store, "live", id, &record), PM_OK);
	return record;
}

/* No use, no first use, no move to a new pepper: only an entry. */
static void asking_changes_nothing_and_is_told_to_the_log(void **state)
{
	struct fixture *f = *state;
	struct pepper_info pepper;
	struct key_info info;
	struct key_text old, new;

	fixture_mint(f, &info, &old);
	const struct rotate_params rotate = {
		.environment = "live", .key_id = info.id, .overlap = 60, .first_use = true
	};
	assert_int_equal(fixture_rotate_text(f->vault, fixture_actor(f), &rotate, &info, &new),
			 PM_OK);
	assert_int_equal(vault_rotate_pepper(f->vault, fixture_actor(f), "live",
					     VAULT_API_KEYS_PEPPER, &pepper),
			 PM_OK);
	const struct key_record before = stored(f, info.id);
	assert_true(matches(f, info.id, new.text));
	const struct key_record after = stored(f, info.id);
	assert_int_equal(after.revision, before.revision);
	assert_true(after.first_use);
	assert_int_equal(verify_uses(f, info.id), 0);
	json_t *entry = fixture_newest_entry(f, "key.check");
	assert_string_equal(entry_text(entry, "key"), info.id);
	assert_true(json_is_true(json_object_get(entry, "match")));
	json_decref(entry);
	assert_false(matches(f, "0000000000000000", new.text));
	assert_int_equal(fixture_count_entries(f, "key.check"), 2);
	assert_false(fixture_log_has(f, "0000000000000000"));
}

static uint64_t cost_of(struct fixture *f, const char *id, const char *text)
{
	uint64_t before = fake_hsm_macs(f->hsm[LIVE_ENV]);

	assert_false(matches(f, id, text));
	return fake_hsm_macs(f->hsm[LIVE_ENV]) - before;
}

static void an_unknown_id_costs_what_a_wrong_secret_costs(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text, wrong, unknown;

	fixture_mint(f, &info, &text);
	fixture_craft(&wrong, info.id);
	fixture_craft(&unknown, "0000000000000000");
	assert_int_equal(cost_of(f, info.id, wrong.text),
			 cost_of(f, "0000000000000000", unknown.text));
}

static void one_key_is_asked_for_ten_times_in_a_row(void **state)
{
	struct fixture *f = *state;
	struct key_info info, other_info;
	struct key_text text, other;
	bool match = false;

	fixture_mint(f, &info, &text);
	fixture_mint(f, &other_info, &other);
	for (int i = 0; i < QUOTA_BURST; i++)
		assert_true(matches(f, info.id, text.text));
	uint64_t before = fake_hsm_macs(f->hsm[LIVE_ENV]);
	assert_int_equal(ask(f, info.id, text.text, &match), PM_RATE_LIMITED);
	assert_false(match);
	assert_int_equal(fake_hsm_macs(f->hsm[LIVE_ENV]), before);
	assert_true(matches(f, other_info.id, other.text));
	/* It never stood in the way of verifying. */
	assert_text(f, text.text, PM_REASON_NONE);
}

static void a_failing_token_gives_an_error_and_no_answer(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;
	bool fired = true;
	int nth = 0;

	for (; fired; nth++) {
		bool match = true;

		fixture_mint(f, &info, &text);
		fault_arm(nth);
		enum pm_err err = ask(f, info.id, text.text, &match);
		fired = fault_fired();
		fault_disarm();
		assert_true(err == PM_OK || err == PM_HSM_UNAVAILABLE);
		assert_int_equal(match, err == PM_OK);
	}
	assert_true(nth > 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, verify_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_the_keys_own_secrets_match),
		TEST(both_secrets_match_until_the_overlap_ends),
		TEST(the_keys_state_does_not_matter),
		TEST(an_edited_row_answers_nothing),
		TEST(asking_changes_nothing_and_is_told_to_the_log),
		TEST(an_unknown_id_costs_what_a_wrong_secret_costs),
		TEST(one_key_is_asked_for_ten_times_in_a_row),
		TEST(a_failing_token_gives_an_error_and_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
