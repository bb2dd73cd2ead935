/* What the faulty PKCS#11 module's README promises of its rules, counts and log. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs what is above. */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

static void without_rules_nothing_is_wrong(void **state)
{
	(void)state;
	probing_says(&probing, "", LOGGED_IN " secret copy local find",
		     AND_SAID "secret CKR_OK\ncopy CKR_OK\n"
			      "local CKR_OK sensitive=1/1 local=1/1\nfind CKR_OK 2\n");
	unlink(probing.faults.rules);
	assert_int_equal(probing_run(&probing, LOGGED_IN), 0);
	assert_string_equal(probing.said, AND_SAID);
}

static void the_nth_call_of_a_function_fails(void **state)
{
	(void)state;
	probing_says(&probing, "C_GenerateRandom nth=2 return CKR_DEVICE_REMOVED",
		     "init open random random random",
		     "init CKR_OK\nopen CKR_OK\nrandom CKR_OK\nrandom CKR_DEVICE_REMOVED\n"
		     "random CKR_OK\n");
	assert_int_equal(fired(1), 1);
	assert_int_equal(calls("C_GenerateRandom"), 3);
}

static void so_many_times_in_a_row(void **state)
{
	(void)state;
	probing_says(&probing, "C_GenerateRandom nth=2 times=2 return 0x30",
		     "init open random random random random",
		     "init CKR_OK\nopen CKR_OK\nrandom CKR_OK\nrandom CKR_DEVICE_ERROR\n"
		     "random CKR_DEVICE_ERROR\nrandom CKR_OK\n");
	assert_int_equal(fired(1), 2);
}

static void a_rule_without_nth_has_no_end(void **state)
{
	(void)state;
	probing_says(&probing, "C_GenerateRandom return CKR_DEVICE_ERROR",
		     "init open random random random",
		     "init CKR_OK\nopen CKR_OK\nrandom CKR_DEVICE_ERROR\nrandom CKR_DEVICE_ERROR\n"
		     "random CKR_DEVICE_ERROR\n");
}

/* C_GetFunctionList, C_Initialize, C_GetSlotList, C_OpenSession */
static void any_counts_all_functions_together(void **state)
{
	(void)state;
	probing_says(&probing, "any nth=4 return CKR_HOST_MEMORY", "init open open",
		     "init CKR_OK\nopen CKR_HOST_MEMORY\nopen CKR_OK\n");
	assert_int_equal(calls("any"), 5);
}

static void a_count_that_was_never_reached_is_seen_from_outside(void **state)
{
	(void)state;
	probing_says(&probing, "C_OpenSession nth=2 return CKR_HOST_MEMORY", "init open",
		     "init CKR_OK\nopen CKR_OK\n");
	assert_int_equal(fired(1), 0);
	assert_int_equal(calls("C_OpenSession"), 1);
}

static void rules_that_change_take_effect_at_the_next_call(void **state)
{
	(void)state;
	probing_says(&probing, "C_GenerateRandom return CKR_DEVICE_ERROR",
		     "init open random rules=C_GenerateRandom nth=2 return CKR_GENERAL_ERROR|"
		     "random random rules=|random",
		     "init CKR_OK\nopen CKR_OK\nrandom CKR_DEVICE_ERROR\nrules CKR_OK\n"
		     "random CKR_OK\nrandom CKR_GENERAL_ERROR\nrules CKR_OK\nrandom CKR_OK\n");
}

static void a_new_file_of_the_same_text_counts_anew(void **state)
{
	(void)state;
	probing_says(&probing, "C_GenerateRandom times=1 return CKR_DEVICE_ERROR",
		     "init open random random rules=C_GenerateRandom times=1 return "
		     "CKR_DEVICE_ERROR|random random",
		     "init CKR_OK\nopen CKR_OK\nrandom CKR_DEVICE_ERROR\nrandom CKR_OK\n"
		     "rules CKR_OK\nrandom CKR_DEVICE_ERROR\nrandom CKR_OK\n");
}

static void what_fires_once_does_not_fire_in_the_next_process(void **state)
{
	(void)state;
	probing_says(&probing, "C_GenerateRandom nth=2 return CKR_DEVICE_ERROR", "init open random",
		     "init CKR_OK\nopen CKR_OK\nrandom CKR_OK\n");
	assert_int_equal(probing_run(&probing, "init open random"), 0);
	assert_non_null(strstr(probing.said, "random CKR_DEVICE_ERROR\n"));
	assert_int_equal(probing_run(&probing, "init open random random random"), 0);
	assert_null(strstr(probing.said, "CKR_DEVICE_ERROR"));
	assert_int_equal(fired(1), 1);
	assert_int_equal(calls("C_GenerateRandom"), 5);
}

/* Each opens, asks and closes 400 times. */
static void processes_and_threads_at_once_lose_no_count(void **state)
{
	static const char words[] = "init threads";
	pid_t pids[3];
	(void)state;

	module_faults_set(&probing.faults, "C_GenerateRandom nth=5 times=1 delay 0");
	module_faults_forget(&probing.faults);
	for (size_t i = 0; i < 3; i++)
		pids[i] = probing_start(&probing, words);
	for (size_t i = 0; i < 3; i++) {
		int status = 0;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	assert_int_equal(calls("C_OpenSession"), 1200);
	assert_int_equal(calls("C_GenerateRandom"), 1200);
	assert_int_equal(calls("C_CloseSession"), 1200);
	assert_int_equal(fired(1), 1);
}

static void a_line_that_is_no_rule_lets_nothing_pass(void **state)
{
	static const char *const bad[] = {
		"C_Sing return CKR_DEVICE_ERROR",
		"C_Sign return CKR_DEVICE_EROR",
		"C_Sign return",
		"C_Sign nth=0 hang",
		"C_Sign nth=two hang",
		"C_Sign hang for ever",
		"C_Sign",
		"hide-attribute",
		"ec-point octets astray",
		"pin-tries 0",
		"init-args",
		"token-flags",
	};
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		module_faults_set(&probing.faults, bad[i]);
		assert_int_equal(probing_run(&probing, "init"), 1);
		assert_non_null(strstr(probing.said, "load CKR_GENERAL_ERROR"));
		assert_non_null(strstr(probing.said, "rules:1: no rule: "));
		assert_non_null(strstr(probing.said, bad[i]));
	}
}

static void comments_and_blank_lines_are_no_rules(void **state)
{
	(void)state;
	probing_says(&probing, "# C_GenerateRandom return CKR_DEVICE_ERROR\n\n  \t\n  # more\n",
		     "init open random", "init CKR_OK\nopen CKR_OK\nrandom CKR_OK\n");
}

static void the_log_shows_answers_and_no_secret(void **state)
{
	char line[256];
	(void)state;

	probing_says(&probing, "C_Sign return 0x80000042", LOGGED_IN " secret hmac",
		     AND_SAID "secret CKR_OK\nhmac ?\n");
	assert_true(probing_logged(&probing, "C_Login CKR_OK"));
	assert_true(probing_logged(&probing, "C_Sign 0x80000042"));
	assert_false(probing_logged(&probing, "C_Sign CKR_OK"));
	FILE *file = fopen(probing.faults.log, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		char rest[64];
		double time;
		int pid;

		assert_int_equal(sscanf(line, "%lf %d C_%*s %*s%63s", &time, &pid, rest), 2);
		assert_null(strstr(line, SOFT_TOKEN_PIN));
	}
	fclose(file);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_rules_nothing_is_wrong),
		TEST(the_nth_call_of_a_function_fails),
		TEST(so_many_times_in_a_row),
		TEST(a_rule_without_nth_has_no_end),
		TEST(any_counts_all_functions_together),
		TEST(a_count_that_was_never_reached_is_seen_from_outside),
		TEST(rules_that_change_take_effect_at_the_next_call),
		TEST(a_new_file_of_the_same_text_counts_anew),
		TEST(what_fires_once_does_not_fire_in_the_next_process),
		TEST(processes_and_threads_at_once_lose_no_count),
		TEST(a_line_that_is_no_rule_lets_nothing_pass),
		TEST(comments_and_blank_lines_are_no_rules),
		TEST(the_log_shows_answers_and_no_secret),
	};

	return cmocka_run_group_tests(tests, make, remove_all);
}
