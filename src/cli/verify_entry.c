/* What an entry looks like, and what the first and the last one of a log say. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "verify_log.h"

#define HEAD "{\"v\":1,\"seq\":"
#define HEAD_MAX 40
#define PRUNE "\"type\":\"log.prune\""

static void drop_json(json_t **json)
{
	json_decref(*json);
}

static bool refuse(struct log_check *check, uint64_t index, const char *what)
{
	return verify_refuse(check->report, "leaf %" PRIu64 " of log %" PRIu32 " %s", index,
			     check->found->log, what);
}

static bool begins_with(struct bytes text, const char *start, size_t len)
{
	return text.len >= len && memcmp(text.data, start, len) == 0;
}

/* `{"v":1,"seq":<index>,` … `}`, in one line. */
static bool check_form(struct log_check *check, uint64_t index, struct bytes entry)
{
	char head[HEAD_MAX];
	int len = snprintf(head, sizeof(head), HEAD "%" PRIu64 ",", index);
	bool ends = entry.len > 0 && entry.data[entry.len - 1] == '}' &&
		    !memchr(entry.data, '\n', entry.len);

	if (ends && begins_with(entry, head, (size_t)len))
		return true;
	if (ends && begins_with(entry, HEAD, strlen(HEAD)))
		return refuse(check, index, "is out of order: another one stands in its place");
	return refuse(check, index, "is not an entry of an audit log");
}

static const char *text_of(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text ? text : "";
}

/* A checkpoint's members, by way of its text, whose reader is strict. */
static bool read_end(const json_t *prev, struct tlog_checkpoint *out)
{
	json_int_t size = json_integer_value(json_object_get(prev, "size"));
	char text[TLOG_TEXT_MAX];
	int len = snprintf(text, sizeof(text), "%s\n%" JSON_INTEGER_FORMAT "\n%s\n",
			   text_of(prev, "origin"), size, text_of(prev, "root"));

	return len > 0 && (size_t)len < sizeof(text) &&
	       tlog_checkpoint_parse(bytes_of(text, (size_t)len), out) == PM_OK;
}

static bool read_first(struct log_check *check, const json_t *entry)
{
	const json_t *prev = json_object_get(entry, "prev");

	check->has_first = true;
	check->before.any = !json_is_null(prev);
	check->before.abandoned = json_is_true(json_object_get(entry, "abandoned"));
	if (!prev || (check->before.any && !read_end(prev, &check->before.end)))
		return refuse(check, 0, "does not say where the log before it ended");
	return true;
}

static bool read_last(struct log_check *check, const json_t *entry)
{
	const char *origin = text_of(entry, "next_origin"), *vkey = text_of(entry, "next_vkey");

	check->has_last = true;
	check->closed = strcmp(text_of(entry, "type"), "log.close") == 0;
	if (!check->closed)
		return true;
	if (!tlog_is_name(origin) || tlog_key_parse(bytes_str(vkey), &check->next.key) != PM_OK)
		return refuse(check, check->found->size - 1,
			      "closes the log and does not name the next one and its key");
	strcpy(check->next.origin, origin);
	return true;
}

static bool check_json(struct log_check *check, uint64_t index, struct bytes entry)
{
	json_t *json CLEANUP(drop_json) =
		json_loadb((const char *)entry.data, entry.len, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(json))
		return refuse(check, index, "is not a JSON object");
	if (index == 0 && !read_first(check, json))
		return false;
	return index + 1 < check->found->size || read_last(check, json);
}

/* An entry that tells of pruning tells it of this log or of one before. */
static void note_prune(struct log_check *check, struct bytes entry)
{
	json_t *json CLEANUP(drop_json) =
		json_loadb((const char *)entry.data, entry.len, JSON_REJECT_DUPLICATES, NULL);
	json_int_t minimum = json_integer_value(json_object_get(json, "minimum"));

	for (size_t i = 0; i < check->report->count; i++) {
		struct verified_log *log = &check->report->logs[i];

		if (minimum > 0 && (uint64_t)minimum > log->said_minimum &&
		    strcmp(text_of(json, "origin"), log->origin) == 0)
			log->said_minimum = (uint64_t)minimum;
	}
}

bool verify_entry(struct log_check *check, uint64_t index, struct bytes entry)
{
	if (!check_form(check, index, entry))
		return false;
	if (memmem(entry.data, entry.len, PRUNE, strlen(PRUNE)))
		note_prune(check, entry);
	if (index == 0 || index + 1 == check->found->size || check->options->strict)
		return check_json(check, index, entry);
	return true;
}
