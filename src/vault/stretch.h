/*
 * Operators' PINs are short, so what is kept of one costs memory and time to guess. What is stored is
 * this result's HMAC under a key inside the token: who has the database but not the token cannot guess
 * at all. Stretching is the second wall, for the day on which the first one falls. Any thread.
 */
#ifndef VAULT_STRETCH_H
#define VAULT_STRETCH_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

/*
 * Argon2id version 1.3 (RFC 9106), one lane, with what OWASP's Password Storage Cheat Sheet sets as the
 * minimum: 19 MiB and 2 passes. Not more, because every verification takes that memory, and a vault
 * that runs out of it serves nobody. They are part of what is stored: a change makes every PIN wrong.
 */
#define STRETCH_MEMORY ((size_t)19 * 1024 * 1024)
#define STRETCH_PASSES 2
#define STRETCH_SALT_LEN 16
#define STRETCH_LEN 32
#define STRETCH_PIN_MAX 256 /* bytes */

/*
 * Some 50 ms of one core: who calls it bounds how often and how many at once. `out` is a secret of the
 * caller's. PM_BAD_REQUEST: the PIN is empty or over STRETCH_PIN_MAX. PM_NO_MEMORY.
 */
enum pm_err stretch_pin(struct bytes pin, const uint8_t salt[STRETCH_SALT_LEN],
			uint8_t out[STRETCH_LEN]) NODISCARD;

#endif
