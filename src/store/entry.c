#include "entry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define HEAD_MAX 48
#define PREV_MAX 320
#define INDEX_BITS 40

_Static_assert(UINT64_C(1) << INDEX_BITS == TLOG_SIZE_MAX, "a position holds every index");
_Static_assert(STORE_LEAF_TEXT_MAX + HEAD_MAX + PREV_MAX <= TLOG_ENTRY_MAX, "every leaf fits");

bool entry_is_origin(const char *origin)
{
	return tlog_is_name(origin) && !strpbrk(origin, "\"\\");
}

static enum pm_err check_text(struct bytes text)
{
	if (text.len >= 1 && text.len <= STORE_LEAF_TEXT_MAX && text.data[0] == '"' &&
	    text.data[text.len - 1] == '}' && !memchr(text.data, '\n', text.len))
		return PM_OK;
	log_error("store: our leaf of %zu bytes has an impossible text", text.len);
	return PM_INTERNAL;
}

static struct bytes format_head(uint64_t index, char out[HEAD_MAX])
{
	int len = snprintf(out, HEAD_MAX, "{\"v\":1,\"seq\":%" PRIu64 ",", index);

	return bytes_of(out, (size_t)len);
}

enum pm_err entry_make(uint64_t index, struct bytes text, struct buf *out)
{
	char head[HEAD_MAX];

	TRY(check_text(text));
	buf_put(out, format_head(index, head));
	buf_put(out, text);
	return out->full ? PM_INTERNAL : PM_OK;
}

/* The root as it stands in a checkpoint, which ends in it and a newline. */
static struct bytes format_root(const struct tlog_checkpoint *checkpoint, char out[TLOG_TEXT_MAX])
{
	size_t end = tlog_checkpoint_format(checkpoint, out) - 1;
	size_t start = end;

	while (start > 0 && out[start - 1] != '\n')
		start--;
	return bytes_of(out + start, end - start);
}

static void put_prev(const struct tlog_checkpoint *prev, struct buf *out)
{
	char text[TLOG_TEXT_MAX], json[PREV_MAX];

	if (!prev) {
		buf_put(out, bytes_str("\"prev\":null,"));
		return;
	}
	struct bytes root = format_root(prev, text);
	snprintf(json, sizeof(json),
		 "\"prev\":{\"origin\":\"%s\",\"size\":%" PRIu64 ",\"root\":\"%.*s\"},",
		 prev->origin, prev->size, (int)root.len, (const char *)root.data);
	buf_put(out, bytes_str(json));
}

enum pm_err entry_make_first(const struct tlog_checkpoint *prev, struct bytes text, struct buf *out)
{
	char head[HEAD_MAX];

	TRY(check_text(text));
	buf_put(out, format_head(0, head));
	put_prev(prev, out);
	buf_put(out, text);
	return out->full ? PM_INTERNAL : PM_OK;
}

bool entry_is_at(struct bytes entry, uint64_t index)
{
	char room[HEAD_MAX];
	struct bytes head = format_head(index, room);

	return entry.len > head.len && memcmp(entry.data, head.data, head.len) == 0;
}

int64_t entry_position(uint32_t log, uint64_t index)
{
	return (int64_t)((uint64_t)log << INDEX_BITS | index);
}
