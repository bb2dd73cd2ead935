/*
 * Texts that may be shown again: kept encrypted in the token, bound to their record, gone with it.
 */
#include "key_fixture.h"

#include <stdio.h>
#include <string.h>

#include "fake_clock.h"

static int setup(void **state)
{
	keys_setup(state);
	keys_policy(*state)->recoverable = true;
	return 0;
}

static void mint(struct fixture *f, struct key_info *info, struct key_secret *secret)
{
	struct mint_params params = keys_params();

	params.recoverable = true;
	assert_int_equal(keys_mint_as(f, &params, info, secret), PM_OK);
}

static enum pm_err reveal(struct fixture *f, const char *id, struct key_secret *secret)
{
	return vault_reveal(f->vault, fixture_actor(f), "live", id, NULL, secret);
}

static void assert_hidden(struct fixture *f, const char *id, enum pm_err why)
{
	struct key_secret secret;

	assert_int_equal(reveal(f, id, &secret), why);
	assert_string_equal(secret.text.text, "");
	assert_string_equal(secret.sealed, "");
}

static void a_recoverable_text_is_shown_again_and_the_log_says_so(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret, shown;
	struct key_info info;

	mint(f, &info, &secret);
	assert_int_equal(reveal(f, info.id, &shown), PM_OK);
	assert_string_equal(shown.text.text, secret.text.text);
	assert_string_equal(shown.merchant, "acme");
	json_t *entry = fixture_newest_entry(f, "key.reveal");
	assert_string_equal(entry_text(entry, "key"), info.id);
	assert_int_equal(entry_number(entry, "secret_version"), 1);
	json_decref(entry);
	assert_false(fixture_log_has(f, secret.text.text));
}

static void it_is_shown_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret, shown;
	struct key_info info;

	mint(f, &info, &secret);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	*keys_policy(f) = (struct vault_policy){ .recoverable = true, .any_account = true };
	assert_int_equal(reveal(f, info.id, &shown), PM_OK);
	assert_string_equal(shown.text.text, secret.text.text);
}

static void what_was_not_kept_is_not_shown(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info;

	keys_mint(f, &info, &secret);
	assert_false(info.recoverable);
	assert_hidden(f, info.id, PM_CONFLICT);
	assert_non_null(strstr(f->actor.why, "recoverable"));
	assert_hidden(f, "0000000000000000", PM_NOT_FOUND);
}

static void the_policy_of_now_decides(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info;

	mint(f, &info, &secret);
	keys_policy(f)->recoverable = false;
	assert_hidden(f, info.id, PM_DENIED);
}

static void nothing_readable_of_the_text_is_on_the_disk(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info;
	struct value_record value;

	mint(f, &info, &secret);
	assert_int_equal(store_get_value(f->store, "live", info.id, &value), PM_OK);
	for (size_t at = 0; at + 8 <= value.sealed_len; at++)
		for (size_t from = 0; from + 8 <= strlen(secret.text.text); from++)
			assert_memory_not_equal(value.sealed + at, secret.text.text + from, 8);
}

static void equal_texts_would_not_be_equal_on_the_disk(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info one, two;
	struct value_record first, second;

	mint(f, &one, &secret);
	mint(f, &two, &secret);
	assert_int_equal(store_get_value(f->store, "live", one.id, &first), PM_OK);
	assert_int_equal(store_get_value(f->store, "live", two.id, &second), PM_OK);
	assert_memory_not_equal(first.sealed, second.sealed, HSM_IV_LEN);
}

static void a_rotation_replaces_what_is_kept_or_takes_it_away(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret, fresh, shown;
	struct key_info info;

	mint(f, &info, &secret);
	const struct rotate_params params = { .environment = "live",
					      .key_id = info.id,
					      .recoverable = true };
	assert_int_equal(vault_rotate(f->vault, fixture_actor(f), &params, &info, &fresh), PM_OK);
	assert_true(info.recoverable);
	assert_int_equal(reveal(f, info.id, &shown), PM_OK);
	assert_string_equal(shown.text.text, fresh.text.text);
	assert_int_equal(keys_rotate(f, info.id, 0, false, &info, &fresh), PM_OK);
	assert_false(info.recoverable);
	assert_hidden(f, info.id, PM_CONFLICT);
	struct value_record value;
	assert_int_equal(store_get_value(f->store, "live", info.id, &value), PM_NOT_FOUND);
}

static void a_rollback_takes_away_the_text_of_what_went(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info;

	keys_mint(f, &info, &secret);
	const struct rotate_params params = {
		.environment = "live", .key_id = info.id, .first_use = true, .recoverable = true
	};
	assert_int_equal(vault_rotate(f->vault, fixture_actor(f), &params, &info, &secret), PM_OK);
	assert_int_equal(keys_rollback(f, info.id, &info), PM_OK);
	assert_false(info.recoverable);
	assert_hidden(f, info.id, PM_CONFLICT);
}

static void a_revoke_takes_the_text_away(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info;
	struct value_record value;

	mint(f, &info, &secret);
	keys_revoke(f, info.id);
	assert_hidden(f, info.id, PM_CONFLICT);
	assert_int_equal(store_get_value(f->store, "live", info.id, &value), PM_NOT_FOUND);
	keys_get(f, info.id, &info);
	assert_false(info.recoverable);
}

static void mint_named(struct fixture *f, const char *name, struct key_info *info)
{
	struct mint_params params = keys_params();
	struct key_secret secret;

	params.name = name;
	params.recoverable = true;
	assert_int_equal(keys_mint_as(f, &params, info, &secret), PM_OK);
}

#define ID_OF(name) "(SELECT id FROM api_key WHERE name = '" name "')"
#define ALTER(what) "UPDATE key_value SET " what " WHERE id = " ID_OF("theirs")

static void a_text_that_is_moved_or_altered_opens_nowhere(void **state)
{
	static const char *const edits[] = {
		ALTER("sealed = (SELECT sealed FROM key_value WHERE id = " ID_OF("mine") ")"),
		ALTER("key_version = 9"),
		ALTER("key_version = 0"),
		ALTER("sealed = substr(sealed, 1, 28)"),
		ALTER("sealed = zeroblob(110)"),
		ALTER("sealed = zeroblob(288)"),
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		struct key_secret secret;
		struct key_info mine, theirs;

		mint_named(f, "mine", &mine);
		mint_named(f, "theirs", &theirs);
		fixture_sql(f, edits[i]);
		assert_hidden(f, theirs.id, PM_RECORD_QUARANTINED);
		json_t *entry = fixture_newest_entry(f, "key.quarantine");
		assert_string_equal(entry_text(entry, "key"), theirs.id);
		json_decref(entry);
		assert_int_equal(reveal(f, mine.id, &secret), PM_OK);
		fixture_sql(f, "DELETE FROM api_key");
	}
}

/* The text of an earlier secret, put back in the row of the present one. */
static void an_older_text_does_not_open_as_the_present_one(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info;
	struct value_record old, new;

	mint(f, &info, &secret);
	assert_int_equal(store_get_value(f->store, "live", info.id, &old), PM_OK);
	const struct rotate_params params = { .environment = "live",
					      .key_id = info.id,
					      .recoverable = true };
	assert_int_equal(vault_rotate(f->vault, fixture_actor(f), &params, &info, &secret), PM_OK);
	assert_int_equal(store_get_value(f->store, "live", info.id, &new), PM_OK);
	old.secret_version = new.secret_version;
	const struct store_change change = { .op = STORE_PUT_VALUE, .value = &old };
	assert_int_equal(store_commit(f->store, &change, 1, f->actor.deadline), PM_OK);
	assert_hidden(f, info.id, PM_RECORD_QUARANTINED);
}

static void a_text_can_be_shown_to_its_recipient_only(void **state)
{
	/* RFC 7748 section 6.1, Alice's public key, as a SubjectPublicKeyInfo (RFC 8410). */
	static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
				  "MCowBQYDK2VuAyEAhSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n"
				  "-----END PUBLIC KEY-----\n";
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info;

	mint(f, &info, &secret);
	assert_int_equal(vault_reveal(f->vault, fixture_actor(f), "live", info.id, pem, &secret),
			 PM_OK);
	assert_string_equal(secret.text.text, "");
	assert_memory_equal(secret.sealed, "sealed:x25519:", 14);
	assert_int_equal(vault_reveal(f->vault, fixture_actor(f), "live", info.id, "x", &secret),
			 PM_BAD_REQUEST);
	assert_string_equal(secret.sealed, "");
}

static void a_reveal_is_executed_once_for_its_request_id(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info;

	mint(f, &info, &secret);
	struct actor *actor = fixture_actor(f);
	assert_int_equal(vault_reveal(f->vault, actor, "live", info.id, NULL, &secret), PM_OK);
	assert_int_equal(vault_reveal(f->vault, actor, "live", info.id, NULL, &secret),
			 PM_ALREADY_DONE);
	assert_string_equal(secret.text.text, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_recoverable_text_is_shown_again_and_the_log_says_so),
		TEST(it_is_shown_after_a_restart),
		TEST(what_was_not_kept_is_not_shown),
		TEST(the_policy_of_now_decides),
		TEST(nothing_readable_of_the_text_is_on_the_disk),
		TEST(equal_texts_would_not_be_equal_on_the_disk),
		TEST(a_rotation_replaces_what_is_kept_or_takes_it_away),
		TEST(a_rollback_takes_away_the_text_of_what_went),
		TEST(a_revoke_takes_the_text_away),
		TEST(a_text_that_is_moved_or_altered_opens_nowhere),
		TEST(an_older_text_does_not_open_as_the_present_one),
		TEST(a_text_can_be_shown_to_its_recipient_only),
		TEST(a_reveal_is_executed_once_for_its_request_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
