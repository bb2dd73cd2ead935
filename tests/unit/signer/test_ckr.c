#include "ckr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void every_code_of_the_error_ladder_has_its_class(void **state)
{
	static const struct {
		CK_RV rv;
		enum failure_class class;
	} ladder[] = {
		{ CKR_OK, FAILURE_NONE },
		{ CKR_DATA_LEN_RANGE, FAILURE_CALLER },
		{ CKR_DATA_INVALID, FAILURE_CALLER },
		{ CKR_MECHANISM_INVALID, FAILURE_CALLER },
		{ CKR_KEY_SIZE_RANGE, FAILURE_CALLER },
		{ CKR_KEY_FUNCTION_NOT_PERMITTED, FAILURE_CALLER },
		{ CKR_SIGNATURE_INVALID, FAILURE_CALLER },
		{ CKR_CURVE_NOT_SUPPORTED, FAILURE_CALLER },
		{ CKR_DOMAIN_PARAMS_INVALID, FAILURE_CALLER },
		{ CKR_TEMPLATE_INCONSISTENT, FAILURE_CALLER },
		{ CKR_SESSION_HANDLE_INVALID, FAILURE_SESSION },
		{ CKR_SESSION_CLOSED, FAILURE_SESSION },
		{ CKR_OPERATION_ACTIVE, FAILURE_SESSION },
		{ CKR_OPERATION_NOT_INITIALIZED, FAILURE_SESSION },
		{ CKR_BUFFER_TOO_SMALL, FAILURE_SESSION },
		{ CKR_USER_NOT_LOGGED_IN, FAILURE_LOGIN },
		{ CKR_KEY_HANDLE_INVALID, FAILURE_HANDLE },
		{ CKR_OBJECT_HANDLE_INVALID, FAILURE_HANDLE },
		{ CKR_DEVICE_ERROR, FAILURE_MODULE },
		{ CKR_DEVICE_REMOVED, FAILURE_MODULE },
		{ CKR_TOKEN_NOT_PRESENT, FAILURE_MODULE },
		{ CKR_TOKEN_NOT_RECOGNIZED, FAILURE_MODULE },
		{ CKR_CRYPTOKI_NOT_INITIALIZED, FAILURE_MODULE },
		{ CKR_GENERAL_ERROR, FAILURE_MODULE },
		{ CKR_FUNCTION_FAILED, FAILURE_MODULE },
		{ CKR_PIN_INCORRECT, FAILURE_PIN },
		{ CKR_PIN_LOCKED, FAILURE_PIN },
		{ CKR_PIN_EXPIRED, FAILURE_PIN },
		{ CKR_PIN_INVALID, FAILURE_PIN },
		{ CKR_PIN_LEN_RANGE, FAILURE_PIN },
		{ CKR_SESSION_COUNT, FAILURE_CAPACITY },
		{ CKR_DEVICE_MEMORY, FAILURE_CAPACITY },
		{ CKR_HOST_MEMORY, FAILURE_CAPACITY },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(ladder) / sizeof(ladder[0]); i++)
		assert_int_equal(ckr_class(ladder[i].rv), ladder[i].class);
}

static void a_code_we_do_not_know_is_the_modules_failure(void **state)
{
	(void)state;
	assert_int_equal(ckr_class(CKR_VENDOR_DEFINED | 17), FAILURE_MODULE);
	assert_int_equal(ckr_class(CKR_ARGUMENTS_BAD), FAILURE_MODULE);
	assert_string_equal(ckr_name(CKR_VENDOR_DEFINED | 17), "vendor or unknown CK_RV");
}

static void a_failure_names_the_code_after_what_failed(void **state)
{
	struct failure failure;
	(void)state;

	assert_int_equal(failure_ck(&failure, CKR_DEVICE_ERROR, "C_Sign of %s", "x"),
			 PM_HSM_UNAVAILABLE);
	assert_string_equal(failure.detail, "C_Sign of x: CKR_DEVICE_ERROR (0x30)");
	assert_int_equal(failure.class, FAILURE_MODULE);
	assert_int_equal(failure.rv, CKR_DEVICE_ERROR);
}

static void a_failure_too_long_to_tell_is_cut(void **state)
{
	struct failure failure;
	char longer[2 * sizeof(failure.detail)];
	(void)state;

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(failure_ck(&failure, CKR_PIN_LOCKED, "%s", longer), PM_SEALED);
	assert_int_equal(strlen(failure.detail), sizeof(failure.detail) - 1);
}

static void no_failure_stands_for_success(void **state)
{
	struct failure failure;
	(void)state;

	for (int class = FAILURE_CALLER; class <= FAILURE_SETUP; class ++)
		assert_int_not_equal(failure_set(&failure, (enum failure_class) class, "x"), PM_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_of_the_error_ladder_has_its_class),
		cmocka_unit_test(a_code_we_do_not_know_is_the_modules_failure),
		cmocka_unit_test(a_failure_names_the_code_after_what_failed),
		cmocka_unit_test(a_failure_too_long_to_tell_is_cut),
		cmocka_unit_test(no_failure_stands_for_success),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
