/* A line of the rule file, and its words, which are taken one by one from its front. */
#ifndef FAULTY_WORDS_H
#define FAULTY_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "rules.h"

#define WORDS_MAX 32

#define BLANKS " \t"

struct words {
	const char *line; /* as it was */
	char copy[RULE_TEXT_MAX];
	char *list[WORDS_MAX + 1]; /* into the copy; NULL behind the last */
	size_t next;
};

/* The line must outlive the words. False when there are too many. */
bool words_split(struct words *words, const char *line);

/* NULL when there is none left. */
const char *words_take(struct words *words);

/* If it is the next one. */
bool words_take_this(struct words *words, const char *wanted);

/* A constant's name, or a number. */
bool words_take_value(struct words *words, unsigned long *value);

/* NAME=NUMBER, if that is next. */
bool words_take_option(struct words *words, const char *name, unsigned long *value);

#endif
