/* Taking an environment into service: token and database belong together, or nothing is served. */
#include "vault_fixture.h"

#include <string.h>

static struct environment_info status_of(struct fixture *f, size_t env)
{
	struct environment_info info;

	assert_int_equal(vault_environment_status(f->vault, env, &info), PM_OK);
	return info;
}

/* The live environment refuses, says `word`, and test serves on. */
static void assert_live_refuses(struct fixture *f, const char *word)
{
	struct key_info info;
	struct key_text text;
	struct mint_params params = {
		.environment = "live", .account = "a", .product = "", .name = ""
	};

	assert_int_equal(vault_tend(f->vault), PM_TOKEN_MISMATCH);
	struct environment_info live = status_of(f, LIVE_ENV);
	assert_int_equal(live.state, ENV_REFUSING);
	assert_non_null(strstr(live.detail, word));
	assert_int_equal(fixture_mint_text(f->vault, fixture_actor(f), &params, &info, &text),
			 PM_TOKEN_MISMATCH);
	params.environment = "test";
	assert_int_equal(fixture_mint_text(f->vault, fixture_actor(f), &params, &info, &text),
			 PM_OK);
	assert_int_equal(status_of(f, TEST_ENV).state, ENV_SERVING);
}

/* integrity/records, pepper/api-keys, audit/text; and audit/log where checkpoints are signed. */
enum { INTEGRITY_KEY, PEPPER_KEY, TEXT_KEY, KEYS, LOG_KEY = KEYS };

static void a_new_environment_gets_its_keys(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fake_hsm_key_count(f->hsm[LIVE_ENV]), KEYS);
	assert_int_equal(fake_hsm_key_count(f->hsm[TEST_ENV]), KEYS + 1);
	struct environment_info info = status_of(f, LIVE_ENV);
	assert_int_equal(info.state, ENV_SERVING);
	assert_string_equal(info.token_serial, "2222");
	assert_int_equal(info.orphans, 0);
}

static void a_restart_makes_nothing_new(void **state)
{
	struct fixture *f = *state;

	fixture_reopen(f);
	fake_hsm_restart(f->hsm[LIVE_ENV]);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(fake_hsm_key_count(f->hsm[LIVE_ENV]), KEYS);
}

static void another_serial_is_refused(void **state)
{
	struct fixture *f = *state;

	fake_hsm_set_serial(f->hsm[LIVE_ENV], "3333");
	fake_hsm_restart(f->hsm[LIVE_ENV]);
	assert_live_refuses(f, "3333");
	fake_hsm_set_serial(f->hsm[LIVE_ENV], "2222");
	fake_hsm_restart(f->hsm[LIVE_ENV]);
	assert_int_equal(vault_tend(f->vault), PM_OK);
}

static void a_key_that_is_gone_or_another_is_refused_by_name(void **state)
{
	static const char *const names[KEYS] = {
		[INTEGRITY_KEY] = "integrity records version 1",
		[PEPPER_KEY] = "pepper api-keys version 1",
		[TEXT_KEY] = "audit text version 1",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < KEYS; i++) {
		fake_hsm_swap_key(f->hsm[LIVE_ENV], i);
		fake_hsm_restart(f->hsm[LIVE_ENV]);
		assert_live_refuses(f, names[i]);
		fake_hsm_swap_key(f->hsm[LIVE_ENV], i);
	}
	fake_hsm_lose_key(f->hsm[LIVE_ENV], PEPPER_KEY);
	fake_hsm_restart(f->hsm[LIVE_ENV]);
	assert_live_refuses(f, "not in the token");
}

static void another_pair_for_the_log_is_refused_by_name(void **state)
{
	struct fixture *f = *state;

	for (int lost = 0; lost < 2; lost++) {
		if (lost)
			fake_hsm_lose_key(f->hsm[TEST_ENV], LOG_KEY);
		else
			fake_hsm_swap_key(f->hsm[TEST_ENV], LOG_KEY);
		fake_hsm_restart(f->hsm[TEST_ENV]);
		assert_int_equal(vault_tend(f->vault), PM_TOKEN_MISMATCH);
		assert_int_equal(status_of(f, TEST_ENV).state, ENV_REFUSING);
		assert_non_null(strstr(status_of(f, TEST_ENV).detail, "audit log version 1"));
	}
}

static void what_happened_is_in_the_log(void **state)
{
	struct fixture *f = *state;

	/* Two environments; three keys each, and the log's. */
	assert_int_equal(fixture_count_entries(f, "env.provision"), 2);
	assert_int_equal(fixture_count_entries(f, "env.serve"), 2);
	assert_int_equal(fixture_count_entries(f, "master.stage"), 2 * KEYS + 1);
	assert_int_equal(fixture_count_entries(f, "master.activate"), 2 * KEYS + 1);
	fake_hsm_set_serial(f->hsm[LIVE_ENV], "3333");
	fake_hsm_restart(f->hsm[LIVE_ENV]);
	assert_int_equal(vault_tend(f->vault), PM_TOKEN_MISMATCH);
	assert_int_equal(vault_tend(f->vault), PM_TOKEN_MISMATCH);
	assert_int_equal(fixture_count_entries(f, "env.refuse"), 1);
	json_t *entry = fixture_newest_entry(f, "env.refuse");
	assert_string_equal(entry_text(entry, "env"), "live");
	assert_string_equal(entry_text(entry, "token"), "3333");
	assert_string_equal(entry_text(entry, "err"), "TOKEN_MISMATCH");
	json_decref(entry);
}

/* A database from before there was an audit log has neither its tables' rows nor its keys. */
static void an_older_database_gets_the_keys_of_the_log(void **state)
{
	struct fixture *f = *state;

	fixture_sql(f, "UPDATE audit_log SET key_version = 0, vkey = ''");
	fixture_sql(f, "DELETE FROM master_key WHERE purpose = 'audit'");
	fake_hsm_lose_key(f->hsm[TEST_ENV], TEXT_KEY);
	fake_hsm_lose_key(f->hsm[TEST_ENV], LOG_KEY);
	fake_hsm_lose_key(f->hsm[LIVE_ENV], TEXT_KEY);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(fake_hsm_key_count(f->hsm[LIVE_ENV]), KEYS + 1);
	assert_int_equal(fake_hsm_key_count(f->hsm[TEST_ENV]), KEYS + 3);
}

static void an_edited_master_row_is_refused(void **state)
{
	struct fixture *f = *state;

	fixture_sql(f, "UPDATE master_key SET created_at = created_at + 1 "
		       "WHERE environment = 'live' AND purpose = 'pepper'");
	fake_hsm_restart(f->hsm[LIVE_ENV]);
	assert_live_refuses(f, "altered");
}

static void an_edited_environment_row_is_refused(void **state)
{
	struct fixture *f = *state;

	fixture_sql(f, "UPDATE environment SET created_at = 1 WHERE name = 'live'");
	fake_hsm_restart(f->hsm[LIVE_ENV]);
	assert_live_refuses(f, "altered");
}

static void a_token_with_keys_that_the_database_lost_is_refused(void **state)
{
	struct fixture *f = *state;

	fixture_sql(f, "DELETE FROM environment WHERE name = 'live'");
	fixture_sql(f, "DELETE FROM master_key WHERE environment = 'live'");
	fake_hsm_restart(f->hsm[LIVE_ENV]);
	assert_live_refuses(f, "does not know");
	assert_int_equal(fake_hsm_key_count(f->hsm[LIVE_ENV]), KEYS);
}

/* Rows that would make a pepper the integrity key of an environment that looks new. */
static void a_forged_intent_of_a_first_start_is_refused(void **state)
{
	struct fixture *f = *state;

	fixture_sql(f, "DELETE FROM environment WHERE name = 'live'");
	fixture_sql(f, "UPDATE master_key SET state = 1, seal_version = 0, key_id = (SELECT key_id "
		       "FROM master_key WHERE environment = 'live' AND purpose = 'pepper') "
		       "WHERE environment = 'live' AND purpose = 'integrity'");
	fixture_sql(f, "DELETE FROM master_key WHERE environment = 'live' "
		       "AND purpose <> 'integrity'");
	fake_hsm_restart(f->hsm[LIVE_ENV]);
	assert_live_refuses(f, "does not know");
}

static void a_pepper_whose_record_was_lost_is_not_made_again(void **state)
{
	struct fixture *f = *state;

	fixture_sql(f, "DELETE FROM master_key WHERE environment = 'live' AND purpose = 'pepper'");
	fake_hsm_restart(f->hsm[LIVE_ENV]);
	assert_live_refuses(f, "lost");
	assert_int_equal(fake_hsm_key_count(f->hsm[LIVE_ENV]), KEYS);
}

static void a_deleted_environment_row_is_refused(void **state)
{
	struct fixture *f = *state;

	fixture_sql(f, "DELETE FROM environment WHERE name = 'live'");
	fake_hsm_restart(f->hsm[LIVE_ENV]);
	assert_live_refuses(f, "gone");
}

static void an_object_that_no_record_names_is_counted_and_left(void **state)
{
	struct fixture *f = *state;
	struct hsm_object object;
	const struct hsm_id id = { { 9 } };

	assert_int_equal(
		hsm_generate(f->hsm[LIVE_ENV], &id, "peppermint/live/pepper/x/v1", &object, 0),
		PM_OK);
	fake_hsm_restart(f->hsm[LIVE_ENV]);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(status_of(f, LIVE_ENV).orphans, 1);
	assert_int_equal(fake_hsm_key_count(f->hsm[LIVE_ENV]), KEYS + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_environment_gets_its_keys),
		TEST(a_restart_makes_nothing_new),
		TEST(another_serial_is_refused),
		TEST(a_key_that_is_gone_or_another_is_refused_by_name),
		TEST(another_pair_for_the_log_is_refused_by_name),
		TEST(what_happened_is_in_the_log),
		TEST(an_older_database_gets_the_keys_of_the_log),
		TEST(an_edited_master_row_is_refused),
		TEST(an_edited_environment_row_is_refused),
		TEST(a_token_with_keys_that_the_database_lost_is_refused),
		TEST(a_forged_intent_of_a_first_start_is_refused),
		TEST(a_pepper_whose_record_was_lost_is_not_made_again),
		TEST(a_deleted_environment_row_is_refused),
		TEST(an_object_that_no_record_names_is_counted_and_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
