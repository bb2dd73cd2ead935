/* The files of an exported log: which there may be, and reading them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "files.h"
#include "verify_log.h"

static void close_listing(DIR **listing)
{
	if (*listing)
		closedir(*listing);
}

static bool unreadable(struct log_check *check, const char *path)
{
	return verify_refuse(check->report, "log %" PRIu32 ": %s: %s", check->found->log, path,
			     errno == ENOENT ? "it is missing" : strerror(errno));
}

static ssize_t read_whole(int fd, void *to, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t got = read(fd, (uint8_t *)to + len, size - len);

		if (got < 0 && errno != EINTR)
			return -1;
		if (got == 0)
			break;
		len += got > 0 ? (size_t)got : 0;
	}
	return (ssize_t)len;
}

/* Not blocking and not following: the folder may hold pipes, devices, or links out of itself. */
static int open_file(struct log_check *check, const char *path, size_t max, size_t *size)
{
	int fd CLEANUP(close_fd) =
		openat(check->folder, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		unreadable(check, path);
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		verify_refuse(check->report, "log %" PRIu32 ": %s is not a file", check->found->log,
			      path);
		return -1;
	}
	if (st.st_size < 0 || (uint64_t)st.st_size > max) {
		verify_refuse(check->report, "log %" PRIu32 ": %s is over %zu bytes long",
			      check->found->log, path, max);
		return -1;
	}
	*size = (size_t)st.st_size;
	return take_fd(&fd);
}

bool verify_read(struct log_check *check, const char *path, void *to, size_t max, size_t *len)
{
	size_t size = 0;
	int fd CLEANUP(close_fd) = open_file(check, path, max, &size);

	if (fd < 0)
		return false;
	ssize_t got = read_whole(fd, to, size);
	if (got < 0)
		return unreadable(check, path);
	*len = (size_t)got;
	return true;
}

bool verify_has(const struct log_check *check, const char *path)
{
	return faccessat(check->folder, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool make_room(struct log_check *check, size_t size)
{
	if (size <= check->bundle_room)
		return true;
	uint8_t *room = realloc(check->bundle, size);
	if (!room)
		return verify_refuse(check->report, "there is not enough memory");
	check->bundle = room;
	check->bundle_room = size;
	return true;
}

bool verify_read_bundle(struct log_check *check, const char *path, struct bytes *bundle)
{
	size_t size = 0;
	int fd CLEANUP(close_fd) = open_file(check, path, BUNDLE_MAX, &size);

	if (fd < 0 || !make_room(check, size))
		return false;
	ssize_t got = read_whole(fd, check->bundle, size);
	if (got < 0)
		return unreadable(check, path);
	*bundle = bytes_of(check->bundle, (size_t)got);
	return true;
}

/* A walk through the folders below the log's. */
struct walk {
	struct log_check *check;
	int level; /* and what the log has there */
	uint64_t count;
	unsigned last_width;
	uint64_t lowest;
	uint64_t minimum;         /* tiles of leaves and bundles below are not there */
	char path[TLOG_PATH_MAX]; /* of the folder at hand; "" is the log's */
};

static bool stray(const struct walk *walk, const char *name)
{
	return verify_refuse(walk->check->report,
			     "log %" PRIu32 ": %s%s%s does not belong to a log of %" PRIu64
			     " entries, which its checkpoint says it is (was an older checkpoint "
			     "put back, or something copied here?)",
			     walk->check->found->log, walk->path, walk->path[0] ? "/" : "", name,
			     walk->check->found->size);
}

/* Has a log of that size a tile there, at least so wide? */
static bool has_tile(int level, uint64_t size, uint64_t index, unsigned width)
{
	unsigned last_width;
	uint64_t count = tlog_tile_count(level, size, &last_width);

	return width > 0 && index < count &&
	       width <= (index + 1 == count ? last_width : TLOG_TILE_WIDTH);
}

/* The name is what the format calls that tile. */
static bool is_canonical(const struct walk *walk, const char *name, uint64_t index, unsigned width)
{
	char path[TLOG_PATH_MAX];
	size_t len = strlen(walk->path);

	tlog_tile_path(walk->level, index, width, path);
	return strncmp(path, walk->path, len) == 0 && path[len] == '/' &&
	       strcmp(path + len + 1, name) == 0;
}

static bool check_tile(struct walk *walk, const char *name, uint64_t index, unsigned width)
{
	unsigned now = index + 1 == walk->count ? walk->last_width : TLOG_TILE_WIDTH;

	if (!has_tile(walk->level, walk->check->goal, index, width) ||
	    !is_canonical(walk, name, index, width))
		return stray(walk, name);
	if (!has_tile(walk->level, walk->check->found->size, index, width))
		return true; /* of an export that was ended */
	if (width < now)
		return verify_older_tile(walk->check, walk->level, index, width, now);
	if (index < walk->lowest)
		walk->lowest = index;
	return true;
}

/* What to do with something in a folder; `at` is the index that the folders so far begin. */
typedef bool walk_step(struct walk *walk, int folder, const char *name, uint64_t at);

const char *verify_next_name(DIR *listing)
{
	struct dirent *file;

	do {
		errno = 0;
		file = readdir(listing);
	} while (file && (strcmp(file->d_name, ".") == 0 || strcmp(file->d_name, "..") == 0));
	return file ? file->d_name : NULL;
}

static bool walk_listing(struct walk *walk, int *folder, uint64_t at, walk_step *step)
{
	DIR *listing CLEANUP(close_listing) = fdopendir(*folder);

	if (!listing)
		return unreadable(walk->check, walk->path);
	int fd = take_fd(folder); /* the listing's from now on */
	for (const char *name; (name = verify_next_name(listing));) {
		if (!step(walk, fd, name, at))
			return false;
	}
	return errno == 0 || unreadable(walk->check, walk->path);
}

static bool walk_folder(struct walk *walk, int parent, const char *name, uint64_t at,
			walk_step *step)
{
	size_t len = strlen(walk->path), room = sizeof(walk->path) - len;
	int fd CLEANUP(close_fd) =
		openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || strlen(name) + 1 >= room)
		return stray(walk, name);
	snprintf(walk->path + len, room, "%s%s", len > 0 ? "/" : "", name);
	bool good = walk_listing(walk, &fd, at, step);
	walk->path[len] = '\0';
	return good;
}

static bool is_digits(const char *text, size_t len)
{
	return strspn(text, "0123456789") >= len;
}

static bool step_partial(struct walk *walk, int folder, const char *name, uint64_t at)
{
	(void)folder;
	return check_tile(walk, name, at, (unsigned)strtoul(name, NULL, 10));
}

/* 067, 067.p with partial ones in it, or x234 with more of these. */
static bool step_tile(struct walk *walk, int folder, const char *name, uint64_t at)
{
	bool deeper = name[0] == 'x';
	const char *digits = name + deeper;

	if (strlen(digits) < 3 || !is_digits(digits, 3))
		return stray(walk, name);
	uint64_t index =
		1000 * at + strtoul((char[]){ digits[0], digits[1], digits[2], '\0' }, NULL, 10);
	if (digits[3] == '\0')
		return deeper ? walk_folder(walk, folder, name, index, step_tile)
			      : check_tile(walk, name, index, TLOG_TILE_WIDTH);
	if (!deeper && strcmp(digits + 3, ".p") == 0)
		return walk_folder(walk, folder, name, index, step_partial);
	return stray(walk, name);
}

static bool step_level(struct walk *walk, int folder, const char *name, uint64_t at)
{
	bool is_bundles = strcmp(name, "entries") == 0;

	if (!is_bundles && (strlen(name) != 1 || !is_digits(name, 1)))
		return stray(walk, name);
	walk->level = is_bundles ? TLOG_BUNDLES : name[0] - '0';
	walk->count = tlog_tile_count(walk->level, walk->check->found->size, &walk->last_width);
	walk->lowest = walk->count;
	if (!walk_folder(walk, folder, name, at, step_tile))
		return false;
	if (walk->level <= 0 && walk->lowest < walk->minimum)
		walk->minimum = walk->lowest;
	return true;
}

static bool step_top(struct walk *walk, int folder, const char *name, uint64_t at)
{
	if (strcmp(name, "checkpoint") == 0 || strcmp(name, "log.vkey") == 0)
		return true;
	if (strcmp(name, FILE_UNFINISHED) == 0 || strcmp(name, FILE_GOAL) == 0) {
		walk->check->found->unfinished = true;
		return true;
	}
	return strcmp(name, "tile") == 0 ? walk_folder(walk, folder, name, at, step_level)
					 : stray(walk, name);
}

bool verify_inventory(struct log_check *check)
{
	/* Only full tiles are ever pruned. */
	struct walk walk = { .check = check, .minimum = check->found->size / TLOG_TILE_WIDTH };
	int fd CLEANUP(close_fd) = openat(check->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return unreadable(check, ".");
	if (!walk_listing(&walk, &fd, 0, step_top))
		return false;
	check->found->minimum = TLOG_TILE_WIDTH * walk.minimum;
	return true;
}
