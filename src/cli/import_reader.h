/* Lines of a file, one after the other, in locked memory: they may be keys. */
#ifndef CLI_IMPORT_READER_H
#define CLI_IMPORT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READER_LINE_MAX 16384

struct reader {
	int fd;
	const char *path;
	char *room;
	size_t start, used; /* what was read and not handed out */
	bool at_end;
	/* Where the next line begins, and how many were before it. */
	uint64_t offset, line;
	/* The last line, for reader_back. */
	size_t last_len;
};

struct reader_line {
	const char *text; /* valid until the next call */
	size_t len;       /* without its end; 0 for an empty one */
	bool too_long;    /* and skipped: there is no text */
};

/* False after a complaint. `reader->fd` is -1 before. */
bool reader_open(struct reader *reader, const char *path);
void reader_close(struct reader *reader); /* for CLEANUP */

/* The file's SHA-256. Goes back to its beginning. False after a complaint, like all below. */
bool reader_digest(struct reader *reader, uint8_t digest[32]);
/* Goes to the beginning of a line. */
bool reader_seek(struct reader *reader, uint64_t offset, uint64_t line);

/* *found is false at the end. */
bool reader_next(struct reader *reader, struct reader_line *line, bool *found);
/* The line that reader_next gave comes once more. Not of one that was too long. */
void reader_back(struct reader *reader);

#endif
