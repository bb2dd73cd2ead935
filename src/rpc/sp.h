/*
 * nanomsg's SP protocol for req/rep over a stream, the replying side: greeting, frames, and the
 * addresses in front of a request that its answer must repeat. Pure functions. Any thread.
 *
 *   greeting   00 'S' 'P' 00  u16 protocol  00 00        both sides, once
 *   frame      01  u64 length  trace body                 integers are big-endian
 *   trace      u32 hop (top bit clear) …  u32 request id (top bit set)
 */
#ifndef RPC_SP_H
#define RPC_SP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define SP_GREETING_LEN 8
#define SP_HEADER_LEN 9
#define SP_TRACE_MAX ((size_t)4 * 9) /* eight hops, as nanomsg and nng allow, and the id */

/* What a REP says first. */
extern const uint8_t sp_greeting[SP_GREETING_LEN];

/* Whether the other side is a REQ. */
bool sp_is_req(const uint8_t greeting[SP_GREETING_LEN]);

/* The payload's length; false if this is no frame or longer than `max`. */
bool sp_read_header(const uint8_t header[SP_HEADER_LEN], size_t max, size_t *len);
void sp_write_header(uint8_t header[SP_HEADER_LEN], size_t len);

/* Where a payload's trace ends and its body begins; false if there is no request id. */
bool sp_split(struct bytes payload, struct bytes *trace, struct bytes *body);

#endif
