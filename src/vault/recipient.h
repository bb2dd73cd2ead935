/*
 * A secret for its recipient's eyes only: encrypted under a public key that the caller brings, so that
 * neither a portal nor its logs see it. `peppermint key unseal-secret` opens it, offline.
 *
 *	sealed:x25519:<base64>           libsodium's crypto_box_seal
 *	sealed:rsa-oaep-sha256:<base64>  RSAES-OAEP (RFC 8017 section 7.1), SHA-256 also in MGF1, no label
 *
 * Any thread.
 */
#ifndef VAULT_RECIPIENT_H
#define VAULT_RECIPIENT_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"

#define RECIPIENT_PEM_MAX 8192
#define RECIPIENT_SECRET_MAX 190 /* bytes: what OAEP with SHA-256 takes under 2,048 bits */
#define RECIPIENT_TEXT_MAX 2755  /* under RSA's 16,384 bits; 334 are enough for X25519 */

/*
 * `pem` is one SubjectPublicKeyInfo and nothing else: X25519 (RFC 8410), or RSA of 2,048 to 16,384 bits.
 * `secret` has 1 to RECIPIENT_SECRET_MAX bytes. `out` gets the text and a final NUL; `room` of
 * RECIPIENT_TEXT_MAX + 1 is always enough.
 *
 * PM_BAD_REQUEST: no such PEM: another algorithm, a private key, a certificate, an X25519 point of low
 * order, an RSA exponent below 65,537. PM_TOO_LARGE: the secret, or `room`. `out` is "" then.
 */
enum pm_err recipient_seal(const char *pem, struct bytes secret, char *out, size_t room) NODISCARD;

/* Could recipient_seal seal to it? To be asked before there is a secret. */
enum pm_err recipient_check(const char *pem) NODISCARD;

#endif
