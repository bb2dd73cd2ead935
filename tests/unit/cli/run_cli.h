/* Runs the real `peppermint` against a canned vault, with files for its three streams. */
#ifndef TESTS_RUN_CLI_H
#define TESTS_RUN_CLI_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "canned.h"

#define OUTPUT_MAX (2 * 1024 * 1024)

struct fixture {
	char dir[64];
	char socket[96];
	struct canned *canned;
	char out[OUTPUT_MAX], err[OUTPUT_MAX]; /* of the last run */
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* The run that is under way, for a test that kills it from the vault's thread; 0: none. */
extern atomic_int run_pid;
#define RUN_KILLED 137

/* The exit status, or RUN_KILLED. `input` may hold NULs. The words of the command line end with a NULL. */
int run_with_input(struct fixture *f, const void *input, size_t len, const char *word, ...);
#define run_with(f, input, ...) run_with_input((f), (input), strlen(input), __VA_ARGS__, NULL)
#define run(f, ...) run_with_input((f), "", 0, __VA_ARGS__, NULL)

/* The last run's standard output as JSON; fails the test when it is none. */
json_t *output_json(struct fixture *f);

#define assert_says(text, part) assert_non_null(strstr((text), (part)))
#define assert_never_says(text, part) assert_null(strstr((text), (part)))

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
