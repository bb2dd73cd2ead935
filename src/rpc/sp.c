#include "sp.h"

#include <string.h>

#define FRAME_TYPE 1
#define ADDRESS_LEN 4
#define LAST_ADDRESS 0x80 /* the top bit of an address's first byte */

const uint8_t sp_greeting[SP_GREETING_LEN] = { 0, 'S', 'P', 0, 0, 0x31, 0, 0 };

bool sp_is_req(const uint8_t greeting[SP_GREETING_LEN])
{
	static const uint8_t req[SP_GREETING_LEN] = { 0, 'S', 'P', 0, 0, 0x30, 0, 0 };

	return memcmp(greeting, req, SP_GREETING_LEN) == 0;
}

bool sp_read_header(const uint8_t header[SP_HEADER_LEN], size_t max, size_t *len)
{
	uint64_t value = 0;

	for (size_t i = 1; i < SP_HEADER_LEN; i++)
		value = value << 8 | header[i];
	*len = (size_t)value;
	return header[0] == FRAME_TYPE && value <= max;
}

void sp_write_header(uint8_t header[SP_HEADER_LEN], size_t len)
{
	struct buf buf = { .data = header, .cap = SP_HEADER_LEN };
	const uint8_t type = FRAME_TYPE;

	buf_put(&buf, bytes_of(&type, 1));
	buf_put_u64(&buf, len);
}

bool sp_split(struct bytes payload, struct bytes *trace, struct bytes *body)
{
	size_t most = payload.len < SP_TRACE_MAX ? payload.len : SP_TRACE_MAX;

	for (size_t at = 0; at + ADDRESS_LEN <= most; at += ADDRESS_LEN) {
		if ((payload.data[at] & LAST_ADDRESS) == 0)
			continue;
		size_t len = at + ADDRESS_LEN;
		*trace = bytes_of(payload.data, len);
		*body = bytes_of(payload.data + len, payload.len - len);
		return true;
	}
	return false;
}
