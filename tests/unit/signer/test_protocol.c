#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "driver.h"

static struct soft_token token;
static struct driver driver;

static int make_token(void **state)
{
	(void)state;
	soft_token_make(&token, "one");
	return 0;
}

static int remove_token(void **state)
{
	(void)state;
	soft_token_remove(&token);
	return 0;
}

static int end_signer(void **state)
{
	(void)state;
	driver_end(&driver);
	return 0;
}

static void assert_ended_without_an_answer(void)
{
	assert_true(driver_hung_up(&driver));
	assert_int_equal(driver_wait(&driver), 1);
}

static void started_by_hand_it_says_who_starts_it(void **state)
{
	const char *const argv[] = { SIGNER_PROGRAM, "live", NULL };
	char out[256];
	(void)state;

	assert_int_equal(soft_token_run(&token, argv, out, sizeof(out)), 2);
	assert_string_equal(out, "peppermint-signer is started by peppermintd, not by hand\n");
}

static void it_ends_well_when_peppermintd_hangs_up(void **state)
{
	(void)state;
	driver_serve(&driver, &token, NULL);
	close(driver.fd);
	driver.fd = 0;
	assert_int_equal(driver_wait(&driver), 0);
}

static void a_stop_of_the_whole_group_does_not_stop_it(void **state)
{
	(void)state;
	driver_serve(&driver, &token, NULL);
	kill(driver.pid, SIGTERM);
	kill(driver.pid, SIGINT);
	assert_null(driver_random(&driver, 16)->failure);
}

static void a_request_it_does_not_know_is_fatal(void **state)
{
	static const uint8_t unknown[] = { 0x08, 0x07, 0xfa, 0x01, 0x00 }; /* id 7, field 31 {} */
	(void)state;

	driver_serve(&driver, &token, NULL);
	driver_send(&driver, unknown, sizeof(unknown));
	assert_ended_without_an_answer();
}

static void a_request_without_an_operation_is_fatal(void **state)
{
	static const uint8_t nothing[] = { 0x08, 0x07 };
	(void)state;

	driver_serve(&driver, &token, NULL);
	driver_send(&driver, nothing, sizeof(nothing));
	assert_ended_without_an_answer();
}

static void a_truncated_frame_is_fatal(void **state)
{
	static const uint8_t cut[] = { 0x08, 0x07, 0x1a, 0x7f,
				       0x0a }; /* hmac of 127 bytes, 1 there */
	(void)state;

	driver_serve(&driver, &token, NULL);
	driver_send(&driver, cut, sizeof(cut));
	assert_ended_without_an_answer();
}

static void a_frame_over_the_limit_is_fatal(void **state)
{
	uint8_t *frame = calloc(1, 128 * 1024 + 1);
	(void)state;

	driver_serve(&driver, &token, NULL);
	driver_send(&driver, frame, 128 * 1024 + 1);
	free(frame);
	assert_ended_without_an_answer();
}

static void a_frame_that_unfolds_beyond_its_memory_is_fatal(void **state)
{
	uint8_t *frame = malloc(128 * 1024);
	size_t len = 0;
	(void)state;

	/* 60,000 empty items in 120,000 bytes; decoded they are many times that. */
	frame[len++] = 0x1a;
	frame[len++] = 0xc0;
	frame[len++] = 0xa9;
	frame[len++] = 0x07;
	for (int i = 0; i < 60000; i++) {
		frame[len++] = 0x0a;
		frame[len++] = 0x00;
	}
	driver_serve(&driver, &token, NULL);
	driver_send(&driver, frame, len);
	free(frame);
	assert_ended_without_an_answer();
}

static void nothing_is_served_before_start(void **state)
{
	static const uint8_t random[] = { 0x08, 0x01, 0x32, 0x02, 0x08, 0x10 };
	(void)state;

	driver_spawn(&driver, &token, NULL, NO_PIN_FD);
	driver_send(&driver, random, sizeof(random));
	assert_ended_without_an_answer();
}

static void a_second_start_is_fatal(void **state)
{
	static const uint8_t start[] = { 0x08, 0x02, 0x12, 0x00 };
	(void)state;

	driver_serve(&driver, &token, NULL);
	driver_send(&driver, start, sizeof(start));
	assert_ended_without_an_answer();
}

/* Each request's first field, with its own tag, whose 127 bytes are not there. */
static void a_truncated_request_about_a_pair_is_fatal(void **state)
{
	static const uint8_t tags[] = { 0x3a, 0x42 }; /* generate_pair, sign */
	(void)state;

	for (size_t i = 0; i < sizeof(tags); i++) {
		const uint8_t outside[] = { 0x08, 0x07, tags[i], 0x7f, 0x0a };
		const uint8_t inside[] = { 0x08, 0x07, tags[i], 0x03, 0x0a, 0x7f, 0x00 };

		driver_serve(&driver, &token, NULL);
		driver_send(&driver, outside, sizeof(outside));
		assert_ended_without_an_answer();
		driver_end(&driver);
		driver_serve(&driver, &token, NULL);
		driver_send(&driver, inside, sizeof(inside));
		assert_ended_without_an_answer();
		driver_end(&driver);
	}
}

static void an_id_of_another_length_is_refused(void **state)
{
	static uint8_t id[300];
	static const size_t lengths[] = { 0, 1, 15, 17, sizeof(id) };
	(void)state;

	driver_serve(&driver, &token, NULL);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		Peppermint__Signer__V1__Generate generate = PEPPERMINT__SIGNER__V1__GENERATE__INIT;
		Peppermint__Signer__V1__Sign sign = PEPPERMINT__SIGNER__V1__SIGN__INIT;
		Request request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

		generate.key_id = (ProtobufCBinaryData){ .len = lengths[i], .data = id };
		generate.label = (char *)"peppermint/live/audit/log/v1";
		request.op_case = OP(GENERATE_PAIR);
		request.generate_pair = &generate;
		assert_int_equal(driver_ask(&driver, &request)->failure->class_, FAILURE(CALLER));
		sign.key_id = generate.key_id;
		sign.algorithm = ALGORITHM(ED25519);
		request.op_case = OP(SIGN);
		request.sign = &sign;
		assert_int_equal(driver_ask(&driver, &request)->failure->class_, FAILURE(CALLER));
	}
	assert_int_equal(driver_list(&driver, "peppermint/")->list->n_objects, 0);
}

static bool status_says(pid_t pid, const char *wanted)
{
	char path[64], line[256];
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		found = found || strcmp(line, wanted) == 0;
	fclose(file);
	return found;
}

static void it_serves_inside_its_sandbox(void **state)
{
	(void)state;
	driver_serve(&driver, &token, NULL);
	assert_true(status_says(driver.pid, "Seccomp:\t2\n"));
	assert_true(status_says(driver.pid, "NoNewPrivs:\t1\n"));
	assert_true(status_says(driver.pid, "Name:\tsigner live\n"));
}

static void it_keeps_no_descriptor_but_its_own(void **state)
{
	char path[64];
	int stray = open("/dev/zero", O_RDONLY); /* inherited on purpose */
	int fd = fcntl(stray, F_DUPFD, 77);
	(void)state;

	driver_serve(&driver, &token, NULL);
	close(stray);
	close(fd);
	snprintf(path, sizeof(path), "/proc/%d/fd/3", driver.pid);
	if (access(path, F_OK) != 0)
		skip(); /* it is not dumpable: only root may look */
	int locks = 0;
	for (int i = 4; i <= fd; i++) {
		char target[128] = "";

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", driver.pid, i);
		if (readlink(path, target, sizeof(target) - 1) < 0)
			continue;
		if (strncmp(target, "/run/lock/peppermint-token-", 27) != 0)
			fail_msg("%s is %s", path, target);
		locks++;
	}
	assert_int_equal(locks, 1);
}

static void no_secret_stays_in_its_memory(void **state)
{
	static const char presented[] = "a-secret-presented-to-be-verified";
	const uint8_t id[16] = "memory";
	(void)state;

	driver_serve(&driver, &token, NULL);
	assert_null(driver_generate(&driver, id, "peppermint/live/memory")->failure);
	assert_non_null(driver_hmac(&driver, id, presented, sizeof(presented) - 1));
	if (driver_copies(&driver, bytes_str("live")) < 0)
		skip(); /* only root may look */
	assert_true(driver_copies(&driver, bytes_str("peppermint/live/")) > 0); /* we do look */
	assert_int_equal(driver_copies(&driver, bytes_str(SOFT_TOKEN_PIN)), 0);
	assert_int_equal(driver_copies(&driver, bytes_str(presented)), 0);
}

/* Where a process that dies at once would not be found dead: in a call that never returns. */
static void hang_in_login(int report)
{
	driver_spawn(&driver, &token, "C_Login hang", NO_PIN_FD);
	if (write(report, &driver.pid, sizeof(driver.pid)) != sizeof(driver.pid))
		_exit(1);
	driver_start(&driver, &token, (struct driver_start){ 0 });
	_exit(1); /* not reached: there is no answer */
}

static void it_dies_with_its_parent_even_inside_a_hanging_call(void **state)
{
	struct module_faults faults;
	int ends[2], status = 0;
	pid_t signer = 0;
	(void)state;

	module_faults_make(&faults, &token);
	module_faults_forget(&faults);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0); /* orphans become ours */
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t parent = fork();
	if (parent == 0)
		hang_in_login(ends[1]);
	assert_int_equal(read(ends[0], &signer, sizeof(signer)), sizeof(signer));
	close(ends[0]);
	close(ends[1]);
	while (module_faults_fired(&faults, 1) == 0)
		usleep(1000);
	kill(parent, SIGKILL);
	assert_int_equal(waitpid(parent, &status, 0), parent);
	assert_int_equal(waitpid(signer, &status, 0), signer);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
}

#define TEST(name) cmocka_unit_test_teardown(name, end_signer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(started_by_hand_it_says_who_starts_it),
		TEST(it_ends_well_when_peppermintd_hangs_up),
		TEST(a_stop_of_the_whole_group_does_not_stop_it),
		TEST(a_request_it_does_not_know_is_fatal),
		TEST(a_request_without_an_operation_is_fatal),
		TEST(a_truncated_frame_is_fatal),
		TEST(a_frame_over_the_limit_is_fatal),
		TEST(a_frame_that_unfolds_beyond_its_memory_is_fatal),
		TEST(nothing_is_served_before_start),
		TEST(a_second_start_is_fatal),
		TEST(a_truncated_request_about_a_pair_is_fatal),
		TEST(an_id_of_another_length_is_refused),
		TEST(it_serves_inside_its_sandbox),
		TEST(it_keeps_no_descriptor_but_its_own),
		TEST(no_secret_stays_in_its_memory),
		TEST(it_dies_with_its_parent_even_inside_a_hanging_call),
	};

	return cmocka_run_group_tests(tests, make_token, remove_token);
}
