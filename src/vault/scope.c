#include "scope.h"

#include <string.h>

#include "base/bytes.h"
#include "base/text.h"

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789._-"
#define SCOPES_MAX ((SCOPE_LIST_MAX + 1) / 2) /* of one letter and one space */

/* The list's texts, sorted; they are lent. */
struct sorted {
	const char *texts[SCOPES_MAX];
	size_t count;
};

static bool is_name(const char *text, size_t len, size_t max, const char *characters)
{
	return len >= 1 && len <= max && strspn(text, characters) >= len;
}

static bool is_scope(const char *text, size_t len)
{
	return is_name(text, len, SCOPE_NAME_MAX, NAME_CHARACTERS ":");
}

/* `prefix.*` or `prefix:*` */
static bool is_wildcard(const char *text, size_t len)
{
	return len >= 3 && len <= SCOPE_NAME_MAX && text[len - 1] == '*' &&
	       strchr(".:", text[len - 2]) && is_scope(text, len - 1);
}

/* Where it stands or would stand. */
static size_t place(const struct sorted *sorted, const char *text, bool *there)
{
	size_t at = sorted->count;

	while (at > 0 && strcmp(sorted->texts[at - 1], text) > 0)
		at--;
	*there = at > 0 && strcmp(sorted->texts[at - 1], text) == 0;
	return at;
}

static enum pm_err sort(const char *const *names, size_t count, struct sorted *out)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = strnlen(names[i], SCOPE_NAME_MAX + 1);
		bool there;

		if (!is_scope(names[i], len) && !is_wildcard(names[i], len))
			return PM_BAD_REQUEST;
		size_t at = place(out, names[i], &there);
		if (there)
			continue;
		if (out->count == SCOPES_MAX)
			return PM_TOO_LARGE;
		memmove(&out->texts[at + 1], &out->texts[at],
			(out->count++ - at) * sizeof(out->texts[0]));
		out->texts[at] = names[i];
	}
	return PM_OK;
}

enum pm_err scope_list_parse(const char *const *names, size_t count, char out[SCOPE_LIST_MAX + 1])
{
	struct sorted sorted = { .count = 0 };
	struct buf list = { .data = (uint8_t *)out, .cap = SCOPE_LIST_MAX };

	out[0] = '\0';
	TRY(sort(names, count, &sorted));
	for (size_t i = 0; i < sorted.count; i++) {
		buf_put(&list, bytes_str(i > 0 ? " " : ""));
		buf_put(&list, bytes_str(sorted.texts[i]));
	}
	out[list.full ? 0 : list.len] = '\0';
	return list.full ? PM_TOO_LARGE : PM_OK;
}

static bool entry_covers(const char *entry, size_t len, const char *want)
{
	size_t want_len = strlen(want);

	if (is_wildcard(entry, len))
		return want_len > len - 1 && memcmp(entry, want, len - 1) == 0;
	return want_len == len && memcmp(entry, want, len) == 0;
}

static bool covers(const char *have, const char *want)
{
	if (!is_scope(want, strnlen(want, SCOPE_NAME_MAX + 1)))
		return false;
	if (*have == '\0')
		return true;
	for (;; have++) {
		size_t len = strcspn(have, " ");

		if (entry_covers(have, len, want))
			return true;
		have += len;
		if (*have == '\0')
			return false;
	}
}

bool scope_list_covers(const char *have, const char *const *want, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!covers(have, want[i]))
			return false;
	}
	return true;
}

struct label {
	const char *key, *value;
};

static enum pm_err sort_labels(const char *const *keys, const char *const *values, size_t count,
			       struct label sorted[LABELS_MAX])
{
	for (size_t i = 0; i < count; i++) {
		size_t key_len = strnlen(keys[i], LABEL_KEY_MAX + 1);
		size_t value_len = strnlen(values[i], LABEL_VALUE_MAX + 1);
		size_t at = i;

		if (!is_name(keys[i], key_len, LABEL_KEY_MAX, NAME_CHARACTERS) ||
		    value_len > LABEL_VALUE_MAX || !text_is_clean(bytes_of(values[i], value_len)))
			return PM_BAD_REQUEST;
		while (at > 0 && strcmp(sorted[at - 1].key, keys[i]) > 0)
			at--;
		if (at > 0 && strcmp(sorted[at - 1].key, keys[i]) == 0)
			return PM_BAD_REQUEST;
		memmove(&sorted[at + 1], &sorted[at], (i - at) * sizeof(sorted[0]));
		sorted[at] = (struct label){ .key = keys[i], .value = values[i] };
	}
	return PM_OK;
}

enum pm_err label_list_parse(const char *const *keys, const char *const *values, size_t count,
			     char out[LABEL_LIST_MAX + 1])
{
	struct label sorted[LABELS_MAX];
	struct buf list = { .data = (uint8_t *)out, .cap = LABEL_LIST_MAX };

	out[0] = '\0';
	if (count > LABELS_MAX)
		return PM_TOO_LARGE;
	TRY(sort_labels(keys, values, count, sorted));
	for (size_t i = 0; i < count; i++) {
		buf_put(&list, bytes_str(sorted[i].key));
		buf_put(&list, bytes_str("="));
		buf_put(&list, bytes_str(sorted[i].value));
		buf_put(&list, bytes_str("\n"));
	}
	out[list.full ? 0 : list.len] = '\0';
	return list.full ? PM_TOO_LARGE : PM_OK;
}

bool label_list_next(const char **rest, char key[LABEL_KEY_MAX + 1],
		     char value[LABEL_VALUE_MAX + 1])
{
	const char *line = *rest;
	size_t key_len = strcspn(line, "=\n");

	if (line[key_len] != '=' || !is_name(line, key_len, LABEL_KEY_MAX, NAME_CHARACTERS))
		return false;
	const char *text = line + key_len + 1;
	size_t len = strcspn(text, "\n");
	if (text[len] != '\n' || len > LABEL_VALUE_MAX || !text_is_clean(bytes_of(text, len)))
		return false;
	memcpy(key, line, key_len);
	key[key_len] = '\0';
	memcpy(value, text, len);
	value[len] = '\0';
	*rest = text + len + 1;
	return true;
}
