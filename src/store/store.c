#define _GNU_SOURCE
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "db.h"
#include "handle.h"
#include "readers.h"
#include "schema.h"
#include "writer.h"

#define DB_NAME "peppermint.db"
#define LOCK_NAME "peppermint.lock"

static void store_closep(struct store **store)
{
	store_close(*store);
}

static enum pm_err config_failed(const char *dir, const char *name, int error, const char *advice)
{
	log_error("store: %s%s%s: %s; %s", dir, *name ? "/" : "", name, strerror(error), advice);
	return PM_CONFIG;
}

/*
 * The directory, by its real path: SQLite is told to follow no link. Whoever can write to it could
 * put another database in place, so that must be us alone.
 */
static enum pm_err open_dir(const char *dir, char path[PATH_MAX], int *out)
{
	struct stat st;

	if (!realpath(dir, path))
		return config_failed(dir, "", errno,
				     "create the directory and give it to the user of the vault");
	int fd CLEANUP(close_fd) = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		return config_failed(path, "", errno, "it must be a directory of the vault's user");
	if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & (S_IWGRP | S_IWOTH))) {
		log_error("store: others can write to %s; chown it to the user of the vault and "
			  "chmod it to 0700",
			  path);
		return PM_CONFIG;
	}
	*out = take_fd(&fd);
	return PM_OK;
}

/* A regular file of mode 0600 in `dir`, made if it is not there. */
static enum pm_err open_file(int dir, const char *path, const char *name, int *out)
{
	int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int fd CLEANUP(close_fd) = openat(dir, name, flags, S_IRUSR | S_IWUSR);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return config_failed(path, name, errno,
				     "the vault's user must be able to write it");
	if (!S_ISREG(st.st_mode))
		return config_failed(path, name, EINVAL, "it must be a regular file; move it away");
	if (fchmod(fd, S_IRUSR | S_IWUSR) != 0)
		return config_failed(path, name, errno, "it must belong to the user of the vault");
	*out = take_fd(&fd);
	return PM_OK;
}

static enum pm_err lock_dir(int dir, const char *path, int *out)
{
	int fd CLEANUP(close_fd) = -1;

	TRY(open_file(dir, path, LOCK_NAME, &fd));
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		*out = take_fd(&fd);
		return PM_OK;
	}
	if (errno != EWOULDBLOCK)
		return config_failed(path, LOCK_NAME, errno, "its file system must have locks");
	log_error("store: another peppermintd uses %s", path);
	return PM_CONFLICT;
}

static enum pm_err sync_dir(int dir, const char *path)
{
	if (fsync(dir) == 0)
		return PM_OK;
	log_error("store: %s: fsync: %s", path, strerror(errno));
	return PM_STORE_UNAVAILABLE;
}

/* SQLite gives the database's mode to the files that it puts beside it. */
static enum pm_err create_database(int dir, const char *path)
{
	int fd CLEANUP(close_fd) = -1;

	return open_file(dir, path, DB_NAME, &fd);
}

static enum pm_err open_connections(struct store *store, const char *dir,
				    const struct store_config *config)
{
	char path[PATH_MAX + sizeof(DB_NAME)];
	sqlite3 *db CLEANUP(db_closep) = NULL;

	snprintf(path, sizeof(path), "%s/%s", dir, DB_NAME);
	TRY(db_open(path, DB_WRITES, &db));
	TRY(schema_bring_up(db, schema_migrations, schema_version));
	TRY(writer_start(TAKE(db), config, &store->writer));
	return readers_open(path, config->readers, &store->readers);
}

enum pm_err store_open(const struct store_config *config, struct store **out)
{
	struct store *store CLEANUP(store_closep) = NULL;
	int dir CLEANUP(close_fd) = -1;
	char path[PATH_MAX];

	if (config->queue < 1 || config->batch < 1 || config->readers < 1) {
		log_error("store: queue, batch and readers must each be at least 1");
		return PM_CONFIG;
	}
	store = calloc(1, sizeof(*store));
	if (!store)
		return PM_NO_MEMORY;
	store->lock_fd = -1;
	TRY(open_dir(config->dir, path, &dir));
	TRY(lock_dir(dir, path, &store->lock_fd));
	TRY(create_database(dir, path));
	TRY(open_connections(store, path, config));
	TRY(sync_dir(dir, path));
	*out = TAKE(store);
	return PM_OK;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	readers_close(store->readers); /* first, so that the writer is the last and checkpoints */
	writer_stop(store->writer);
	close_fd(&store->lock_fd); /* only now may another process open it */
	free(store);
}

enum pm_err store_commit(struct store *store, const struct store_change *changes, size_t count,
			 int64_t deadline)
{
	return writer_commit(store->writer, changes, count, deadline);
}
