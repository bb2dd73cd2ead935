#include <p11-kit/pkcs11.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "driver.h"

#define IV "twelve bytes"
#define OTHER_IV "other twelve"
#define LABEL "peppermint/live/seal/x/v1"
#define PLAIN_MAX 512
#define TAG_LEN 16

static const uint8_t KEY[16] = "AES of the tests", HMAC_KEY[16] = "HMAC's", NO_KEY[16] = "nobody's";

static struct soft_token token;
static struct driver driver;

struct sealed {
	uint8_t data[PLAIN_MAX + TAG_LEN];
	size_t len;
};

static struct sealed healthy; /* "plain" under KEY, IV and "aad" */

static void assert_no_failure(const Reply *reply)
{
	if (reply->failure)
		fail_msg("%s", reply->failure->detail);
}

static struct bytes text(const char *text)
{
	return bytes_str(text);
}

static struct bytes of(const struct sealed *sealed)
{
	return bytes_of(sealed->data, sealed->len);
}

static struct sealed encrypt(const char *iv, struct bytes aad, struct bytes plain)
{
	struct sealed sealed;
	const Reply *reply = driver_encrypt(&driver, KEY, iv, aad, plain);

	assert_no_failure(reply);
	assert_int_equal(reply->result_case,
			 PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_ENCRYPTED);
	assert_int_equal(reply->encrypted.len, plain.len + TAG_LEN);
	sealed.len = reply->encrypted.len;
	memcpy(sealed.data, reply->encrypted.data, sealed.len);
	return sealed;
}

static bool decrypts_to(const Reply *reply, struct bytes plain)
{
	if (reply->failure)
		return false;
	assert_int_equal(reply->result_case,
			 PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_DECRYPTED);
	return reply->decrypted.len == plain.len &&
	       (plain.len == 0 || memcmp(reply->decrypted.data, plain.data, plain.len) == 0);
}

static bool decrypts_well(void)
{
	return decrypts_to(driver_decrypt(&driver, KEY, IV, text("aad"), of(&healthy)),
			   text("plain"));
}

static int end_signer(void **state)
{
	(void)state;
	driver_end(&driver);
	return 0;
}

static int make_token(void **state)
{
	soft_token_make(&token, "one");
	driver_serve(&driver, &token, NULL);
	assert_no_failure(driver_generate_aes(&driver, KEY, LABEL));
	assert_no_failure(driver_generate(&driver, HMAC_KEY, "peppermint/live/pepper/x/v1"));
	healthy = encrypt(IV, text("aad"), text("plain"));
	return end_signer(state);
}

static int remove_token(void **state)
{
	(void)state;
	soft_token_remove(&token);
	return 0;
}

static int start_signer(void **state)
{
	(void)state;
	driver_serve(&driver, &token, NULL);
	return 0;
}

static void restart_with(const char *rules)
{
	driver_end(&driver);
	driver_serve(&driver, &token, rules);
}

static void assert_refused(const Reply *reply, CK_RV rv)
{
	assert_non_null(reply->failure);
	assert_int_equal(reply->failure->class_, FAILURE(CALLER));
	assert_int_equal(reply->failure->ck_rv, rv);
	assert_int_equal(reply->result_case, 0);
}

static void a_generated_key_is_as_safe_as_it_can_be(void **state)
{
	const uint8_t id[16] = "a generated one";
	const Reply *reply = driver_generate_aes(&driver, id, "peppermint/live/seal/generated/v1");
	(void)state;

	assert_no_failure(reply);
	const Peppermint__Signer__V1__Object *object = reply->object;
	assert_int_equal(object->algorithm, ALGORITHM(AES256_GCM));
	assert_true(object->sensitive && object->always_sensitive && object->never_extractable);
	assert_true(object->local && object->private_ && object->restricted);
	assert_false(object->extractable || object->sign);
	reply = driver_list(&driver, "peppermint/live/seal/generated/");
	assert_int_equal(reply->list->n_objects, 1);
	assert_int_equal(reply->list->objects[0]->algorithm, ALGORITHM(AES256_GCM));
	assert_true(reply->list->objects[0]->restricted);
}

/* As pkcs11-tool sees it, which is not ours. */
static void a_generated_key_encrypts_and_decrypts_and_does_nothing_else(void **state)
{
	char hex[33], out[2048];
	const char *const show[] = { "--list-objects", "--type", "secrkey", "--id", hex, NULL };
	const char *const extract[] = { IMPORT_KEY, token.label, hex, NULL };
	(void)state;

	hex_encode(bytes_of(KEY, sizeof(KEY)), hex);
	assert_int_equal(soft_token_tool(&token, show, out, sizeof(out)), 0);
	assert_non_null(strstr(out, "AES length 32"));
	assert_non_null(strstr(out, "Usage:      encrypt, decrypt\n"));
	assert_non_null(strstr(out, "sensitive, always sensitive, never extractable, local"));
	assert_int_equal(soft_token_run(&token, extract, out, sizeof(out)), 0);
}

static void what_was_encrypted_is_decrypted_whatever_its_length(void **state)
{
	static const size_t lengths[] = { 0, 1, 15, 16, 17, 64, 511, 512 };
	static const uint8_t plain[PLAIN_MAX] = "plain", aad[PLAIN_MAX] = "aad";
	(void)state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const struct bytes in = bytes_of(plain, lengths[i]);
		const struct bytes bound = bytes_of(aad, lengths[7 - i]);
		const struct sealed sealed = encrypt(IV, bound, in);

		assert_true(decrypts_to(driver_decrypt(&driver, KEY, IV, bound, of(&sealed)), in));
	}
}

static void the_same_message_under_the_same_iv_is_encrypted_to_the_same(void **state)
{
	(void)state;
	struct sealed again = encrypt(IV, text("aad"), text("plain"));
	assert_memory_equal(again.data, healthy.data, healthy.len);
	again = encrypt(OTHER_IV, text("aad"), text("plain"));
	assert_memory_not_equal(again.data, healthy.data, 5);
	again = encrypt(IV, text("AAD"), text("plain"));
	assert_memory_equal(again.data, healthy.data, 5);
	assert_memory_not_equal(again.data + 5, healthy.data + 5, TAG_LEN);
}

/* The module calls that a general error; the signer goes on, and so do its other calls. */
static void no_wrong_bit_decrypts_or_ends_the_signer(void **state)
{
	(void)state;

	for (size_t bit = 0; bit < healthy.len * 8; bit += 7) {
		struct sealed spoilt = healthy;

		spoilt.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_refused(driver_decrypt(&driver, KEY, IV, text("aad"), of(&spoilt)),
			       CKR_ENCRYPTED_DATA_INVALID);
	}
	assert_refused(driver_decrypt(&driver, KEY, IV, text("AAD"), of(&healthy)),
		       CKR_ENCRYPTED_DATA_INVALID);
	assert_refused(driver_decrypt(&driver, KEY, IV, text(""), of(&healthy)),
		       CKR_ENCRYPTED_DATA_INVALID);
	assert_refused(driver_decrypt(&driver, KEY, OTHER_IV, text("aad"), of(&healthy)),
		       CKR_ENCRYPTED_DATA_INVALID);
	assert_true(decrypts_well());
	assert_non_null(driver_hmac(&driver, HMAC_KEY, "data", 4));
}

static void whatever_the_token_calls_a_wrong_tag_it_is_the_callers_fault(void **state)
{
	static const char *const said[] = {
		"CKR_ENCRYPTED_DATA_INVALID",
		"CKR_ENCRYPTED_DATA_LEN_RANGE",
		"0x42",
		"CKR_SIGNATURE_INVALID",
		"CKR_DATA_INVALID",
		"CKR_DATA_LEN_RANGE",
	};
	(void)state;

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		char rule[96];

		snprintf(rule, sizeof(rule), "C_Decrypt times=1 return %s", said[i]);
		module_faults_set(&driver.faults, rule);
		assert_refused(driver_decrypt(&driver, KEY, IV, text("aad"), of(&healthy)),
			       CKR_ENCRYPTED_DATA_INVALID);
		assert_true(decrypts_well());
	}
}

static void a_passing_failure_is_not_taken_for_a_wrong_tag(void **state)
{
	static const char *const said[] = { "CKR_GENERAL_ERROR", "CKR_FUNCTION_FAILED",
					    "CKR_DEVICE_ERROR" };
	(void)state;

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		char rule[96];

		snprintf(rule, sizeof(rule), "C_Decrypt times=1 return %s", said[i]);
		module_faults_set(&driver.faults, rule);
		assert_true(decrypts_well());
		assert_int_equal(module_faults_fired(&driver.faults, 1), 1);
	}
}

static void a_token_that_decrypts_nothing_any_more_is_not_taken_for_a_wrong_tag(void **state)
{
	static const char *const said[] = { "CKR_GENERAL_ERROR", "CKR_FUNCTION_FAILED",
					    "CKR_DEVICE_ERROR" };
	(void)state;

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		char rule[96];

		restart_with(NULL);
		snprintf(rule, sizeof(rule), "C_Decrypt return %s", said[i]);
		module_faults_set(&driver.faults, rule);
		const Reply *reply = driver_decrypt(&driver, KEY, IV, text("aad"), of(&healthy));
		assert_int_equal(reply->failure->class_, FAILURE(MODULE));
		assert_true(driver_hung_up(&driver));
	}
}

/* With nothing to mend first. */
static void assert_hmac_at_once(void)
{
	module_faults_forget(&driver.faults);
	assert_non_null(driver_hmac(&driver, HMAC_KEY, "data", 4));
	assert_int_equal(module_faults_calls(&driver.faults, "C_SignInit"), 1);
}

static void on_a_single_session_a_wrong_tag_harms_nothing_after_it(void **state)
{
	struct sealed spoilt = healthy;
	(void)state;

	restart_with("max-sessions 1\ntell-max-sessions 1");
	spoilt.data[0] ^= 1;
	for (int i = 0; i < 3; i++) {
		assert_refused(driver_decrypt(&driver, KEY, IV, text("aad"), of(&spoilt)),
			       CKR_ENCRYPTED_DATA_INVALID);
		assert_non_null(driver_hmac(&driver, HMAC_KEY, "data", 4));
		assert_true(decrypts_well());
	}
	/* The module never saw these: its operations are really still active, until they are ended. */
	module_faults_set(&driver.faults, "C_Decrypt times=1 return CKR_DATA_LEN_RANGE");
	assert_false(decrypts_well());
	assert_hmac_at_once();
	module_faults_set(&driver.faults, "C_Encrypt times=1 return CKR_DATA_LEN_RANGE");
	assert_non_null(driver_encrypt(&driver, KEY, IV, text("aad"), text("plain"))->failure);
	assert_hmac_at_once();
	assert_true(decrypts_well());
}

static void a_key_is_used_only_as_what_it_is(void **state)
{
	(void)state;

	/* Twice: not from the table of keys in use either. */
	for (int i = 0; i < 2; i++) {
		assert_null(driver_hmac(&driver, KEY, "data", 4));
		assert_refused(driver_encrypt(&driver, HMAC_KEY, IV, text(""), text("plain")), 0);
		assert_refused(driver_decrypt(&driver, HMAC_KEY, IV, text("aad"), of(&healthy)), 0);
		assert_refused(driver_encrypt(&driver, NO_KEY, IV, text(""), text("plain")), 0);
		assert_refused(driver_decrypt(&driver, NO_KEY, IV, text("aad"), of(&healthy)), 0);
		assert_true(decrypts_well());
		assert_non_null(driver_hmac(&driver, HMAC_KEY, "data", 4));
	}
}

static void a_key_that_may_more_or_is_not_ours_is_not_used(void **state)
{
	static const struct {
		const char *label, *type;
	} made[] = {
		{ "peppermint/live/seal/loose/v1", "AES:32" }, /* may sign, wrap and so on */
		{ "peppermint/live/seal/short/v1", "AES:16" },
		{ "peppermint/test/seal/x/v1", "AES:32" },
	};
	(void)state;

	for (uint8_t i = 0; i < 3; i++) {
		const uint8_t id[16] = { 0xd0, i };
		char hex[33], out[1024];
		const char *const make[] = { "--keygen", "--key-type",  made[i].type,  "--id", hex,
					     "--label",  made[i].label, "--sensitive", NULL };

		hex_encode(bytes_of(id, sizeof(id)), hex);
		if (soft_token_tool(&token, make, out, sizeof(out)) != 0)
			fail_msg("%s", out);
		restart_with(NULL);
		assert_refused(driver_encrypt(&driver, id, IV, text(""), text("plain")), 0);
	}
	const Reply *reply = driver_list(&driver, "peppermint/live/seal/short/");
	assert_int_equal(reply->list->n_objects, 1);
	assert_int_equal(reply->list->objects[0]->algorithm, ALGORITHM(OTHER));
}

static void wrong_lengths_are_refused(void **state)
{
	static const uint8_t data[PLAIN_MAX + TAG_LEN + 1];
	(void)state;

	assert_refused(driver_encrypt(&driver, KEY, "eleven byte", text(""), text("plain")),
		       CKR_DATA_LEN_RANGE);
	assert_refused(driver_encrypt(&driver, KEY, "thirteen byte", text(""), text("plain")),
		       CKR_DATA_LEN_RANGE);
	assert_refused(driver_encrypt(&driver, KEY, IV, text(""), bytes_of(data, PLAIN_MAX + 1)),
		       CKR_DATA_LEN_RANGE);
	assert_refused(driver_encrypt(&driver, KEY, IV, bytes_of(data, PLAIN_MAX + 1), text("")),
		       CKR_DATA_LEN_RANGE);
	assert_refused(driver_decrypt(&driver, KEY, IV, bytes_of(data, PLAIN_MAX + 1),
				      bytes_of(data, TAG_LEN)),
		       CKR_DATA_LEN_RANGE);
	assert_refused(driver_decrypt(&driver, KEY, IV, text(""), bytes_of(data, TAG_LEN - 1)),
		       CKR_DATA_LEN_RANGE);
	assert_refused(driver_decrypt(&driver, KEY, IV, text(""), bytes_of(data, sizeof(data))),
		       CKR_DATA_LEN_RANGE);
	assert_refused(driver_decrypt(&driver, KEY, IV, text(""), text("")), CKR_DATA_LEN_RANGE);
	assert_true(decrypts_well());
}

static void without_aes_gcm_a_token_serves_everything_else(void **state)
{
	static const struct {
		const char *rule;
		bool decrypts; /* with a key that is there */
	} cases[] = {
		{ "hide-mechanism CKM_AES_GCM", false },
		{ "hide-mechanism CKM_AES_KEY_GEN", true },
		{ "feign-mechanism CKM_AES_GCM", false },
		{ "C_EncryptInit return CKR_FUNCTION_NOT_SUPPORTED", true },
		{ "C_DecryptInit return CKR_FUNCTION_NOT_SUPPORTED", false },
	};
	const uint8_t id[16] = "not made";
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		restart_with(cases[i].rule);
		const Reply *reply =
			driver_generate_aes(&driver, id, "peppermint/live/seal/none/v1");
		assert_int_equal(reply->failure->class_, FAILURE(CALLER));
		assert_int_not_equal(reply->failure->ck_rv, 0);
		reply = driver_list(&driver, "peppermint/live/seal/none/");
		assert_int_equal(reply->list->n_objects, 0);
		assert_non_null(driver_hmac(&driver, HMAC_KEY, "data", 4));
		reply = driver_decrypt(&driver, KEY, IV, text("aad"), of(&healthy));
		assert_int_equal(decrypts_to(reply, text("plain")), cases[i].decrypts);
		if (!cases[i].decrypts) {
			assert_int_equal(reply->failure->class_, FAILURE(CALLER));
			assert_int_not_equal(reply->failure->ck_rv, CKR_ENCRYPTED_DATA_INVALID);
		}
		assert_non_null(driver_hmac(&driver, HMAC_KEY, "data", 4));
	}
}

static void a_key_that_is_not_as_asked_is_destroyed(void **state)
{
	static const char *const rules[] = {
		"hide-attribute CKA_LOCAL",
		"hide-attribute CKA_ENCRYPT",
		"hide-attribute CKA_WRAP",
		"hide-attribute CKA_DERIVE",
		"hide-attribute CKA_VALUE_LEN",
		"C_GenerateKey times=2 return CKR_TEMPLATE_INCONSISTENT", /* so it may sign */
		"C_Encrypt times=1 return CKR_KEY_FUNCTION_NOT_PERMITTED",
		"C_DecryptInit times=1 return CKR_KEY_FUNCTION_NOT_PERMITTED",
	};
	const uint8_t id[16] = "not as asked";
	(void)state;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		restart_with(NULL);
		module_faults_set(&driver.faults, rules[i]);
		const Reply *reply =
			driver_generate_aes(&driver, id, "peppermint/live/seal/odd/v1");
		assert_non_null(reply->failure);
		if (reply->failure->class_ == FAILURE(CALLER))
			assert_int_equal(reply->failure->ck_rv, CKR_TEMPLATE_INCONSISTENT);
		restart_with(NULL);
		reply = driver_list(&driver, "peppermint/live/seal/odd/");
		assert_int_equal(reply->list->n_objects, 0);
	}
}

static void a_token_that_ciphers_wrongly_gets_no_key(void **state)
{
	static const char *const rules[] = {
		"C_Encrypt flip", "C_Decrypt flip bit=9",
		"C_Decrypt nth=2 times=9 return CKR_OK", /* so it takes a wrong tag */
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const uint8_t id[16] = { 0xd1, (uint8_t)i };

		restart_with(NULL);
		module_faults_set(&driver.faults, rules[i]);
		assert_non_null(
			driver_generate_aes(&driver, id, "peppermint/live/seal/wrong/v1")->failure);
	}
}

/* A sweep: the n-th call to the module fails, for each n after the start. */

static const char *const sweep_faults[] = {
	"return CKR_DEVICE_ERROR",
	"return CKR_FUNCTION_NOT_SUPPORTED",
	"return CKR_GENERAL_ERROR",
	"return CKR_SESSION_HANDLE_INVALID",
};
#define SWEEPS (sizeof(sweep_faults) / sizeof(sweep_faults[0]))

static bool fired(void)
{
	return module_faults_fired(&driver.faults, 1) > 0;
}

static void serve_with_nth(size_t nth, const char *what, int times)
{
	char rule[128];

	snprintf(rule, sizeof(rule), "any nth=%zu times=%d %s", nth, times, what);
	restart_with(NULL);
	module_faults_set(&driver.faults, rule);
}

static bool goes_on(const Reply *reply)
{
	if (!reply->failure || reply->failure->class_ == FAILURE(CALLER))
		return true;
	assert_true(driver_hung_up(&driver));
	return false;
}

static bool generate_with_nth(size_t nth, const char *what, size_t sweep)
{
	const uint8_t id[16] = { 0xc1, (uint8_t)sweep, (uint8_t)nth, (uint8_t)(nth >> 8) };
	char label[64];

	snprintf(label, sizeof(label), "peppermint/live/sweep/%zu/%zu/", sweep, nth);
	serve_with_nth(nth, what, 1);
	const Reply *reply = driver_generate_aes(&driver, id, label);
	const bool made = !reply->failure, failed = fired();
	if (failed && goes_on(reply)) {
		reply = driver_list(&driver, label);
		assert_int_equal(reply->list->n_objects, made);
		assert_int_equal(driver_generate_aes(&driver, id, label)->failure == NULL, !made);
	}
	return failed;
}

static void whichever_call_fails_a_key_is_made_or_nothing_of_it_is_there(void **state)
{
	(void)state;

	for (size_t i = 0; i < SWEEPS; i++) {
		size_t nth = 1;

		while (generate_with_nth(nth, sweep_faults[i], i))
			nth++;
		assert_true(nth > 20); /* it really injected something */
	}
}

/* What is answered is right; asked again, as often as there are faults, it is answered. */
static bool encrypt_with_nth(size_t nth, const char *what, int times)
{
	serve_with_nth(nth, what, times);
	const Reply *reply = NULL;

	for (int i = 0; i <= times; i++) {
		reply = driver_encrypt(&driver, KEY, IV, text("aad"), text("plain"));
		if (!goes_on(reply))
			return fired();
		if (!reply->failure)
			break;
	}
	assert_no_failure(reply);
	assert_memory_equal(reply->encrypted.data, healthy.data, healthy.len);
	return fired();
}

static void whichever_calls_fail_what_is_encrypted_is_right(void **state)
{
	(void)state;

	for (size_t i = 0; i < SWEEPS; i++) {
		size_t nth = 1;

		while (encrypt_with_nth(nth, sweep_faults[i], 1))
			nth++;
		assert_true(nth > 10);
	}
}

static bool decrypt_with_nth(size_t nth, const char *what, int times)
{
	serve_with_nth(nth, what, times);
	bool done = false;

	for (int i = 0; i <= times && !done; i++) {
		const Reply *reply = driver_decrypt(&driver, KEY, IV, text("aad"), of(&healthy));

		if (!goes_on(reply))
			return fired();
		/* What fails in the token is never said to be wrong in the ciphertext. */
		if (reply->failure)
			assert_int_not_equal(reply->failure->ck_rv, CKR_ENCRYPTED_DATA_INVALID);
		done = decrypts_to(reply, text("plain"));
		assert_int_equal(done, reply->failure == NULL);
	}
	assert_true(done);
	return fired();
}

static void whichever_calls_fail_what_is_decrypted_is_right(void **state)
{
	(void)state;

	for (size_t i = 0; i < SWEEPS; i++) {
		size_t nth = 1;

		while (decrypt_with_nth(nth, sweep_faults[i], 1 + (int)i % 2))
			nth++;
		assert_true(nth > 10);
	}
}

/* A bad ciphertext while the token fails: refused, or the signer's end, and never an answer. */
static bool refuse_with_nth(size_t nth, const char *what, const struct sealed *spoilt,
			    size_t *refused)
{
	serve_with_nth(nth, what, 1);
	const Reply *reply = driver_decrypt(&driver, KEY, IV, text("aad"), of(spoilt));
	const bool failed = fired();

	assert_non_null(reply->failure);
	if (failed && goes_on(reply)) {
		(*refused)++;
		assert_true(decrypts_well());
	}
	return failed;
}

static void whichever_call_fails_a_wrong_tag_is_never_decrypted(void **state)
{
	struct sealed spoilt = healthy;
	size_t refused = 0;
	(void)state;

	spoilt.data[spoilt.len - 1] ^= 0x80;
	for (size_t i = 0; i < SWEEPS; i++) {
		size_t nth = 1;

		while (refuse_with_nth(nth, sweep_faults[i], &spoilt, &refused))
			nth++;
		assert_true(nth > 10);
	}
	assert_true(refused > 10);
}

static void no_plaintext_stays_in_the_signers_memory(void **state)
{
	static const char secret[] = "a key that is shown to its owner once more";
	(void)state;

	const struct sealed sealed = encrypt(IV, text("aad"), text(secret));
	assert_true(decrypts_to(driver_decrypt(&driver, KEY, IV, text("aad"), of(&sealed)),
				text(secret)));
	if (driver_copies(&driver, text("live")) < 0)
		skip();                                                    /* only root may look */
	assert_true(driver_copies(&driver, text("peppermint/live/")) > 0); /* we do look */
	assert_int_equal(driver_copies(&driver, text(secret)), 0);
	assert_int_equal(driver_copies(&driver, text("shown to its owner")), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_signer, end_signer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_generated_key_is_as_safe_as_it_can_be),
		TEST(a_generated_key_encrypts_and_decrypts_and_does_nothing_else),
		TEST(what_was_encrypted_is_decrypted_whatever_its_length),
		TEST(the_same_message_under_the_same_iv_is_encrypted_to_the_same),
		TEST(no_wrong_bit_decrypts_or_ends_the_signer),
		TEST(whatever_the_token_calls_a_wrong_tag_it_is_the_callers_fault),
		TEST(a_passing_failure_is_not_taken_for_a_wrong_tag),
		TEST(a_token_that_decrypts_nothing_any_more_is_not_taken_for_a_wrong_tag),
		TEST(on_a_single_session_a_wrong_tag_harms_nothing_after_it),
		TEST(a_key_is_used_only_as_what_it_is),
		TEST(a_key_that_may_more_or_is_not_ours_is_not_used),
		TEST(wrong_lengths_are_refused),
		TEST(without_aes_gcm_a_token_serves_everything_else),
		TEST(a_key_that_is_not_as_asked_is_destroyed),
		TEST(a_token_that_ciphers_wrongly_gets_no_key),
		TEST(whichever_call_fails_a_key_is_made_or_nothing_of_it_is_there),
		TEST(whichever_calls_fail_what_is_encrypted_is_right),
		TEST(whichever_calls_fail_what_is_decrypted_is_right),
		TEST(whichever_call_fails_a_wrong_tag_is_never_decrypted),
		TEST(no_plaintext_stays_in_the_signers_memory),
	};

	return cmocka_run_group_tests(tests, make_token, remove_token);
}
