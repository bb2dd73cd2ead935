/* Base64 (RFC 4648 section 4), with padding and in one way only: what is decoded encodes the same. */
#ifndef TLOG_BASE64_H
#define TLOG_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "tlog/note.h"

#define BASE64_LEN(bytes) (((size_t)(bytes) + 2) / 3 * 4)
#define BASE64_BYTES_MAX (TLOG_NOTE_MAX / 4 * 3) /* of a text that is as long as a note may be */

/* And a final NUL: `out` holds BASE64_LEN(bytes.len) + 1. */
void base64_encode(struct bytes bytes, char *out);

/* False unless `text` is what encoding at least 1 and at most `out`'s room gives. */
bool base64_decode(struct bytes text, struct buf *out);

#endif
