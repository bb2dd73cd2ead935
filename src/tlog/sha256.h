/*
 * SHA-256 of two pieces, without a look-up of the algorithm or an allocation for each one: checking
 * a log is bounded by how fast this is. Any thread.
 */
#ifndef TLOG_SHA256_H
#define TLOG_SHA256_H

#include <stdint.h>

#include "base/bytes.h"

/* `out` may overlap with what is hashed. Ends the program if libcrypto has no SHA-256 or no memory. */
void sha256_two(struct bytes first, struct bytes second, uint8_t out[32]);

#endif
