#include "apikey.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/log.h"
#include "base/secret.h"

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

void apikey_wipe(struct apikey *key)
{
	secret_wipe(key, sizeof(*key));
}

void key_text_wipe(struct key_text *key)
{
	secret_wipe(key, sizeof(*key));
}

/* Six random bits are a character if they are below 62 and thrown away if not: no bias. */
enum pm_err apikey_random(char *out, size_t len)
{
	uint8_t pool[64];
	enum pm_err err = PM_OK;
	size_t have = 0;

	while (have < len && err == PM_OK) {
		if (RAND_priv_bytes(pool, sizeof(pool)) != 1) {
			log_error("apikey: OpenSSL gives no random bytes");
			err = PM_INTERNAL;
			break;
		}
		for (size_t i = 0; i < sizeof(pool) && have < len; i++) {
			if ((pool[i] & 63) < 62)
				out[have++] = base62[pool[i] & 63];
		}
	}
	out[have] = '\0';
	secret_wipe(pool, sizeof(pool));
	return err;
}

enum pm_err apikey_new_id(char id[VAULT_ID_LEN + 1])
{
	return apikey_random(id, VAULT_ID_LEN);
}

enum pm_err apikey_new_secret(char secret[APIKEY_SECRET_LEN + 1])
{
	return apikey_random(secret, APIKEY_SECRET_LEN);
}

static void check_characters(struct bytes text, char out[APIKEY_CHECK_LEN])
{
	unsigned long crc = crc32_z(0, text.data, text.len);

	for (size_t i = APIKEY_CHECK_LEN; i-- > 0; crc /= 62)
		out[i] = base62[crc % 62];
}

void apikey_format(const struct apikey *key, const char *prefix, struct key_text *out)
{
	int len = snprintf(out->text, sizeof(out->text), "%s%s_%s", prefix, key->id, key->secret);
	char check[APIKEY_CHECK_LEN + 1] = { 0 };

	check_characters(bytes_of(out->text, (size_t)len), check);
	memcpy(out->text + len, check, sizeof(check));
}

static bool all_base62(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!memchr(base62, text[i], sizeof(base62) - 1))
			return false;
	}
	return true;
}

bool apikey_is_id(const char *text)
{
	return strlen(text) == VAULT_ID_LEN && all_base62(text, VAULT_ID_LEN);
}

enum pm_reason apikey_parse(struct bytes text, const char *prefix, struct apikey *out)
{
	const size_t prefix_len = strlen(prefix);
	const size_t whole = prefix_len + VAULT_ID_LEN + 1 + APIKEY_SECRET_LEN + APIKEY_CHECK_LEN;
	char expected[APIKEY_CHECK_LEN];

	if (text.len == 0)
		return PM_REASON_MISSING;
	if (text.len != whole || memcmp(text.data, prefix, prefix_len) != 0)
		return PM_REASON_MALFORMED;
	const char *id = (const char *)text.data + prefix_len;
	const char *secret = id + VAULT_ID_LEN + 1;
	const char *check = secret + APIKEY_SECRET_LEN;
	if (id[VAULT_ID_LEN] != '_' || !all_base62(id, VAULT_ID_LEN) ||
	    !all_base62(secret, APIKEY_SECRET_LEN + APIKEY_CHECK_LEN))
		return PM_REASON_MALFORMED;
	check_characters(bytes_of(text.data, text.len - APIKEY_CHECK_LEN), expected);
	if (!secret_equal(expected, check, APIKEY_CHECK_LEN))
		return PM_REASON_BAD_CHECKSUM;
	memcpy(out->id, id, VAULT_ID_LEN);
	out->id[VAULT_ID_LEN] = '\0';
	memcpy(out->secret, secret, APIKEY_SECRET_LEN);
	out->secret[APIKEY_SECRET_LEN] = '\0';
	return PM_REASON_NONE;
}
