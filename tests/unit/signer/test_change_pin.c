#include <p11-kit/pkcs11.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "driver.h"

#define NEW_PIN "another-pin-of-a-test"

static const uint8_t KEY[16] = "key of the tests";

static struct soft_token token;
static struct driver driver;

/* A token for each test, because its PIN changes. */
static int start_signer(void **state)
{
	(void)state;
	soft_token_make(&token, "one");
	driver_serve(&driver, &token, NULL);
	assert_null(driver_generate(&driver, KEY, "peppermint/live/pepper/x/v1")->failure);
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

static void assert_refused(const Reply *reply, CK_RV rv)
{
	assert_int_equal(reply->failure->class_, FAILURE(CALLER));
	assert_int_equal(reply->failure->ck_rv, rv);
	assert_null(strstr(reply->failure->detail, SOFT_TOKEN_PIN));
	assert_null(strstr(reply->failure->detail, NEW_PIN));
	assert_true(computes());
}

static void the_new_pin_is_the_one_to_log_in_with(void **state)
{
	(void)state;
	const Reply *reply = driver_change_pin(&driver, SOFT_TOKEN_PIN, NEW_PIN);
	assert_null(reply->failure);
	assert_int_equal(reply->result_case,
			 PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_PIN_CHANGED);
	assert_true(computes());
	driver_end(&driver);

	FILE *file = fopen(token.pin_file, "w");
	assert_non_null(file);
	fputs(NEW_PIN "\n", file);
	fclose(file);
	driver_serve(&driver, &token, NULL);
	assert_true(computes());
}

/* The PIN file still has the old one, which must not be tried. */
static void a_login_that_is_lost_later_is_made_with_the_new_pin(void **state)
{
	(void)state;
	assert_null(driver_change_pin(&driver, SOFT_TOKEN_PIN, NEW_PIN)->failure);
	module_faults_forget(&driver.faults);
	module_faults_set(&driver.faults, "C_SignInit nth=1 drop-login");
	assert_true(computes());
	assert_int_equal(module_faults_calls(&driver.faults, "C_Login"), 1);
	assert_true(computes());
}

static void a_wrong_old_pin_is_tried_once_and_refused(void **state)
{
	(void)state;
	module_faults_forget(&driver.faults);
	assert_refused(driver_change_pin(&driver, "not-that-pin", NEW_PIN), CKR_PIN_INCORRECT);
	assert_int_equal(module_faults_calls(&driver.faults, "C_SetPIN"), 1);
	assert_null(driver_change_pin(&driver, SOFT_TOKEN_PIN, NEW_PIN)->failure);
}

static void a_new_pin_that_the_token_does_not_take_is_refused(void **state)
{
	char longer[257];
	(void)state;

	memset(longer, '7', sizeof(longer) - 1);
	longer[256] = '\0';
	assert_refused(driver_change_pin(&driver, SOFT_TOKEN_PIN, "12"), CKR_PIN_LEN_RANGE);
	assert_refused(driver_change_pin(&driver, SOFT_TOKEN_PIN, ""), CKR_PIN_LEN_RANGE);
	assert_refused(driver_change_pin(&driver, "", NEW_PIN), CKR_PIN_LEN_RANGE);
	assert_refused(driver_change_pin(&driver, SOFT_TOKEN_PIN, longer), CKR_PIN_LEN_RANGE);
	/* The newline would be lost on the way to the next login. */
	assert_refused(driver_change_pin(&driver, SOFT_TOKEN_PIN, NEW_PIN "\n"), CKR_PIN_LEN_RANGE);
	assert_null(driver_change_pin(&driver, SOFT_TOKEN_PIN, NEW_PIN)->failure);
}

static void where_one_wrong_pin_more_would_lock_none_is_tried(void **state)
{
	static const char *const rules[] = { "token-flags CKF_USER_PIN_FINAL_TRY",
					     "token-flags CKF_USER_PIN_LOCKED" };
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		module_faults_forget(&driver.faults);
		module_faults_set(&driver.faults, rules[i]);
		assert_refused(driver_change_pin(&driver, SOFT_TOKEN_PIN, NEW_PIN), CKR_PIN_LOCKED);
		assert_int_equal(module_faults_calls(&driver.faults, "C_SetPIN"), 0);
	}
}

static void a_pin_that_locked_the_token_ends_the_signer(void **state)
{
	(void)state;
	module_faults_set(&driver.faults, "C_SetPIN return CKR_PIN_LOCKED");
	const Reply *reply = driver_change_pin(&driver, SOFT_TOKEN_PIN, NEW_PIN);
	assert_int_equal(reply->failure->class_, FAILURE(PIN));
	assert_true(driver_hung_up(&driver));
}

/* Whether the PIN was changed nobody can see: no second try, and no more of this process. */
static void a_change_that_may_have_been_made_is_not_made_again(void **state)
{
	(void)state;
	module_faults_forget(&driver.faults);
	module_faults_set(&driver.faults, "C_SetPIN after return CKR_SESSION_CLOSED");
	const Reply *reply = driver_change_pin(&driver, SOFT_TOKEN_PIN, NEW_PIN);
	assert_int_equal(reply->failure->class_, FAILURE(SESSION));
	assert_true(driver_hung_up(&driver));
	assert_int_equal(module_faults_calls(&driver.faults, "C_SetPIN"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_signer, remove_token)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_new_pin_is_the_one_to_log_in_with),
		TEST(a_login_that_is_lost_later_is_made_with_the_new_pin),
		TEST(a_wrong_old_pin_is_tried_once_and_refused),
		TEST(a_new_pin_that_the_token_does_not_take_is_refused),
		TEST(where_one_wrong_pin_more_would_lock_none_is_tried),
		TEST(a_pin_that_locked_the_token_ends_the_signer),
		TEST(a_change_that_may_have_been_made_is_not_made_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
