/* Two tokens: the standby is checked, takes over with right answers only, and gives back. */
#include <string.h>

#include "base/clock.h"
#include "change_fixture.h"
#include "fake_clock.h"

static struct hsm *hsm(struct fixture *f)
{
	return f->hsm[LIVE_ENV];
}

static struct environment_info status(struct fixture *f)
{
	struct environment_info info;

	assert_int_equal(vault_environment_status(f->vault, LIVE_ENV, &info), PM_OK);
	return info;
}

enum { READY = 1, DOWN, SEALED, UNFIT }; /* vault.proto's TokenState */

static void assert_standby(struct fixture *f, int state, const char *word)
{
	struct environment_info info = status(f);

	assert_int_equal(info.token_count, 2);
	assert_int_equal(info.tokens[1].state, state);
	if (!strstr(info.tokens[1].detail, word))
		fail_msg("\"%s\" is not in \"%s\"", word, info.tokens[1].detail);
}

static uint32_t active(struct fixture *f)
{
	struct hsm_status seen;

	hsm_status(hsm(f), &seen);
	return seen.active;
}

static void add_clone(struct fixture *f)
{
	fake_hsm_add_standby(hsm(f), "2223");
	fake_hsm_clone(hsm(f));
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_standby(f, READY, "");
}

/* The configured token falls, and nothing has been asked since. */
static void fall(struct fixture *f)
{
	fake_hsm_fall(hsm_member(hsm(f), 0), HSM_CAUSE_DEVICE);
	assert_int_equal(active(f), 1);
}

static void come_back(struct fixture *f, int64_t seconds_ago)
{
	fake_hsm_restart(hsm_member(hsm(f), 0));
	assert_int_equal(vault_tend(f->vault), PM_OK);
	live(f)->tokens[0].steady_since -= seconds_ago * NS_PER_SECOND;
}

static void a_token_without_keys_cannot_take_over_and_harms_nothing(void **state)
{
	struct fixture *f = *state;

	fake_hsm_add_standby(hsm(f), "2223");
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_standby(f, UNFIT, "not in the token");
	assert_int_equal(status(f).state, ENV_SERVING);
	assert_int_equal(fixture_count_entries(f, "env.standby"), 0);
	fake_hsm_clone(hsm(f));
	assert_int_equal(change_tend(f), PM_OK);
	assert_standby(f, READY, "");
}

static void a_clone_is_pinned_once_and_another_is_not_taken_for_it(void **state)
{
	struct fixture *f = *state;
	struct environment_record record;

	add_clone(f);
	assert_int_equal(store_get_environment(f->store, "live", &record), PM_OK);
	assert_string_equal(record.standby_serial, "2223");
	assert_int_equal(fixture_count_entries(f, "env.standby"), 1);
	fake_hsm_set_serial(hsm_member(hsm(f), 1), "9999");
	assert_int_equal(change_tend(f), PM_OK);
	assert_standby(f, UNFIT, "9999");
	fall(f);
	assert_int_equal(vault_tend(f->vault), PM_TOKEN_MISMATCH);
	assert_int_equal(fixture_count_entries(f, "env.standby"), 1);
}

static void the_same_token_twice_is_no_standby(void **state)
{
	struct fixture *f = *state;

	fake_hsm_add_standby(hsm(f), "2222");
	fake_hsm_clone(hsm(f));
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_standby(f, UNFIT, "the very same");
}

static void a_fit_standby_takes_over_with_the_same_answers(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	add_clone(f);
	fall(f);
	assert_true(fixture_verify(f, "live", text.text).valid);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(status(f).state, ENV_SERVING);
	assert_true(status(f).tokens[1].active);
	assert_int_equal(status(f).tokens[0].state, DOWN);
	json_t *entry = fixture_newest_entry(f, "hsm.switch");
	assert_string_equal(entry_text(entry, "to"), "2223");
	json_decref(entry);
}

static void a_standby_that_was_never_seen_is_checked_and_pinned_when_it_takes_over(void **state)
{
	struct fixture *f = *state;
	struct environment_record record;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	fake_hsm_add_standby(hsm(f), "2223");
	fake_hsm_clone(hsm(f));
	fall(f);
	assert_true(fixture_verify(f, "live", text.text).valid);
	assert_int_equal(store_get_environment(f->store, "live", &record), PM_OK);
	assert_string_equal(record.standby_serial, "2223");
}

/* The wrong token must not say one word: neither a refusal of the key nor a stored MAC. */
static void a_standby_with_another_key_answers_nothing(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;
	struct verdict verdict;

	fixture_mint(f, &info, &text);
	fake_hsm_add_standby(hsm(f), "2223");
	fake_hsm_clone(hsm(f));
	fake_hsm_swap_key(hsm_member(hsm(f), 1), 1);
	fall(f);
	const struct bytes bytes = bytes_str(text.text);
	assert_int_equal(
		fixture_verify_texts(f->vault, fixture_actor(f), "live", &bytes, 1, &verdict),
		PM_TOKEN_MISMATCH);
	assert_int_equal(vault_tend(f->vault), PM_TOKEN_MISMATCH);
	assert_int_equal(status(f).state, ENV_REFUSING);
	/* Back at once: there is nothing to lose. */
	fake_hsm_restart(hsm_member(hsm(f), 0));
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(active(f), 0);
	assert_true(fixture_verify(f, "live", text.text).valid);
}

/* Attached to one token, and asked for something while another has taken over. */
static void an_answer_of_a_token_that_was_not_checked_is_not_used(void **state)
{
	struct fixture *f = *state;
	const struct master_record pepper = master_get(f, PEPPER, 0);
	struct hsm_job job = { .data = bytes_str("x") };

	add_clone(f);
	memcpy(job.key.bytes, pepper.key_id, sizeof(job.key.bytes));
	assert_int_equal(environment_hmac(live(f), &job, 1, deadline_in_ms(1000)), PM_OK);
	fall(f);
	assert_int_equal(environment_hmac(live(f), &job, 1, deadline_in_ms(1000)),
			 PM_HSM_UNAVAILABLE);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(environment_hmac(live(f), &job, 1, deadline_in_ms(1000)), PM_OK);
}

static void the_first_token_comes_back_when_it_is_steady(void **state)
{
	struct fixture *f = *state;

	add_clone(f);
	fall(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	come_back(f, 29);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(active(f), 1);
	come_back(f, 31); /* it fell in between: it counts from there */
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(active(f), 0);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(status(f).state, ENV_SERVING);
	assert_int_equal(fixture_count_entries(f, "hsm.switch"), 2);
}

static void the_first_token_does_not_come_back_with_other_keys(void **state)
{
	struct fixture *f = *state;

	add_clone(f);
	fall(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	fake_hsm_swap_key(hsm_member(hsm(f), 0), 0);
	come_back(f, 100);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(active(f), 1);
	assert_int_equal(status(f).tokens[0].state, UNFIT);
	assert_int_equal(status(f).state, ENV_SERVING);
}

static void a_new_version_is_staged_until_both_tokens_have_it(void **state)
{
	struct fixture *f = *state;
	struct master_outcome out;
	const struct master_params rotate = { .purpose = PURPOSE_PEPPER,
					      .name = VAULT_API_KEYS_PEPPER,
					      .verb = MASTER_VERB_ROTATE };

	add_clone(f);
	assert_int_equal(change_as(f, rotate, &out), PM_OK);
	assert_int_equal(out.after.state, PEPPER_STAGED);
	assert_non_null(strstr(out.text, "clone"));
	assert_int_equal(change(f, PEPPER, 0, MASTER_VERB_ROTATE), PM_CONFLICT);
	assert_int_equal(change(f, PEPPER, 0, MASTER_VERB_COMPROMISE), PM_CONFLICT);
	assert_int_equal(change(f, PEPPER, 2, MASTER_VERB_ACTIVATE), PM_TOKEN_MISMATCH);
	assert_non_null(strstr(f->actor.why, "2223"));
	assert_int_equal(change_state(f, PEPPER, 1), MASTER_ACTIVE);
	/* It has a check value, and so is not given up at a start. */
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(change_state(f, PEPPER, 2), MASTER_STAGED);
	assert_int_equal(live(f)->orphans, 0);
	fake_hsm_clone(hsm(f));
	change_ok(f, PEPPER, 2, MASTER_VERB_ACTIVATE);
	assert_int_equal(change_state(f, PEPPER, 1), MASTER_VERIFY_ONLY);
	assert_int_equal(change_state(f, PEPPER, 2), MASTER_ACTIVE);
	assert_int_equal(change_tend(f), PM_OK);
	assert_standby(f, READY, "");
}

static void a_staged_version_does_not_keep_the_standby_from_taking_over(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	add_clone(f);
	change_ok(f, PEPPER, 0, MASTER_VERB_ROTATE);
	assert_int_equal(change_tend(f), PM_OK);
	assert_standby(f, READY, "");
	fall(f);
	assert_true(fixture_verify(f, "live", text.text).valid);
	assert_int_equal(change_state(f, PEPPER, 2), MASTER_STAGED);
	assert_int_equal(change(f, PEPPER, 2, MASTER_VERB_ACTIVATE), PM_HSM_UNAVAILABLE);
}

static void what_is_destroyed_is_gone_from_both_tokens_or_not_yet_destroyed(void **state)
{
	struct fixture *f = *state;

	change_make_pan(f, 2);
	add_clone(f);
	change_ok(f, PAN, 1, MASTER_VERB_DESTROY);
	change_due(f, PAN, 1);
	fake_hsm_fall(hsm_member(hsm(f), 1), HSM_CAUSE_DEVICE);
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(change_state(f, PAN, 1), MASTER_DESTROY_SCHEDULED);
	fake_hsm_restart(hsm_member(hsm(f), 1));
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(change_state(f, PAN, 1), MASTER_DESTROYED);
	assert_int_equal(change_tend(f), PM_OK);
	assert_standby(f, READY, "");
}

/* Its object is gone from one token: it must neither be missed there, nor be wanted back. */
static void a_clock_set_back_does_not_undo_a_destruction_that_has_begun(void **state)
{
	struct fixture *f = *state;

	change_make_pan(f, 2);
	add_clone(f);
	change_ok(f, PAN, 1, MASTER_VERB_DESTROY);
	fake_clock_advance(8 * 86400);
	fake_hsm_fall(hsm_member(hsm(f), 1), HSM_CAUSE_DEVICE);
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(change_state(f, PAN, 1), MASTER_DESTROY_SCHEDULED);
	fake_clock_reset();
	assert_int_equal(change(f, PAN, 1, MASTER_VERB_CANCEL), PM_CONFLICT);
	fixture_reopen(f);
	assert_int_equal(change_tend(f), PM_OK);
	fake_hsm_restart(hsm_member(hsm(f), 1));
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(change_state(f, PAN, 1), MASTER_DESTROYED);
}

static void a_new_environment_does_not_begin_on_a_standby(void **state)
{
	struct fixture *f = *state;

	fake_hsm_add_standby(hsm(f), "2223");
	fall(f);
	assert_int_equal(vault_tend(f->vault), PM_TOKEN_MISMATCH);
	assert_non_null(strstr(status(f).detail, "its own token"));
}

static void what_happens_to_a_standby_is_told(void **state)
{
	struct fixture *f = *state;

	add_clone(f);
	fake_hsm_fall(hsm_member(hsm(f), 1), HSM_CAUSE_DEVICE);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	json_t *entry = fixture_newest_entry(f, "hsm.fault");
	assert_true(json_is_true(json_object_get(entry, "standby")));
	json_decref(entry);
	fake_hsm_restart(hsm_member(hsm(f), 1));
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(fixture_count_entries(f, "hsm.recover"), 1);
	assert_standby(f, READY, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_token_without_keys_cannot_take_over_and_harms_nothing),
		TEST(a_clone_is_pinned_once_and_another_is_not_taken_for_it),
		TEST(the_same_token_twice_is_no_standby),
		TEST(a_fit_standby_takes_over_with_the_same_answers),
		TEST(a_standby_that_was_never_seen_is_checked_and_pinned_when_it_takes_over),
		TEST(a_standby_with_another_key_answers_nothing),
		TEST(an_answer_of_a_token_that_was_not_checked_is_not_used),
		TEST(the_first_token_comes_back_when_it_is_steady),
		TEST(the_first_token_does_not_come_back_with_other_keys),
		TEST(a_new_version_is_staged_until_both_tokens_have_it),
		TEST(a_staged_version_does_not_keep_the_standby_from_taking_over),
		TEST(what_is_destroyed_is_gone_from_both_tokens_or_not_yet_destroyed),
		TEST(a_clock_set_back_does_not_undo_a_destruction_that_has_begun),
		cmocka_unit_test_setup_teardown(a_new_environment_does_not_begin_on_a_standby,
						fixture_setup_unattached, fixture_teardown),
		TEST(what_happens_to_a_standby_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
