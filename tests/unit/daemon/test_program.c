#include "program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

/* Against sha256sum, a program that is not ours. */
static void a_program_is_named_by_its_version_and_hash(void **state)
{
	char text[PROGRAM_TEXT_MAX + 1], command[64], line[256] = "", expected[256];

	(void)state;
	snprintf(command, sizeof(command), "sha256sum /proc/%d/exe", (int)getpid());
	FILE *output = popen(command, "r");
	assert_non_null(output);
	assert_non_null(fgets(line, sizeof(line), output));
	assert_int_equal(pclose(output), 0);
	assert_int_equal(program_describe("1.2.3", text), PM_OK);
	snprintf(expected, sizeof(expected), "peppermintd 1.2.3 %.64s", line);
	assert_string_equal(text, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_is_named_by_its_version_and_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
