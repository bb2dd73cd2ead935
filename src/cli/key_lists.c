#include <stdio.h>
#include <string.h>

#include "key.h"

/* Parted by blanks; a value has none. */
static bool join(const struct texts *texts, const char *option, char *to, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < texts->count; i++) {
		const char *word = texts->at[i];
		size_t len = strlen(word);

		if (texts->count == 1 && len == 0)
			return true;
		if (len == 0 || strchr(word, ' ') || used + len + 2 > size) {
			complain("--%s takes values without blanks, together of at most %zu bytes.",
				 option, size - 1);
			return false;
		}
		if (used > 0)
			to[used++] = ' ';
		memcpy(to + used, word, len + 1);
		used += len;
	}
	return true;
}

static bool read_label(const char *text, struct peppermint_label *label)
{
	const char *equals = strchr(text, '=');
	size_t key_len = equals ? (size_t)(equals - text) : 0;

	if (key_len == 0 || key_len > PEPPERMINT_LABEL_KEY_MAX ||
	    strlen(equals + 1) > PEPPERMINT_LABEL_VALUE_MAX) {
		complain("--label must be K=V: K of 1 to %d bytes, V of at most %d.",
			 PEPPERMINT_LABEL_KEY_MAX, PEPPERMINT_LABEL_VALUE_MAX);
		return false;
	}
	memcpy(label->key, text, key_len);
	strcpy(label->value, equals + 1);
	return true;
}

bool key_lists_read(const struct options *options, struct key_lists *lists)
{
	const struct texts *labels = &options->labels;

	*lists = (struct key_lists){ .label_count = labels->count };
	if (labels->count == 1 && labels->at[0][0] == '\0')
		lists->label_count = 0;
	if (lists->label_count > PEPPERMINT_LABELS_MAX) {
		complain("a key has at most %d labels.", PEPPERMINT_LABELS_MAX);
		return false;
	}
	for (size_t i = 0; i < lists->label_count; i++) {
		if (!read_label(labels->at[i], &lists->labels[i]))
			return false;
	}
	return join(&options->scopes, "scope", lists->scopes, sizeof(lists->scopes)) &&
	       join(&options->networks, "network", lists->networks, sizeof(lists->networks));
}
