#define _GNU_SOURCE
#include "probing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs what is above. */
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 32

void probing_make(struct probing *probing)
{
	soft_token_make(&probing->token, "one");
	module_faults_make(&probing->faults, &probing->token);
}

void probing_remove(struct probing *probing)
{
	soft_token_remove(&probing->token);
}

/* A rule holds blanks. */
static void split(char *words, char *list[WORDS_MAX])
{
	size_t count = 0;
	char *rest = words;

	list[count++] = PROBE_PROGRAM;
	list[count++] = FAULTY_MODULE;
	while (rest && count < WORDS_MAX - 1)
		list[count++] =
			strncmp(rest, "rules=", 6) == 0 ? strsep(&rest, "|") : strsep(&rest, " ");
	list[count] = NULL;
}

static pid_t start(struct probing *probing, const char *words, int out)
{
	char copy[1024], *list[WORDS_MAX];
	char *env[] = { probing->token.env, probing->faults.env[0], probing->faults.env[1],
			probing->faults.env[2], NULL };

	snprintf(copy, sizeof(copy), "%s", words);
	split(copy, list);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execve(PROBE_PROGRAM, list, env);
	_exit(127);
}

int probing_run(struct probing *probing, const char *words)
{
	size_t used = 0;
	int ends[2], status = 0;
	ssize_t got;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t pid = start(probing, words, ends[1]);
	close(ends[1]);
	while ((got = read(ends[0], probing->said + used, sizeof(probing->said) - 1 - used)) > 0)
		used += (size_t)got;
	probing->said[used] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void probing_says(struct probing *probing, const char *rules, const char *words, const char *said)
{
	module_faults_set(&probing->faults, rules);
	module_faults_forget(&probing->faults);
	int status = probing_run(probing, words);
	assert_string_equal(probing->said, said);
	assert_int_equal(status, 0);
}

pid_t probing_start(struct probing *probing, const char *words)
{
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	assert_true(nowhere >= 0);
	pid_t pid = start(probing, words, nowhere);
	close(nowhere);
	return pid;
}

int probing_logged(const struct probing *probing, const char *call)
{
	FILE *file = fopen(probing->faults.log, "re");
	char line[256], wanted[128];
	bool found = false;

	snprintf(wanted, sizeof(wanted), " %s\n", call);
	while (file && !found && fgets(line, sizeof(line), file))
		found = strlen(line) > strlen(wanted) &&
			strcmp(line + strlen(line) - strlen(wanted), wanted) == 0;
	if (file)
		fclose(file);
	return found;
}
