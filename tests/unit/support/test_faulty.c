/* What the faulty PKCS#11 module's README promises of its faults: one test for each. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs what is above. */
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
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

static unsigned long calls(const char *function)
{
	return module_faults_calls(&probing.faults, function);
}

static unsigned long fired(size_t rule)
{
	return module_faults_fired(&probing.faults, rule);
}

static void every_function_of_the_list_is_wrapped(void **state)
{
	char *rest = probing.said, *line;
	size_t functions = 0;
	(void)state;

	module_faults_forget(&probing.faults);
	module_faults_set(&probing.faults, "any nth=2 times=1000 return CKR_FUNCTION_CANCELED");
	assert_int_equal(probing_run(&probing, "every"), 0);
	while ((line = strsep(&rest, "\n")) && strncmp(line, "C_", 2) == 0) {
		char name[64], answer[64];

		assert_int_equal(sscanf(line, "%63s %63s", name, answer), 2);
		assert_string_equal(answer, "CKR_FUNCTION_CANCELED");
		/* The list itself came from a call of its own. */
		assert_int_equal(calls(name), strcmp(name, "C_GetFunctionList") == 0 ? 2 : 1);
		functions++;
	}
	assert_int_equal(functions, 68);
	assert_int_equal(fired(1), functions);
	assert_int_equal(calls("any"), functions + 1);
}

/* NULL everywhere; and the first two have initialised it and ended that again. */
static void what_is_wrong_with_arguments_is_left_to_the_real_module(void **state)
{
	(void)state;
	module_faults_set(&probing.faults, "any flip\nhide-mechanism 1\nec-point raw\npin-tries 3");
	module_faults_forget(&probing.faults);
	assert_int_equal(probing_run(&probing, "every"), 0);
	assert_non_null(strstr(probing.said, "C_GetFunctionList CKR_ARGUMENTS_BAD\n"));
	assert_non_null(strstr(probing.said, "C_Sign CKR_CRYPTOKI_NOT_INITIALIZED\n"));
	assert_non_null(strstr(probing.said, "C_GetAttributeValue CKR_CRYPTOKI_NOT_INITIALIZED\n"));
	assert_int_equal(calls("any"), 69);
}

static void a_crash_is_the_signal_that_was_asked_for(void **state)
{
	static const struct {
		const char *rule;
		int signal;
	} crashes[] = { { "C_GenerateRandom crash", SIGABRT },
			{ "C_GenerateRandom crash abort", SIGABRT },
			{ "C_GenerateRandom after crash segv", SIGSEGV } };
	(void)state;

	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++) {
		module_faults_set(&probing.faults, crashes[i].rule);
		module_faults_forget(&probing.faults);
		assert_int_equal(probing_run(&probing, "init open random"), -crashes[i].signal);
		assert_string_equal(probing.said, "init CKR_OK\nopen CKR_OK\n");
		assert_int_equal(fired(1), 1);
		assert_true(probing_logged(&probing, "C_GenerateRandom crash"));
	}
}

static void assert_hangs(const char *rules)
{
	int status = 0;

	module_faults_set(&probing.faults, rules);
	module_faults_forget(&probing.faults);
	pid_t pid = probing_start(&probing, "init open random");
	while (!probing_logged(&probing, "C_GenerateRandom hang")) {
		assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
		usleep(1000);
	}
	assert_int_equal(fired(1), 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void a_hang_lasts_until_the_process_is_killed(void **state)
{
	(void)state;
	assert_hangs("C_GenerateRandom hang");
	assert_hangs("C_GenerateRandom after hang");
}

static void a_delay_lasts_and_lets_the_call_go_on(void **state)
{
	int64_t began = clock_now();
	(void)state;

	probing_says(&probing, "C_GenerateRandom delay 200", "init open random",
		     "init CKR_OK\nopen CKR_OK\nrandom CKR_OK\n");
	assert_true(clock_now() - began >= 200 * NS_PER_MS);
}

static void a_hang_with_an_end_is_a_delay_and_an_answer(void **state)
{
	(void)state;
	probing_says(&probing,
		     "C_GenerateRandom delay 50\nC_GenerateRandom return CKR_FUNCTION_FAILED\n",
		     "init open random", "init CKR_OK\nopen CKR_OK\nrandom CKR_FUNCTION_FAILED\n");
}

static void after_means_that_it_has_happened(void **state)
{
	(void)state;
	probing_says(&probing, "C_GenerateKey return CKR_DEVICE_ERROR", LOGGED_IN " secret find",
		     AND_SAID "secret CKR_DEVICE_ERROR\nfind CKR_OK 0\n");
	probing_says(&probing, "C_GenerateKey after return CKR_DEVICE_ERROR",
		     LOGGED_IN " secret find", AND_SAID "secret CKR_DEVICE_ERROR\nfind CKR_OK 1\n");
}

/* The wrong mac is in the same process, under the same key. */
static void assert_macs_differ_in_bit(const char *rule, unsigned bit)
{
	char first[65], second[65];
	unsigned char difference[32];

	module_faults_set(&probing.faults, rule);
	module_faults_forget(&probing.faults);
	assert_int_equal(probing_run(&probing, LOGGED_IN " secret hmac hmac"), 0);
	assert_int_equal(sscanf(probing.said + strlen(AND_SAID "secret CKR_OK\n"),
				"hmac CKR_OK %64s hmac CKR_OK %64s", first, second),
			 2);
	for (size_t i = 0; i < 32; i++) {
		unsigned a = 0, b = 0;

		sscanf(first + 2 * i, "%2x", &a);
		sscanf(second + 2 * i, "%2x", &b);
		difference[i] = (unsigned char)(a ^ b);
	}
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(difference[i / 8] >> i % 8 & 1, i == bit);
}

static void a_flip_changes_one_bit_of_a_signature(void **state)
{
	(void)state;
	assert_macs_differ_in_bit("C_Sign nth=2 flip", 0);
	assert_macs_differ_in_bit("C_Sign nth=2 flip bit=77", 77);
	assert_macs_differ_in_bit("C_Sign nth=1 flip bit=259", 3);
}

static void a_flip_changes_what_an_attribute_says(void **state)
{
	(void)state;
	/* CKA_LOCAL, then CKA_SENSITIVE, one byte each */
	probing_says(&probing, "C_GetAttributeValue flip", LOGGED_IN " secret local",
		     AND_SAID "secret CKR_OK\nlocal CKR_OK sensitive=1/1 local=0/1\n");
	probing_says(&probing, "C_GetAttributeValue flip bit=8", LOGGED_IN " secret local",
		     AND_SAID "secret CKR_OK\nlocal CKR_OK sensitive=0/1 local=1/1\n");
}

static void a_flip_changes_handles_and_structs(void **state)
{
	(void)state;
	probing_says(&probing, "C_OpenSession flip bit=13", "init open random",
		     "init CKR_OK\nopen CKR_OK\nrandom CKR_SESSION_HANDLE_INVALID\n");
	probing_says(&probing, "C_GenerateKey flip bit=13", LOGGED_IN " secret hmac",
		     AND_SAID "secret CKR_OK\nhmac CKR_OBJECT_HANDLE_INVALID\n");
	probing_says(&probing, "C_GetTokenInfo flip", "init label",
		     "init CKR_OK\nlabel CKR_OK n\n");
}

static void a_flip_reaches_both_handles_of_a_pair(void **state)
{
	(void)state;
	probing_says(&probing, "C_GenerateKeyPair flip bit=13", LOGGED_IN " pair point",
		     AND_SAID "pair CKR_OK\npoint CKR_OBJECT_HANDLE_INVALID\n");
	/* The private one: the public one is as it was. */
	module_faults_set(&probing.faults, "C_GenerateKeyPair flip bit=77");
	assert_int_equal(probing_run(&probing, LOGGED_IN " pair point"), 0);
	assert_non_null(strstr(probing.said, "point CKR_OK 0441"));
}

static void dropped_sessions_are_gone_from_the_real_module(void **state)
{
	(void)state;
	probing_says(&probing, "C_GenerateRandom nth=2 drop-sessions",
		     LOGGED_IN " random random random open find",
		     AND_SAID "random CKR_OK\nrandom CKR_SESSION_HANDLE_INVALID\n"
			      "random CKR_SESSION_HANDLE_INVALID\nopen CKR_OK\nfind CKR_OK 0\n");
	/* The login went with the last of them: another one is not CKR_USER_ALREADY_LOGGED_IN. */
	probing_says(&probing, "C_GenerateRandom nth=1 drop-sessions",
		     LOGGED_IN " random open login",
		     AND_SAID "random CKR_SESSION_HANDLE_INVALID\nopen CKR_OK\nlogin CKR_OK\n");
}

static void forgotten_sessions_answer_so_and_the_login_stays(void **state)
{
	(void)state;
	probing_says(&probing, "C_GenerateRandom nth=1 forget-sessions",
		     LOGGED_IN " random random open random login",
		     AND_SAID "random CKR_SESSION_HANDLE_INVALID\n"
			      "random CKR_SESSION_HANDLE_INVALID\nopen CKR_OK\nrandom CKR_OK\n"
			      "login CKR_USER_ALREADY_LOGGED_IN\n");
}

static void a_lost_login_leaves_the_sessions(void **state)
{
	(void)state;
	probing_says(&probing, "C_GenerateRandom nth=1 drop-login",
		     LOGGED_IN " random secret login secret",
		     AND_SAID "random CKR_OK\nsecret CKR_USER_NOT_LOGGED_IN\nlogin CKR_OK\n"
			      "secret CKR_OK\n");
}

static void sessions_may_drop_under_many_threads(void **state)
{
	(void)state;
	module_faults_set(&probing.faults, "C_GenerateRandom drop-sessions");
	module_faults_forget(&probing.faults);
	assert_int_equal(probing_run(&probing, "init threads"), 0);
	assert_string_equal(probing.said, "init CKR_OK\nthreads CKR_FUNCTION_FAILED\n");
	assert_int_equal(fired(1), 400);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_function_of_the_list_is_wrapped),
		TEST(what_is_wrong_with_arguments_is_left_to_the_real_module),
		TEST(a_crash_is_the_signal_that_was_asked_for),
		TEST(a_hang_lasts_until_the_process_is_killed),
		TEST(a_delay_lasts_and_lets_the_call_go_on),
		TEST(a_hang_with_an_end_is_a_delay_and_an_answer),
		TEST(after_means_that_it_has_happened),
		TEST(a_flip_changes_one_bit_of_a_signature),
		TEST(a_flip_changes_what_an_attribute_says),
		TEST(a_flip_changes_handles_and_structs),
		TEST(a_flip_reaches_both_handles_of_a_pair),
		TEST(dropped_sessions_are_gone_from_the_real_module),
		TEST(forgotten_sessions_answer_so_and_the_login_stays),
		TEST(a_lost_login_leaves_the_sessions),
		TEST(sessions_may_drop_under_many_threads),
	};

	return cmocka_run_group_tests(tests, make, remove_all);
}
