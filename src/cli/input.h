/*
 * Secrets from standard input, one per line, in locked memory that is wiped. Lines come in batches
 * of a size that fits one message to the vault, so any number of lines takes the same memory.
 */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "output.h"

#define BATCH_LINES 100

struct line {
	char *text; /* NUL-terminated; may hold NULs before its end */
	size_t len;
	size_t number; /* from 1 */
};

struct input {
	char *room;
	const char *what; /* "API key": for prompt and complaints */
	size_t line_max;
	size_t start, used; /* what was read and not yet handed out */
	size_t number;
	bool at_end;
	struct line lines[BATCH_LINES];
	size_t count;
};

/* `what` names a line, in the singular. From a terminal one line is read, without echo. */
enum status input_open(struct input *input, const char *what, size_t line_max);
void input_close(struct input *input); /* for CLEANUP */

/*
 * The next lines, valid until the next call: none at the end. STATUS_USAGE after a complaint about
 * a line that is too long, or about no line at all.
 */
enum status input_next(struct input *input);

#endif
