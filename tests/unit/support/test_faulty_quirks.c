/* What the faulty PKCS#11 module's README promises of tokens that are unlike others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs what is above. */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "probing.h"

#define LOGGED_IN "init open login"
#define AND_SAID "init CKR_OK\nopen CKR_OK\nlogin CKR_OK\n"

static struct probing probing;

static int make(void **state)
{
	(void)state;
	probing_make(&probing);
	return 0;
}

static int remove_all(void **state)
{
	(void)state;
	probing_remove(&probing);
	return 0;
}

static void a_hidden_mechanism_is_nowhere(void **state)
{
	(void)state;
	probing_says(&probing, "", LOGGED_IN " listed known",
		     AND_SAID "listed CKR_OK\nknown CKR_OK\n");
	probing_says(&probing, "hide-mechanism CKM_SHA256_HMAC",
		     LOGGED_IN " listed known secret hmac",
		     AND_SAID "listed CKR_MECHANISM_INVALID\nknown CKR_MECHANISM_INVALID\n"
			      "secret CKR_OK\nhmac CKR_MECHANISM_INVALID\n");
	probing_says(&probing, "hide-mechanism CKM_GENERIC_SECRET_KEY_GEN\nhide-mechanism 0x1040\n",
		     LOGGED_IN " secret pair",
		     AND_SAID "secret CKR_MECHANISM_INVALID\npair CKR_MECHANISM_INVALID\n");
}

static void a_feigned_mechanism_is_told_and_refused(void **state)
{
	(void)state;
	probing_says(&probing, "feign-mechanism CKM_SHA256_HMAC",
		     LOGGED_IN " listed known secret hmac",
		     AND_SAID "listed CKR_OK\nknown CKR_OK\n"
			      "secret CKR_OK\nhmac CKR_MECHANISM_INVALID\n");
}

static void a_hidden_attribute_is_unknown_and_the_others_are_told(void **state)
{
	(void)state;
	probing_says(&probing, "hide-attribute CKA_LOCAL", LOGGED_IN " secret local",
		     AND_SAID "secret CKR_OK\n"
			      "local CKR_ATTRIBUTE_TYPE_INVALID sensitive=1/1 local=9/-1\n");
}

static void a_refused_attribute_fails_the_template_that_names_it(void **state)
{
	(void)state;
	probing_says(&probing, "refuse-attribute CKA_SENSITIVE", LOGGED_IN " secret pair",
		     AND_SAID "secret CKR_ATTRIBUTE_READ_ONLY\npair CKR_OK\n");
	probing_says(&probing, "refuse-attribute CKA_TOKEN CKR_TEMPLATE_INCONSISTENT",
		     LOGGED_IN " secret copy",
		     AND_SAID "secret CKR_OK\ncopy CKR_TEMPLATE_INCONSISTENT\n");
	/* Of a pair's two templates either will do: CKA_SIGN is in the private half's. */
	probing_says(&probing, "refuse-attribute CKA_SIGN", LOGGED_IN " pair",
		     AND_SAID "pair CKR_ATTRIBUTE_READ_ONLY\n");
	probing_says(&probing, "refuse-attribute CKA_EC_PARAMS", LOGGED_IN " pair",
		     AND_SAID "pair CKR_ATTRIBUTE_READ_ONLY\n");
}

static void flags_are_added_to_the_tokens(void **state)
{
	(void)state;
	probing_says(&probing, "", "init token", "init CKR_OK\ntoken CKR_OK 0\n");
	probing_says(&probing, "token-flags CKF_USER_PIN_FINAL_TRY CKF_USER_PIN_LOCKED",
		     "init token", "init CKR_OK\ntoken CKR_OK final locked 0\n");
}

static void there_are_only_so_many_sessions(void **state)
{
	(void)state;
	probing_says(&probing, "max-sessions 2", "init open open open find finalize init open",
		     "init CKR_OK\nopen CKR_OK\nopen CKR_OK\nopen CKR_SESSION_COUNT\n"
		     "find CKR_OK 0\nfinalize CKR_OK\ninit CKR_OK\nopen CKR_OK\n");
	probing_says(&probing, "max-sessions 0", "init open",
		     "init CKR_OK\nopen CKR_SESSION_COUNT\n");
}

static void dropped_and_forgotten_sessions_do_not_count(void **state)
{
	(void)state;
	probing_says(&probing, "max-sessions 1\nC_GenerateRandom nth=1 drop-sessions",
		     "init open random open open",
		     "init CKR_OK\nopen CKR_OK\nrandom CKR_SESSION_HANDLE_INVALID\nopen CKR_OK\n"
		     "open CKR_SESSION_COUNT\n");
	probing_says(&probing, "max-sessions 1\nC_GenerateRandom nth=1 forget-sessions",
		     "init open random open open",
		     "init CKR_OK\nopen CKR_OK\nrandom CKR_SESSION_HANDLE_INVALID\nopen CKR_OK\n"
		     "open CKR_SESSION_COUNT\n");
}

static void the_number_of_sessions_that_is_told_is_another_matter(void **state)
{
	(void)state;
	probing_says(&probing, "tell-max-sessions 2", "init token open open open",
		     "init CKR_OK\ntoken CKR_OK 2\nopen CKR_OK\nopen CKR_OK\nopen CKR_OK\n");
	probing_says(&probing, "tell-max-sessions unavailable", "init token",
		     "init CKR_OK\ntoken CKR_OK -1\n");
}

/* Whether the value of `word` begins so, is so long, and ends so. */
static void assert_value(const char *rules, const char *word, const char *begins, size_t len,
			 const char *ends)
{
	char words[64], wanted[64];

	snprintf(words, sizeof(words), LOGGED_IN " pair %s", word);
	snprintf(wanted, sizeof(wanted), "\n%s CKR_OK ", word);
	module_faults_set(&probing.faults, rules);
	assert_int_equal(probing_run(&probing, words), 0);
	const char *hex = strstr(probing.said, wanted);
	assert_non_null(hex);
	hex += strlen(wanted);
	assert_int_equal(strspn(hex, "0123456789abcdef"), 2 * len);
	assert_memory_equal(hex, begins, strlen(begins));
	assert_memory_equal(hex + 2 * len - strlen(ends), ends, strlen(ends));
}

/* P-256: 65 bytes that begin with 04. */
static void points_come_in_all_encodings(void **state)
{
	(void)state;
	assert_value("", "point", "044104", 67, "");
	assert_value("ec-point octets", "point", "044104", 67, "");
	assert_value("ec-point raw", "point", "04", 65, "");
	assert_value("ec-point bits", "point", "03420004", 68, "");
	assert_value("ec-point octets stray", "point", "044104", 68, "00");
	assert_value("ec-point raw stray", "point", "04", 66, "00");
}

static void a_curve_may_be_told_by_its_name(void **state)
{
	(void)state;
	assert_value("", "params", "06082a8648ce3d030107", 10, "");
	assert_value("ec-params name", "params", "1309736563703235367231", 11, ""); /* secp256r1 */
}

static void init_args_must_be_there(void **state)
{
	(void)state;
	probing_says(&probing, "init-args configDir=/a b", "init", "init CKR_ARGUMENTS_BAD\n");
	probing_says(&probing, "init-args configDir=/a", "init=configDir=/b",
		     "init CKR_ARGUMENTS_BAD\n");
	/* SoftHSM would not have them. */
	probing_says(&probing, "init-args configDir=/a", "init=configDir=/a", "init CKR_OK\n");
	probing_says(&probing, "", "init=configDir=/a", "init CKR_ARGUMENTS_BAD\n");
}

static void a_module_without_locks_initialises_without_them(void **state)
{
	(void)state;
	probing_says(&probing, "cant-lock", "init init-unlocked open",
		     "init CKR_CANT_LOCK\ninit-unlocked CKR_OK\nopen CKR_OK\n");
}

static void wrong_pins_lock_the_token_across_processes(void **state)
{
	(void)state;
	probing_says(&probing, "pin-tries 3", "init open token login=wrong token",
		     "init CKR_OK\nopen CKR_OK\ntoken CKR_OK 0\nlogin CKR_PIN_INCORRECT\n"
		     "token CKR_OK low 0\n");
	assert_int_equal(probing_run(&probing, "init open login=wrong token login=wrong token"), 0);
	assert_string_equal(probing.said, "init CKR_OK\nopen CKR_OK\nlogin CKR_PIN_INCORRECT\n"
					  "token CKR_OK low final 0\nlogin CKR_PIN_INCORRECT\n"
					  "token CKR_OK locked 0\n");
	assert_int_equal(probing_run(&probing, "init open login token"), 0);
	assert_string_equal(probing.said, "init CKR_OK\nopen CKR_OK\nlogin CKR_PIN_LOCKED\n"
					  "token CKR_OK locked 0\n");
}

static void the_right_pin_ends_the_row_of_wrong_ones(void **state)
{
	(void)state;
	probing_says(&probing, "pin-tries 2",
		     "init open login=wrong login logout login=wrong token login token",
		     "init CKR_OK\nopen CKR_OK\nlogin CKR_PIN_INCORRECT\nlogin CKR_OK\n"
		     "logout CKR_OK\nlogin CKR_PIN_INCORRECT\ntoken CKR_OK low final 0\n"
		     "login CKR_OK\ntoken CKR_OK 0\n");
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_hidden_mechanism_is_nowhere),
		TEST(a_feigned_mechanism_is_told_and_refused),
		TEST(a_hidden_attribute_is_unknown_and_the_others_are_told),
		TEST(a_refused_attribute_fails_the_template_that_names_it),
		TEST(flags_are_added_to_the_tokens),
		TEST(there_are_only_so_many_sessions),
		TEST(dropped_and_forgotten_sessions_do_not_count),
		TEST(the_number_of_sessions_that_is_told_is_another_matter),
		TEST(points_come_in_all_encodings),
		TEST(a_curve_may_be_told_by_its_name),
		TEST(init_args_must_be_there),
		TEST(a_module_without_locks_initialises_without_them),
		TEST(wrong_pins_lock_the_token_across_processes),
		TEST(the_right_pin_ends_the_row_of_wrong_ones),
	};

	return cmocka_run_group_tests(tests, make, remove_all);
}
