/* `peppermint status` and `peppermint key …`: what people and programs see, and the exit status. */
#include "run_cli.h"

static void status_shows_every_environment_and_what_is_wrong(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "status"), 0);
	assert_says(f->out, "peppermintd 9.9.9, up for 61 seconds");
	assert_says(f->out, "test         SERVING     ak_test_");
	assert_says(f->out, "live: the PIN was refused");
}

static void status_as_json_has_the_environments(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "--json", "status"), 0);
	json_t *json = output_json(f);
	json_t *live = json_array_get(json_object_get(json, "environments"), 1);
	assert_string_equal(json_string_value(json_object_get(live, "state")), "HSM_SEALED");
	assert_int_equal(json_integer_value(json_object_get(live, "keys")), 4);
	json_decref(json);
}

static void mint_shows_the_key_once_and_says_so(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "key", "mint", "--env", "test", "--account", "acme", "--product",
			     "pay", "--name", "till", "--expires", "2030-01-01T00:00:00Z",
			     "--operator", "ann"),
			 0);
	assert_says(f->out, "API key:  " CANNED_KEY "\n");
	assert_says(f->out, "This is shown once. Store it now.");
	assert_says(f->out, "Expires         2030-01-01T00:00:00Z\n");
	assert_says(f->out, "\nAuthorization: Bearer " CANNED_KEY "\n");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_string_equal(request->operator_, "ann");
	assert_string_equal(request->mint_key->account, "acme");
	assert_string_equal(request->mint_key->product, "pay");
	assert_string_equal(request->mint_key->name, "till");
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void mint_prints_only_the_key_when_quiet(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "key", "mint", "--env", "test", "--account", "acme", "--quiet",
			     "--request-id", "my-id"),
			 0);
	assert_string_equal(f->out, CANNED_KEY "\n");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_string_equal(request->request_id, "my-id");
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void mint_as_json_has_record_and_key(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "key", "mint", "--env", "test", "--account", "acme", "--json"), 0);
	json_t *json = output_json(f);
	json_t *key = json_object_get(json, "key");
	assert_string_equal(json_string_value(json_object_get(json, "api_key")), CANNED_KEY);
	assert_string_equal(json_string_value(json_object_get(key, "id")), CANNED_ID);
	assert_string_equal(json_string_value(json_object_get(key, "state")), "ACTIVE");
	json_decref(json);
}

static void verify_is_done_when_all_keys_are_valid(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_with(f, CANNED_KEY "\n" CANNED_OLD_KEY "\r\n", "key", "verify",
				  "--env", "test"),
			 0);
	assert_says(f->out, "LINE  VALID  KEY ID            ACCOUNT  PRODUCT   EXPIRES");
	assert_says(f->out,
		    "1     yes    " CANNED_ID "  acme     payments  2030-01-01T00:00:00Z  -");
	assert_says(f->out, "the previous secret, valid until 2027-01-15T08:00:00Z; a compromised "
			    "pepper version vouched for it");
}

static void verify_is_refused_when_any_key_is_not(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		run_with(f, CANNED_KEY "\nak_test_wrong", "key", "verify", "--env", "test"), 1);
	assert_says(f->out, "2     no");
	assert_says(f->out, "WRONG_SECRET: ");
	assert_never_says(f->out, "ak_test_wrong");
}

static void verify_without_a_verdict_is_the_vaults_no(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_with(f, "wrong\n" CANNED_DOWN_KEY "\n" CANNED_KEY, "key", "verify",
				  "--env", "test"),
			 3);
	assert_says(f->out, "HSM_UNAVAILABLE: ");
}

static void verify_as_json_is_an_array_in_the_order_of_the_lines(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		run_with(f, "wrong\n" CANNED_KEY "\n", "--json", "key", "verify", "--env", "test"),
		1);
	json_t *json = output_json(f);
	assert_int_equal(json_array_size(json), 2);
	json_t *wrong = json_array_get(json, 0);
	json_t *right = json_array_get(json, 1);
	assert_true(json_is_false(json_object_get(wrong, "valid")));
	assert_string_equal(json_string_value(json_object_get(wrong, "reason")), "WRONG_SECRET");
	assert_string_equal(json_string_value(json_object_get(wrong, "message")),
			    "Invalid or missing API key");
	assert_true(json_is_true(json_object_get(right, "valid")));
	assert_int_equal(json_integer_value(json_object_get(right, "line")), 2);
	assert_string_equal(json_string_value(json_object_get(right, "key_id")), CANNED_ID);
	json_decref(json);
}

static void show_prints_the_record_without_a_secret(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "key", "show", "--env", "test", CANNED_ID), 0);
	assert_says(f->out, "Ends with       *****def\n");
	assert_says(f->out, "Name            Müller’s till\n");
	assert_never_says(f->out, "Revoked");
}

static void show_of_an_unknown_key_repeats_the_vaults_words(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "key", "show", "--env", "test", "NOSUCHKEYNOSUCHK"), 3);
	assert_string_equal(f->err, "peppermint: no key has that id. (NOT_FOUND)\n");
	assert_string_equal(f->out, "");
}

static void list_shows_a_page_and_how_to_go_on(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "key", "list", "--env", "test", "--page-size", "2"), 0);
	assert_says(f->out, "Total: 7, of which 2 are shown. More: --page-token 2, or --all.");
	assert_int_equal(
		run(f, "key", "list", "--env", "test", "--page-size", "2", "--page-token", "6"), 0);
	assert_says(f->out, "KEY0000000000006");
	assert_says(f->out, "Total: 7, of which 1 are shown.\n");
}

static void list_all_walks_through_every_page(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "key", "list", "--env", "test", "--page-size", "3", "--all"), 0);
	assert_says(f->out, CANNED_ID);
	assert_says(f->out, "KEY0000000000006");
	assert_says(f->out, "\nTotal: 7.\n");
	assert_int_equal(canned_count(f->canned), 3);
}

static void list_as_json_is_one_object_over_all_pages(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		run(f, "key", "list", "--env", "test", "--page-size", "3", "--all", "--json"), 0);
	json_t *json = output_json(f);
	assert_int_equal(json_array_size(json_object_get(json, "keys")), CANNED_KEYS);
	assert_int_equal(json_integer_value(json_object_get(json, "total")), CANNED_KEYS);
	json_decref(json);
}

static void refuse_list(Peppermint__V1__Reply *reply)
{
	reply->error = PEPPERMINT__V1__ERROR__DENIED;
	reply->result_case = PEPPERMINT__V1__REPLY__RESULT__NOT_SET;
}

static void a_list_that_is_refused_prints_nothing(void **state)
{
	struct fixture *f = *state;

	canned_tweak(f->canned, refuse_list);
	assert_int_equal(run(f, "key", "list", "--env", "test", "--json"), 3);
	assert_string_equal(f->out, "");
	assert_says(f->err, "(DENIED)");
}

static void rotate_takes_overlap_and_force(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "key", "rotate", "--env", "test", CANNED_ID, "--overlap", "77"), 3);
	assert_says(f->err, "(CONFLICT)");
	assert_int_equal(
		run(f, "key", "rotate", "--env", "test", CANNED_ID, "--overlap", "77", "--force"),
		0);
	assert_says(f->out, CANNED_KEY);
	assert_says(f->out, "Old secret until  2026-01-01T00:02:17Z\n");
}

static void revoke_shows_when(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "key", "revoke", "--env", "test", CANNED_ID), 0);
	assert_says(f->out, "REVOKED");
	assert_says(f->out, "2026-01-01T00:02:00Z");
}

static void nothing_is_reached_without_a_vault(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "status", "--socket", "/tmp/peppermint-is-not-here"), 3);
	assert_says(f->err, "no vault listens at /tmp/peppermint-is-not-here");
	assert_says(f->err, "start peppermintd");
}

static void a_vault_that_stays_silent_leaves_the_outcome_unknown(void **state)
{
	struct fixture *f = *state;

	canned_behave(f->canned, CANNED_SILENCE);
	assert_int_equal(run(f, "key", "mint", "--env", "test", "--account", "a", "--request-id",
			     "my-id", "--timeout", "1"),
			 3);
	assert_says(f->err, "repeat it with request id my-id");
	assert_says(f->err, "(OUTCOME_UNKNOWN)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(status_shows_every_environment_and_what_is_wrong),
		TEST(status_as_json_has_the_environments),
		TEST(mint_shows_the_key_once_and_says_so),
		TEST(mint_prints_only_the_key_when_quiet),
		TEST(mint_as_json_has_record_and_key),
		TEST(verify_is_done_when_all_keys_are_valid),
		TEST(verify_is_refused_when_any_key_is_not),
		TEST(verify_without_a_verdict_is_the_vaults_no),
		TEST(verify_as_json_is_an_array_in_the_order_of_the_lines),
		TEST(show_prints_the_record_without_a_secret),
		TEST(show_of_an_unknown_key_repeats_the_vaults_words),
		TEST(list_shows_a_page_and_how_to_go_on),
		TEST(list_all_walks_through_every_page),
		TEST(list_as_json_is_one_object_over_all_pages),
		TEST(a_list_that_is_refused_prints_nothing),
		TEST(rotate_takes_overlap_and_force),
		TEST(revoke_shows_when),
		TEST(nothing_is_reached_without_a_vault),
		TEST(a_vault_that_stays_silent_leaves_the_outcome_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
