#include "recipient.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "nacl.h"
#include "public_key.h"

#define BASE64 sodium_base64_VARIANT_ORIGINAL
#define X25519_SCHEME "sealed:x25519:"
#define RSA_SCHEME "sealed:rsa-oaep-sha256:"
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 16384
#define RSA_EXPONENT_BITS_MIN 17 /* odd and above 2^16: SP 800-56B section 6.2 */

_Static_assert(RECIPIENT_TEXT_MAX ==
		       sizeof(RSA_SCHEME) - 1 + (RSA_BITS_MAX / 8 + (size_t)2) / 3 * 4,
	       "the longest text");
_Static_assert(RECIPIENT_SECRET_MAX == RSA_BITS_MIN / 8 - 2 * 32 - 2, "RFC 8017 section 7.1.1");

static void free_ctx(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

static void free_number(BIGNUM **number)
{
	BN_free(*number);
}

static enum pm_err format(const char *scheme, struct bytes sealed, char *out, size_t room)
{
	size_t start = strlen(scheme);

	/* libsodium ends the program when there is no room. */
	if (room < start + sodium_base64_encoded_len(sealed.len, BASE64))
		return PM_TOO_LARGE;
	strcpy(out, scheme);
	sodium_bin2base64(out + start, room - start, sealed.data, sealed.len, BASE64);
	return PM_OK;
}

static enum pm_err seal_x25519(EVP_PKEY *key, struct bytes secret, char *out, size_t room)
{
	uint8_t point[crypto_box_PUBLICKEYBYTES];
	uint8_t sealed[crypto_box_SEALBYTES + RECIPIENT_SECRET_MAX];
	size_t len = sizeof(point);

	TRY(nacl_start());
	/* libsodium refuses a point of low order: everybody would know the shared secret. */
	if (EVP_PKEY_get_raw_public_key(key, point, &len) != 1 || len != sizeof(point) ||
	    crypto_box_seal(sealed, secret.data, secret.len, point) != 0)
		return PM_BAD_REQUEST;
	return format(X25519_SCHEME, bytes_of(sealed, crypto_box_SEALBYTES + secret.len), out,
		      room);
}

static bool is_strong(EVP_PKEY *key)
{
	BIGNUM *exponent CLEANUP(free_number) = NULL;
	int bits = EVP_PKEY_get_bits(key);

	return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX &&
	       EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 &&
	       BN_is_odd(exponent) && BN_num_bits(exponent) >= RSA_EXPONENT_BITS_MIN;
}

static enum pm_err seal_rsa(EVP_PKEY *key, struct bytes secret, char *out, size_t room)
{
	EVP_PKEY_CTX *ctx CLEANUP(free_ctx) = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	uint8_t sealed[RSA_BITS_MAX / 8];
	size_t len = sizeof(sealed);

	if (!ctx)
		return PM_NO_MEMORY;
	if (!is_strong(key) || EVP_PKEY_encrypt_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) != 1 ||
	    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) != 1 ||
	    EVP_PKEY_encrypt(ctx, sealed, &len, secret.data, secret.len) != 1)
		return PM_BAD_REQUEST;
	return format(RSA_SCHEME, bytes_of(sealed, len), out, room);
}

static enum pm_err seal(EVP_PKEY *key, struct bytes secret, char *out, size_t room)
{
	enum pm_err err = PM_BAD_REQUEST;

	if (EVP_PKEY_is_a(key, "X25519"))
		err = seal_x25519(key, secret, out, room);
	else if (EVP_PKEY_is_a(key, "RSA"))
		err = seal_rsa(key, secret, out, room);
	ERR_clear_error();
	return err;
}

enum pm_err recipient_seal(const char *pem, struct bytes secret, char *out, size_t room)
{
	size_t pem_len = strnlen(pem, RECIPIENT_PEM_MAX + 1);

	if (room == 0)
		return PM_TOO_LARGE;
	out[0] = '\0';
	if (secret.len == 0 || pem_len > RECIPIENT_PEM_MAX)
		return PM_BAD_REQUEST;
	if (secret.len > RECIPIENT_SECRET_MAX)
		return PM_TOO_LARGE;
	EVP_PKEY *key CLEANUP(public_key_freep) = public_key_from_pem(bytes_of(pem, pem_len));
	return key ? seal(key, secret, out, room) : PM_BAD_REQUEST;
}

enum pm_err recipient_check(const char *pem)
{
	char text[RECIPIENT_TEXT_MAX + 1];

	return recipient_seal(pem, bytes_str("?"), text, sizeof(text));
}
