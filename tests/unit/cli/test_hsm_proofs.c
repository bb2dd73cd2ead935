/* hsm self-test and hsm inventory: what a token is worth, and what it only says. */
#include <stdio.h>

#include "hsm_fixture.h"

#define SELF_TEST(h)                                                                               \
	run_faulty(h, PIN_LINE, "self-test", "--token", (h)->token.uri, "--json", "--timeout", "30")

/* Making RSA's pair, the third, takes longer than all the rest. */
#define NO_RSA "C_GenerateKeyPair nth=3 return CKR_MECHANISM_INVALID\n"

/* The last self-test's row; released with `report`. */
static const json_t *row_of(const json_t *report, const char *test)
{
	const json_t *rows = json_object_get(report, "rows");

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);

		if (strcmp(json_string_value(json_object_get(row, "test")), test) == 0)
			return row;
	}
	fail_msg("no row %s", test);
	return NULL;
}

static void expect(struct hsm_fixture *h, const char *test, json_type proven, const char *detail)
{
	json_t *report = output_json(h->cli);
	const json_t *row = row_of(report, test);

	assert_int_equal(json_typeof(json_object_get(row, "proven")), proven);
	assert_says(json_string_value(json_object_get(row, "detail")), detail);
	json_decref(report);
}

static void a_good_token_proves_everything(void **state)
{
	struct hsm_fixture *h = *state;

	assert_int_equal(SELF_TEST(h), 0);
	expect(h, "HMAC-SHA-256", JSON_TRUE, "3 of 4 known answers");
	expect(h, "secret keys made in the token", JSON_TRUE, "sensitive");
	expect(h, "CKA_ALLOWED_MECHANISMS is enforced", JSON_TRUE, "refused for SHA-512");
	expect(h, "CopyObject to a session object", JSON_TRUE, "the same HMAC");
	expect(h, "HMAC rate", JSON_NULL, "per second");
	expect(h, "Ed25519", JSON_TRUE, "verifies with OpenSSL");
	expect(h, "ECDSA P-256", JSON_TRUE, "verifies with OpenSSL");
	expect(h, "RSA-2048 PKCS#1 v1.5 with SHA-256", JSON_TRUE, "verifies with OpenSSL");
	assert_int_equal(module_faults_calls(&h->faults, "C_Login"), 1);
}

static void a_token_that_computes_wrongly_is_found_out(void **state)
{
	struct hsm_fixture *h = *state;

	module_faults_set(&h->faults, "C_Sign after flip\n");
	assert_int_equal(SELF_TEST(h), 1);
	expect(h, "HMAC-SHA-256", JSON_FALSE, "WRONG answer to RFC 4231 case 7");
	expect(h, "Ed25519", JSON_FALSE, "WRONG");
	expect(h, "ECDSA P-256", JSON_FALSE, "WRONG");
	expect(h, "RSA-2048 PKCS#1 v1.5 with SHA-256", JSON_FALSE, "WRONG");
	module_faults_set(&h->faults, "C_CreateObject return CKR_ATTRIBUTE_VALUE_INVALID\n"
				      "C_Sign after flip\n");
	assert_int_equal(SELF_TEST(h), 1);
	expect(h, "HMAC-SHA-256", JSON_FALSE, "WRONG: OpenSSL computes another value");
}

static void one_wrong_answer_is_enough(void **state)
{
	struct hsm_fixture *h = *state;

	module_faults_set(&h->faults, NO_RSA "C_Sign nth=2 after flip\n");
	assert_int_equal(SELF_TEST(h), 1);
	expect(h, "HMAC-SHA-256", JSON_FALSE, "WRONG answer to RFC 4231 case 6");
}

static void a_token_that_takes_no_keys_gives_one_to_prove_itself(void **state)
{
	struct hsm_fixture *h = *state;

	module_faults_set(&h->faults, NO_RSA "C_CreateObject return CKR_TEMPLATE_INCONSISTENT\n");
	assert_int_equal(SELF_TEST(h), 0);
	expect(h, "HMAC-SHA-256", JSON_TRUE, "a session key read out");
	module_faults_set(&h->faults, NO_RSA "C_CreateObject return CKR_TEMPLATE_INCONSISTENT\n"
					     "hide-attribute CKA_VALUE\n");
	assert_int_equal(SELF_TEST(h), 1);
	expect(h, "HMAC-SHA-256", JSON_FALSE, "no key with a known value");
	assert_int_equal(run_faulty(h, PIN_LINE, "self-test", "--token", h->token.uri), 1);
	assert_says(h->cli->out, "cannot serve a vault: HMAC-SHA-256 is not proven");
}

static void what_is_announced_need_not_work(void **state)
{
	struct hsm_fixture *h = *state;

	module_faults_set(&h->faults, "feign-mechanism CKM_SHA256_HMAC\nfeign-mechanism CKM_EDDSA\n"
				      "hide-mechanism CKM_ECDSA\n");
	assert_int_equal(SELF_TEST(h), 1);
	json_t *report = output_json(h->cli);
	assert_true(json_is_true(json_object_get(row_of(report, "HMAC-SHA-256"), "announced")));
	assert_true(json_is_true(json_object_get(row_of(report, "Ed25519"), "announced")));
	assert_true(json_is_false(json_object_get(row_of(report, "ECDSA P-256"), "announced")));
	assert_true(json_is_false(json_object_get(report, "hmac_proven")));
	json_decref(report);
	expect(h, "HMAC-SHA-256", JSON_FALSE, "");
	expect(h, "Ed25519", JSON_FALSE, "signing");
	expect(h, "ECDSA P-256", JSON_FALSE, "signing");
}

static void a_token_may_lack_what_is_not_needed(void **state)
{
	struct hsm_fixture *h = *state;

	module_faults_set(&h->faults, NO_RSA "C_CopyObject return CKR_FUNCTION_NOT_SUPPORTED\n"
					     "refuse-attribute CKA_ALLOWED_MECHANISMS\n");
	assert_int_equal(SELF_TEST(h), 0);
	expect(h, "CopyObject to a session object", JSON_FALSE, "");
	expect(h, "CKA_ALLOWED_MECHANISMS is enforced", JSON_FALSE, "takes no such list");
	module_faults_set(&h->faults, NO_RSA "max-sessions 1\n");
	assert_int_equal(SELF_TEST(h), 0);
	expect(h, "CKA_ALLOWED_MECHANISMS is enforced", JSON_NULL, "no second session");
}

static void points_are_read_in_every_encoding(void **state)
{
	static const char *const rules[] = { NO_RSA "ec-point raw\n", NO_RSA "ec-point octets\n",
					     NO_RSA "ec-point bits\n", NO_RSA "ec-params name\n" };
	struct hsm_fixture *h = *state;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		module_faults_set(&h->faults, rules[i]);
		assert_int_equal(SELF_TEST(h), 0);
		expect(h, "Ed25519", JSON_TRUE, "verifies");
	}
}

static void a_self_test_that_hangs_midway_shows_what_it_found(void **state)
{
	struct hsm_fixture *h = *state;

	module_faults_set(&h->faults, "C_GenerateKeyPair hang\n");
	assert_int_equal(run_faulty(h, PIN_LINE, "self-test", "--token", h->token.uri, "--json",
				    "--timeout", "2"),
			 3);
	expect(h, "HMAC-SHA-256", JSON_TRUE, "known answers");
	json_t *report = output_json(h->cli);
	assert_true(json_is_false(json_object_get(report, "complete")));
	json_decref(report);
}

static void make_key(const struct hsm_fixture *h, const char *label, const char *id,
		     const char *access)
{
	const char *const argv[] = { "--keygen", "--key-type", "GENERIC:32", "--label", label,
				     "--id",     id,           access,       NULL };
	char out[4096];

	if (soft_token_tool(&h->token, argv, out, sizeof(out)) != 0)
		fail_msg("pkcs11-tool: %s", out);
}

static void keys_of_vaults_are_judged(void **state)
{
	struct hsm_fixture *h = *state;

	make_key(h, "somebody else's", "01", "--extractable");
	assert_int_equal(run_real(h, PIN_LINE, "inventory", "--token", h->token.uri), 0);
	assert_says(h->cli->out, "0 of 0 keys of vaults");
	make_key(h, "peppermint/test/pepper/api-keys/v1", "0102", "--extractable");
	assert_int_equal(run_real(h, PIN_LINE, "inventory", "--token", h->token.uri), 1);
	assert_says(h->cli->out, "1 of 1 keys of vaults are not as they must be");
	assert_says(h->cli->out, "NOT SENSITIVE, NOT ALWAYS SENSITIVE, EXTRACTABLE");
	assert_says(h->cli->out, "ID NOT OF 16 BYTES");
	assert_says(h->cli->out, "NOT CERTIFIED: SoftHSM");
}

static void an_attribute_that_is_not_told_is_none_that_is_right(void **state)
{
	struct hsm_fixture *h = *state;

	make_key(h, "peppermint/test/x", "000102030405060708090a0b0c0d0e0f", "--sensitive");
	module_faults_set(&h->faults, "hide-attribute CKA_ALWAYS_SENSITIVE\n");
	assert_int_equal(run_faulty(h, PIN_LINE, "inventory", "--token", h->token.uri, "--json"),
			 1);
	json_t *report = output_json(h->cli);
	const json_t *row = json_array_get(json_object_get(report, "rows"), 0);
	assert_true(json_is_null(json_object_get(row, "always_sensitive")));
	assert_says(json_string_value(json_object_get(row, "verdict")), "NOT ALWAYS SENSITIVE");
	json_decref(report);
}

static void labels_cannot_steer_a_terminal(void **state)
{
	struct hsm_fixture *h = *state;

	make_key(h, "odd\033[2J\xff\n\"label", "01", "--sensitive");
	assert_int_equal(run_real(h, PIN_LINE, "inventory", "--token", h->token.uri), 0);
	assert_never_says(h->cli->out, "\033");
	assert_never_says(h->cli->out, "\xff");
	assert_says(h->cli->out, "odd?[2J??\"label");
	assert_int_equal(run_real(h, PIN_LINE, "inventory", "--token", h->token.uri, "--json"), 0);
	json_decref(output_json(h->cli));
}

/* Whichever call fails: the inventory is whole and right, or it says that it is not. */
static void no_failure_makes_an_inventory_wrong(void **state)
{
	struct hsm_fixture *h = *state;
	unsigned long nth = 1;

	make_key(h, "peppermint/test/x", "000102030405060708090a0b0c0d0e0f", "--extractable");
	for (;; nth++) {
		char rule[64];

		snprintf(rule, sizeof(rule), "any nth=%lu return CKR_DEVICE_ERROR\n", nth);
		module_faults_set(&h->faults, rule);
		int status =
			run_faulty(h, PIN_LINE, "inventory", "--token", h->token.uri, "--json");
		if (module_faults_fired(&h->faults, 1) == 0)
			break;
		if (status == 3)
			continue;
		assert_int_equal(status, 1);
		assert_says(h->cli->out, "\"faulty\": 1");
		assert_says(h->cli->out, "\"complete\": true");
	}
	assert_true(nth > 30); /* the sweep really injected something */
}

/* Nothing of it stays in the token. */
static void a_self_test_leaves_the_token_as_it_was(void **state)
{
	struct hsm_fixture *h = *state;

	assert_int_equal(SELF_TEST(h), 0);
	assert_int_equal(run_real(h, PIN_LINE, "inventory", "--token", h->token.uri, "--json"), 0);
	json_t *report = output_json(h->cli);
	assert_int_equal(json_array_size(json_object_get(report, "rows")), 0);
	json_decref(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HSM_TEST(a_good_token_proves_everything),
		HSM_TEST(a_token_that_computes_wrongly_is_found_out),
		HSM_TEST(one_wrong_answer_is_enough),
		HSM_TEST(a_token_that_takes_no_keys_gives_one_to_prove_itself),
		HSM_TEST(what_is_announced_need_not_work),
		HSM_TEST(a_token_may_lack_what_is_not_needed),
		HSM_TEST(points_are_read_in_every_encoding),
		HSM_TEST(a_self_test_that_hangs_midway_shows_what_it_found),
		HSM_TEST(keys_of_vaults_are_judged),
		HSM_TEST(an_attribute_that_is_not_told_is_none_that_is_right),
		HSM_TEST(labels_cannot_steer_a_terminal),
		HSM_TEST(no_failure_makes_an_inventory_wrong),
		HSM_TEST(a_self_test_leaves_the_token_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
