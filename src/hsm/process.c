#define _GNU_SOURCE
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#define KILLED_MS 2000             /* for the kernel to end one that was killed */
#define SOCKET_BUFFER (256 * 1024) /* room for the longest frame, whatever the system's default */

static void destroy_actions(posix_spawn_file_actions_t *actions)
{
	posix_spawn_file_actions_destroy(actions);
}

static void destroy_attributes(posix_spawnattr_t *attributes)
{
	posix_spawnattr_destroy(attributes);
}

/* Standard error stays. Everything above what is listed here is closed, whoever opened it. */
static int list_actions(posix_spawn_file_actions_t *actions, int socket, int pin)
{
	int err = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

	if (err == 0)
		err = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null",
						       O_WRONLY, 0);
	if (err == 0)
		err = posix_spawn_file_actions_adddup2(actions, socket, PROCESS_SOCKET_FD);
	if (err == 0 && pin >= 0)
		err = posix_spawn_file_actions_adddup2(actions, pin, PROCESS_PIN_FD);
	if (err == 0)
		err = posix_spawn_file_actions_addclosefrom_np(
			actions, pin >= 0 ? PROCESS_PIN_FD + 1 : PROCESS_SOCKET_FD + 1);
	return err;
}

static int list_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	int err = posix_spawnattr_setsigmask(attributes, &none);
	if (err == 0)
		err = posix_spawnattr_setsigdefault(attributes, &all);
	if (err == 0)
		err = posix_spawnattr_setflags(attributes,
					       POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	return err;
}

static int spawn(const struct program *program, int socket, int pin, pid_t *pid)
{
	posix_spawn_file_actions_t actions CLEANUP(destroy_actions);
	posix_spawnattr_t attributes CLEANUP(destroy_attributes);

	posix_spawn_file_actions_init(&actions); /* neither can fail in glibc */
	posix_spawnattr_init(&attributes);
	int err = list_actions(&actions, socket, pin);
	if (err == 0)
		err = list_attributes(&attributes);
	if (err == 0)
		err = posix_spawn(pid, program->path, &actions, &attributes, program->argv,
				  program->envp);
	return err;
}

/* A copy above the numbers that the child will use, so that no dup2 hits another's source. */
static enum pm_err lift(int fd, int *out)
{
	*out = fcntl(fd, F_DUPFD_CLOEXEC, PROCESS_PIN_FD + 1);
	if (*out >= 0)
		return PM_OK;
	log_error("hsm: cannot duplicate descriptor %d: %s", fd, strerror(errno));
	return errno == EBADF ? PM_CONFIG : PM_HSM_UNAVAILABLE;
}

static enum pm_err make_pair(int *ours, int *theirs)
{
	const int size = SOCKET_BUFFER;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		log_error("hsm: socketpair: %s", strerror(errno));
		return PM_HSM_UNAVAILABLE;
	}
	*ours = pair[0];
	int end CLEANUP(close_fd) = pair[1];
	/* If the system's limit is lower, sending a long frame will say so. */
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return lift(end, theirs);
}

static enum pm_err spawn_error(const char *path, int err)
{
	log_error("hsm: cannot start %s: %s", path, strerror(err));
	return err == EAGAIN || err == ENOMEM || err == EMFILE || err == ENFILE ? PM_HSM_UNAVAILABLE
										: PM_CONFIG;
}

enum pm_err process_start(const struct program *program, struct process *out, int *socket)
{
	int ours CLEANUP(close_fd) = -1, theirs CLEANUP(close_fd) = -1, pin CLEANUP(close_fd) = -1;
	pid_t pid = 0;

	if (program->pin_fd >= 0)
		TRY(lift(program->pin_fd, &pin));
	TRY(make_pair(&ours, &theirs));
	int err = spawn(program, theirs, pin, &pid);
	if (err != 0)
		return spawn_error(program->path, err);
	int pid_fd = pidfd_open(pid, 0);
	if (pid_fd < 0) {
		log_error("hsm: pidfd_open: %s", strerror(errno));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return PM_HSM_UNAVAILABLE;
	}
	*out = (struct process){ .pid = pid, .pid_fd = pid_fd };
	*socket = take_fd(&ours);
	return PM_OK;
}

static void kill_it(const struct process *process)
{
	if (process->pid > 0)
		kill(process->pid, SIGKILL);
}

static void describe(int status, char how[PROCESS_END_MAX])
{
	if (!WIFSIGNALED(status)) {
		snprintf(how, PROCESS_END_MAX, "exited with status %d", WEXITSTATUS(status));
		return;
	}
	const char *name = sigabbrev_np(WTERMSIG(status));
	snprintf(how, PROCESS_END_MAX, "was killed by signal %d (SIG%s)", WTERMSIG(status),
		 name ? name : "RT");
}

/* Waits so long at most, and not at all any more once `hurry_fd` is readable. */
static bool has_ended(const struct process *process, int64_t timeout_ms, int hurry_fd)
{
	const int64_t deadline = deadline_in_ms(timeout_ms);
	struct pollfd fds[] = {
		{ .fd = process->pid_fd, .events = POLLIN },
		{ .fd = hurry_fd, .events = POLLIN },
	};
	int ready;

	do {
		ready = poll(fds, 2, (int)deadline_left_ms(deadline));
	} while (ready < 0 && errno == EINTR);
	return fds[0].revents != 0;
}

static bool reap(struct process *process, int64_t timeout_ms, int hurry_fd,
		 char how[PROCESS_END_MAX])
{
	int status = 0;

	if (process->pid <= 0)
		return true;
	if (!has_ended(process, timeout_ms, hurry_fd))
		return false;
	waitpid(process->pid, &status, 0);
	describe(status, how);
	close_fd(&process->pid_fd);
	*process = (struct process){ .pid_fd = -1 };
	return true;
}

bool process_end(struct process *process, int64_t grace_ms, int hurry_fd, char how[PROCESS_END_MAX])
{
	if (grace_ms > 0 && reap(process, grace_ms, hurry_fd, how))
		return true;
	kill_it(process);
	return reap(process, KILLED_MS, -1, how);
}
