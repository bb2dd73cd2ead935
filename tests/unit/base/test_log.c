#define _GNU_SOURCE
#include "base/log.h"

#include <sys/mman.h>

#include "test.h"

/* Standard error goes to a file in memory while a test logs. */
struct capture {
	int file, saved;
	char text[4096];
};

static void capture_begin(struct capture *capture)
{
	capture->file = memfd_create("log", 0);
	capture->saved = dup(STDERR_FILENO);
	assert_true(capture->file >= 0 && capture->saved >= 0);
	assert_int_equal(dup2(capture->file, STDERR_FILENO), STDERR_FILENO);
}

static void capture_end(struct capture *capture)
{
	assert_int_equal(dup2(capture->saved, STDERR_FILENO), STDERR_FILENO);
	ssize_t len = pread(capture->file, capture->text, sizeof(capture->text) - 1, 0);
	assert_true(len >= 0);
	capture->text[len] = '\0';
	close(capture->file);
	close(capture->saved);
}

static void a_line_has_its_level_and_its_program(void **state)
{
	struct capture capture;

	(void)state;
	log_open("tester");
	capture_begin(&capture);
	log_error("no token %d", 7);
	log_warn("slow");
	log_info("ready");
	capture_end(&capture);
	assert_string_equal(capture.text, "<3>tester: no token 7\n<4>tester: slow\n"
					  "<6>tester: ready\n");
}

static void text_from_outside_cannot_make_a_line_of_its_own(void **state)
{
	struct capture capture;

	(void)state;
	log_open("tester");
	capture_begin(&capture);
	log_info("caller %s", "x\n<3>tester: forged\r\x1b[2J\x7f");
	capture_end(&capture);
	assert_string_equal(capture.text, "<6>tester: caller x?<3>tester: forged??[2J?\n");
}

static void a_long_line_is_cut_and_still_one_line(void **state)
{
	struct capture capture;
	char big[3000];

	(void)state;
	memset(big, 'y', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	capture_begin(&capture);
	log_info("%s", big);
	capture_end(&capture);
	size_t len = strlen(capture.text);
	assert_in_range(len, 1000, 1024);
	assert_ptr_equal(strchr(capture.text, '\n'), capture.text + len - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_its_level_and_its_program),
		cmocka_unit_test(text_from_outside_cannot_make_a_line_of_its_own),
		cmocka_unit_test(a_long_line_is_cut_and_still_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
