#include "lines.h"

#include <string.h>

#include "tlog/base64.h"

bool line_take(struct bytes *rest, struct bytes *line)
{
	const uint8_t *end = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;

	if (!end)
		return false;
	*line = bytes_of(rest->data, (size_t)(end - rest->data));
	*rest = bytes_of(end + 1, rest->len - line->len - 1);
	return true;
}

bool bytes_same(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool prefix_take(struct bytes *text, struct bytes prefix)
{
	if (text->len < prefix.len || !bytes_same(bytes_of(text->data, prefix.len), prefix))
		return false;
	*text = bytes_of(text->data + prefix.len, text->len - prefix.len);
	return true;
}

bool decimal_read(struct bytes text, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (text.len == 0 || (text.len > 1 && text.data[0] == '0'))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned digit = (unsigned)text.data[i] - '0';

		if (digit > 9 || digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

bool hash_read(struct bytes text, struct tlog_hash *out)
{
	struct buf room = BUF(out->bytes);

	return text.len == HASH_TEXT_LEN && base64_decode(text, &room) && room.len == TLOG_HASH_LEN;
}
