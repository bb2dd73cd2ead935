#define _GNU_SOURCE
#include "words.h"

#include <stdio.h>
#include <string.h>

#include "names.h"

bool words_split(struct words *words, const char *line)
{
	char *rest = words->copy, *word;
	size_t count = 0;

	*words = (struct words){ .line = line };
	snprintf(words->copy, sizeof(words->copy), "%s", line);
	while ((word = strsep(&rest, BLANKS))) {
		if (*word == '\0')
			continue;
		if (count == WORDS_MAX)
			return false;
		words->list[count++] = word;
	}
	return true;
}

const char *words_take(struct words *words)
{
	const char *word = words->list[words->next];

	words->next += word != NULL;
	return word;
}

bool words_take_this(struct words *words, const char *wanted)
{
	const char *word = words->list[words->next];
	const bool is = word && strcmp(word, wanted) == 0;

	words->next += is;
	return is;
}

bool words_take_value(struct words *words, unsigned long *value)
{
	const char *word = words_take(words);

	return word && value_of_name(word, value);
}

bool words_take_option(struct words *words, const char *name, unsigned long *value)
{
	const char *word = words->list[words->next];
	const size_t len = strlen(name);

	if (!word || strncmp(word, name, len) != 0 || word[len] != '=' ||
	    !value_of_name(word + len + 1, value))
		return false;
	words->next++;
	return true;
}
