#define _GNU_SOURCE
#include "pin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acl.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/secret.h"

#define WRITER_MS 3000 /* for whoever fills the pipe */

struct pin *pin_new(void)
{
	return secret_alloc(sizeof(struct pin));
}

void pin_freep(struct pin **pin)
{
	secret_free(*pin, sizeof(**pin));
}

static bool is_private(int fd, const struct stat *st)
{
	mode_t others = st->st_mode & (S_IRWXG | S_IRWXO);

	return others == 0 || (others == S_IRGRP && acl_admits_only_us(fd));
}

static enum pm_err check_file(int fd, const struct stat *st, const char *name,
			      struct failure *failure)
{
	if (!S_ISREG(st->st_mode))
		return failure_set(failure, FAILURE_PIN, "PIN file %s is not a regular file", name);
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return failure_set(failure, FAILURE_PIN,
				   "PIN file %s belongs to uid %u; it must be root's or ours "
				   "(uid %u)",
				   name, st->st_uid, geteuid());
	if (!is_private(fd, st))
		return failure_set(failure, FAILURE_PIN,
				   "PIN file %s is open to others (mode %04o); chmod 0400 it and "
				   "change the PIN if they may have read it",
				   name, st->st_mode & 07777);
	return PM_OK;
}

/* From its start: no offset is shared with whoever else holds the descriptor. */
static bool read_file(int fd, struct pin *pin)
{
	while (pin->len < sizeof(pin->text)) {
		ssize_t got = pread(fd, pin->text + pin->len, sizeof(pin->text) - pin->len,
				    (off_t)pin->len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		if (got == 0)
			break;
		pin->len += (size_t)got;
	}
	return true;
}

/* Half a PIN would be a wrong one: the pipe is whole when nobody can write to it any more. */
static bool wait_for_end(int fd)
{
	const int64_t deadline = deadline_in_ms(WRITER_MS);
	struct pollfd poll_fd = { .fd = fd };
	int ready;

	do
		ready = poll(&poll_fd, 1, (int)deadline_left_ms(deadline));
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		errno = ETIMEDOUT;
	return ready > 0;
}

/* What is in the pipe, which keeps it: only the copy in a second pipe is read away. */
static bool peek_pipe(int fd, struct pin *pin)
{
	int copy[2], there = 0;

	if (!wait_for_end(fd) || ioctl(fd, FIONREAD, &there) != 0 ||
	    pipe2(copy, O_CLOEXEC | O_NONBLOCK) != 0)
		return false;
	int from CLEANUP(close_fd) = copy[0], to CLEANUP(close_fd) = copy[1];
	const ssize_t wanted = there < PIN_MAX + 1 ? there : PIN_MAX + 1;
	if (wanted == 0)
		return true;
	/* All in one step: a second tee would begin at the start again. */
	if (tee(fd, to, (size_t)wanted, SPLICE_F_NONBLOCK) != wanted ||
	    read(from, pin->text, (size_t)wanted) != wanted)
		return false;
	pin->len = (size_t)wanted;
	return true;
}

static enum pm_err check_pin(bool was_read, const char *name, struct pin *pin,
			     struct failure *failure)
{
	if (!was_read)
		return failure_set(failure, FAILURE_PIN, "cannot read the PIN from %s: %s", name,
				   strerror(errno));
	if (pin->len > 0 && pin->text[pin->len - 1] == '\n')
		pin->len--;
	if (pin->len == 0)
		return failure_set(failure, FAILURE_PIN, "there is no PIN in %s", name);
	if (pin->len > PIN_MAX)
		return failure_set(failure, FAILURE_PIN, "the PIN in %s is longer than %d bytes",
				   name, PIN_MAX);
	return PM_OK;
}

static enum pm_err read_path(const char *path, struct pin *pin, struct failure *failure)
{
	/* O_NONBLOCK: a FIFO of that name must not hang us before it is refused. */
	int fd CLEANUP(close_fd) = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 && errno == ELOOP)
		return failure_set(failure, FAILURE_PIN,
				   "PIN file %s is a symbolic link; name the file itself", path);
	if (fd < 0 || fstat(fd, &st) != 0)
		return failure_set(failure, FAILURE_PIN, "cannot open PIN file %s: %s", path,
				   strerror(errno));
	TRY(check_file(fd, &st, path, failure));
	return check_pin(read_file(fd, pin), path, pin, failure);
}

static enum pm_err read_fd(int fd, struct pin *pin, struct failure *failure)
{
	static const char name[] = "the inherited descriptor";
	struct stat st;

	if (fstat(fd, &st) != 0)
		return failure_set(failure, FAILURE_PIN,
				   "no PIN: set `pin_file` in this environment's section or hand "
				   "over a descriptor");
	if (S_ISFIFO(st.st_mode))
		return check_pin(peek_pipe(fd, pin), name, pin, failure);
	TRY(check_file(fd, &st, name, failure));
	return check_pin(read_file(fd, pin), name, pin, failure);
}

enum pm_err pin_read(const struct pin_source *source, struct pin *pin, struct failure *failure)
{
	pin->len = 0;
	return source->path[0] != '\0' ? read_path(source->path, pin, failure)
				       : read_fd(source->fd, pin, failure);
}

enum pm_err pin_keep(struct pin_source *source, const void *text, size_t len,
		     struct failure *failure)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return failure_set(failure, FAILURE_CAPACITY, "no pipe for the PIN: %s",
				   strerror(errno));
	int from CLEANUP(close_fd) = ends[0], to CLEANUP(close_fd) = ends[1];
	if (write(to, text, len) != (ssize_t)len)
		return failure_set(failure, FAILURE_CAPACITY, "cannot keep the PIN: %s",
				   strerror(errno));
	pin_forget(source);
	source->fd = take_fd(&from);
	return PM_OK;
}

void pin_forget(struct pin_source *source)
{
	source->path[0] = '\0';
	close_fd(&source->fd);
	source->fd = -1;
}
