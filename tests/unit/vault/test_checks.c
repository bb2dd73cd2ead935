/* Check values, compared again while the vault runs; and what it says of keys in the token. */
#include <string.h>

#include "base/clock.h"
#include "change_fixture.h"

static struct environment_info status(struct fixture *f)
{
	struct environment_info info;

	assert_int_equal(vault_environment_status(f->vault, LIVE_ENV, &info), PM_OK);
	return info;
}

enum { INTEGRITY_KEY, PEPPER_KEY, TEXT_KEY, KEYS };

static void a_key_that_is_swapped_while_the_vault_runs_is_noticed_and_named(void **state)
{
	static const char *const names[KEYS] = { "integrity records version 1",
						 "pepper api-keys version 1",
						 "audit text version 1" };
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;
	struct mint_params params = {
		.environment = "live", .account = "a", .product = "", .name = ""
	};

	for (size_t i = 0; i < KEYS; i++) {
		fake_hsm_swap_key(f->hsm[LIVE_ENV], i);
		assert_int_equal(change_tend(f), PM_TOKEN_MISMATCH);
		assert_int_equal(status(f).state, ENV_REFUSING);
		assert_non_null(strstr(status(f).detail, names[i]));
		assert_int_equal(
			fixture_mint_text(f->vault, fixture_actor(f), &params, &info, &text),
			PM_TOKEN_MISMATCH);
		assert_int_equal(fixture_count_entries(f, "env.refuse"), i + 1);
		assert_int_equal(change_tend(f), PM_TOKEN_MISMATCH);
		assert_int_equal(fixture_count_entries(f, "env.refuse"), i + 1);
		/* Nothing was deleted, and when it is right again it serves again. */
		fake_hsm_swap_key(f->hsm[LIVE_ENV], i);
		assert_int_equal(vault_tend(f->vault), PM_TOKEN_MISMATCH); /* not looked at yet */
		assert_int_equal(change_tend(f), PM_OK);
		assert_int_equal(status(f).state, ENV_SERVING);
		fixture_mint(f, &info, &text);
	}
}

static void a_key_that_is_gone_is_noticed_by_the_first_who_asks_for_it(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;
	struct mint_params params = {
		.environment = "live", .account = "a", .product = "", .name = ""
	};

	fake_hsm_lose_key(f->hsm[LIVE_ENV], PEPPER_KEY);
	assert_int_equal(vault_tend(f->vault), PM_OK); /* it was checked a moment ago */
	assert_int_equal(fixture_mint_text(f->vault, fixture_actor(f), &params, &info, &text),
			 PM_TOKEN_MISMATCH);
	assert_int_equal(vault_tend(f->vault), PM_TOKEN_MISMATCH);
	assert_int_equal(status(f).state, ENV_REFUSING);
	assert_non_null(strstr(status(f).detail, "not in the token"));
}

static void one_flipped_bit_condemns_no_token(void **state)
{
	struct fixture *f = *state;
	int64_t before = status(f).checked_at;

	for (uint64_t i = 0; i < KEYS; i++) {
		fake_hsm_flip(f->hsm[LIVE_ENV], i);
		assert_int_equal(change_tend(f), PM_OK);
		assert_int_equal(status(f).state, ENV_SERVING);
		fake_hsm_restart(f->hsm[LIVE_ENV]);
		fake_hsm_flip(f->hsm[LIVE_ENV], i);
		enum pm_err err = vault_tend(f->vault);
		assert_true(err == PM_OK || err == PM_HSM_UNAVAILABLE);
		fake_hsm_restart(f->hsm[LIVE_ENV]);
		assert_int_equal(vault_tend(f->vault), PM_OK);
	}
	assert_true(status(f).checked_at >= before && before > 0);
	assert_int_equal(fixture_count_entries(f, "env.refuse"), 0);
}

static void an_object_that_appears_while_the_vault_runs_is_reported(void **state)
{
	struct fixture *f = *state;
	const struct hsm_id id = { { 7 } };
	struct hsm_object object;

	assert_int_equal(
		hsm_generate(f->hsm[LIVE_ENV], &id, "peppermint/live/pepper/x/v1", &object, 0),
		PM_OK);
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(status(f).orphans, 1);
}

static void a_token_is_shown_with_its_objects_and_the_records_that_name_them(void **state)
{
	struct fixture *f = *state;
	struct token_inspection token;
	struct object_info objects[16];
	const struct hsm_id id = { { 7 } };
	struct hsm_object object;
	size_t count = 0;

	change_make_pan(f, 2);
	assert_int_equal(
		hsm_generate(f->hsm[LIVE_ENV], &id, "peppermint/live/nonsense", &object, 0), PM_OK);
	assert_int_equal(
		vault_inspect(f->vault, fixture_actor(f), "live", 0, &token, objects, 16, &count),
		PM_OK);
	assert_int_equal(count, KEYS + 3);
	assert_string_equal(token.serial, "2222");
	assert_true(token.active);
	for (size_t i = 0; i < KEYS + 2; i++) {
		assert_true(objects[i].sound);
		assert_int_equal(objects[i].version, i == KEYS + 1 ? 2 : 1);
	}
	assert_int_equal(objects[KEYS].state, PEPPER_VERIFY_ONLY);
	assert_int_equal(objects[KEYS + 2].version, 0);
	assert_false(objects[KEYS + 2].sound);
	assert_int_equal(
		vault_inspect(f->vault, fixture_actor(f), "live", 1, &token, objects, 16, &count),
		PM_NOT_FOUND);
	assert_int_equal(
		vault_inspect(f->vault, fixture_actor(f), "live", 0, &token, objects, 3, &count),
		PM_TOO_LARGE);
	assert_int_equal(fixture_count_entries(f, "token.read"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_that_is_swapped_while_the_vault_runs_is_noticed_and_named),
		TEST(a_key_that_is_gone_is_noticed_by_the_first_who_asks_for_it),
		TEST(one_flipped_bit_condemns_no_token),
		TEST(an_object_that_appears_while_the_vault_runs_is_reported),
		TEST(a_token_is_shown_with_its_objects_and_the_records_that_name_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
