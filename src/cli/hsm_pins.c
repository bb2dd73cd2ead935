#define _GNU_SOURCE
#include "hsm_pins.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "input.h"

struct pins *pins_new(void)
{
	struct pins *pins = secret_alloc(sizeof(*pins));

	if (!pins)
		complain("no locked memory to be had. Raise the limit: ulimit -l.");
	return pins;
}

void pins_freep(struct pins **pins)
{
	secret_free(*pins, sizeof(**pins));
}

static enum status take(const struct line *line, const char *what, char to[PIN_MAX + 1])
{
	if (line->len == 0 || strlen(line->text) != line->len) {
		complain("the %s cannot be empty or hold a NUL byte. Nothing was done.", what);
		return STATUS_USAGE;
	}
	memcpy(to, line->text, line->len + 1);
	return STATUS_DONE;
}

static enum status ask(const char *what, const struct pins_asked *asked, char to[PIN_MAX + 1])
{
	struct input input CLEANUP(input_close) = { 0 };
	char prompt[128];

	snprintf(prompt, sizeof(prompt), "%s of %s %s", what,
		 asked->token         ? "token"
		 : asked->environment ? "environment"
				      : "operator",
		 asked->token         ? asked->token
		 : asked->environment ? asked->environment
				      : asked->operator_name);
	enum status status = input_open(&input, prompt, PIN_MAX);
	if (status == STATUS_DONE)
		status = input_next(&input);
	return status == STATUS_DONE ? take(&input.lines[0], what, to) : status;
}

static enum status ask_twice(const struct pins_asked *asked, char to[PIN_MAX + 1])
{
	struct pins *again CLEANUP(pins_freep) = pins_new();

	if (!again)
		return STATUS_VAULT;
	enum status status = ask(asked->wanted, asked, to);
	if (status == STATUS_DONE)
		status = ask("once more: the new PIN", asked, again->wanted);
	if (status == STATUS_DONE && strcmp(to, again->wanted) != 0) {
		complain("these two differ. Nothing was done.");
		return STATUS_USAGE;
	}
	return status;
}

static enum status read_person(const struct pins_asked *asked, struct pins *pins)
{
	enum status status = STATUS_DONE;

	if (asked->given)
		status = ask(asked->given, asked, pins->given);
	if (status == STATUS_DONE && asked->wanted)
		status = ask_twice(asked, pins->wanted);
	return status;
}

static enum status read_lines(const struct pins_asked *asked, struct pins *pins)
{
	struct input input CLEANUP(input_close) = { 0 };
	const struct line *next = input.lines;
	size_t needed = asked->given && asked->wanted ? 2 : 1;
	enum status status = input_open(&input, "PIN", PIN_MAX);

	if (status == STATUS_DONE)
		status = input_next(&input);
	if (status == STATUS_DONE && input.count != needed) {
		complain("standard input must hold %zu line%s: %s%s%s. Nothing was done.", needed,
			 needed == 1 ? "" : "s", asked->given ? asked->given : "",
			 needed == 2 ? ", " : "", asked->wanted ? asked->wanted : "");
		return STATUS_USAGE;
	}
	if (status == STATUS_DONE && asked->given)
		status = take(next++, asked->given, pins->given);
	if (status == STATUS_DONE && asked->wanted)
		status = take(next, asked->wanted, pins->wanted);
	return status;
}

enum status pins_read(const struct pins_asked *asked, struct pins *pins)
{
	enum status status =
		isatty(STDIN_FILENO) ? read_person(asked, pins) : read_lines(asked, pins);
	size_t len = strlen(pins->wanted);

	if (status != STATUS_DONE || !asked->wanted || asked->max == 0 ||
	    (len >= asked->min && len <= asked->max))
		return status;
	complain("%s of %zu to %zu bytes. Nothing was done.",
		 asked->operator_name ? "an operator has a PIN" : "this token takes PINs",
		 asked->min, asked->max);
	return STATUS_USAGE;
}
