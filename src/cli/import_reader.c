#define _GNU_SOURCE
#include "import_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "output.h"

#define ROOM ((size_t)128 * 1024)

static bool failed(const struct reader *reader, const char *what)
{
	complain("cannot %s %s: %s.", what, reader->path, strerror(errno));
	return false;
}

bool reader_open(struct reader *reader, const char *path)
{
	struct stat info;

	reader->path = path;
	reader->room = secret_alloc(ROOM);
	if (!reader->room) {
		complain("no locked memory to be had. Raise the limit: ulimit -l.");
		return false;
	}
	reader->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (reader->fd < 0 || fstat(reader->fd, &info) != 0)
		return failed(reader, "open");
	if (S_ISREG(info.st_mode))
		return true;
	complain("%s is no file: an import reads it twice. Write the lines into one.", path);
	return false;
}

void reader_close(struct reader *reader)
{
	close_fd(&reader->fd);
	secret_free(reader->room, ROOM);
}

bool reader_seek(struct reader *reader, uint64_t offset, uint64_t line)
{
	reader->start = reader->used = 0;
	reader->at_end = false;
	reader->offset = offset;
	reader->line = line;
	return lseek(reader->fd, (off_t)offset, SEEK_SET) == (off_t)offset ||
	       failed(reader, "read");
}

/* The number of bytes, or -1 after a complaint. */
static ssize_t read_some(struct reader *reader, char *to, size_t size)
{
	ssize_t len = -1;

	do
		len = read(reader->fd, to, size);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		failed(reader, "read");
	return len;
}

static void free_digest(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

bool reader_digest(struct reader *reader, uint8_t digest[32])
{
	EVP_MD_CTX *ctx CLEANUP(free_digest) = must_have(EVP_MD_CTX_new());
	bool good = EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 && reader_seek(reader, 0, 0);
	ssize_t len = 1;

	while (good && len > 0) {
		len = read_some(reader, reader->room, ROOM);
		good = len >= 0 && EVP_DigestUpdate(ctx, reader->room, (size_t)len) == 1;
	}
	return good && EVP_DigestFinal_ex(ctx, digest, NULL) == 1 && reader_seek(reader, 0, 0);
}

static bool read_more(struct reader *reader)
{
	size_t rest = reader->used - reader->start;

	memmove(reader->room, reader->room + reader->start, rest);
	reader->start = 0;
	reader->used = rest;
	ssize_t len = read_some(reader, reader->room + rest, ROOM - rest);
	if (len < 0)
		return false;
	reader->used += (size_t)len;
	reader->at_end = len == 0;
	return true;
}

static void step(struct reader *reader, size_t len)
{
	reader->start += len;
	reader->offset += len;
	reader->last_len = len;
}

/* Drops the rest of a line that has no end within the room. */
static bool skip_long(struct reader *reader)
{
	for (;;) {
		const char *from = reader->room + reader->start;
		const char *newline = memchr(from, '\n', reader->used - reader->start);

		if (newline) {
			step(reader, (size_t)(newline - from) + 1);
			return true;
		}
		step(reader, reader->used - reader->start);
		if (reader->at_end)
			return true;
		if (!read_more(reader))
			return false;
	}
}

static size_t without_cr(const char *text, size_t len)
{
	return len > 0 && text[len - 1] == '\r' ? len - 1 : len;
}

bool reader_next(struct reader *reader, struct reader_line *line, bool *found)
{
	for (;;) {
		const char *from = reader->room + reader->start;
		size_t rest = reader->used - reader->start;
		const char *newline = memchr(from, '\n', rest);
		size_t len = newline ? (size_t)(newline - from) : rest;

		if (!newline && !reader->at_end && len <= READER_LINE_MAX) {
			if (!read_more(reader))
				return false;
			continue;
		}
		*found = rest > 0;
		reader->line += *found;
		*line = (struct reader_line){ .text = from, .too_long = len > READER_LINE_MAX };
		if (line->too_long)
			return skip_long(reader);
		line->len = without_cr(from, len);
		step(reader, newline ? len + 1 : len);
		return true;
	}
}

void reader_back(struct reader *reader)
{
	reader->start -= reader->last_len;
	reader->offset -= reader->last_len;
	reader->line--;
}
