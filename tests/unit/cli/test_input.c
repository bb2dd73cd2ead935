/* Secrets on standard input: their bounds, their bytes, and the terminal. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "run_cli.h"

static void empty_input_is_a_usage_error(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "key", "verify", "--env", "test"), 2);
	assert_says(f->err, "standard input is empty");
}

static void a_line_that_is_too_long_is_named_and_not_sent(void **state)
{
	struct fixture *f = *state;
	static char line[100 * 1000];

	memset(line, 'a', sizeof(line));
	assert_int_equal(run_with_input(f, line, 257, "key", "verify", "--env", "test", NULL), 2);
	assert_says(f->err, "line 1 is over 256 bytes");
	assert_int_equal(run_with_input(f, line, sizeof(line), "hash", "--env", "test", "--pepper",
					"p", NULL),
			 2);
	assert_says(f->err, "line 1 is over 16384 bytes");
	assert_int_equal(canned_count(f->canned), 0);
	assert_int_equal(run_with_input(f, line, 256, "key", "verify", "--env", "test", NULL), 1);
	assert_int_equal(
		run_with_input(f, line, 16384, "hash", "--env", "test", "--pepper", "p", NULL), 0);
}

static void a_nul_in_a_key_is_no_end_of_it(void **state)
{
	struct fixture *f = *state;
	static const char input[] = CANNED_KEY "\n" CANNED_KEY "\0junk\n";

	assert_int_equal(
		run_with_input(f, input, sizeof(input) - 1, "key", "verify", "--env", "test", NULL),
		2);
	assert_says(f->err, "line 2 holds a NUL byte");
}

static void bytes_that_are_no_text_are_refused_as_a_key(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_with(f, "\xff\xfe\x80\n\x1b[2J\n", "key", "verify", "--env", "test"),
			 1);
	assert_says(f->out, "MALFORMED");
	assert_never_says(f->out, "\x1b");
}

static void an_empty_line_is_a_missing_key(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		run_with(f, CANNED_KEY "\n\n" CANNED_KEY "\n", "key", "verify", "--env", "test"),
		1);
	assert_says(f->out, "2     no     -");
	assert_says(f->out, "MISSING");
	assert_says(f->out, "3     yes");
}

static void any_number_of_lines_is_verified_in_batches(void **state)
{
	struct fixture *f = *state;
	const size_t lines = 2500;
	char *input = calloc(lines, sizeof(CANNED_KEY));

	assert_non_null(input);
	for (size_t i = 0; i < lines; i++)
		memcpy(input + i * sizeof(CANNED_KEY), CANNED_KEY "\n", sizeof(CANNED_KEY));
	assert_int_equal(run_with_input(f, input, lines * sizeof(CANNED_KEY), "key", "verify",
					"--env", "test", "--json", NULL),
			 0);
	free(input);
	json_t *json = output_json(f);
	assert_int_equal(json_array_size(json), lines);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(json, lines - 1), "line")),
		lines);
	json_decref(json);
	assert_in_range(canned_count(f->canned), 25, 30);
}

static void long_values_are_hashed_in_batches_that_fit_a_message(void **state)
{
	struct fixture *f = *state;
	static char input[10 * 16385];
	size_t lines = 0;

	memset(input, 'v', sizeof(input));
	for (size_t i = 16384; i < sizeof(input); i += 16385)
		input[i] = '\n';
	assert_int_equal(run_with_input(f, input, sizeof(input), "hash", "--env", "test",
					"--pepper", "p", NULL),
			 0);
	for (const char *line = f->out; (line = strstr(line, "v2:16384-76\n")); line++)
		lines++;
	assert_int_equal(lines, 10);
}

static void an_answer_that_cannot_be_written_is_no_success(void **state)
{
	struct fixture *f = *state;
	char command[512];

	snprintf(command, sizeof(command),
		 PEPPERMINT_CLI " key mint --env test --account a --request-id my-id "
				">/dev/full 2>%s/err",
		 f->dir);
	int status = system(command);
	assert_int_equal(WEXITSTATUS(status), 3);
	snprintf(command, sizeof(command),
		 "grep -q 'request-id my-id' %s/err && ! grep -q %s %s/err", f->dir, CANNED_KEY,
		 f->dir);
	assert_int_equal(system(command), 0);
}

/* Everything the program writes to its terminal until it says `until` or ends. */
static void read_terminal(int terminal, char *text, size_t size, const char *until)
{
	size_t used = strlen(text);

	while (used < size - 1 && (!until || !strstr(text, until))) {
		ssize_t len = read(terminal, text + used, size - 1 - used);
		if (len <= 0)
			return;
		used += (size_t)len;
		text[used] = '\0';
	}
}

static pid_t start_on_terminal(int *terminal)
{
	pid_t pid = forkpty(terminal, NULL, NULL, NULL);

	if (pid == 0) {
		execl(PEPPERMINT_CLI, "peppermint", "key", "verify", "--env", "test", NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	return pid;
}

static void a_key_typed_at_a_terminal_is_not_echoed(void **state)
{
	char text[4096] = "";
	int terminal = -1;
	int status = 0;
	struct termios modes;

	(void)state;
	pid_t pid = start_on_terminal(&terminal);
	read_terminal(terminal, text, sizeof(text), "API key (not shown): ");
	assert_int_equal(tcgetattr(terminal, &modes), 0);
	assert_false(modes.c_lflag & ECHO);
	assert_int_equal(write(terminal, CANNED_KEY "\n", sizeof(CANNED_KEY)), sizeof(CANNED_KEY));
	read_terminal(terminal, text, sizeof(text), NULL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_never_says(text, CANNED_KEY);
	assert_says(text, "1     yes    " CANNED_ID);
	close(terminal);
}

/* What is asked for a PIN is told whose. */
static void a_prompt_for_pins_names_the_environment(void **state)
{
	static const char *const prompts[] = {
		"PIN of environment live (not shown): ",
		"new PIN of environment live (not shown): ",
		"once more: the new PIN of environment live (not shown): ",
	};
	char text[4096] = "";
	int terminal = -1, status = 0;

	(void)state;
	pid_t pid = forkpty(&terminal, NULL, NULL, NULL);
	if (pid == 0) {
		execl(PEPPERMINT_CLI, "peppermint", "hsm", "change-pin", "--env", "live", NULL);
		_exit(127);
	}
	for (size_t i = 0; i < sizeof(prompts) / sizeof(prompts[0]); i++) {
		read_terminal(terminal, text, sizeof(text), prompts[i]);
		assert_int_equal(write(terminal, "271828\n", 7), 7);
	}
	read_terminal(terminal, text, sizeof(text), NULL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	for (size_t i = 0; i < sizeof(prompts) / sizeof(prompts[0]); i++)
		assert_says(text, prompts[i]);
	assert_never_says(text, "271828");
	close(terminal);
}

static void a_signal_at_the_prompt_switches_echo_on_again(void **state)
{
	char text[4096] = "";
	int terminal = -1;
	int status = 0;
	struct termios modes;

	(void)state;
	pid_t pid = start_on_terminal(&terminal);
	read_terminal(terminal, text, sizeof(text), "API key (not shown): ");
	assert_int_equal(write(terminal, "\x03", 1), 1); /* Ctrl-C */
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
	assert_int_equal(tcgetattr(terminal, &modes), 0);
	assert_true(modes.c_lflag & ECHO);
	close(terminal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(empty_input_is_a_usage_error),
		TEST(a_line_that_is_too_long_is_named_and_not_sent),
		TEST(a_nul_in_a_key_is_no_end_of_it),
		TEST(bytes_that_are_no_text_are_refused_as_a_key),
		TEST(an_empty_line_is_a_missing_key),
		TEST(any_number_of_lines_is_verified_in_batches),
		TEST(long_values_are_hashed_in_batches_that_fit_a_message),
		TEST(an_answer_that_cannot_be_written_is_no_success),
		TEST(a_key_typed_at_a_terminal_is_not_echoed),
		TEST(a_prompt_for_pins_names_the_environment),
		TEST(a_signal_at_the_prompt_switches_echo_on_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
