#include "leak.h"

#include <jansson.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "nacl.h"
#include "public_key.h"

#define KEY_TEXT_MAX 8192
#define KEY_DER_MAX 128       /* 91 bytes with a point in full */
#define SIGNATURE_DER_MAX 128 /* at most 72 */
#define DEPTH_MAX 8           /* ours is 2 deep */

static void free_md(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static void drop_json(json_t **json)
{
	json_decref(*json);
}

void leak_report_wipe(struct leak_report *report)
{
	secret_wipe(report, sizeof(*report));
}

static EVP_PKEY *read_key(struct bytes text)
{
	uint8_t room[KEY_DER_MAX];
	struct buf der = BUF(room);

	if (text.len == 0 || text.len > KEY_TEXT_MAX)
		return NULL;
	if (text.data[0] == '-')
		return public_key_from_pem(text);
	return nacl_base64_decode(text, &der) ? public_key_from_der(buf_bytes(&der)) : NULL;
}

static bool is_p256(EVP_PKEY *key)
{
	char group[32];
	size_t len;

	return EVP_PKEY_is_a(key, "EC") &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
	       strcmp(group, "prime256v1") == 0;
}

static enum pm_err open_key(const char *text, EVP_PKEY **out)
{
	EVP_PKEY *key CLEANUP(public_key_freep) =
		read_key(bytes_of(text, strnlen(text, KEY_TEXT_MAX + 1)));
	bool good = key && is_p256(key);

	ERR_clear_error();
	if (!good) {
		log_error("vault: the public key for leak reports is none on P-256");
		return PM_CONFIG;
	}
	*out = TAKE(key);
	return PM_OK;
}

enum pm_err leak_key_check(const char *public_key_pem)
{
	EVP_PKEY *key CLEANUP(public_key_freep) = NULL;

	return open_key(public_key_pem, &key);
}

static enum pm_err verify(EVP_PKEY *key, struct bytes payload, struct bytes signature)
{
	EVP_MD_CTX *ctx CLEANUP(free_md) = EVP_MD_CTX_new();

	if (!ctx || EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) != 1)
		return PM_NO_MEMORY;
	int good = EVP_DigestVerify(ctx, signature.data, signature.len, payload.data, payload.len);
	return good == 1 ? PM_OK : PM_DENIED;
}

enum pm_err leak_verify(const char *public_key_pem, struct bytes payload,
			struct bytes signature_base64)
{
	uint8_t room[SIGNATURE_DER_MAX];
	struct buf signature = BUF(room);
	EVP_PKEY *key CLEANUP(public_key_freep) = NULL;

	TRY(open_key(public_key_pem, &key));
	if (!nacl_base64_decode(signature_base64, &signature))
		return PM_DENIED;
	enum pm_err err = verify(key, payload, buf_bytes(&signature));
	ERR_clear_error();
	return err;
}

/* jansson's parser calls itself for every level, 2,048 of them, on whatever stack it finds. */
static bool is_shallow(struct bytes json)
{
	bool in_string = false;
	size_t depth = 0;

	for (size_t i = 0; i < json.len; i++) {
		uint8_t c = json.data[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '[' || c == '{') && ++depth > DEPTH_MAX)
			return false;
		else if (!in_string && (c == ']' || c == '}') && depth > 0)
			depth--;
	}
	return true;
}

static enum pm_err load(struct bytes payload, json_t **out)
{
	json_error_t error = { .line = 0 };

	if (payload.len > LEAK_PAYLOAD_MAX)
		return PM_TOO_LARGE;
	if (payload.len == 0 || !is_shallow(payload))
		return PM_BAD_REQUEST;
	*out = json_loadb((const char *)payload.data, payload.len, JSON_REJECT_DUPLICATES, &error);
	bool no_memory = !*out && json_error_code(&error) == json_error_out_of_memory;
	secret_wipe(&error, sizeof(error)); /* it quotes the place, which may be a token */
	if (no_memory)
		return PM_NO_MEMORY;
	return *out ? PM_OK : PM_BAD_REQUEST;
}

static enum pm_err take_item(const json_t *item, struct leak_item *out)
{
	const json_t *token = json_object_get(item, "token");
	size_t len = json_string_length(token);

	if (!json_is_string(token) || len == 0 ||
	    !text_is_clean(bytes_of(json_string_value(token), len)))
		return PM_BAD_REQUEST;
	if (len > LEAK_TOKEN_MAX)
		return PM_OK;
	memcpy(out->token, json_string_value(token), len);
	out->token[len] = '\0';
	return PM_OK;
}

static enum pm_err parse(struct bytes payload, struct leak_report *out)
{
	json_t *report CLEANUP(drop_json) = NULL;

	TRY(load(payload, &report));
	if (!json_is_array(report))
		return PM_BAD_REQUEST;
	if (json_array_size(report) > LEAK_ITEMS_MAX)
		return PM_TOO_LARGE;
	for (; out->count < json_array_size(report); out->count++)
		TRY(take_item(json_array_get(report, out->count), &out->items[out->count]));
	return PM_OK;
}

enum pm_err leak_parse(struct bytes payload, struct leak_report *out)
{
	leak_report_wipe(out);
	enum pm_err err = parse(payload, out);
	if (err != PM_OK)
		leak_report_wipe(out);
	return err;
}
