/*
 * What a token computed, computed or checked again in software (OpenSSL), with known or public keys
 * only. No state; any thread.
 */
#ifndef SIGNER_VERIFY_H
#define SIGNER_VERIFY_H

#include "object.h"

/* Whether `mac` (SIGN_MAC_LEN) is the data's HMAC-SHA-256. */
bool verify_hmac(struct bytes key, struct bytes data, const uint8_t *mac);

/*
 * Whether `signature` (SIGN_LEN) is the data's, or by ECDSA the digest's; `public_key` is an
 * object's.
 */
bool verify_signature(enum algorithm algorithm, struct bytes public_key, struct bytes data,
		      const uint8_t *signature);

/* RSASSA-PKCS1-v1_5 with SHA-256, by big-endian modulus and exponent. */
bool verify_rsa(struct bytes modulus, struct bytes exponent, struct bytes data,
		struct bytes signature);

#endif
