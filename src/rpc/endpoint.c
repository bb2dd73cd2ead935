#define _GNU_SOURCE
#include "endpoint.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

static enum pm_err refuse(const char *path, const char *why)
{
	log_error("rpc: socket %s: %s", path, why);
	return PM_CONFIG;
}

/* 0 if a process listens there, else why connecting failed. */
static int probe(const char *path)
{
	int fd CLEANUP(close_fd) = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, path, strlen(path));
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		return errno;
	return 0;
}

enum pm_err endpoint_clear(const char *path)
{
	struct stat st;
	size_t len = strlen(path);

	if (len == 0 || len > ENDPOINT_PATH_MAX)
		return refuse(path, "the path must have 1 to 107 bytes");
	if (lstat(path, &st) != 0) {
		/* ENOENT also when its directory is missing: then binding says so. */
		return errno == ENOENT ? PM_OK : refuse(path, strerror(errno));
	}
	if (!S_ISSOCK(st.st_mode))
		return refuse(path, "something that is not a socket stands there; move it away");
	int err = probe(path);
	if (err == 0 || err == EAGAIN)
		return refuse(path, "another process listens on it; is peppermintd running?");
	if (err == ENOENT)
		return PM_OK;
	if (err != ECONNREFUSED)
		return refuse(path, strerror(err));
	if (unlink(path) != 0)
		return refuse(path, strerror(errno));
	log_info("rpc: replaced the stale socket %s", path);
	return PM_OK;
}

enum pm_err endpoint_admit(const char *path, uint32_t mode, uint32_t gid)
{
	if (gid != UINT32_MAX && lchown(path, (uid_t)-1, (gid_t)gid) != 0)
		return refuse(path, "cannot give it its group; is the daemon a member of it?");
	if (chmod(path, (mode_t)mode) != 0)
		return refuse(path, strerror(errno));
	return PM_OK;
}
