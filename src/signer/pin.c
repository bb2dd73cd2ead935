#define _GNU_SOURCE
#include "pin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acl.h"
#include "base/cleanup.h"
#include "base/secret.h"

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

static bool read_all(int fd, bool seekable, struct pin *pin)
{
	while (pin->len < sizeof(pin->text)) {
		CK_UTF8CHAR *at = pin->text + pin->len;
		size_t room = sizeof(pin->text) - pin->len;
		ssize_t got = seekable ? pread(fd, at, room, (off_t)pin->len) : read(fd, at, room);

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

static enum pm_err read_pin(int fd, bool seekable, const char *name, struct pin *pin,
			    struct failure *failure)
{
	pin->len = 0;
	if (!read_all(fd, seekable, pin))
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

enum pm_err pin_read_file(const char *path, struct pin *pin, struct failure *failure)
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
	return read_pin(fd, true, path, pin, failure);
}

enum pm_err pin_read_fd(int fd, struct pin *pin, struct failure *failure)
{
	static const char name[] = "the inherited descriptor";
	struct stat st;

	if (fstat(fd, &st) != 0)
		return failure_set(failure, FAILURE_PIN,
				   "no PIN: set `pin_file` in this environment's section or hand "
				   "over a descriptor");
	if (S_ISFIFO(st.st_mode))
		return read_pin(fd, false, name, pin, failure);
	TRY(check_file(fd, &st, name, failure));
	return read_pin(fd, true, name, pin, failure);
}
