/* `peppermint audit export`, killed or failing anywhere: it stays good, and the next run completes it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "export_check.h"

/* Starts an export that gets so many answers, and kills it when it waits for one more. */
static void kill_export(struct fixture *f, size_t answers)
{
	size_t until = log_requests() + answers + 1;
	char folder[128];

	snprintf(folder, sizeof(folder), "%s/export", f->dir);
	log_hang_after(answers);
	pid_t pid = fork();
	if (pid == 0) {
		execl(PEPPERMINT_CLI, "peppermint", "audit", "export", folder, "--timeout", "30",
		      NULL);
		_exit(127);
	}
	while (log_requests() < until)
		usleep(1000);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	log_hang_after(SIZE_MAX);
}

/* At each answer in turn; it stays the log of its checkpoint, and the run after it succeeds. */
static void a_killed_export_is_completed_by_the_next(void **state)
{
	struct fixture *f = *state;

	log_fill(100);
	log_sign();
	assert_int_equal(run_export(f), 0);
	shell(f, "cp -a export before");
	log_fill(600);
	log_sign();
	log_answer_max(64);
	for (size_t answers = 1; answers <= 11; answers++) {
		shell(f, "rm -r export && cp -a before export");
		kill_export(f, answers);
		check_export(f, 1, 100);
		size_t before = log_requests();
		assert_int_equal(run_export(f), 0);
		if (answers >= 10) /* the 9th ends the second full tile */
			assert_in_range(log_requests() - before, 2, 5);
		check_export(f, 1, 700);
		assert_false(exists(f, "1/tile/0/000.p"));
		assert_false(exists(f, "1/.goal"));
	}
}

/*
 * The nth call of the program that makes a file durable, names or removes it kills it there, or
 * fails as a bad disk does. True if there was such a call.
 */
static bool export_with_fault(struct fixture *f, int nth, const char *how)
{
	char text[32], folder[128], mark[128];
	int status = 0;

	snprintf(text, sizeof(text), "%d", nth);
	snprintf(folder, sizeof(folder), "%s/export", f->dir);
	snprintf(mark, sizeof(mark), "%s/fired", f->dir);
	unlink(mark);
	pid_t pid = fork();
	if (pid == 0) {
		setenv("LD_PRELOAD", FAULT_LIBRARY, 1);
		setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
		setenv("FAULT_NTH", text, 1);
		setenv("FAULT_HOW", how, 1);
		setenv("FAULT_MARK", mark, 1);
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execl(PEPPERMINT_CLI, "peppermint", "audit", "export", folder, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	bool fired = access(mark, F_OK) == 0;
	if (!fired)
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	else if (strcmp(how, "kill") == 0)
		assert_true(WIFSIGNALED(status));
	else
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	return fired;
}

/* Of the folder's checkpoint. */
static uint64_t exported_size(const struct fixture *f)
{
	char note[TLOG_NOTE_MAX];
	struct tlog_checkpoint checkpoint;
	ssize_t len = read_file(f, "1/checkpoint", note, sizeof(note));

	assert_true(len > 0);
	assert_int_equal(tlog_checkpoint_parse(bytes_of(note, (size_t)len), &checkpoint), PM_OK);
	return checkpoint.size;
}

static void verify_ended(struct fixture *f, uint64_t size)
{
	assert_int_equal(run(f, "audit", "verify", in_export(f, ""), "--key", log_vkey(1)), 0);
	if (size == 300 && exists(f, "1/tile/entries/001"))
		assert_says(f->out, "Log 1: an export was ended before it was done.");
}

static void sweep(struct fixture *f, const char *how)
{
	int nth = 1;

	shell(f, "rm -rf export && cp -a before export");
	for (; export_with_fault(f, nth, how); nth++) {
		uint64_t size = exported_size(f);

		assert_true(size == 300 || size == 520);
		check_tiles(f, 1, size);
		verify_ended(f, size);
		assert_int_equal(run_export(f), 0);
		check_export(f, 1, 520);
		shell(f, "test -z \"$(find export -name '001.p' -o -name '.[ug]*')\"");
		assert_int_equal(run(f, "audit", "verify", in_export(f, ""), "--key", log_vkey(1)),
				 0);
		assert_never_says(f->out, "an export was ended");
		shell(f, "rm -r export && cp -a before export");
	}
	assert_true(nth > 20); /* it really met some */
	check_export(f, 1, 520);
}

static void before_a_sweep(struct fixture *f)
{
	log_append("log.open", "\"prev\":null");
	log_fill(299);
	log_sign();
	assert_int_equal(run_export(f), 0);
	shell(f, "cp -a export before");
	log_fill(220);
	log_sign();
}

static void killed_at_any_step_it_is_good_and_completed_by_the_next(void **state)
{
	before_a_sweep(*state);
	sweep(*state, "kill");
}

static void a_disk_that_fails_at_any_step_leaves_it_good(void **state)
{
	before_a_sweep(*state);
	sweep(*state, "fail");
}

/* Whichever file a run that was ended did not write any more, the next one writes it. */
static void any_tile_beyond_the_checkpoint_may_be_missing_or_cut_off(void **state)
{
	static const char *const files[] = {
		"1/tile/0/000",     "1/tile/entries/001",       "1/tile/0/001",
		"1/tile/1/000.p/2", "1/tile/entries/002.p/188", "1/log.vkey"
	};
	struct fixture *f = *state;

	log_fill(700);
	log_sign();
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		assert_int_equal(run_export(f), 0);
		assert_int_equal(unlink(in_export(f, "1/checkpoint")), 0);
		assert_int_equal(unlink(in_export(f, files[i])), 0);
		assert_int_equal(run_export(f), 0);
		check_export(f, 1, 700);
		assert_int_equal(unlink(in_export(f, "1/checkpoint")), 0);
		assert_int_equal(truncate(in_export(f, files[i]), 10), 0);
		if (i + 1 <
		    sizeof(files) / sizeof(files[0])) { /* a key that differs is no accident */
			assert_int_equal(run_export(f), 0);
			check_export(f, 1, 700);
		}
	}
}

static void an_unfinished_file_is_written_over(void **state)
{
	struct fixture *f = *state;

	log_fill(5);
	log_sign();
	assert_int_equal(run_export(f), 0);
	int fd = open(in_export(f, "1/.unfinished"), O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "junk", 4), 4);
	close(fd);
	log_fill(5);
	log_sign();
	assert_int_equal(run_export(f), 0);
	check_export(f, 1, 10);
}

static void a_folder_that_cannot_be_written_is_no_success(void **state)
{
	struct fixture *f = *state;

	log_fill(3);
	log_sign();
	assert_int_equal(mkdir(in_export(f, ""), 0755), 0);
	assert_int_equal(mkdir(in_export(f, "1"), 0755), 0);
	int fd = open(in_export(f, "1/tile"), O_WRONLY | O_CREAT, 0600);
	close(fd);
	assert_int_equal(run_export(f), 3);
	assert_says(f->err, "cannot open tile");
	assert_false(exists(f, "1/checkpoint"));
	assert_int_equal(run(f, "audit", "export", "/proc/nothing"), 2);
	assert_says(f->err, "cannot make /proc/nothing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(a_killed_export_is_completed_by_the_next),
		LOG_TEST(killed_at_any_step_it_is_good_and_completed_by_the_next),
		LOG_TEST(a_disk_that_fails_at_any_step_leaves_it_good),
		LOG_TEST(any_tile_beyond_the_checkpoint_may_be_missing_or_cut_off),
		LOG_TEST(an_unfinished_file_is_written_over),
		LOG_TEST(a_folder_that_cannot_be_written_is_no_success),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
