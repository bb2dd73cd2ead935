#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <p11-kit/pkcs11.h>

#include "driver.h"
#include "verify_signature.h"

static const uint8_t KEY[16] = "key of the tests";

static struct soft_token token;
static struct driver driver;
static uint8_t healthy[32]; /* the mac of "data" under KEY */
static const uint8_t PAIR[16] = "pair of the test";
static uint8_t public_key[32]; /* PAIR's */

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
	assert_null(driver_generate(&driver, KEY, "peppermint/live/pepper/x/v1")->failure);
	memcpy(healthy, driver_hmac(&driver, KEY, "data", 4), sizeof(healthy));
	const Reply *reply = driver_generate_pair(&driver, PAIR, "peppermint/live/audit/log/v1");
	assert_null(reply->failure);
	assert_int_equal(reply->object->public_key.len, sizeof(public_key));
	memcpy(public_key, reply->object->public_key.data, sizeof(public_key));
	return end_signer(state);
}

static int remove_token(void **state)
{
	(void)state;
	soft_token_remove(&token);
	return 0;
}

/* `what` is what the module's rule does, so often, at each call of `call`. */
static void serve_with(const char *call, const char *what, unsigned times)
{
	char rule[128];

	snprintf(rule, sizeof(rule), "%s times=%u %s", call, times, what);
	driver_serve(&driver, &token, NULL);
	module_faults_set(&driver.faults, rule);
}

static const Reply *ask_hmac(void)
{
	HmacItem item = PEPPERMINT__SIGNER__V1__HMAC_ITEM__INIT;

	item.key_id = (ProtobufCBinaryData){ .len = sizeof(KEY), .data = (uint8_t *)KEY };
	item.data = (ProtobufCBinaryData){ .len = 4, .data = (uint8_t *)"data" };
	return driver_hmac_batch(&driver, &item, 1);
}

static void assert_last_answer(const Reply *reply, Peppermint__Signer__V1__FailureClass class)
{
	assert_non_null(reply->failure);
	assert_int_equal(reply->failure->class_, class);
	assert_int_equal(reply->result_case, 0);
	assert_true(driver_hung_up(&driver));
	assert_int_equal(driver_wait(&driver), 1);
}

static void after_a_failure_of_module_or_device_it_answers_and_ends(void **state)
{
	static const char *const faults[] = {
		"return CKR_DEVICE_ERROR",         "return CKR_DEVICE_REMOVED",
		"return CKR_TOKEN_NOT_PRESENT",    "return CKR_CRYPTOKI_NOT_INITIALIZED",
		"return CKR_TOKEN_NOT_RECOGNIZED", "return 0x80000001", /* a vendor's */
	};
	static const char *const calls[] = { "C_SignInit", "C_Sign", "C_FindObjectsInit" };
	(void)state;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		for (size_t j = 0; j < sizeof(calls) / sizeof(calls[0]); j++) {
			serve_with(calls[j], faults[i], 1);
			assert_last_answer(ask_hmac(), FAILURE(MODULE));
			driver_end(&driver);
		}
	}
}

static bool signs_well(void)
{
	const Reply *reply = driver_sign(&driver, PAIR, ALGORITHM(ED25519), "data", 4);

	return !reply->failure && signature_verifies(bytes_of(public_key, sizeof(public_key)),
						     bytes_str("data"), reply->signature.data);
}

/* A sweep: the n-th call to the module fails, for each n after the start. */

static bool fired(void)
{
	return module_faults_fired(&driver.faults, 1) > 0;
}

static void serve_with_nth(size_t nth, const char *what, int times)
{
	char rule[128];

	snprintf(rule, sizeof(rule), "any nth=%zu times=%d %s", nth, times, what);
	driver_serve(&driver, &token, NULL);
	module_faults_set(&driver.faults, rule);
}

/* One that ends the signer, and one that is the request's own. */
static const char *const sweep_faults[] = {
	"return CKR_DEVICE_ERROR",
	"return CKR_FUNCTION_NOT_SUPPORTED",
};
#define SWEEPS (sizeof(sweep_faults) / sizeof(sweep_faults[0]))

/* Of a signer that goes on: the pair is there, whole, or not even a half of it has the id. */
static void assert_whole_or_nothing(const uint8_t id[16], const char *label, bool made)
{
	const Reply *reply = driver_list(&driver, label);

	assert_int_equal(reply->list->n_objects, made);
	if (made)
		assert_int_equal(reply->list->objects[0]->public_key.len,
				 reply->list->objects[0]->algorithm == ALGORITHM(ED25519) ? 32
											  : 91);
	assert_int_equal(driver_generate_pair(&driver, id, label)->failure == NULL, !made);
}

/* Returns whether the fault came at all. */
static bool generate_pair_with_nth(size_t nth, const char *what, uint8_t sweep)
{
	const uint8_t id[16] = { 0xc0, sweep, (uint8_t)nth, (uint8_t)(nth >> 8) };
	char label[64];

	snprintf(label, sizeof(label), "peppermint/live/sweep/%u/%zu/", sweep, nth);
	serve_with_nth(nth, what, 1);
	const Reply *reply = driver_generate_pair(&driver, id, label);
	const bool made = !reply->failure, failed = fired();
	if (failed && (made || reply->failure->class_ == FAILURE(CALLER)))
		assert_whole_or_nothing(id, label, made);
	else if (failed)
		assert_last_answer(reply, reply->failure->class_);
	driver_end(&driver);
	return failed;
}

static void whichever_call_fails_a_pair_is_made_whole_or_not_at_all(void **state)
{
	(void)state;

	for (size_t i = 0; i < SWEEPS; i++) {
		size_t nth = 1;

		while (generate_pair_with_nth(nth, sweep_faults[i], (uint8_t)i))
			nth++;
		assert_true(nth > 20); /* it really injected something */
	}
}

/*
 * A refusal promises that the signer is sound: asked again, it signs, and rightly, or refuses again,
 * as often as there are faults. Otherwise it says that it ends.
 */
static void sign_in_the_end(int faults)
{
	const Reply *reply = driver_sign(&driver, PAIR, ALGORITHM(ED25519), "data", 4);

	if (reply->failure && reply->failure->class_ != FAILURE(CALLER)) {
		assert_last_answer(reply, reply->failure->class_);
		return;
	}
	for (; reply->failure && faults > 0; faults--) {
		assert_int_equal(reply->failure->class_, FAILURE(CALLER));
		reply = driver_sign(&driver, PAIR, ALGORITHM(ED25519), "data", 4);
	}
	assert_null(reply->failure);
	assert_true(signature_verifies(bytes_of(public_key, sizeof(public_key)), bytes_str("data"),
				       reply->signature.data));
}

static bool sign_with_nth(size_t nth, const char *what, int times)
{
	serve_with_nth(nth, what, times);
	sign_in_the_end(times);
	driver_end(&driver);
	return fired();
}

/* Two in a row, because what follows a refusal can fail as well. */
static void whichever_calls_fail_what_is_signed_later_is_right(void **state)
{
	(void)state;

	for (size_t i = 0; i < 2 * SWEEPS; i++) {
		size_t nth = 1;

		while (sign_with_nth(nth, sweep_faults[i / 2], 1 + (int)i % 2))
			nth++;
		assert_true(nth > 10);
	}
}

static void a_pair_that_does_not_verify_is_destroyed(void **state)
{
	static const char *const rules[] = {
		"C_SignInit times=1 return CKR_KEY_FUNCTION_NOT_PERMITTED",
		"C_Sign times=1 return CKR_DATA_INVALID",
		"C_Sign times=1 flip",
		"C_Sign times=1 flip bit=511",
	};
	const uint8_t id[16] = "does not verify";
	(void)state;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		driver_serve(&driver, &token, NULL);
		module_faults_set(&driver.faults, rules[i]);
		const Reply *reply =
			driver_generate_pair(&driver, id, "peppermint/live/audit/bad/v1");
		assert_int_equal(reply->failure->class_, FAILURE(CALLER));
		assert_int_equal(reply->failure->ck_rv, CKR_TEMPLATE_INCONSISTENT);
		assert_non_null(strstr(reply->failure->detail, "it was destroyed"));
		assert_int_equal(
			driver_list(&driver, "peppermint/live/audit/bad/")->list->n_objects, 0);
		driver_end(&driver);
	}
	/* Both halves are gone: the id is free. */
	driver_serve(&driver, &token, NULL);
	assert_null(driver_generate_pair(&driver, id, "peppermint/live/audit/good/v1")->failure);
}

static void a_pair_that_is_not_as_asked_is_destroyed(void **state)
{
	static const char *const hidden[] = { "hide-attribute CKA_ALWAYS_SENSITIVE",
					      "hide-attribute CKA_LOCAL",
					      "hide-attribute CKA_EC_PARAMS",
					      "hide-attribute CKA_EC_POINT" };
	const uint8_t id[16] = "pair not asked";
	(void)state;

	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		driver_serve(&driver, &token, hidden[i]);
		const Reply *reply =
			driver_generate_pair(&driver, id, "peppermint/live/audit/odd/v1");
		assert_int_equal(reply->failure->ck_rv, CKR_TEMPLATE_INCONSISTENT);
		assert_non_null(strstr(reply->failure->detail, "it was destroyed"));
		driver_end(&driver);
	}
	driver_serve(&driver, &token, NULL);
	assert_null(driver_generate_pair(&driver, id, "peppermint/live/audit/fine/v1")->failure);
}

static void half_a_pair_that_cannot_be_destroyed_is_said_to_be_left(void **state)
{
	(void)state;

	for (uint8_t i = 0; i < 2; i++) {
		const uint8_t id[16] = { 0xee, i };
		char rules[128];

		snprintf(rules, sizeof(rules),
			 "hide-attribute CKA_LOCAL\n"
			 "C_DestroyObject nth=%d return CKR_ACTION_PROHIBITED\n",
			 i + 1);
		driver_serve(&driver, &token, NULL);
		module_faults_set(&driver.faults, rules);
		const Reply *reply =
			driver_generate_pair(&driver, id, "peppermint/live/audit/stuck/v1");
		assert_int_equal(reply->failure->ck_rv, CKR_TEMPLATE_INCONSISTENT);
		assert_non_null(strstr(reply->failure->detail, "could NOT be destroyed"));
		driver_end(&driver);
	}
}

static void a_pair_is_made_without_what_the_token_refuses_to_be_told(void **state)
{
	const uint8_t id[16] = "asked for less";
	(void)state;

	serve_with("C_GenerateKeyPair", "return CKR_TEMPLATE_INCONSISTENT", 1);
	const Reply *reply = driver_generate_pair(&driver, id, "peppermint/live/audit/less/v1");
	assert_null(reply->failure);
	assert_int_equal(reply->object->algorithm, ALGORITHM(ED25519));
	assert_true(reply->object->never_extractable);
}

static void data_that_the_token_refuses_harms_nothing_after_it(void **state)
{
	(void)state;
	/* The module never saw the call: its operation is really still active. */
	serve_with("C_Sign", "return CKR_DATA_LEN_RANGE", 1);
	assert_null(driver_hmac(&driver, KEY, "data", 4));
	assert_memory_equal(driver_hmac(&driver, KEY, "data", 4), healthy, 32);
	assert_true(signs_well());
}

static void a_key_that_may_not_sign_harms_nothing_after_it(void **state)
{
	(void)state;
	serve_with("C_SignInit", "return CKR_KEY_FUNCTION_NOT_PERMITTED", 1);
	assert_null(driver_hmac(&driver, KEY, "data", 4));
	assert_memory_equal(driver_hmac(&driver, KEY, "data", 4), healthy, 32);
}

static void without_copies_keys_are_used_where_they_are(void **state)
{
	(void)state;
	driver_spawn(&driver, &token, "C_CopyObject return CKR_FUNCTION_NOT_SUPPORTED", NO_PIN_FD);
	const Reply *reply = driver_start(&driver, &token, (struct driver_start){ 0 });
	assert_null(reply->failure);
	assert_false(reply->started->session_copies);
	assert_memory_equal(driver_hmac(&driver, KEY, "data", 4), healthy, 32);
	assert_true(signs_well());
}

static void generation_leaves_off_what_the_token_refuses_to_be_told(void **state)
{
	(void)state;

	for (uint8_t i = 0; i < 2; i++) {
		uint8_t id[16] = { i };
		char rule[128];

		snprintf(rule, sizeof(rule),
			 "C_GenerateKey nth=1 times=%d return CKR_TEMPLATE_INCONSISTENT", i + 1);
		driver_serve(&driver, &token, NULL);
		module_faults_set(&driver.faults, rule);
		const Reply *reply = driver_generate(&driver, id, "peppermint/live/pepper/y/v1");
		/* SoftHSM makes keys extractable if it is not told otherwise: then it must go. */
		assert_int_equal(reply->failure != NULL, i == 1);
		assert_int_equal(driver_list(&driver, "peppermint/live/pepper/y/")->list->n_objects,
				 1);
		driver_end(&driver);
	}
}

static void a_key_that_is_not_as_asked_is_destroyed(void **state)
{
	const uint8_t id[16] = "not as asked";
	(void)state;

	driver_serve(&driver, &token, "hide-attribute CKA_LOCAL");
	const Reply *reply = driver_generate(&driver, id, "peppermint/live/pepper/z/v1");
	assert_int_equal(reply->failure->class_, FAILURE(CALLER));
	assert_int_equal(reply->failure->ck_rv, CKR_TEMPLATE_INCONSISTENT);
	assert_non_null(strstr(reply->failure->detail, "it was destroyed"));
	assert_int_equal(driver_list(&driver, "peppermint/live/pepper/z/")->list->n_objects, 0);
}

static void a_key_that_cannot_be_destroyed_is_said_to_be_left(void **state)
{
	const uint8_t id[16] = "left behind";
	(void)state;

	driver_serve(&driver, &token,
		     "hide-attribute CKA_LOCAL\nC_DestroyObject return CKR_ACTION_PROHIBITED\n");
	const Reply *reply = driver_generate(&driver, id, "peppermint/live/pepper/left/v1");
	assert_int_equal(reply->failure->ck_rv, CKR_TEMPLATE_INCONSISTENT);
	assert_non_null(strstr(reply->failure->detail, "could NOT be destroyed"));
}

static void a_failed_random_is_the_modules_failure(void **state)
{
	(void)state;
	serve_with("C_GenerateRandom", "return CKR_GENERAL_ERROR", 2);
	assert_last_answer(driver_random(&driver, 32), FAILURE(MODULE));
}

static void a_crash_in_the_module_ends_only_the_signer(void **state)
{
	const uint8_t request[] = { 0x08, 0x09, 0x32, 0x02, 0x08, 0x20 }; /* random of 32 */
	(void)state;

	serve_with("C_GenerateRandom", "crash", 1);
	driver_send(&driver, request, sizeof(request));
	assert_true(driver_hung_up(&driver));
	assert_true(driver_wait(&driver) < 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, end_signer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(after_a_failure_of_module_or_device_it_answers_and_ends),
		TEST(whichever_call_fails_a_pair_is_made_whole_or_not_at_all),
		TEST(whichever_calls_fail_what_is_signed_later_is_right),
		TEST(a_pair_that_does_not_verify_is_destroyed),
		TEST(a_pair_that_is_not_as_asked_is_destroyed),
		TEST(half_a_pair_that_cannot_be_destroyed_is_said_to_be_left),
		TEST(a_pair_is_made_without_what_the_token_refuses_to_be_told),
		TEST(data_that_the_token_refuses_harms_nothing_after_it),
		TEST(a_key_that_may_not_sign_harms_nothing_after_it),
		TEST(without_copies_keys_are_used_where_they_are),
		TEST(generation_leaves_off_what_the_token_refuses_to_be_told),
		TEST(a_key_that_is_not_as_asked_is_destroyed),
		TEST(a_key_that_cannot_be_destroyed_is_said_to_be_left),
		TEST(a_failed_random_is_the_modules_failure),
		TEST(a_crash_in_the_module_ends_only_the_signer),
	};

	return cmocka_run_group_tests(tests, make_token, remove_token);
}
