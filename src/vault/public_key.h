/* Public keys that callers bring: one SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7). Any thread. */
#ifndef VAULT_PUBLIC_KEY_H
#define VAULT_PUBLIC_KEY_H

#include <openssl/evp.h>

#include "base/bytes.h"

/* NULL unless the text is one PEM `PUBLIC KEY` (RFC 7468), with nothing but white space behind it. */
EVP_PKEY *public_key_from_pem(struct bytes pem);

/* NULL unless the bytes are one such key. */
EVP_PKEY *public_key_from_der(struct bytes der);

void public_key_freep(EVP_PKEY **key); /* for CLEANUP */

#endif
