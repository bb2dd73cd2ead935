#define _GNU_SOURCE
#include "match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct bytes entry_second(struct bytes entry)
{
	static const char member[] = "\"ts\":\"";
	const uint8_t *at = memmem(entry.data, entry.len, member, strlen(member));

	if (!at)
		return bytes_of(NULL, 0);
	at += strlen(member);
	if ((size_t)(entry.data + entry.len - at) < ENTRY_SECOND_LEN)
		return bytes_of(NULL, 0);
	return bytes_of(at, ENTRY_SECOND_LEN);
}

void entry_second_format(int64_t seconds, char out[ENTRY_SECOND_LEN + 1])
{
	time_t time = (time_t)seconds;
	struct tm tm = { 0 };

	gmtime_r(&time, &tm);
	strftime(out, ENTRY_SECOND_LEN + 1, "%Y-%m-%dT%H:%M:%S", &tm);
}

void match_end(struct match *match)
{
	for (size_t i = 0; i < match->part_count; i++)
		free(match->parts[i].texts);
}

static enum pm_err add_part(struct match *match, size_t count, struct match_part **out)
{
	struct match_part *part = &match->parts[match->part_count];

	if (match->part_count == MATCH_PARTS_MAX)
		return PM_TOO_LARGE;
	part->texts = calloc(count, sizeof(*part->texts));
	if (!part->texts)
		return PM_NO_MEMORY;
	part->count = count;
	match->part_count++;
	*out = part;
	return PM_OK;
}

/* What JSON would write otherwise is in no name of ours. */
static bool is_plain(const char *text)
{
	for (; *text; text++) {
		if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\')
			return false;
	}
	return true;
}

/* `end` closes the text, or is empty where only its beginning is given. */
static enum pm_err write_text(const char *field, const char *text, const char *end,
			      char out[MATCH_TEXT_MAX])
{
	int len = snprintf(out, MATCH_TEXT_MAX, "\"%s\":\"%s%s", field, text, end);

	return is_plain(text) && len < MATCH_TEXT_MAX ? PM_OK : PM_BAD_REQUEST;
}

static enum pm_err add_text(struct match *match, const char *field, const char *text,
			    const char *end)
{
	struct match_part *part = NULL;

	if (text[0] == '\0')
		return PM_OK;
	TRY(add_part(match, 1, &part));
	return write_text(field, text, end, part->texts[0]);
}

enum pm_err match_add(struct match *match, const char *field, const char *text)
{
	return add_text(match, field, text, "\"");
}

enum pm_err match_add_type(struct match *match, const char *type)
{
	size_t len = strlen(type);
	bool is_beginning = len > 0 && type[len - 1] == '.';

	return add_text(match, "type", type, is_beginning ? "" : "\"");
}

enum pm_err match_add_hashes(struct match *match, const char *field,
			     const struct value_hash *hashes, size_t count)
{
	struct match_part *part = NULL;

	TRY(add_part(match, count, &part));
	for (size_t i = 0; i < count; i++)
		TRY(write_text(field, hashes[i].text, "\"", part->texts[i]));
	return PM_OK;
}

enum pm_err match_add_failure(struct match *match)
{
	struct match_part *part = NULL;

	TRY(add_part(match, 1, &part));
	strcpy(part->texts[0], "\"ok\":false");
	return PM_OK;
}

static bool has_any(const struct match_part *part, struct bytes entry)
{
	for (size_t i = 0; i < part->count; i++) {
		if (memmem(entry.data, entry.len, part->texts[i], strlen(part->texts[i])))
			return true;
	}
	return false;
}

static bool is_in_time(const struct match *match, struct bytes entry)
{
	if (!match->since[0] && !match->until[0])
		return true;
	struct bytes second = entry_second(entry);
	return second.len > 0 && memcmp(second.data, match->since, strlen(match->since)) >= 0 &&
	       (!match->until[0] || memcmp(second.data, match->until, second.len) < 0);
}

bool match_entry(const struct match *match, struct bytes entry)
{
	for (size_t i = 0; i < match->part_count; i++) {
		if (!has_any(&match->parts[i], entry))
			return false;
	}
	return is_in_time(match, entry);
}
