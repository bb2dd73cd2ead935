#define _GNU_SOURCE
#include "input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "terminal.h"

/* With the lines' overhead it stays under a message's 64 KiB. One byte is kept for a last NUL. */
#define ROOM ((size_t)56 * 1024)

enum status input_open(struct input *input, const char *what, size_t line_max)
{
	input->what = what;
	input->line_max = line_max;
	input->room = secret_alloc(ROOM);
	if (!input->room) {
		complain("no locked memory to be had. Raise the limit: ulimit -l.");
		return STATUS_VAULT;
	}
	return STATUS_DONE;
}

void input_close(struct input *input)
{
	secret_free(input->room, ROOM);
}

static enum status read_more(struct input *input)
{
	char *to = input->room + input->used;
	size_t size = ROOM - 1 - input->used;
	bool person = isatty(STDIN_FILENO);
	ssize_t len = -1;

	do
		len = person ? terminal_read(input->what, to, size) : read(STDIN_FILENO, to, size);
	while (len < 0 && errno == EINTR);
	if (len < 0) {
		complain("cannot read standard input: %s.", strerror(errno));
		return STATUS_USAGE;
	}
	input->used += (size_t)len;
	input->at_end = person || len == 0;
	return STATUS_DONE;
}

static enum status too_long(const struct input *input)
{
	complain("line %zu is over %zu bytes: that is no %s. Nothing of it was sent.",
		 input->number + 1, input->line_max, input->what);
	return STATUS_USAGE;
}

static void hand_out(struct input *input, size_t len)
{
	char *text = input->room + input->start;

	text[len] = '\0';
	input->lines[input->count++] =
		(struct line){ .text = text, .len = len, .number = ++input->number };
	input->start += len + 1;
	if (input->start > input->used) /* the last line, without its newline */
		input->start = input->used;
}

static void move_rest_to_front(struct input *input)
{
	size_t rest = input->used - input->start;

	memmove(input->room, input->room + input->start, rest);
	secret_wipe(input->room + rest, ROOM - rest);
	input->used = rest;
	input->start = input->count = 0;
}

enum status input_next(struct input *input)
{
	move_rest_to_front(input);
	while (input->count < BATCH_LINES) {
		size_t rest = input->used - input->start;
		const char *newline = memchr(input->room + input->start, '\n', rest);
		size_t len = newline ? (size_t)(newline - input->room) - input->start : rest;

		if (len > input->line_max)
			return too_long(input);
		if (newline || (input->at_end && rest > 0)) {
			hand_out(input, len);
			continue;
		}
		if (input->at_end || (input->used == ROOM - 1 && input->count > 0))
			break; /* all is read, or the rest has to wait for room */
		enum status status = read_more(input);
		if (status != STATUS_DONE)
			return status;
	}
	if (input->number > 0)
		return STATUS_DONE;
	complain("standard input is empty. Pipe in one %s per line.", input->what);
	return STATUS_USAGE;
}
