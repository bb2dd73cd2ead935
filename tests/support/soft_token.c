#define _GNU_SOURCE
#include "soft_token.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/token_lock.h"

#define SO_PIN "so-pin-of-a-test"
#define ARGS_MAX 32

static void die(const char *what, const char *why)
{
	fprintf(stderr, "soft_token: %s: %s\n", what, why);
	abort();
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file || fputs(text, file) < 0 || fclose(file) != 0 || chmod(path, 0600) != 0)
		die("cannot write", path);
}

static void read_output(int fd, char *out, size_t cap)
{
	char rest[512];
	size_t used = 0;

	for (;;) {
		size_t room = cap - 1 - used;
		ssize_t got = room > 0 ? read(fd, out + used, room) : read(fd, rest, sizeof(rest));
		if (got <= 0)
			break;
		used += room > 0 ? (size_t)got : 0;
	}
	out[used] = '\0';
}

int soft_token_run(const struct soft_token *token, const char *const argv[], char *out, size_t cap)
{
	char path[] = "PATH=/usr/bin:/bin:/usr/sbin";
	char *env[] = { (char *)token->env, path, NULL };
	int ends[2], status = 0;
	posix_spawn_file_actions_t actions;
	pid_t pid;

	if (pipe(ends) != 0)
		die("pipe", argv[0]);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	int err = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, env);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (err != 0)
		die(argv[0], strerror(err));
	read_output(ends[0], out, cap);
	close(ends[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int soft_token_tool(const struct soft_token *token, const char *const argv[], char *out, size_t cap)
{
	const char *all[ARGS_MAX] = {
		"pkcs11-tool", "--module", SOFT_TOKEN_MODULE, "--token-label",
		token->label,  "--login",  "--pin",           SOFT_TOKEN_PIN
	};
	size_t count = 8;

	while (*argv && count < ARGS_MAX - 1)
		all[count++] = *argv++;
	return soft_token_run(token, all, out, cap);
}

void soft_token_add(const struct soft_token *token, const char *label)
{
	const char *const argv[] = {
		"softhsm2-util", "--init-token", "--free", "--label",      label,
		"--so-pin",      SO_PIN,         "--pin",  SOFT_TOKEN_PIN, NULL
	};
	char out[1024];

	if (soft_token_run(token, argv, out, sizeof(out)) != 0)
		die("softhsm2-util --init-token", out);
}

/* In the list of slots a token's serial stands before its label. */
static void read_serial(struct soft_token *token)
{
	const char *const argv[] = { "softhsm2-util", "--show-slots", NULL };
	char out[8192], *rest = out, *line;

	soft_token_run(token, argv, out, sizeof(out));
	while ((line = strsep(&rest, "\n"))) {
		char label[33] = "";

		sscanf(line, " Serial number: %16s", token->serial);
		if (sscanf(line, " Label: %32s", label) == 1 && strcmp(label, token->label) == 0)
			return;
	}
	die("no such token", token->label);
}

void soft_token_make(struct soft_token *token, const char *label)
{
	char path[128], text[512];

	*token = (struct soft_token){ 0 };
	tmpdir_make(token->dir);
	snprintf(path, sizeof(path), "%s/tokens", token->dir);
	if (mkdir(path, 0700) != 0)
		die("cannot make", path);
	snprintf(text, sizeof(text),
		 "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
		 path);
	snprintf(path, sizeof(path), "%s/softhsm2.conf", token->dir);
	write_file(path, text);
	snprintf(token->env, sizeof(token->env), "SOFTHSM2_CONF=%s", path);
	snprintf(token->pin_file, sizeof(token->pin_file), "%s/pin", token->dir);
	write_file(token->pin_file, SOFT_TOKEN_PIN "\n");
	snprintf(token->label, sizeof(token->label), "%s", label);
	soft_token_add(token, label);
	read_serial(token);
	snprintf(token->uri, sizeof(token->uri), "pkcs11:token=%s;serial=%s", token->label,
		 token->serial);
}

void soft_token_remove(const struct soft_token *token)
{
	char lock[TOKEN_LOCK_PATH_MAX];

	/* What a process that served it has left behind. */
	token_lock_path("SoftHSM project", "SoftHSM v2", token->serial, lock);
	unlink(lock);
	tmpdir_remove(token->dir);
}
