/* Rotation with an overlap or until first use, reset, and rollback. */
#include "key_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "fake_clock.h"

static void assert_conflict(struct fixture *f, enum pm_err err, const char *about)
{
	assert_int_equal(err, PM_CONFLICT);
	assert_non_null(f->actor.why);
	assert_non_null(strstr(f->actor.why, about));
}

static void an_overlap_keeps_both_secrets_until_it_ends(void **state)
{
	struct fixture *f = *state;
	struct key_secret old, new;
	struct key_info info, rotated;

	keys_mint(f, &info, &old);
	assert_int_equal(keys_rotate(f, info.id, 600, false, &rotated, &new), PM_OK);
	assert_string_equal(rotated.id, info.id);
	assert_int_equal(rotated.secret_version, 2);
	assert_string_equal(new.merchant, "acme");
	assert_true(keys_verifies(f, &old));
	assert_true(keys_verifies(f, &new));
	fake_clock_advance(600);
	assert_int_equal(keys_refusal(f, &old), PM_REASON_SUPERSEDED);
	assert_true(keys_verifies(f, &new));
}

static void an_overlap_of_nothing_ends_the_old_secret_now(void **state)
{
	struct fixture *f = *state;
	struct key_secret old, new;
	struct key_info info;

	keys_mint(f, &info, &old);
	assert_true(keys_verifies(f, &old)); /* whatever is remembered of it */
	assert_int_equal(keys_rotate(f, info.id, 0, false, &info, &new), PM_OK);
	assert_int_equal(keys_refusal(f, &old), PM_REASON_SUPERSEDED);
	assert_true(keys_verifies(f, &new));
	assert_int_equal(info.overlap_until, 0);
}

static void a_second_rotation_inside_the_overlap_needs_force(void **state)
{
	struct fixture *f = *state;
	struct key_secret first, second, third;
	struct key_info info;

	keys_mint(f, &info, &first);
	assert_int_equal(keys_rotate(f, info.id, 600, false, &info, &second), PM_OK);
	assert_conflict(f, keys_rotate(f, info.id, 600, false, &info, &third), "overlap");
	assert_string_equal(third.text.text, "");
	assert_true(keys_verifies(f, &first));
	assert_int_equal(keys_rotate(f, info.id, 600, true, &info, &third), PM_OK);
	assert_int_equal(keys_refusal(f, &first), PM_REASON_WRONG_SECRET);
	assert_true(keys_verifies(f, &second));
	assert_true(keys_verifies(f, &third));
	fake_clock_advance(600);
	assert_int_equal(keys_rotate(f, info.id, 600, false, &info, &third), PM_OK);
}

static void an_overlap_never_outlives_the_key(void **state)
{
	struct fixture *f = *state;
	struct mint_params params = keys_params();
	struct key_secret old, new;
	struct key_info info;

	params.expires_at = clock_unix() + 100;
	assert_int_equal(keys_mint_as(f, &params, &info, &old), PM_OK);
	assert_int_equal(keys_rotate(f, info.id, 600, false, &info, &new), PM_OK);
	assert_int_equal(info.overlap_until, params.expires_at);
	fake_clock_advance(100);
	assert_int_equal(keys_refusal(f, &old), PM_REASON_EXPIRED);
}

static void an_overlap_is_at_most_a_year(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info;

	keys_mint(f, &info, &secret);
	assert_int_equal(keys_rotate(f, info.id, VAULT_OVERLAP_MAX + 1, false, &info, &secret),
			 PM_BAD_REQUEST);
	assert_int_equal(keys_rotate(f, info.id, -1, false, &info, &secret), PM_BAD_REQUEST);
	assert_int_equal(keys_rotate(f, info.id, VAULT_OVERLAP_MAX, false, &info, &secret), PM_OK);
}

static void the_old_secret_has_no_end_until_the_new_one_is_used(void **state)
{
	struct fixture *f = *state;
	struct key_secret old, new;
	struct key_info info;

	keys_mint(f, &info, &old);
	assert_int_equal(keys_rotate_later(f, info.id, 60, &info, &new), PM_OK);
	assert_true(info.first_use_pending);
	assert_int_equal(info.overlap_until, 0);
	fake_clock_advance(1000000);
	assert_true(keys_verifies(f, &old));
	assert_true(keys_verifies(f, &new));
	keys_get(f, info.id, &info);
	assert_false(info.first_use_pending);
	assert_int_equal(info.overlap_until, clock_unix() + 60);
	fake_clock_advance(60);
	assert_int_equal(keys_refusal(f, &old), PM_REASON_SUPERSEDED);
	assert_true(keys_verifies(f, &new));
}

static void a_secret_that_waits_for_its_first_use_keeps_others_from_coming(void **state)
{
	struct fixture *f = *state;
	struct key_secret first, second, third;
	struct key_info info;

	keys_mint(f, &info, &first);
	assert_int_equal(keys_rotate_later(f, info.id, 60, &info, &second), PM_OK);
	assert_conflict(f, keys_rotate(f, info.id, 0, false, &info, &third), "not used yet");
	assert_conflict(f, keys_rotate_later(f, info.id, 60, &info, &third), "not used yet");
	assert_int_equal(keys_rotate(f, info.id, 60, true, &info, &third), PM_OK);
	assert_false(info.first_use_pending);
	assert_int_equal(keys_refusal(f, &first), PM_REASON_WRONG_SECRET);
	assert_true(keys_verifies(f, &second));
}

static void a_rollback_goes_back_to_the_secret_in_use(void **state)
{
	struct fixture *f = *state;
	struct key_secret old, new, next;
	struct key_info info, before;

	keys_mint(f, &before, &old);
	assert_int_equal(keys_rotate_later(f, before.id, 60, &info, &new), PM_OK);
	assert_int_equal(keys_rollback(f, info.id, &info), PM_OK);
	assert_string_equal(info.masked, before.masked);
	assert_int_equal(info.secret_version, 1);
	assert_false(info.first_use_pending);
	assert_true(keys_verifies(f, &old));
	assert_int_equal(keys_refusal(f, &new), PM_REASON_WRONG_SECRET);
	json_t *entry = fixture_newest_entry(f, "key.rollback");
	assert_int_equal(entry_number(entry, "secret_version"), 1);
	json_decref(entry);

	/* The number of the secret that went is not given again. */
	assert_int_equal(keys_rotate(f, info.id, 0, false, &info, &next), PM_OK);
	assert_int_equal(info.secret_version, 3);
	assert_true(keys_verifies(f, &next));
}

static void there_is_nothing_to_roll_back_but_an_unused_first_use(void **state)
{
	struct fixture *f = *state;
	struct key_secret old, new;
	struct key_info info;

	keys_mint(f, &info, &old);
	assert_conflict(f, keys_rollback(f, info.id, &info), "first_use");
	assert_int_equal(keys_rotate(f, info.id, 600, false, &info, &new), PM_OK);
	assert_conflict(f, keys_rollback(f, info.id, &info), "first_use");
	fake_clock_advance(600);
	assert_int_equal(keys_rotate_later(f, info.id, 600, &info, &new), PM_OK);
	assert_true(keys_verifies(f, &new));
	assert_conflict(f, keys_rollback(f, info.id, &info), "first_use");
	assert_true(keys_verifies(f, &new));
}

static void a_reset_ends_every_earlier_secret(void **state)
{
	struct fixture *f = *state;
	struct key_secret first, second, third;
	struct key_info info, reset;

	keys_mint(f, &info, &first);
	assert_int_equal(keys_rotate(f, info.id, 600, false, &info, &second), PM_OK);
	assert_int_equal(keys_reset(f, info.id, &reset, &third), PM_OK);
	assert_string_equal(reset.id, info.id);
	assert_int_equal(reset.overlap_until, 0);
	assert_int_not_equal(keys_refusal(f, &first), PM_REASON_NONE);
	assert_int_equal(keys_refusal(f, &second), PM_REASON_SUPERSEDED);
	assert_true(keys_verifies(f, &third));
	json_t *entry = fixture_newest_entry(f, "key.reset");
	assert_string_equal(entry_text(entry, "key"), info.id);
	assert_int_equal(entry_number(entry, "secret_version"), 3);
	json_decref(entry);
	for (int i = 0; i < 5; i++)
		assert_int_equal(keys_reset(f, info.id, &reset, &third), PM_OK);
	assert_true(keys_verifies(f, &third));
}

static void a_reset_ends_a_secret_that_waits_and_the_one_in_use(void **state)
{
	struct fixture *f = *state;
	struct key_secret first, second, third;
	struct key_info info;

	keys_mint(f, &info, &first);
	assert_int_equal(keys_rotate_later(f, info.id, 600, &info, &second), PM_OK);
	assert_int_equal(keys_reset(f, info.id, &info, &third), PM_OK);
	assert_false(info.first_use_pending);
	assert_int_equal(keys_refusal(f, &first), PM_REASON_WRONG_SECRET);
	assert_int_equal(keys_refusal(f, &second), PM_REASON_SUPERSEDED);
	assert_conflict(f, keys_rollback(f, info.id, &info), "first_use");
}

static void a_reset_without_a_confirmation_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret, fresh;
	struct key_info info;

	keys_policy(f)->no_step_up = true; /* it is asked for all the same */
	keys_mint(f, &info, &secret);
	const struct rotate_params params = { .environment = "live", .key_id = info.id };
	assert_int_equal(vault_reset(f->vault, fixture_actor(f), &params, &info, &fresh),
			 PM_STEP_UP_REQUIRED);
	assert_string_equal(fresh.text.text, "");
	assert_true(keys_verifies(f, &secret));
}

static void a_disabled_or_future_key_can_be_rotated(void **state)
{
	struct fixture *f = *state;
	struct mint_params params = keys_params();
	struct key_secret secret;
	struct key_info info;

	params.disabled = true;
	params.not_before = clock_unix() + 1000;
	assert_int_equal(keys_mint_as(f, &params, &info, &secret), PM_OK);
	assert_int_equal(keys_rotate(f, info.id, 600, false, &info, &secret), PM_OK);
	assert_int_equal(info.state, KEY_DISABLED);
	assert_int_equal(keys_reset(f, info.id, &info, &secret), PM_OK);
}

static void a_revoked_or_expired_key_gets_no_new_secret(void **state)
{
	struct fixture *f = *state;
	struct mint_params params = keys_params();
	struct key_secret secret, fresh;
	struct key_info info;

	keys_mint(f, &info, &secret);
	assert_int_equal(keys_rotate_later(f, info.id, 60, &info, &fresh), PM_OK);
	keys_revoke(f, info.id);
	assert_conflict(f, keys_rotate(f, info.id, 0, true, &info, &fresh), "revoked");
	assert_conflict(f, keys_reset(f, info.id, &info, &fresh), "revoked");
	assert_conflict(f, keys_rollback(f, info.id, &info), "revoked");

	params.expires_at = clock_unix() + 100;
	assert_int_equal(keys_mint_as(f, &params, &info, &secret), PM_OK);
	assert_int_equal(keys_rotate_later(f, info.id, 60, &info, &fresh), PM_OK);
	fake_clock_advance(100);
	assert_conflict(f, keys_rotate(f, info.id, 0, true, &info, &fresh), "expired");
	assert_conflict(f, keys_reset(f, info.id, &info, &fresh), "expired");
	assert_conflict(f, keys_rollback(f, info.id, &info), "expired");
}

static void a_key_that_does_not_exist_is_not_found(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info;

	assert_int_equal(keys_rotate(f, "0000000000000000", 0, false, &info, &secret),
			 PM_NOT_FOUND);
	assert_int_equal(keys_rotate(f, "no id", 0, false, &info, &secret), PM_NOT_FOUND);
	assert_int_equal(keys_rollback(f, "0000000000000000", &info), PM_NOT_FOUND);
}

static void a_rotation_is_executed_once_for_its_request_id(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret, fresh;
	struct key_info info;

	keys_mint(f, &info, &secret);
	const struct rotate_params params = { .environment = "live", .key_id = info.id };
	struct actor *actor = fixture_actor(f);
	assert_int_equal(vault_rotate(f->vault, actor, &params, &info, &secret), PM_OK);
	assert_int_equal(vault_rotate(f->vault, actor, &params, &info, &fresh), PM_ALREADY_DONE);
	assert_string_equal(actor->done_subject, info.id);
	assert_string_equal(fresh.text.text, "");
	assert_true(keys_verifies(f, &secret));
}

static void the_log_tells_what_kind_of_rotation_it_was(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info;

	keys_mint(f, &info, &secret);
	assert_int_equal(keys_rotate(f, info.id, 60, false, &info, &secret), PM_OK);
	json_t *entry = fixture_newest_entry(f, "key.rotate");
	assert_non_null(entry_text(entry, "overlap_until"));
	assert_true(json_is_false(json_object_get(entry, "force")));
	json_decref(entry);
	fake_clock_advance(60);
	assert_int_equal(keys_rotate_later(f, info.id, 60, &info, &secret), PM_OK);
	entry = fixture_newest_entry(f, "key.rotate");
	assert_true(json_is_true(json_object_get(entry, "first_use")));
	assert_null(json_object_get(entry, "overlap_until"));
	json_decref(entry);
}

/* A key of another system, by its text. */
static void import_key(struct fixture *f, const char *text, char id[VAULT_ID_LEN + 1])
{
	const struct import_item item = { .form = IMPORT_TEXT,
					  .value = bytes_str(text),
					  .hmac_key = "",
					  .account = "acme",
					  .product = "pay",
					  .name = "old till",
					  .external_ref = "",
					  .tail = "xyz" };
	struct import_outcome outcome;

	assert_int_equal(vault_import_keys(f->vault, fixture_actor(f), "live", &item, 1, &outcome),
			 PM_OK);
	assert_int_equal(outcome.error, PM_OK);
	strcpy(id, outcome.key_id);
}

static void an_imported_key_gets_secrets_of_our_form(void **state)
{
	static const char text[] = "sk_legacy_0123456789_xyz";
	struct fixture *f = *state;
	struct key_secret fresh, last;
	struct key_info info;
	char id[VAULT_ID_LEN + 1];

	import_key(f, text, id);
	keys_get(f, id, &info);
	assert_true(info.imported);
	assert_string_equal(info.masked, "*****xyz");
	assert_int_equal(keys_rotate(f, id, 60, false, &info, &fresh), PM_OK);
	assert_false(info.imported);
	assert_true(fixture_verify(f, "live", text).valid);
	assert_true(keys_verifies(f, &fresh));
	fake_clock_advance(60);
	assert_false(fixture_verify(f, "live", text).valid);
	assert_int_equal(keys_rotate(f, id, 60, false, &info, &last), PM_OK);
	assert_false(fixture_verify(f, "live", text).valid);
	assert_true(keys_verifies(f, &fresh));
	assert_true(keys_verifies(f, &last));
}

static void a_rollback_goes_back_to_an_imported_text_too(void **state)
{
	static const char text[] = "sk_legacy_0123456789_xyz";
	struct fixture *f = *state;
	struct key_secret fresh;
	struct key_info info;
	char id[VAULT_ID_LEN + 1];

	import_key(f, text, id);
	assert_int_equal(keys_rotate_later(f, id, 60, &info, &fresh), PM_OK);
	assert_int_equal(keys_rollback(f, id, &info), PM_OK);
	assert_true(info.imported);
	assert_string_equal(info.masked, "*****xyz");
	assert_true(fixture_verify(f, "live", text).valid);
	assert_false(keys_verifies(f, &fresh));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, keys_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_overlap_keeps_both_secrets_until_it_ends),
		TEST(an_overlap_of_nothing_ends_the_old_secret_now),
		TEST(a_second_rotation_inside_the_overlap_needs_force),
		TEST(an_overlap_never_outlives_the_key),
		TEST(an_overlap_is_at_most_a_year),
		TEST(the_old_secret_has_no_end_until_the_new_one_is_used),
		TEST(a_secret_that_waits_for_its_first_use_keeps_others_from_coming),
		TEST(a_rollback_goes_back_to_the_secret_in_use),
		TEST(there_is_nothing_to_roll_back_but_an_unused_first_use),
		TEST(a_reset_ends_every_earlier_secret),
		TEST(a_reset_ends_a_secret_that_waits_and_the_one_in_use),
		TEST(a_reset_without_a_confirmation_changes_nothing),
		TEST(a_disabled_or_future_key_can_be_rotated),
		TEST(a_revoked_or_expired_key_gets_no_new_secret),
		TEST(a_key_that_does_not_exist_is_not_found),
		TEST(a_rotation_is_executed_once_for_its_request_id),
		TEST(the_log_tells_what_kind_of_rotation_it_was),
		TEST(an_imported_key_gets_secrets_of_our_form),
		TEST(a_rollback_goes_back_to_an_imported_text_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
