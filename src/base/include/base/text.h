/* Text that came from outside: what may stand in it, and its two encodings of bytes. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* Valid UTF-8 (RFC 3629) without control characters (C0, DEL, C1). Empty is clean. */
bool text_is_clean(struct bytes text);

/* Lower-case hex and a final NUL: `out` holds 2 × len + 1. */
void hex_encode(struct bytes bytes, char *out);

/* base64url (RFC 4648 §5) without padding: 32 bytes are 43 characters. */
#define BASE64URL_32_LEN 43
void base64url_encode_32(const uint8_t bytes[32], char out[BASE64URL_32_LEN + 1]);
/* False unless `text` is exactly what encoding some 32 bytes gives. */
bool base64url_decode_32(struct bytes text, uint8_t out[32]);

#endif
