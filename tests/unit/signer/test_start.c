#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <p11-kit/pkcs11.h>

#include "driver.h"

struct fixture {
	struct soft_token token;
	struct driver driver;
};

static struct fixture f;

static int make_token(void **state)
{
	(void)state;
	soft_token_make(&f.token, "one");
	return 0;
}

static int remove_token(void **state)
{
	(void)state;
	soft_token_remove(&f.token);
	return 0;
}

static int end_signer(void **state)
{
	(void)state;
	driver_end(&f.driver);
	return 0;
}

static void spawn(const char *rules)
{
	driver_spawn(&f.driver, &f.token, rules, NO_PIN_FD);
}

static unsigned long logins(void)
{
	return module_faults_calls(&f.driver.faults, "C_Login");
}

static void assert_failed(const Reply *reply, Peppermint__Signer__V1__FailureClass class,
			  const char *detail)
{
	assert_non_null(reply->failure);
	assert_int_equal(reply->failure->class_, class);
	if (!strstr(reply->failure->detail, detail))
		fail_msg("'%s' does not say '%s'", reply->failure->detail, detail);
	assert_int_equal(reply->result_case, 0);
	assert_true(driver_hung_up(&f.driver));
	assert_int_equal(driver_wait(&f.driver), 1);
}

static void assert_start_fails(struct driver_start with, const char *detail)
{
	spawn(NULL);
	assert_failed(driver_start(&f.driver, &f.token, with), FAILURE(SETUP), detail);
	assert_int_equal(logins(), 0);
}

static void assert_started(const Reply *reply)
{
	assert_null(reply->failure);
	assert_string_equal(reply->started->label, f.token.label);
	assert_string_equal(reply->started->serial, f.token.serial);
	assert_string_equal(reply->started->manufacturer, "SoftHSM project");
	assert_string_equal(reply->started->model, "SoftHSM v2");
}

static void start_logs_in_once_and_names_the_token(void **state)
{
	(void)state;
	spawn(NULL);
	const Reply *reply = driver_start(&f.driver, &f.token, (struct driver_start){ 0 });
	assert_started(reply);
	assert_true(reply->started->session_copies);
	assert_int_equal(logins(), 1);
}

static void start_works_with_the_bare_module_too(void **state)
{
	(void)state;
	spawn(NULL);
	assert_started(driver_start(&f.driver, &f.token,
				    (struct driver_start){ .module = SOFT_TOKEN_MODULE }));
}

static void write_wrong_pin(char path[160])
{
	snprintf(path, 160, "%s/wrong", f.token.dir);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs("not-that-pin\n", file);
	fclose(file);
	chmod(path, 0600);
}

static void a_wrong_pin_is_tried_only_once(void **state)
{
	char path[160];
	(void)state;

	write_wrong_pin(path);
	spawn(NULL);
	const Reply *reply =
		driver_start(&f.driver, &f.token, (struct driver_start){ .pin_file = path });
	assert_int_equal(reply->failure->ck_rv, CKR_PIN_INCORRECT);
	assert_null(strstr(reply->failure->detail, "not-that-pin"));
	assert_failed(reply, FAILURE(PIN), "it was not tried again");
	assert_int_equal(logins(), 1);
}

static void a_token_one_try_from_being_locked_is_left_alone(void **state)
{
	(void)state;
	spawn("token-flags CKF_USER_PIN_FINAL_TRY");
	assert_failed(driver_start(&f.driver, &f.token, (struct driver_start){ 0 }), FAILURE(PIN),
		      "one more wrong PIN locks");
	assert_int_equal(logins(), 0);
}

static void a_locked_token_is_left_alone(void **state)
{
	(void)state;
	spawn("token-flags CKF_USER_PIN_LOCKED");
	assert_failed(driver_start(&f.driver, &f.token, (struct driver_start){ 0 }), FAILURE(PIN),
		      "is locked");
	assert_int_equal(logins(), 0);
}

static void a_pin_file_that_the_group_may_read_is_refused(void **state)
{
	(void)state;
	chmod(f.token.pin_file, 0640);
	spawn(NULL);
	assert_failed(driver_start(&f.driver, &f.token, (struct driver_start){ 0 }), FAILURE(PIN),
		      "open to others");
	chmod(f.token.pin_file, 0600);
	assert_int_equal(logins(), 0);
}

static void a_pin_file_that_is_a_link_is_refused(void **state)
{
	char link[160];
	(void)state;

	snprintf(link, sizeof(link), "%s/link", f.token.dir);
	assert_int_equal(symlink(f.token.pin_file, link), 0);
	spawn(NULL);
	assert_failed(driver_start(&f.driver, &f.token, (struct driver_start){ .pin_file = link }),
		      FAILURE(PIN), "symbolic link");
}

static void without_a_pin_start_says_so(void **state)
{
	(void)state;
	spawn(NULL);
	assert_failed(driver_start(&f.driver, &f.token, (struct driver_start){ .pin_file = "" }),
		      FAILURE(PIN), "no PIN");
}

static void the_pin_may_come_from_an_inherited_file_again_and_again(void **state)
{
	int fd = open(f.token.pin_file, O_RDONLY | O_CLOEXEC);
	(void)state;

	for (int i = 0; i < 2; i++) {
		driver_spawn(&f.driver, &f.token, NULL, fd);
		assert_started(
			driver_start(&f.driver, &f.token, (struct driver_start){ .pin_file = "" }));
		driver_end(&f.driver);
	}
	close(fd);
}

static void the_pin_may_come_from_a_pipe(void **state)
{
	int ends[2];
	(void)state;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	driver_spawn(&f.driver, &f.token, NULL, ends[0]);
	assert_int_equal(write(ends[1], SOFT_TOKEN_PIN, strlen(SOFT_TOKEN_PIN)),
			 strlen(SOFT_TOKEN_PIN));
	close(ends[0]);
	close(ends[1]);
	assert_started(driver_start(&f.driver, &f.token, (struct driver_start){ .pin_file = "" }));
}

static void a_missing_module_is_a_set_up_failure(void **state)
{
	(void)state;
	assert_start_fails((struct driver_start){ .module = "/nonexistent/module.so" },
			   "cannot load module /nonexistent/module.so");
}

static void a_module_is_named_by_its_whole_path(void **state)
{
	(void)state;
	assert_start_fails((struct driver_start){ .module = "libsofthsm2.so" },
			   "not an absolute path");
}

static void a_library_that_is_no_module_is_a_set_up_failure(void **state)
{
	(void)state;
	assert_start_fails((struct driver_start){ .module = "/lib/x86_64-linux-gnu/libz.so.1" },
			   "not a PKCS#11 module");
}

static void no_matching_token_is_a_set_up_failure(void **state)
{
	(void)state;
	assert_start_fails((struct driver_start){ .uri = "pkcs11:token=another" },
			   "no token matches pkcs11:token=another");
}

static void the_serial_must_match_as_well_as_the_label(void **state)
{
	(void)state;
	assert_start_fails(
		(struct driver_start){ .uri = "pkcs11:token=one;serial=0123456789abcdef" },
		"no token matches");
}

static void a_token_that_is_not_initialised_does_not_count(void **state)
{
	(void)state;
	/* SoftHSM always ends its list with such a slot; by its model alone it would match, too. */
	spawn(NULL);
	assert_started(driver_start(&f.driver, &f.token,
				    (struct driver_start){ .uri = "pkcs11:model=SoftHSM%20v2" }));
}

static void two_matching_tokens_are_refused_until_one_is_named(void **state)
{
	struct soft_token twins;
	(void)state;

	soft_token_make(&twins, "twin");
	soft_token_add(&twins, "twin");
	driver_spawn(&f.driver, &twins, NULL, NO_PIN_FD);
	assert_failed(driver_start(&f.driver, &twins,
				   (struct driver_start){ .uri = "pkcs11:token=twin" }),
		      FAILURE(SETUP), "2 tokens match");
	driver_end(&f.driver);
	driver_spawn(&f.driver, &twins, NULL, NO_PIN_FD);
	const Reply *reply = driver_start(&f.driver, &twins, (struct driver_start){ 0 });
	assert_null(reply->failure);
	assert_string_equal(reply->started->serial, twins.serial);
	soft_token_remove(&twins);
}

static void a_uri_with_a_pin_is_refused_and_not_repeated(void **state)
{
	(void)state;
	spawn(NULL);
	const Reply *reply = driver_start(
		&f.driver, &f.token,
		(struct driver_start){ .uri = "pkcs11:token=one?pin-value=" SOFT_TOKEN_PIN });
	assert_null(strstr(reply->failure->detail, SOFT_TOKEN_PIN));
	assert_failed(reply, FAILURE(SETUP), "pin-value");
	driver_end(&f.driver);
	assert_start_fails((struct driver_start){ .uri = "pkcs11:token=one?pin-source=/x" },
			   "pin-source");
}

static void a_uri_that_names_more_than_a_token_is_refused(void **state)
{
	static const char *const uris[] = { "pkcs11:token=one;object=x",
					    "pkcs11:token=one;slot-id=0",
					    "pkcs11:token=one;colour=red" };
	(void)state;

	for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
		assert_start_fails((struct driver_start){ .uri = uris[i] },
				   "do not describe a token");
		driver_end(&f.driver);
	}
	assert_start_fails((struct driver_start){ .uri = "token=one" }, "not a PKCS#11 URI");
}

static void a_signer_serves_the_environment_it_was_named_for(void **state)
{
	(void)state;
	assert_start_fails((struct driver_start){ .environment = "test" }, "asked to serve test");
}

static void a_module_that_does_not_initialise_is_the_modules_failure(void **state)
{
	(void)state;
	spawn("C_Initialize return CKR_GENERAL_ERROR");
	assert_failed(driver_start(&f.driver, &f.token, (struct driver_start){ 0 }),
		      FAILURE(MODULE), "does not initialise: CKR_GENERAL_ERROR (0x5)");
}

static void a_module_without_locks_is_used_by_our_one_thread(void **state)
{
	(void)state;
	spawn("cant-lock");
	assert_started(driver_start(&f.driver, &f.token, (struct driver_start){ 0 }));
}

#define TEST(name) cmocka_unit_test_teardown(name, end_signer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(start_logs_in_once_and_names_the_token),
		TEST(start_works_with_the_bare_module_too),
		TEST(a_wrong_pin_is_tried_only_once),
		TEST(a_token_one_try_from_being_locked_is_left_alone),
		TEST(a_locked_token_is_left_alone),
		TEST(a_pin_file_that_the_group_may_read_is_refused),
		TEST(a_pin_file_that_is_a_link_is_refused),
		TEST(without_a_pin_start_says_so),
		TEST(the_pin_may_come_from_an_inherited_file_again_and_again),
		TEST(the_pin_may_come_from_a_pipe),
		TEST(a_missing_module_is_a_set_up_failure),
		TEST(a_module_is_named_by_its_whole_path),
		TEST(a_library_that_is_no_module_is_a_set_up_failure),
		TEST(no_matching_token_is_a_set_up_failure),
		TEST(the_serial_must_match_as_well_as_the_label),
		TEST(a_token_that_is_not_initialised_does_not_count),
		TEST(two_matching_tokens_are_refused_until_one_is_named),
		TEST(a_uri_with_a_pin_is_refused_and_not_repeated),
		TEST(a_uri_that_names_more_than_a_token_is_refused),
		TEST(a_signer_serves_the_environment_it_was_named_for),
		TEST(a_module_that_does_not_initialise_is_the_modules_failure),
		TEST(a_module_without_locks_is_used_by_our_one_thread),
	};

	return cmocka_run_group_tests(tests, make_token, remove_token);
}
