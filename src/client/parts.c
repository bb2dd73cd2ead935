#include "parts.h"

#include <string.h>

/* Ends each word with a NUL. */
static size_t split(char *text, char **words)
{
	size_t count = 0;

	for (char *word = text; word;) {
		char *blank = strchr(word, ' ');

		if (blank)
			*blank++ = '\0';
		if (*word)
			words[count++] = word;
		word = blank;
	}
	return count;
}

enum pm_err parts_words(struct exchange *x, const char *text, char ***out, size_t *count)
{
	size_t len = text ? strlen(text) : 0;
	void *copy = NULL, *words = NULL;

	*out = NULL;
	*count = 0;
	if (len == 0)
		return PM_OK;
	TRY(exchange_array(x, len + 1, 1, &copy));
	TRY(exchange_array(x, len / 2 + 1, sizeof(char *), &words));
	memcpy(copy, text, len + 1);
	*out = words;
	*count = split(copy, words);
	return PM_OK;
}

enum pm_err parts_items(struct exchange *x, size_t count, size_t size, void **items,
			void ***pointers)
{
	void *array = NULL;

	TRY(exchange_array(x, count, size, items));
	TRY(exchange_array(x, count, sizeof(void *), &array));
	*pointers = array;
	for (size_t i = 0; i < count; i++)
		(*pointers)[i] = (char *)*items + i * size;
	return PM_OK;
}

enum pm_err parts_labels(struct exchange *x, const struct peppermint_label *labels,
			 size_t label_count, Peppermint__V1__Label ***out, size_t *count)
{
	void *items = NULL;
	void **pointers = NULL;

	TRY(parts_items(x, label_count, sizeof(Peppermint__V1__Label), &items, &pointers));
	*out = (Peppermint__V1__Label **)pointers;
	*count = label_count;
	for (size_t i = 0; i < label_count; i++) {
		Peppermint__V1__Label *label = (*out)[i];

		*label = (Peppermint__V1__Label)PEPPERMINT__V1__LABEL__INIT;
		label->key = exchange_text(labels[i].key);
		label->value = exchange_text(labels[i].value);
	}
	return PM_OK;
}
