/* `seal`, `unseal`, and the `hsm` commands that a running vault carries out. */
#include "run_cli.h"

#define BAD_ID "00000000000000000000000000000000"

static void unseal_reads_the_pin_and_shows_it_nowhere(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_with(f, "271828\n", "unseal", "--env", "live"), 0);
	assert_says(f->out, "live is unsealed, and serves once its keys are checked");
	assert_never_says(f->err, "271828");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_string_equal(request->unseal->environment, "live");
	assert_int_equal(request->unseal->pin.len, 6);
	assert_memory_equal(request->unseal->pin.data, "271828", 6);
	peppermint__v1__request__free_unpacked(request, NULL);
	assert_int_equal(run_with(f, "271828", "--json", "unseal", "--env", "live"), 0);
	json_t *json = output_json(f);
	assert_true(json_is_false(json_object_get(json, "sealed")));
	json_decref(json);
}

static void a_refused_pin_is_sent_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_with(f, CANNED_BAD_PIN "\n", "unseal", "--env", "live"), 3);
	assert_says(f->err, "tried once. (SEALED)");
	assert_never_says(f->err, CANNED_BAD_PIN);
	assert_int_equal(canned_count(f->canned), 1);
}

static void what_is_no_pin_is_not_sent(void **state)
{
	struct fixture *f = *state;
	char line[257];

	memset(line, '1', 256);
	line[256] = '\0';
	assert_int_equal(run(f, "unseal", "--env", "live"), 2);
	assert_int_equal(run_with(f, "\n", "unseal", "--env", "live"), 2);
	assert_int_equal(run_with(f, "1\n2\n", "unseal", "--env", "live"), 2);
	assert_int_equal(run_with(f, line, "unseal", "--env", "live"), 2);
	assert_int_equal(run_with_input(f, "1\0002\n", 4, "unseal", "--env", "live", NULL), 2);
	assert_int_equal(run_with(f, "1\n", "unseal", "--env", "live", "271828"), 2);
	assert_says(f->err, "pipe in one PIN");
	assert_never_says(f->err, "271828");
	assert_int_equal(run_with(f, "1\n", "unseal"), 2);
	assert_says(f->err, "unseal needs --env E");
	assert_int_equal(canned_count(f->canned), 0);
}

static void seal_says_how_to_unseal(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "seal", "--env", "live"), 0);
	assert_says(f->out, "live is sealed and serves nothing");
	assert_says(f->out, "peppermint unseal --env live");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_string_equal(request->seal->environment, "live");
	peppermint__v1__request__free_unpacked(request, NULL);
	assert_int_equal(run(f, "seal", "--env", "live", "--json"), 0);
	json_t *json = output_json(f);
	assert_true(json_is_true(json_object_get(json, "sealed")));
	json_decref(json);
}

static void a_pin_is_changed_with_the_old_one_and_the_new_one(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_with(f, "271828\n314159\n", "hsm", "change-pin", "--env", "test"), 0);
	assert_says(f->out, "test has its new PIN");
	assert_never_says(f->out, "314159");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_memory_equal(request->change_pin->old_pin.data, "271828", 6);
	assert_memory_equal(request->change_pin->new_pin.data, "314159", 6);
	peppermint__v1__request__free_unpacked(request, NULL);
	assert_int_equal(
		run_with(f, CANNED_BAD_PIN "\n314159\n", "hsm", "change-pin", "--env", "test"), 3);
	assert_says(f->err, "(DENIED)");
	size_t before = canned_count(f->canned);
	assert_int_equal(run_with(f, "271828\n", "hsm", "change-pin", "--env", "test"), 2);
	assert_int_equal(run_with(f, "271828\n3\n", "hsm", "change-pin"), 2);
	assert_says(f->err, "needs --env E, or --module");
	assert_int_equal(run_with(f, "271828\n3\n", "hsm", "change-pin", "--env", "test", "--token",
				  "pkcs11:token=another"),
			 2);
	assert_says(f->err, "go with --module");
	assert_int_equal(run(f, "hsm", "inventory", "--env", "test", "--last-try"), 2);
	assert_int_equal(canned_count(f->canned), before);
}

static void status_says_what_to_do_about_a_seal_and_warnings(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "status"), 0);
	assert_says(f->out, "ORPHANS  WARNINGS");
	assert_says(f->out, "live is sealed. To unseal it: peppermint unseal --env live");
	assert_says(f->out, "test: master keys near or past the end of their cryptoperiod: 2");
	assert_says(f->out, "peppermint master list --env test");
	assert_says(f->out, "objects in the token that no record names: 1");
	assert_int_equal(run(f, "status", "--json"), 0);
	json_t *json = output_json(f);
	json_t *test = json_array_get(json_object_get(json, "environments"), 0);
	assert_int_equal(json_integer_value(json_object_get(test, "key_warnings")), 2);
	assert_int_equal(json_array_size(json_object_get(test, "tokens")), 2);
	json_decref(json);
}

static void hsm_status_has_a_row_for_each_token(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "hsm", "status"), 0);
	assert_says(f->out, "ENVIRONMENT  TOKEN      SERIAL            STATE         ACTIVE  "
			    "RESTARTS  SESSIONS  PROVEN  LAST CHECK");
	assert_says(f->out, "test         the token  0123456789abcdef  TOKEN_READY   yes     0  "
			    "       6         yes     2026-01-01T00:00:00Z");
	assert_says(f->out, "test         the clone  CLONE             TOKEN_UNFIT   no      4  "
			    "       -         -       -");
	/* Its signer has ended, and its sessions with it. */
	assert_says(f->out, "live         the token  0123456789abcdef  TOKEN_SEALED  yes     0  "
			    "       -         -       ");
	assert_says(f->out, "test, token the clone (CLONE): it lacks pan/v2: clone it again");
	assert_says(f->out, "live: the PIN was refused");
	assert_int_equal(run(f, "hsm", "status", "--env", "live"), 0);
	assert_never_says(f->out, "CLONE");
	assert_int_equal(run(f, "hsm", "status", "--env", "nowhere"), 3);
	assert_int_equal(run(f, "hsm", "status", "--json"), 0);
	json_t *json = output_json(f);
	assert_int_equal(json_array_size(json), 3);
	json_t *clone = json_array_get(json, 1);
	assert_string_equal(json_string_value(json_object_get(clone, "state")), "TOKEN_UNFIT");
	assert_true(json_is_false(json_object_get(clone, "active")));
	assert_true(json_is_null(json_object_get(clone, "sessions")));
	assert_true(json_is_null(json_object_get(clone, "checked_at")));
	json_decref(json);
}

static void the_inventory_shows_objects_mechanisms_and_that_softhsm_is_not_certified(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "hsm", "inventory", "--env", "test"), 0);
	assert_says(f->out, "NOT CERTIFIED");
	assert_says(f->out, "firmware      2.6\n");
	assert_says(f->out, "flags         0x42d\n");
	assert_says(f->out, "peppermint/test/pepper/pan/v2  010000000000000000000000000000ff  "
			    "HMAC-SHA-256  ACTIVE");
	assert_says(f->out, CANNED_ORPHAN_LABEL "  " CANNED_ORPHAN "  HMAC-SHA-256  -");
	assert_says(f->out, "ORPHAN\n");
	assert_says(f->out, "CKM_SHA256_HMAC  yes        yes     yes");
	assert_says(f->out, "CKM_EDDSA        yes        -       no");
	assert_says(f->out, "0 of 2 keys of vaults are not as they must be");
	assert_says(f->out, "hsm adopt or hsm destroy-orphan");
}

static void an_object_that_is_not_as_it_must_be_is_found(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		run(f, "hsm", "inventory", "--env", "test", "--token-index", "1", "--json"), 1);
	json_t *json = output_json(f);
	json_t *token = json_object_get(json, "token");
	assert_string_equal(json_string_value(json_object_get(token, "serial")), "CLONE");
	assert_string_equal(json_string_value(json_object_get(token, "certified")),
			    "NOT CERTIFIED");
	assert_true(json_is_null(json_object_get(token, "free_private_memory")));
	assert_int_equal(json_integer_value(json_object_get(json, "faulty")), 2);
	assert_int_equal(json_integer_value(json_object_get(json, "orphans")), 1);
	json_t *orphan = json_array_get(json_object_get(json, "rows"), 1);
	assert_true(json_is_true(json_object_get(orphan, "orphan")));
	assert_true(json_is_null(json_object_get(orphan, "version")));
	json_t *eddsa = json_array_get(json_object_get(json, "mechanisms"), 1);
	assert_true(json_is_null(json_object_get(eddsa, "proven")));
	json_decref(json);
	assert_int_equal(run(f, "hsm", "inventory", "--env", "test", "--token-index", "2"), 2);
}

static void an_orphan_is_adopted_by_its_id(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "hsm", "adopt", "--env", "test", "--dry-run", CANNED_ORPHAN), 0);
	assert_string_equal(f->out, "Nothing was changed. " CANNED_ORPHAN_LABEL
				    " would be given a record.\n");
	assert_int_equal(run(f, "hsm", "adopt", "--env", "test", CANNED_ORPHAN), 0);
	assert_string_equal(f->out, CANNED_ORPHAN_LABEL " was given a record.\n");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_true(request->settle_orphan->adopt);
	assert_false(request->settle_orphan->dry_run);
	assert_memory_equal(request->settle_orphan->key_id.data, "0123456789abcdef", 16);
	peppermint__v1__request__free_unpacked(request, NULL);
	assert_int_equal(run(f, "hsm", "adopt", "--env", "test", BAD_ID), 3);
	assert_says(f->err, "(NOT_FOUND)");
}

static void destroying_an_orphan_needs_its_label(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "hsm", "destroy-orphan", "--env", "test", CANNED_ORPHAN), 2);
	assert_says(f->err, "Repeat its label with --label");
	assert_int_equal(canned_count(f->canned), 0);
	assert_int_equal(run(f, "hsm", "destroy-orphan", "--env", "test", "--label", "another",
			     CANNED_ORPHAN),
			 2);
	assert_says(f->err,
		    "that object's label is " CANNED_ORPHAN_LABEL ". Nothing was destroyed.");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_true(request->settle_orphan->dry_run);
	peppermint__v1__request__free_unpacked(request, NULL);
	assert_int_equal(run(f, "hsm", "destroy-orphan", "--env", "test", "--label",
			     CANNED_ORPHAN_LABEL, "--request-id", "mine", CANNED_ORPHAN),
			 0);
	assert_string_equal(f->out, CANNED_ORPHAN_LABEL " was destroyed.\n");
	request = canned_last(f->canned);
	assert_false(request->settle_orphan->dry_run);
	assert_false(request->settle_orphan->adopt);
	assert_string_equal(request->request_id, "mine");
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void what_is_no_id_of_an_object_is_not_sent(void **state)
{
	static const char *const wrong[] = { "", "30", CANNED_ORPHAN "0",
					     "x0313233343536373839616263646566" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(run(f, "hsm", "adopt", "--env", "test", wrong[i]), 2);
		assert_says(f->err, "32 hexadecimal digits");
	}
	assert_int_equal(canned_count(f->canned), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unseal_reads_the_pin_and_shows_it_nowhere),
		TEST(a_refused_pin_is_sent_once),
		TEST(what_is_no_pin_is_not_sent),
		TEST(seal_says_how_to_unseal),
		TEST(a_pin_is_changed_with_the_old_one_and_the_new_one),
		TEST(status_says_what_to_do_about_a_seal_and_warnings),
		TEST(hsm_status_has_a_row_for_each_token),
		TEST(the_inventory_shows_objects_mechanisms_and_that_softhsm_is_not_certified),
		TEST(an_object_that_is_not_as_it_must_be_is_found),
		TEST(an_orphan_is_adopted_by_its_id),
		TEST(destroying_an_orphan_needs_its_label),
		TEST(what_is_no_id_of_an_object_is_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
