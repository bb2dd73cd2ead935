#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <p11-kit/pkcs11.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "driver.h"

static const uint8_t VALUE[65] = "sixty-four bytes that are the value of a key and nobody's secret";

static struct soft_token token;
static struct driver driver;

static int make_token(void **state)
{
	(void)state;
	soft_token_make(&token, "one");
	return 0;
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

static int end_signer(void **state)
{
	(void)state;
	driver_end(&driver);
	return 0;
}

static void restart_with(const char *rules)
{
	driver_end(&driver);
	driver_serve(&driver, &token, rules);
}

static bool computes(const uint8_t id[16], struct bytes value)
{
	uint8_t right[32];
	const uint8_t *mac = driver_hmac(&driver, id, "data", 4);

	HMAC(EVP_sha256(), value.data, (int)value.len, (const uint8_t *)"data", 4, right, NULL);
	return mac && memcmp(mac, right, sizeof(right)) == 0;
}

static void an_imported_key_of_any_length_computes_what_openssl_does(void **state)
{
	static const size_t lengths[] = { 16, 17, 31, 32, 33, 48, 63, 64 };
	(void)state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const uint8_t id[16] = { 0xa0, (uint8_t)i };
		const struct bytes value = bytes_of(VALUE, lengths[i]);
		const Reply *reply =
			driver_import(&driver, id, "peppermint/live/import/lengths", value);

		if (reply->failure)
			fail_msg("%zu bytes: %s", value.len, reply->failure->detail);
		assert_true(computes(id, value));
	}
	restart_with(NULL);
	assert_true(computes((const uint8_t[16]){ 0xa0 }, bytes_of(VALUE, 16)));
}

static void it_is_as_safe_as_others_and_never_said_to_be_made_here(void **state)
{
	const uint8_t id[16] = { 0xa1 };
	char hex[33], out[2048];
	const char *const extract[] = { IMPORT_KEY, token.label, hex, NULL };
	const Reply *reply =
		driver_import(&driver, id, "peppermint/live/import/safe", bytes_of(VALUE, 32));
	(void)state;

	assert_null(reply->failure);
	for (int i = 0; i < 2; i++) {
		const Peppermint__Signer__V1__Object *object =
			i == 0 ? reply->object : reply->list->objects[0];

		assert_int_equal(object->algorithm, ALGORITHM(HMAC_SHA256));
		assert_memory_equal(object->key_id.data, id, sizeof(id));
		assert_true(object->sensitive && object->sign && object->private_);
		assert_true(object->restricted);
		assert_false(object->extractable || object->local || object->always_sensitive ||
			     object->never_extractable);
		reply = driver_list(&driver, "peppermint/live/import/safe");
		assert_int_equal(reply->list->n_objects, 1);
	}
	hex_encode(bytes_of(id, sizeof(id)), hex);
	assert_int_equal(soft_token_run(&token, extract, out, sizeof(out)), 0);
}

static void assert_refused(const Reply *reply, CK_RV rv)
{
	assert_non_null(reply->failure);
	assert_int_equal(reply->failure->class_, FAILURE(CALLER));
	assert_int_equal(reply->failure->ck_rv, rv);
	assert_int_equal(reply->result_case, 0);
}

static void a_value_of_another_length_is_refused(void **state)
{
	static const size_t lengths[] = { 0, 1, 15, 65 };
	const uint8_t id[16] = { 0xa2 };
	(void)state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		assert_refused(driver_import(&driver, id, "peppermint/live/import/wrong",
					     bytes_of(VALUE, lengths[i])),
			       CKR_KEY_SIZE_RANGE);
	assert_int_equal(driver_list(&driver, "peppermint/live/import/wrong")->list->n_objects, 0);
}

static void an_id_that_is_taken_and_a_label_that_is_not_ours_are_refused(void **state)
{
	const uint8_t id[16] = { 0xa3 }, other[16] = { 0xa4 };
	const struct bytes value = bytes_of(VALUE, 32), next = bytes_of(VALUE + 1, 32);
	(void)state;

	assert_null(driver_import(&driver, id, "peppermint/live/import/taken", value)->failure);
	assert_refused(driver_import(&driver, id, "peppermint/live/import/taken", next), 0);
	assert_true(computes(id, value));
	assert_refused(driver_import(&driver, other, "peppermint/test/import", value),
		       CKR_ATTRIBUTE_VALUE_INVALID);
}

static void a_token_that_lets_no_key_in_says_so(void **state)
{
	const uint8_t id[16] = { 0xa5 };
	(void)state;

	module_faults_set(&driver.faults, "C_CreateObject return CKR_FUNCTION_NOT_SUPPORTED");
	assert_refused(
		driver_import(&driver, id, "peppermint/live/import/none", bytes_of(VALUE, 32)),
		CKR_FUNCTION_NOT_SUPPORTED);
}

static void what_is_not_as_asked_or_computes_something_else_is_destroyed(void **state)
{
	static const char *const rules[] = {
		"hide-attribute CKA_SENSITIVE",
		"hide-attribute CKA_EXTRACTABLE",
		"hide-attribute CKA_PRIVATE",
		"C_CreateObject times=2 return CKR_TEMPLATE_INCONSISTENT", /* so it may leave */
		"C_SignInit times=1 return CKR_KEY_SIZE_RANGE",
		"C_Sign times=1 flip",
	};
	const uint8_t id[16] = { 0xa6 };
	(void)state;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		restart_with(NULL);
		module_faults_set(&driver.faults, rules[i]);
		const Reply *reply = driver_import(&driver, id, "peppermint/live/import/odd",
						   bytes_of(VALUE, 32));
		assert_refused(reply, CKR_TEMPLATE_INCONSISTENT);
		assert_non_null(strstr(reply->failure->detail, "it was destroyed"));
		assert_int_equal(
			driver_list(&driver, "peppermint/live/import/odd")->list->n_objects, 0);
	}
}

static void an_import_whose_answer_is_lost_is_not_made_twice(void **state)
{
	const uint8_t id[16] = { 0xa7 };
	const struct bytes value = bytes_of(VALUE, 32);
	(void)state;

	module_faults_forget(&driver.faults);
	module_faults_set(&driver.faults,
			  "C_CreateObject times=1 after return CKR_SESSION_HANDLE_INVALID");
	assert_null(driver_import(&driver, id, "peppermint/live/import/lost", value)->failure);
	assert_int_equal(module_faults_calls(&driver.faults, "C_CreateObject"), 1);
	assert_int_equal(driver_list(&driver, "peppermint/live/import/lost")->list->n_objects, 1);
	assert_true(computes(id, value));
}

static const char *const sweep_faults[] = {
	"return CKR_DEVICE_ERROR",
	"return CKR_FUNCTION_NOT_SUPPORTED",
	"return CKR_SESSION_HANDLE_INVALID",
	"after return CKR_GENERAL_ERROR",
};

static bool import_with_nth(size_t nth, const char *what, size_t sweep)
{
	const uint8_t id[16] = { 0xc2, (uint8_t)sweep, (uint8_t)nth, (uint8_t)(nth >> 8) };
	const struct bytes value = bytes_of(VALUE, 20);
	char rule[128], label[64];

	snprintf(rule, sizeof(rule), "any nth=%zu times=1 %s", nth, what);
	snprintf(label, sizeof(label), "peppermint/live/sweep/%zu/%zu/", sweep, nth);
	restart_with(NULL);
	module_faults_set(&driver.faults, rule);
	const Reply *reply = driver_import(&driver, id, label, value);
	const bool made = !reply->failure;
	const bool fired = module_faults_fired(&driver.faults, 1) > 0;
	if (!fired)
		return false;
	if (!made && reply->failure->class_ != FAILURE(CALLER)) {
		assert_true(driver_hung_up(&driver));
		return true;
	}
	assert_int_equal(driver_list(&driver, label)->list->n_objects, made);
	if (!made)
		assert_null(driver_import(&driver, id, label, value)->failure);
	assert_true(computes(id, value));
	return true;
}

static void whichever_call_fails_it_is_there_whole_or_not_at_all(void **state)
{
	(void)state;

	for (size_t i = 0; i < sizeof(sweep_faults) / sizeof(sweep_faults[0]); i++) {
		size_t nth = 1;

		while (import_with_nth(nth, sweep_faults[i], i))
			nth++;
		assert_true(nth > 20);
	}
}

static void its_value_is_nowhere_in_the_signers_memory_or_log(void **state)
{
	static const char value[] = "a value that came from elsewhere and goes no further";
	const uint8_t id[16] = { 0xa8 }, again[16] = { 0xa9 };
	(void)state;

	const Reply *reply =
		driver_import(&driver, id, "peppermint/live/import/memory", bytes_str(value));
	assert_null(reply->failure);
	assert_true(computes(id, bytes_str(value)));
	/* and one that is refused after it was in the token */
	module_faults_set(&driver.faults, "C_Sign times=1 flip");
	reply = driver_import(&driver, again, "peppermint/live/import/again", bytes_str(value));
	assert_null(strstr(reply->failure->detail, "elsewhere"));
	if (driver_copies(&driver, bytes_str("live")) < 0)
		skip(); /* only root may look */
	assert_true(driver_copies(&driver, bytes_str("peppermint/live/")) > 0); /* we do look */
	assert_int_equal(driver_copies(&driver, bytes_str(value)), 0);
	assert_int_equal(driver_copies(&driver, bytes_str("came from elsewhere")), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_signer, end_signer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_imported_key_of_any_length_computes_what_openssl_does),
		TEST(it_is_as_safe_as_others_and_never_said_to_be_made_here),
		TEST(a_value_of_another_length_is_refused),
		TEST(an_id_that_is_taken_and_a_label_that_is_not_ours_are_refused),
		TEST(a_token_that_lets_no_key_in_says_so),
		TEST(what_is_not_as_asked_or_computes_something_else_is_destroyed),
		TEST(an_import_whose_answer_is_lost_is_not_made_twice),
		TEST(whichever_call_fails_it_is_there_whole_or_not_at_all),
		TEST(its_value_is_nowhere_in_the_signers_memory_or_log),
	};

	return cmocka_run_group_tests(tests, make_token, remove_token);
}
