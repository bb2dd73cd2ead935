#include "base/bytes.h"

#include <string.h>

struct bytes bytes_of(const void *data, size_t len)
{
	return (struct bytes){ .data = data, .len = len };
}

struct bytes bytes_str(const char *text)
{
	return bytes_of(text, strlen(text));
}

void buf_put(struct buf *buf, struct bytes bytes)
{
	if (buf->full || bytes.len > buf->cap - buf->len) {
		buf->full = true;
		return;
	}
	if (bytes.len > 0)
		memcpy(buf->data + buf->len, bytes.data, bytes.len);
	buf->len += bytes.len;
}

static void put_be(struct buf *buf, uint64_t value, size_t width)
{
	uint8_t be[8];

	for (size_t i = 0; i < width; i++)
		be[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
	buf_put(buf, bytes_of(be, width));
}

void buf_put_u32(struct buf *buf, uint32_t value)
{
	put_be(buf, value, 4);
}

void buf_put_u64(struct buf *buf, uint64_t value)
{
	put_be(buf, value, 8);
}

void buf_put_field(struct buf *buf, struct bytes bytes)
{
	buf_put_u32(buf, (uint32_t)bytes.len);
	buf_put(buf, bytes);
}

struct bytes buf_bytes(const struct buf *buf)
{
	return bytes_of(buf->data, buf->len);
}
