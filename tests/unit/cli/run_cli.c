#define _GNU_SOURCE
#include "run_cli.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tmpdir.h"

#define WORDS_MAX 40

extern char **environ;

atomic_int run_pid;

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	tmpdir_make(f->dir);
	snprintf(f->socket, sizeof(f->socket), "%s/vault.sock", f->dir);
	f->canned = canned_start(f->socket);
	setenv("PEPPERMINT_SOCKET", f->socket, 1);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	canned_stop(f->canned);
	tmpdir_remove(f->dir);
	free(f);
	return 0;
}

static int open_file(const struct fixture *f, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

static void read_back(int fd, char *text)
{
	ssize_t len = pread(fd, text, OUTPUT_MAX - 1, 0);

	assert_true(len >= 0 && len < OUTPUT_MAX - 1);
	text[len] = '\0';
	close(fd);
}

static int spawn_and_wait(char *const *argv, const int fds[3])
{
	posix_spawn_file_actions_t actions;
	pid_t pid = 0;
	int status = 0;

	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(posix_spawn_file_actions_adddup2(&actions, fds[i], i), 0);
	assert_int_equal(posix_spawn(&pid, PEPPERMINT_CLI, &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	atomic_store(&run_pid, pid);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	atomic_store(&run_pid, 0);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return RUN_KILLED;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

int run_with_input(struct fixture *f, const void *input, size_t len, const char *word, ...)
{
	char *argv[WORDS_MAX + 2] = { (char *)(uintptr_t) "peppermint" };
	int fds[3] = { open_file(f, "in"), open_file(f, "out"), open_file(f, "err") };
	size_t count = 1;
	va_list words;

	va_start(words, word);
	for (; word; word = va_arg(words, const char *)) {
		assert_true(count <= WORDS_MAX);
		argv[count++] = (char *)(uintptr_t)word;
	}
	va_end(words);
	assert_int_equal(pwrite(fds[0], input, len, 0), len);
	int status = spawn_and_wait(argv, fds);
	close(fds[0]);
	read_back(fds[1], f->out);
	read_back(fds[2], f->err);
	return status;
}

json_t *output_json(struct fixture *f)
{
	json_error_t error;
	json_t *json = json_loads(f->out, 0, &error);

	if (!json)
		fail_msg("no JSON: %s: %s", error.text, f->out);
	return json;
}
