/*
 * A borrowed run of bytes, and a writer into a fixed buffer that remembers overflow instead of
 * overflowing. Neither owns memory; both are plain values, for one thread at a time.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
	const uint8_t *data;
	size_t len;
};

struct bytes bytes_of(const void *data, size_t len);
struct bytes bytes_str(const char *text); /* without the final NUL */

struct buf {
	uint8_t *data;
	size_t cap;
	size_t len;
	bool full; /* something did not fit: the content is not to be used */
};

/* A writer into an array: `uint8_t room[256]; struct buf buf = BUF(room);` */
#define BUF(array) ((struct buf){ .data = (array), .cap = sizeof(array) })

void buf_put(struct buf *buf, struct bytes bytes);
void buf_put_u32(struct buf *buf, uint32_t value); /* big-endian, as all integers here */
void buf_put_u64(struct buf *buf, uint64_t value);

/* A u32 length and then the bytes: no two lists of fields give the same result. */
void buf_put_field(struct buf *buf, struct bytes bytes);

struct bytes buf_bytes(const struct buf *buf);

#endif
