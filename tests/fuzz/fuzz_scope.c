/* Scopes and labels, one a line: a label has a '='. The lines are a stored list of labels as well. */
#define _GNU_SOURCE
#include <string.h>

#include "fuzz.h"
#include "scope.h"

#define TEXT_MAX 2048
#define LINES_MAX 300

static void check_scopes(const char *const *names, size_t count)
{
	char list[SCOPE_LIST_MAX + 1], again[SCOPE_LIST_MAX + 1];
	enum pm_err err = scope_list_parse(names, count, list);

	if (err != PM_OK) {
		MUST((err == PM_BAD_REQUEST || err == PM_TOO_LARGE) && list[0] == '\0');
		return;
	}
	MUST(strlen(list) <= SCOPE_LIST_MAX);
	for (size_t i = 0; i < count; i++) {
		bool plain = !strchr(names[i], '*');

		MUST(scope_list_covers(list, &names[i], 1) == plain);
		MUST(scope_list_covers("", &names[i], 1) == plain);
	}
	/* The other way round it is the same list. */
	const char *reversed[LINES_MAX];
	for (size_t i = 0; i < count; i++)
		reversed[i] = names[count - 1 - i];
	MUST(scope_list_parse(reversed, count, again) == PM_OK && strcmp(again, list) == 0);
}

/* The labels of a stored text, as far as they are whole. */
static size_t read_labels(const char *text, char keys[LABELS_MAX + 1][LABEL_KEY_MAX + 1],
			  char values[LABELS_MAX + 1][LABEL_VALUE_MAX + 1])
{
	size_t count = 0;

	while (count < LABELS_MAX + 1 && label_list_next(&text, keys[count], values[count]))
		count++;
	return count;
}

static void check_labels(const char *text)
{
	char keys[LABELS_MAX + 1][LABEL_KEY_MAX + 1], values[LABELS_MAX + 1][LABEL_VALUE_MAX + 1];
	const char *key[LABELS_MAX + 1], *value[LABELS_MAX + 1];
	char list[LABEL_LIST_MAX + 1];
	size_t count = read_labels(text, keys, values);

	for (size_t i = 0; i < count; i++) {
		key[i] = keys[i];
		value[i] = values[i];
	}
	enum pm_err err = label_list_parse(key, value, count, list);
	if (err != PM_OK) {
		MUST((err == PM_BAD_REQUEST || err == PM_TOO_LARGE) && list[0] == '\0');
		return;
	}
	MUST(read_labels(list, keys, values) == count);
	for (size_t i = 1; i < count; i++)
		MUST(strcmp(keys[i - 1], keys[i]) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[TEXT_MAX + 1], *rest = text;
	const char *names[LINES_MAX];
	size_t count = 0;

	if (size > TEXT_MAX)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_labels(text);
	while (count < LINES_MAX && rest)
		names[count++] = strsep(&rest, "\n");
	check_scopes(names, count);
	return 0;
}
