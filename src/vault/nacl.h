/* libsodium, started once, and what it forgives in base64 refused. Any thread. */
#ifndef VAULT_NACL_H
#define VAULT_NACL_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"

/* Before the first use of libsodium's random numbers and memory-hard functions; again costs nothing. */
enum pm_err nacl_start(void) NODISCARD;

/*
 * Base64 (RFC 4648 section 4), padded: false unless `text` is exactly what encoding some bytes gives, and
 * they fit. No table is looked up by what may be a secret.
 */
bool nacl_base64_decode(struct bytes text, struct buf *out);

#endif
