/* Whether OpenSSL finds a token's signature good: what no test may take the token's word for. */
#ifndef SUPPORT_VERIFY_SIGNATURE_H
#define SUPPORT_VERIFY_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/*
 * `public_key` is Ed25519's 32 bytes and `data` is what was signed; or it is a P-256
 * SubjectPublicKeyInfo, and `data` the digest that was.
 */
bool signature_verifies(struct bytes public_key, struct bytes data, const uint8_t signature[64]);

#endif
