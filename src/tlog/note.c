#include "tlog/note.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "lines.h"
#include "signature.h"
#include "tlog/base64.h"

#define LINE_START "\xe2\x80\x94 " /* an em dash and a space */

/* A signature line, taken apart. */
struct line {
	struct bytes name;
	struct bytes id;
	struct bytes signature;
	uint8_t room[BASE64_BYTES_MAX]; /* of id and signature */
};

static bool is_name(struct bytes name)
{
	char text[TLOG_NAME_MAX + 1] = "";

	if (name.len == 0 || name.len > TLOG_NAME_MAX || memchr(name.data, '\0', name.len))
		return false;
	memcpy(text, name.data, name.len);
	return tlog_is_name(text);
}

static bool parse_line(struct bytes text, struct line *line)
{
	struct buf raw = BUF(line->room);

	if (!prefix_take(&text, bytes_str(LINE_START)))
		return false;
	const uint8_t *space = text.len > 0 ? memchr(text.data, ' ', text.len) : NULL;
	if (!space)
		return false;
	line->name = bytes_of(text.data, (size_t)(space - text.data));
	if (!is_name(line->name) ||
	    !base64_decode(bytes_of(space + 1, text.len - line->name.len - 1), &raw) ||
	    raw.len <= ID_LEN)
		return false;
	line->id = bytes_of(line->room, ID_LEN);
	line->signature = bytes_of(line->room + ID_LEN, raw.len - ID_LEN);
	return true;
}

enum pm_err tlog_line_format(const struct tlog_key *key, struct bytes raw, char out[TLOG_LINE_MAX])
{
	uint8_t room[ID_LEN + TLOG_SIGNATURE_MAX];
	char encoded[BASE64_LEN(sizeof(room)) + 1];
	struct buf signature = BUF(room);

	buf_put(&signature, bytes_of(key->id, ID_LEN));
	TRY(signature_encode(key, raw, &signature));
	base64_encode(buf_bytes(&signature), encoded);
	snprintf(out, TLOG_LINE_MAX, LINE_START "%s %s\n", key->name, encoded);
	return PM_OK;
}

enum pm_err tlog_note_join(struct bytes text, struct bytes lines, struct buf *out)
{
	if (text.len + 1 + lines.len > TLOG_NOTE_MAX)
		return PM_TOO_LARGE;
	buf_put(out, text);
	buf_put(out, bytes_str("\n"));
	buf_put(out, lines);
	return out->full ? PM_TOO_LARGE : PM_OK;
}

/* Complete lines of clean text. */
static bool is_lines(struct bytes text)
{
	struct bytes line;

	while (line_take(&text, &line)) {
		if (!text_is_clean(line))
			return false;
	}
	return text.len == 0;
}

static bool are_signatures(struct bytes lines)
{
	struct bytes text;
	struct line line;
	size_t count = 0;

	while (line_take(&lines, &text)) {
		if (++count > TLOG_LINES_MAX || !parse_line(text, &line))
			return false;
	}
	return count > 0 && lines.len == 0;
}

/* The text may hold blank lines; the last one is the border. */
static bool find_border(struct bytes note, size_t *text_len)
{
	for (size_t at = note.len; at-- > 1;) {
		if (note.data[at] == '\n' && note.data[at - 1] == '\n') {
			*text_len = at;
			return true;
		}
	}
	return false;
}

enum pm_err tlog_note_split(struct bytes note, struct bytes *text, struct bytes *lines)
{
	size_t text_len;

	if (note.len > TLOG_NOTE_MAX || !is_lines(note) || !find_border(note, &text_len))
		return PM_BAD_REQUEST;
	*text = bytes_of(note.data, text_len);
	*lines = bytes_of(note.data + text_len + 1, note.len - text_len - 1);
	return are_signatures(*lines) ? PM_OK : PM_BAD_REQUEST;
}

static bool is_of_key(const struct line *line, const struct tlog_key *key)
{
	return bytes_same(line->name, bytes_str(key->name)) &&
	       bytes_same(line->id, bytes_of(key->id, ID_LEN));
}

enum pm_err tlog_note_verify(struct bytes note, const struct tlog_key *key, int64_t *time)
{
	struct bytes text, lines, at;
	struct line line;
	int64_t signed_at, newest = 0;
	bool found = false;

	TRY(tlog_note_split(note, &text, &lines));
	while (line_take(&lines, &at)) {
		if (!parse_line(at, &line) || !is_of_key(&line, key))
			continue;
		if (!signature_verifies(key, text, line.signature, &signed_at))
			return PM_DENIED;
		newest = signed_at > newest ? signed_at : newest;
		found = true;
	}
	if (time)
		*time = newest;
	return found ? PM_OK : PM_NOT_FOUND;
}

size_t tlog_checkpoint_format(const struct tlog_checkpoint *checkpoint, char out[TLOG_TEXT_MAX])
{
	char root[HASH_TEXT_LEN + 1];

	base64_encode(bytes_of(checkpoint->root.bytes, TLOG_HASH_LEN), root);
	return (size_t)snprintf(out, TLOG_TEXT_MAX, "%s\n%" PRIu64 "\n%s\n", checkpoint->origin,
				checkpoint->size, root);
}

enum pm_err tlog_checkpoint_parse(struct bytes note, struct tlog_checkpoint *out)
{
	struct bytes rest = note, origin, size, root, text, lines;

	*out = (struct tlog_checkpoint){ 0 };
	if (!line_take(&rest, &origin) || !line_take(&rest, &size) || !line_take(&rest, &root))
		return PM_BAD_REQUEST;
	if (!is_name(origin) || !decimal_read(size, TLOG_SIZE_MAX, &out->size) ||
	    !hash_read(root, &out->root))
		return PM_BAD_REQUEST;
	memcpy(out->origin, origin.data, origin.len);
	if (rest.len == 0)
		return PM_OK;
	TRY(tlog_note_split(note, &text, &lines));
	return text.len == note.len - rest.len ? PM_OK : PM_BAD_REQUEST;
}
