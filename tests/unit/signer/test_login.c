/*
 * The login when it is lost, and the PIN, of which a token forgives few wrong ones: whatever fails
 * around it, a wrong one is tried once.
 */
#include <p11-kit/pkcs11.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "driver.h"

#define LABEL "peppermint/live/pepper/x/v1"

static const uint8_t KEY[16] = "key of the tests", OTHER[16] = "another of them";

static struct soft_token token;
static struct driver driver;

/* A token for each test, because wrong PINs are counted. */
static int start_signer(void **state)
{
	(void)state;
	soft_token_make(&token, "one");
	driver_serve(&driver, &token, NULL);
	assert_null(driver_generate(&driver, KEY, LABEL)->failure);
	return 0;
}

static int remove_token(void **state)
{
	(void)state;
	driver_end(&driver);
	soft_token_remove(&token);
	return 0;
}

static bool computes(void)
{
	return driver_hmac(&driver, KEY, "data", 4) != NULL;
}

static const Reply *ask_hmac(void)
{
	HmacItem item = PEPPERMINT__SIGNER__V1__HMAC_ITEM__INIT;

	item.key_id = (ProtobufCBinaryData){ .len = sizeof(KEY), .data = (uint8_t *)KEY };
	item.data = (ProtobufCBinaryData){ .len = 4, .data = (uint8_t *)"data" };
	return driver_hmac_batch(&driver, &item, 1);
}

static unsigned long logins(void)
{
	return module_faults_calls(&driver.faults, "C_Login");
}

static void write_wrong_pin(void)
{
	FILE *file = fopen(token.pin_file, "w");

	assert_non_null(file);
	fputs("not-that-pin\n", file);
	fclose(file);
}

static void fail_with(const char *rules)
{
	module_faults_forget(&driver.faults);
	module_faults_set(&driver.faults, rules);
}

static void assert_sealed(const Reply *reply)
{
	assert_non_null(reply->failure);
	assert_int_equal(reply->failure->class_, FAILURE(PIN));
	assert_true(driver_hung_up(&driver));
}

static void a_lost_login_costs_one_login(void **state)
{
	(void)state;
	assert_true(computes());
	fail_with("C_SignInit nth=1 drop-login");
	for (int i = 0; i < 4; i++)
		assert_true(computes());
	assert_int_equal(logins(), 1);
}

static void a_pin_that_became_wrong_is_tried_once(void **state)
{
	(void)state;
	assert_true(computes());
	write_wrong_pin();
	fail_with("C_SignInit nth=1 drop-login");
	assert_sealed(ask_hmac());
	assert_int_equal(logins(), 1);
}

/* What they do after a failure, to find out what has become of the key, needs the login as well. */
static void making_a_key_tries_a_wrong_pin_once(void **state)
{
	(void)state;
	write_wrong_pin();
	fail_with("C_GenerateKey nth=1 drop-login");
	assert_sealed(driver_generate(&driver, OTHER, LABEL));
	assert_int_equal(logins(), 1);
}

static void destroying_a_key_tries_a_wrong_pin_once(void **state)
{
	(void)state;
	write_wrong_pin();
	fail_with("C_DestroyObject nth=1 drop-login");
	assert_sealed(driver_destroy(&driver, KEY, LABEL));
	assert_int_equal(logins(), 1);
}

static void a_wrong_pin_by_another_name_is_tried_once(void **state)
{
	static const char *const names[] = { "CKR_GENERAL_ERROR", "CKR_FUNCTION_FAILED",
					     "CKR_DEVICE_ERROR", "CKR_SESSION_HANDLE_INVALID" };
	char rule[96];
	(void)state;

	for (size_t i = 0; i < 4; i++) {
		driver_end(&driver);
		soft_token_remove(&token);
		soft_token_make(&token, "one");
		write_wrong_pin();
		snprintf(rule, sizeof(rule), "C_Login after return %s", names[i]);
		driver_spawn(&driver, &token, rule, NO_PIN_FD);
		assert_sealed(driver_start(&driver, &token, (struct driver_start){ 0 }));
		assert_int_equal(logins(), 1);
	}
}

static void a_right_pin_is_tried_again_after_a_failure_of_the_module(void **state)
{
	(void)state;
	driver_end(&driver);
	driver_serve(&driver, &token, "C_Login nth=1 return CKR_GENERAL_ERROR");
	assert_int_equal(logins(), 2);
	assert_true(computes());
}

static void a_token_about_to_be_locked_is_not_logged_in_to_again(void **state)
{
	(void)state;
	assert_true(computes());
	fail_with("C_SignInit nth=1 drop-login\ntoken-flags CKF_USER_PIN_FINAL_TRY\n");
	assert_sealed(ask_hmac());
	assert_int_equal(logins(), 0);
}

/* Without the login its keys would seem to have gone. */
static void a_token_that_never_tells_is_logged_in_to_after_its_sessions_were_lost(void **state)
{
	(void)state;
	driver_end(&driver);
	driver_serve(&driver, &token, "C_GetSessionInfo return CKR_FUNCTION_NOT_SUPPORTED");
	assert_true(computes());
	fail_with("C_GetSessionInfo return CKR_FUNCTION_NOT_SUPPORTED\n"
		  "C_SignInit nth=1 drop-sessions\n");
	assert_true(computes());
	assert_int_equal(logins(), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_signer, remove_token)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lost_login_costs_one_login),
		TEST(a_pin_that_became_wrong_is_tried_once),
		TEST(making_a_key_tries_a_wrong_pin_once),
		TEST(destroying_a_key_tries_a_wrong_pin_once),
		TEST(a_wrong_pin_by_another_name_is_tried_once),
		TEST(a_right_pin_is_tried_again_after_a_failure_of_the_module),
		TEST(a_token_about_to_be_locked_is_not_logged_in_to_again),
		TEST(a_token_that_never_tells_is_logged_in_to_after_its_sessions_were_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
