#include "anchor.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

static enum pm_err failed(const char *what, const char *path)
{
	log_error("vault: audit log: %s the anchor %s: %s", what, path, strerror(errno));
	return PM_STORE_UNAVAILABLE;
}

enum pm_err anchor_read(const char *path, struct buf *out)
{
	int fd CLEANUP(close_fd) = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t got = 0;

	if (fd < 0 && errno == ENOENT)
		return PM_NOT_FOUND;
	if (fd < 0)
		return failed("opening", path);
	while (out->len < out->cap &&
	       (got = read(fd, out->data + out->len, out->cap - out->len)) > 0)
		out->len += (size_t)got;
	return got < 0 ? failed("reading", path) : PM_OK;
}

static enum pm_err write_all(int fd, const char *path, struct bytes note)
{
	for (size_t done = 0; done < note.len;) {
		ssize_t put = write(fd, note.data + done, note.len - done);
		if (put < 0 && errno != EINTR)
			return failed("writing", path);
		if (put > 0)
			done += (size_t)put;
	}
	return fsync(fd) == 0 ? PM_OK : failed("syncing", path);
}

/* A new name is only there for good when its folder is. */
static enum pm_err sync_folder(const char *path)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	int fd CLEANUP(close_fd) = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		return failed("syncing the folder of", path);
	return PM_OK;
}

enum pm_err anchor_write(const char *path, struct bytes note)
{
	char fresh[PATH_MAX];

	if (snprintf(fresh, sizeof(fresh), "%s.tmp", path) >= (int)sizeof(fresh))
		return PM_CONFIG;
	int fd CLEANUP(close_fd) =
		open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return failed("creating", path);
	TRY(write_all(fd, path, note));
	if (rename(fresh, path) != 0)
		return failed("renaming", path);
	return sync_folder(path);
}

enum pm_err anchor_set_aside(const char *path)
{
	char aside[PATH_MAX];

	if (snprintf(aside, sizeof(aside), "%s.abandoned", path) >= (int)sizeof(aside))
		return PM_CONFIG;
	if (rename(path, aside) != 0 && errno != ENOENT)
		return failed("renaming", path);
	return sync_folder(path);
}
