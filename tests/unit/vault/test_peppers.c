/* Peppers: hashing values, rotation, and keys that move to the new version. */
#include "vault_fixture.h"

#include <stdlib.h>
#include <string.h>

static enum pm_err hash_one(struct fixture *f, const char *pepper, const char *value,
			    struct value_hash *hash)
{
	const struct bytes bytes = bytes_str(value);

	return vault_hash(f->vault, fixture_actor(f), "live", pepper, &bytes, 1, hash);
}

static struct hash_verdict check_one(struct fixture *f, const char *pepper, const char *value,
				     const char *hash)
{
	const struct hash_claim claim = { .value = bytes_str(value), .hash = bytes_str(hash) };
	struct hash_verdict verdict;

	assert_int_equal(
		vault_verify_hash(f->vault, fixture_actor(f), "live", pepper, &claim, 1, &verdict),
		PM_OK);
	return verdict;
}

static void create(struct fixture *f, const char *name)
{
	struct pepper_info info;

	assert_int_equal(vault_create_pepper(f->vault, fixture_actor(f), "live", name, &info),
			 PM_OK);
	assert_int_equal(info.count, 1);
	assert_int_equal(info.versions[0].state, PEPPER_ACTIVE);
}

static void equal_values_have_equal_hashes_and_others_do_not(void **state)
{
	struct fixture *f = *state;
	struct value_hash a, b, c, d;

	create(f, "pan");
	create(f, "email");
	assert_int_equal(hash_one(f, "pan", "4111111111111111", &a), PM_OK);
	assert_int_equal(hash_one(f, "pan", "4111111111111111", &b), PM_OK);
	assert_int_equal(hash_one(f, "pan", "4111111111111112", &c), PM_OK);
	assert_int_equal(hash_one(f, "email", "4111111111111111", &d), PM_OK);
	assert_string_equal(a.text, b.text);
	assert_string_not_equal(a.text, c.text);
	assert_string_not_equal(a.text, d.text);
	assert_memory_equal(a.text, "v1:", 3);
}

static void a_hash_matches_its_value_only(void **state)
{
	struct fixture *f = *state;
	struct value_hash hash;

	create(f, "pan");
	assert_int_equal(hash_one(f, "pan", "value", &hash), PM_OK);
	assert_true(check_one(f, "pan", "value", hash.text).match);
	assert_int_equal(check_one(f, "pan", "other", hash.text).reason, PM_REASON_MISMATCH);
	assert_int_equal(check_one(f, "pan", "", hash.text).reason, PM_REASON_MISSING);
	hash.text[1] = '7';
	assert_int_equal(check_one(f, "pan", "value", hash.text).reason, PM_REASON_UNKNOWN_VERSION);
}

static void a_hash_in_any_other_form_is_malformed(void **state)
{
	static const char *const forms[] = {
		"v1",
		"v1:",
		"1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"v:",
		":",
		"x",
		"v0:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"v01:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"v+1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"v 1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", /* stray bits */
		"v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+A",
		"v99999999999:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	};
	struct fixture *f = *state;

	create(f, "pan");
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		assert_int_equal(check_one(f, "pan", "value", forms[i]).reason,
				 PM_REASON_MALFORMED);
}

static void a_rotated_pepper_verifies_old_hashes_and_says_outdated(void **state)
{
	struct fixture *f = *state;
	struct value_hash old, new;
	struct pepper_info info;

	create(f, "pan");
	assert_int_equal(hash_one(f, "pan", "value", &old), PM_OK);
	assert_int_equal(vault_rotate_pepper(f->vault, fixture_actor(f), "live", "pan", &info),
			 PM_OK);
	assert_int_equal(info.count, 2);
	assert_int_equal(info.versions[0].state, PEPPER_VERIFY_ONLY);
	assert_int_equal(info.versions[1].state, PEPPER_ACTIVE);
	assert_int_equal(hash_one(f, "pan", "value", &new), PM_OK);
	assert_memory_equal(new.text, "v2:", 3);
	struct hash_verdict verdict = check_one(f, "pan", "value", old.text);
	assert_true(verdict.match && verdict.outdated);
	verdict = check_one(f, "pan", "value", new.text);
	assert_true(verdict.match && !verdict.outdated);
}

static void large_and_many_values_are_all_hashed_in_order(void **state)
{
	enum { COUNT = 150, LARGE = 16384 };
	struct fixture *f = *state;
	struct bytes *values = calloc(COUNT, sizeof(*values));
	struct value_hash *hashes = calloc(COUNT, sizeof(*hashes));
	uint8_t *large = calloc(1, 2 * HSM_DATA_MAX);
	struct value_hash one;

	create(f, "blob");
	for (size_t i = 0; i < COUNT; i++)
		values[i] = bytes_of(large, i % 9 == 0 ? LARGE : i);
	values[0].len = 1;
	assert_int_equal(
		vault_hash(f->vault, fixture_actor(f), "live", "blob", values, COUNT, hashes),
		PM_OK);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(
			vault_hash(f->vault, fixture_actor(f), "live", "blob", &values[i], 1, &one),
			PM_OK);
		assert_string_equal(one.text, hashes[i].text);
	}
	values[1].len = 2 * HSM_DATA_MAX;
	assert_int_equal(vault_hash(f->vault, fixture_actor(f), "live", "blob", values, 3, hashes),
			 PM_TOO_LARGE);
	free(large);
	free(hashes);
	free(values);
}

static void the_api_keys_pepper_hashes_no_values(void **state)
{
	struct fixture *f = *state;
	struct value_hash hash;

	assert_int_equal(hash_one(f, "api-keys", "value", &hash), PM_BAD_REQUEST);
	assert_int_equal(hash_one(f, "nothing", "value", &hash), PM_NOT_FOUND);
}

static void names_are_checked_and_taken_once(void **state)
{
	static const char *const bad[] = { "",           "Pan",
					   "1pan",       "-a",
					   "a b",        "a/b",
					   "p\xc3\xa4n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
	struct fixture *f = *state;
	struct pepper_info info;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
			vault_create_pepper(f->vault, fixture_actor(f), "live", bad[i], &info),
			PM_BAD_REQUEST);
	create(f, "pan");
	assert_int_equal(vault_create_pepper(f->vault, fixture_actor(f), "live", "pan", &info),
			 PM_ALREADY_EXISTS);
	assert_int_equal(vault_rotate_pepper(f->vault, fixture_actor(f), "live", "none", &info),
			 PM_NOT_FOUND);
}

static void a_rotation_repeated_with_its_request_id_is_done_once(void **state)
{
	struct fixture *f = *state;
	struct pepper_info info;
	struct actor *actor = fixture_actor(f);

	assert_int_equal(vault_rotate_pepper(f->vault, actor, "live", "api-keys", &info), PM_OK);
	assert_int_equal(info.count, 2);
	assert_int_equal(vault_rotate_pepper(f->vault, actor, "live", "api-keys", &info),
			 PM_ALREADY_DONE);
	assert_string_equal(actor->done_subject, "api-keys/v2");
}

static uint32_t pepper_of(struct fixture *f, const char *id)
{
	struct key_info info;

	assert_int_equal(vault_get(f->vault, fixture_actor(f), "live", id, &info), PM_OK);
	return info.pepper_version;
}

static void keys_move_to_the_new_pepper_on_their_next_verify(void **state)
{
	struct fixture *f = *state;
	struct key_info info, rotated;
	struct key_text text, second;
	struct pepper_info pepper;
	const struct rotate_params params = { .environment = "live",
					      .key_id = info.id,
					      .overlap = 600 };

	fixture_mint(f, &info, &text);
	assert_int_equal(
		fixture_rotate_text(f->vault, fixture_actor(f), &params, &rotated, &second), PM_OK);
	assert_int_equal(
		vault_rotate_pepper(f->vault, fixture_actor(f), "live", "api-keys", &pepper),
		PM_OK);
	assert_int_equal(pepper_of(f, info.id), 1);
	assert_true(fixture_verify(f, "live", second.text).valid);
	assert_int_equal(pepper_of(f, info.id), 2);
	/* The previous secret moves as well, and neither harms the other. */
	assert_true(fixture_verify(f, "live", text.text).valid);
	assert_true(fixture_verify(f, "live", text.text).valid);
	assert_true(fixture_verify(f, "live", second.text).valid);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_true(fixture_verify(f, "live", second.text).valid);
	assert_true(fixture_verify(f, "live", text.text).valid);
}

static void a_wrong_secret_does_not_move_a_key(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text, wrong;
	struct pepper_info pepper;

	fixture_mint(f, &info, &text);
	fixture_craft(&wrong, info.id);
	assert_int_equal(
		vault_rotate_pepper(f->vault, fixture_actor(f), "live", "api-keys", &pepper),
		PM_OK);
	assert_false(fixture_verify(f, "live", wrong.text).valid);
	assert_int_equal(pepper_of(f, info.id), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(equal_values_have_equal_hashes_and_others_do_not),
		TEST(a_hash_matches_its_value_only),
		TEST(a_hash_in_any_other_form_is_malformed),
		TEST(a_rotated_pepper_verifies_old_hashes_and_says_outdated),
		TEST(large_and_many_values_are_all_hashed_in_order),
		TEST(the_api_keys_pepper_hashes_no_values),
		TEST(names_are_checked_and_taken_once),
		TEST(a_rotation_repeated_with_its_request_id_is_done_once),
		TEST(keys_move_to_the_new_pepper_on_their_next_verify),
		TEST(a_wrong_secret_does_not_move_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
