#define _GNU_SOURCE
#include "base/secret.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "test.h"

/* The kernel's flags of the mapping at `ptr`: the VmFlags line of its part of smaps. */
static void mapping_flags(const void *ptr, char flags[256])
{
	FILE *smaps CLEANUP(close_file) = fopen("/proc/self/smaps", "r");
	char line[512];
	bool ours = false;

	assert_non_null(smaps);
	flags[0] = '\0';
	while (fgets(line, sizeof(line), smaps)) {
		uintptr_t from = 0, to = 0;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			ours = (uintptr_t)ptr >= from && (uintptr_t)ptr < to;
		if (ours && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(flags, 256, "%.255s", line);
	}
}

/* Runs `check` in a child, which may restrict itself, and expects it to come back true. */
static void assert_in_child(bool (*check)(void))
{
	int status = 0;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(check() ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void its_pages_are_zero_and_not_dumped(void **state)
{
	uint8_t *ptr = secret_alloc(5000);
	char flags[256];

	(void)state;
	assert_non_null(ptr);
	assert_all_zero(ptr, 5000);
	mapping_flags(ptr, flags);
	assert_non_null(strstr(flags, " dd"));
	assert_non_null(strstr(flags, " wf"));
	secret_free(ptr, 5000);
	secret_free(NULL, 5000);
}

static void its_pages_are_locked(void **state)
{
	char flags[256];

	(void)state;
	if (MLOCK_DOES_NOTHING)
		skip();
	uint8_t *ptr = secret_alloc(5000);
	assert_non_null(ptr);
	mapping_flags(ptr, flags);
	assert_non_null(strstr(flags, " lo"));
	secret_free(ptr, 5000);
}

static uint8_t *shared_secret;

static bool sees_no_secret(void)
{
	return shared_secret[0] == 0 && shared_secret[99] == 0;
}

static void a_forked_child_does_not_get_it(void **state)
{
	(void)state;
	shared_secret = secret_alloc(100);
	assert_non_null(shared_secret);
	memset(shared_secret, 0xaa, 100);
	assert_in_child(sees_no_secret);
	assert_int_equal(shared_secret[99], 0xaa);
	secret_free(shared_secret, 100);
}

static bool is_refused_without_a_limit_to_lock(void)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_MEMLOCK, &none) != 0)
		return false;
	if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
		return false; /* root may lock whatever the limit */
	return secret_alloc(100) == NULL;
}

static void memory_that_cannot_be_locked_is_not_given_out(void **state)
{
	(void)state;
	if (MLOCK_DOES_NOTHING)
		skip();
	assert_in_child(is_refused_without_a_limit_to_lock);
}

static void wiping_leaves_zeros_and_nothing_else_touched(void **state)
{
	uint8_t bytes[] = { 1, 2, 3, 4, 5 };

	(void)state;
	secret_wipe(bytes + 1, 3);
	assert_all_zero(bytes + 1, 3);
	assert_int_equal(bytes[0], 1);
	assert_int_equal(bytes[4], 5);
}

static void one_differing_bit_anywhere_is_unequal(void **state)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };

	(void)state;
	assert_true(secret_equal(a, b, sizeof(a)));
	for (size_t bit = 0; bit < 8 * sizeof(b); bit++) {
		b[bit / 8] = (uint8_t)(1U << bit % 8);
		assert_false(secret_equal(a, b, sizeof(a)));
		b[bit / 8] = 0;
	}
	assert_true(secret_equal(a, b, 0));
}

static bool is_hardened(void)
{
	bool all_locked = false;
	struct rlimit core = { 1, 1 };

	if (secret_harden_process(&all_locked) != PM_OK)
		return false;
	return getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 &&
	       prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && umask(0) == 077;
}

static void a_hardened_process_dumps_nothing_and_gains_nothing(void **state)
{
	(void)state;
	assert_in_child(is_hardened);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_pages_are_zero_and_not_dumped),
		cmocka_unit_test(its_pages_are_locked),
		cmocka_unit_test(a_forked_child_does_not_get_it),
		cmocka_unit_test(memory_that_cannot_be_locked_is_not_given_out),
		cmocka_unit_test(wiping_leaves_zeros_and_nothing_else_touched),
		cmocka_unit_test(one_differing_bit_anywhere_is_unequal),
		cmocka_unit_test(a_hardened_process_dumps_nothing_and_gains_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
