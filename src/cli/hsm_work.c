#define _GNU_SOURCE
#include "hsm_work.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/secret.h"

#define ROW_MAX ((size_t)64 * 1024)
#define REAP_MS 2000 /* a killed process may still be held in the kernel, by a driver */

#define LAST "last" /* the row that a worker's job did not send: what it returned */

struct worker {
	int rows; /* a pipe's end, to write to */
};

/* What came from a worker. */
struct receipt {
	bool whole; /* and the last row with it */
	enum status status;
};

_Static_assert(sizeof(struct pins) <= 4096, "a new pipe takes them all");

static bool write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t put = write(fd, data, len);

		if (put < 0 && errno != EINTR)
			return false;
		data += put > 0 ? put : 0;
		len -= put > 0 ? (size_t)put : 0;
	}
	return true;
}

void worker_row(struct worker *worker, json_t *row)
{
	char *text CLEANUP(free_ptr) = must_have(json_dumps(must_have(row), JSON_COMPACT));

	json_decref(row);
	write_all(worker->rows, text, strlen(text)); /* who does not read it has ended, or will */
	write_all(worker->rows, "\n", 1);
}

/* Locked memory is zero in a forked process, so PINs go through a pipe. */
static bool pins_send(const struct pins *pins, int *out)
{
	int ends[2];

	if (!pins)
		return true;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	*out = ends[0];
	bool sent = write_all(ends[1], (const char *)pins, sizeof(*pins));
	close(ends[1]);
	return sent;
}

static const struct pins *pins_receive(int fd)
{
	struct pins *pins = pins_new();

	if (pins && read(fd, pins, sizeof(*pins)) != (ssize_t)sizeof(*pins))
		_exit(STATUS_VAULT);
	return pins;
}

/* The module must not read what is piped to us, nor write among our results. */
static void take_streams_away(void)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 ||
	    dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(STATUS_VAULT);
}

/* Ends without exit handlers: the module's are known to crash. */
_Noreturn static void be_worker(const struct work *work, struct worker *worker, int pins_fd,
				pid_t parent)
{
	const struct pins *pins = NULL;
	bool all_locked = false; /* the module's copies, too, if the limits allow it */

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || secret_harden_process(&all_locked) != PM_OK)
		_exit(STATUS_VAULT);
	take_streams_away();
	if (pins_fd >= 0) {
		pins = pins_receive(pins_fd);
		close(pins_fd);
		if (!pins)
			_exit(STATUS_VAULT);
	}
	/* Not as the exit status alone: a module may call exit. */
	enum status status = work->job(worker, work->job_arg, pins);
	worker_row(worker, json_pack("{s:i}", LAST, (int)status));
	_exit(0);
}

static void hand_over(const struct work *work, struct receipt *receipt, json_t *row)
{
	const json_t *last = json_object_get(row, LAST);

	if (last) {
		receipt->whole = true;
		receipt->status = (enum status)json_integer_value(last);
	}
	if (row && !last && work->row)
		work->row(work->row_arg, row);
	else
		json_decref(row);
}

/* Takes the whole lines off the front. */
static void take_rows(const struct work *work, struct receipt *receipt, char *room, size_t *used)
{
	size_t start = 0;

	for (;;) {
		const char *line = room + start;
		const char *end = memchr(line, '\n', *used - start);

		if (!end)
			break;
		size_t len = (size_t)(end - line);
		hand_over(work, receipt, json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL));
		start += len + 1;
	}
	memmove(room, room + start, *used - start);
	*used -= start;
}

/* False if nothing comes before the deadline. */
static bool wait_for(int fd, int64_t deadline)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	int ready = 0;

	do
		ready = poll(&poller, 1, (int)deadline_left_ms(deadline));
	while (ready < 0 && errno == EINTR);
	return ready > 0;
}

/* Rows, until the worker closes its end. False if it fell silent, or sent what is no row. */
static bool receive(const struct work *work, int rows, struct receipt *receipt)
{
	char *room CLEANUP(free_ptr) = must_have(malloc(ROW_MAX));
	size_t used = 0;

	while (wait_for(rows, deadline_in_ms(work->timeout_ms))) {
		ssize_t got = read(rows, room + used, ROW_MAX - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == 0;
		used += (size_t)got;
		take_rows(work, receipt, room, &used);
		if (used == ROW_MAX)
			return false;
	}
	return false;
}

static enum status cut_short(const struct work *work, int how)
{
	complain("module %s %s%s%s. What it was asked for may be done or not: look with peppermint "
		 "hsm slots.",
		 work->module, WIFSIGNALED(how) ? "crashed (" : "ended its process",
		 WIFSIGNALED(how) ? strsignal(WTERMSIG(how)) : "", WIFSIGNALED(how) ? ")" : "");
	return STATUS_VAULT;
}

static enum status silenced(const struct work *work, pid_t pid, int pidfd)
{
	kill(pid, SIGKILL);
	if (wait_for(pidfd, deadline_in_ms(REAP_MS)))
		waitpid(pid, NULL, WNOHANG);
	complain("module %s did not answer for %u seconds and was given up. What it was asked for "
		 "may be done or not: look with peppermint hsm slots.",
		 work->module, work->timeout_ms / 1000);
	return STATUS_VAULT;
}

static enum status watch(const struct work *work, pid_t pid, int rows)
{
	int pidfd CLEANUP(close_fd) = pidfd_open(pid, 0);
	struct receipt receipt = { .whole = false };
	int how = 0;

	if (!receive(work, rows, &receipt) || !wait_for(pidfd, deadline_in_ms(work->timeout_ms)) ||
	    waitpid(pid, &how, 0) != pid)
		return silenced(work, pid, pidfd);
	return receipt.whole ? receipt.status : cut_short(work, how);
}

static enum status cannot_start(void)
{
	complain("cannot start a process for the module: %s.", strerror(errno));
	return STATUS_VAULT;
}

enum status work_run(const struct work *work)
{
	int pins_fd CLEANUP(close_fd) = -1, rows CLEANUP(close_fd) = -1;
	pid_t us = getpid();
	int ends[2];

	if (!pins_send(work->pins, &pins_fd) || pipe2(ends, O_CLOEXEC) != 0)
		return cannot_start();
	rows = ends[0];
	output_flush(); /* or both would have what was printed so far */
	pid_t pid = fork();
	if (pid == 0) {
		close(rows);
		be_worker(work, &(struct worker){ .rows = ends[1] }, pins_fd, us);
	}
	close(ends[1]);
	return pid < 0 ? cannot_start() : watch(work, pid, rows);
}
