#define _GNU_SOURCE
#include "base/token_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"

#define NAME_BYTES 8  /* of the digest, that name the file */
#define TEXTS_MAX 256 /* CK_TOKEN_INFO's fields have 32, 16 and 16 bytes */

void token_lock_path(const char *manufacturer, const char *model, const char *serial,
		     char out[TOKEN_LOCK_PATH_MAX])
{
	const struct bytes nul = bytes_of("", 1);
	uint8_t room[TEXTS_MAX], digest[SHA256_DIGEST_LENGTH];
	struct buf texts = BUF(room);
	char name[2 * NAME_BYTES + 1];

	buf_put(&texts, bytes_str(manufacturer));
	buf_put(&texts, nul);
	buf_put(&texts, bytes_str(model));
	buf_put(&texts, nul);
	buf_put(&texts, bytes_str(serial));
	SHA256(texts.data, texts.len, digest);
	hex_encode(bytes_of(digest, NAME_BYTES), name);
	snprintf(out, TOKEN_LOCK_PATH_MAX, "/run/lock/peppermint-token-%s.lock", name);
}

/*
 * The directory is everybody's (1777): a link or a device somebody put there is not followed or
 * used. Not O_CREAT on what exists: the kernel refuses that there for another owner's file
 * (fs.protected_regular). Reading is enough to share the lock; who wants it alone must be able to
 * write, which mode 0644 leaves to root and the owner.
 */
static int open_lock(const char *path, bool exclusive)
{
	const int flags =
		(exclusive ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int fd = open(path, flags);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	fd = open(path, flags | O_CREAT | O_EXCL, 0644);
	if (fd < 0)
		return errno == EEXIST ? open(path, flags) : -1;
	fchmod(fd, 0644); /* whatever the umask: another user's process must be able to share it */
	return fd;
}

/* Of the open file, so that it ends with the last descriptor; by fcntl, which asks for O_RDWR. */
static bool lock(int fd, bool exclusive)
{
	struct flock whole = { .l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &whole) == 0;
}

/*
 * Anybody may have put a file there that is neither root's nor ours, or linked one that all may write
 * to, to hold the lock for ever.
 */
static bool is_trusted(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) &&
	       (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static enum pm_err refuse(const char *path, const struct stat *st, bool exclusive)
{
	const int err = errno;

	if ((err == EAGAIN || err == EACCES) && (exclusive || is_trusted(st)))
		return PM_CONFLICT;
	log_warn("token lock: cannot lock %s, which is uid %u's: %s", path, st->st_uid,
		 strerror(err));
	return PM_STORE_UNAVAILABLE;
}

enum pm_err token_lock_take(const char *manufacturer, const char *model, const char *serial,
			    bool exclusive, int *out)
{
	char path[TOKEN_LOCK_PATH_MAX];
	struct stat st;

	token_lock_path(manufacturer, model, serial, path);
	int fd CLEANUP(close_fd) = open_lock(path, exclusive);
	if (fd < 0 || fstat(fd, &st) != 0) {
		log_warn("token lock: cannot open %s: %s", path, strerror(errno));
		return PM_STORE_UNAVAILABLE;
	}
	if (!S_ISREG(st.st_mode)) {
		log_warn("token lock: %s is not a regular file", path);
		return PM_STORE_UNAVAILABLE;
	}
	if (!lock(fd, exclusive))
		return refuse(path, &st, exclusive);
	*out = take_fd(&fd);
	return PM_OK;
}
