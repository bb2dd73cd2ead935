#define _GNU_SOURCE
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "output.h"

#define PATH_ROOM 256

static bool failed(const char *what, const char *path)
{
	complain("cannot %s %s: %s.", what, path, strerror(errno));
	return false;
}

static bool sync_folder(int folder, const char *path)
{
	return fsync(folder) == 0 || failed("sync the folder of", path);
}

int folder_find(int folder, const char *name, bool *found)
{
	int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	*found = fd >= 0;
	if (fd < 0 && errno != ENOENT) {
		*found = true;
		failed("open", name);
	}
	return fd;
}

int folder_make(int folder, const char *name)
{
	bool found = false;

	if (mkdirat(folder, name, 0750) == 0) {
		if (!sync_folder(folder, name))
			return -1;
	} else if (errno != EEXIST) {
		failed("make", name);
		return -1;
	}
	int fd = folder_find(folder, name, &found);
	if (fd < 0 && !found)
		failed("open", name);
	return fd;
}

/* Whoever may write to the folder may put anything in place of what is exported. */
static bool is_ours_alone(int fd, const char *path)
{
	struct stat info;

	if (fstat(fd, &info) != 0)
		return failed("look at", path);
	if (info.st_mode & (S_IWGRP | S_IWOTH)) {
		complain("others may write to %s. Take that from them: chmod go-w.", path);
		return false;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		complain("another peppermint writes to %s. Wait for it.", path);
		return false;
	}
	return true;
}

int folder_find_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		failed("open", path);
	return fd;
}

int folder_open(const char *path)
{
	if (mkdir(path, 0750) != 0 && errno != EEXIST) {
		failed("make", path);
		return -1;
	}
	int fd CLEANUP(close_fd) = folder_find_path(path);
	if (fd < 0)
		return -1;
	return is_ours_alone(fd, path) ? take_fd(&fd) : -1;
}

/* The folder of the path's last part, which is left in `name`. */
static int open_parent(int folder, const char *path, const char **name)
{
	char part[PATH_ROOM];
	int fd CLEANUP(close_fd) = dup(folder);

	for (const char *slash; fd >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
		size_t len = (size_t)(slash - path);

		if (len >= sizeof(part))
			return -1;
		memcpy(part, path, len);
		part[len] = '\0';
		int below = folder_make(fd, part);
		close(fd);
		fd = below;
	}
	*name = path;
	return take_fd(&fd);
}

static bool write_all(int fd, struct bytes content)
{
	while (content.len > 0) {
		ssize_t len = write(fd, content.data, content.len);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return false;
		content.data += len;
		content.len -= (size_t)len;
	}
	return true;
}

static bool write_unfinished(int folder, struct bytes content)
{
	int fd CLEANUP(close_fd) =
		openat(folder, FILE_UNFINISHED,
		       O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);

	return fd >= 0 && write_all(fd, content) && fsync(fd) == 0;
}

bool file_put(int folder, const char *path, struct bytes content)
{
	const char *name = NULL;

	int parent CLEANUP(close_fd) = open_parent(folder, path, &name);
	if (parent < 0)
		return false;
	if (!write_unfinished(folder, content) ||
	    renameat(folder, FILE_UNFINISHED, parent, name) != 0) {
		failed("write", path);
		unlinkat(folder, FILE_UNFINISHED, 0);
		return false;
	}
	return sync_folder(parent, path);
}

/* Reads until the end, or one byte more than there is room for: then *len is over `size`. */
static bool read_all(int fd, void *to, size_t size, size_t *len)
{
	char more;

	*len = 0;
	while (*len <= size) {
		bool room = *len < size;
		ssize_t got = read(fd, room ? (char *)to + *len : &more, room ? size - *len : 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == 0;
		*len += (size_t)got;
	}
	return true;
}

static bool read_whole(int fd, const char *path, void *to, size_t size, size_t *len)
{
	if (!read_all(fd, to, size, len))
		return failed("read", path);
	if (*len <= size)
		return true;
	complain("%s is over %zu bytes: it is not what belongs there.", path, size);
	return false;
}

bool file_get(int folder, const char *path, void *to, size_t size, size_t *len, bool *found)
{
	int fd CLEANUP(close_fd) = openat(folder, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	*len = 0;
	*found = fd >= 0;
	if (fd < 0)
		return errno == ENOENT || failed("open", path);
	return read_whole(fd, path, to, size, len);
}

bool file_read(const char *path, void *to, size_t size, size_t *len)
{
	int fd CLEANUP(close_fd) = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return failed("open", path);
	return read_whole(fd, path, to, size, len);
}

bool file_remove(int folder, const char *path)
{
	return unlinkat(folder, path, 0) == 0 || errno == ENOENT || failed("remove", path);
}

bool folder_settle(int folder)
{
	return syncfs(folder) == 0 || failed("sync", "the file system");
}

static void close_listing(DIR **listing)
{
	if (*listing)
		closedir(*listing);
}

bool folder_remove(int folder, const char *path)
{
	int fd CLEANUP(close_fd) =
		openat(folder, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT || failed("open", path);
	DIR *listing CLEANUP(close_listing) = fdopendir(fd);
	if (!listing)
		return failed("read", path);
	int files = take_fd(&fd); /* the listing's from now on */
	for (struct dirent *file; (file = readdir(listing));) {
		if (strcmp(file->d_name, ".") != 0 && strcmp(file->d_name, "..") != 0 &&
		    !file_remove(files, file->d_name))
			return false;
	}
	return unlinkat(folder, path, AT_REMOVEDIR) == 0 || failed("remove", path);
}
