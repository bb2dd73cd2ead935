/*
 * The text of an API key: <prefix><id>_<secret><check>.
 *
 *	ak_live_ 0Ab…16 _ 9Zz…43 1x…6
 *	prefix   id       secret check
 *
 * id and secret are base62 (0-9 A-Z a-z), every character equally likely; 43 of them hold 256 bits.
 * check is the CRC-32 (IEEE 802.3) of everything before it, base62, padded with '0': it tells a
 *typo from a stranger's guess before anything is looked up. Plain values; no thread rules.
 */
#ifndef VAULT_APIKEY_H
#define VAULT_APIKEY_H

#include "vault/vault.h"

#define APIKEY_SECRET_LEN 43
#define APIKEY_CHECK_LEN 6

/* A key's two parts. Holds a secret: declare it CLEANUP(apikey_wipe). */
struct apikey {
	char id[VAULT_ID_LEN + 1];
	char secret[APIKEY_SECRET_LEN + 1];
};

void apikey_wipe(struct apikey *key);

/* `len` random base62 characters from OpenSSL's DRBG, and a final NUL. */
enum pm_err apikey_random(char *out, size_t len) NODISCARD;

/* A fresh id and a fresh secret. */
enum pm_err apikey_new_id(char id[VAULT_ID_LEN + 1]) NODISCARD;
enum pm_err apikey_new_secret(char secret[APIKEY_SECRET_LEN + 1]) NODISCARD;

/* Has it the form of a key id? */
bool apikey_is_id(const char *text);

void apikey_format(const struct apikey *key, const char *prefix, struct key_text *out);

/* PM_REASON_NONE and the parts, or MISSING, MALFORMED, BAD_CHECKSUM. Total over any bytes. */
enum pm_reason apikey_parse(struct bytes text, const char *prefix, struct apikey *out);

#endif
