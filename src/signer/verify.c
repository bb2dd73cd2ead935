#include "verify.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "base/cleanup.h"
#include "sign.h"

#define HALF 32 /* bytes of r and of s */

static void free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void free_key_ctx(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

static void free_digest(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static void free_signature(ECDSA_SIG **pieces)
{
	ECDSA_SIG_free(*pieces);
}

static void free_der(uint8_t **der)
{
	OPENSSL_free(*der);
}

static void free_number(BIGNUM **number)
{
	BN_free(*number);
}

static void free_builder(OSSL_PARAM_BLD **builder)
{
	OSSL_PARAM_BLD_free(*builder);
}

static void free_params(OSSL_PARAM **params)
{
	OSSL_PARAM_free(*params);
}

bool verify_hmac(struct bytes key, struct bytes data, const uint8_t *mac)
{
	uint8_t right[SIGN_MAC_LEN];

	return HMAC(EVP_sha256(), key.data, (int)key.len, data.data, data.len, right, NULL) &&
	       CRYPTO_memcmp(right, mac, sizeof(right)) == 0;
}

static bool verify_message(EVP_PKEY *key, const EVP_MD *digest, struct bytes data,
			   struct bytes signature)
{
	EVP_MD_CTX *ctx CLEANUP(free_digest) = EVP_MD_CTX_new();

	return ctx && EVP_DigestVerifyInit(ctx, NULL, digest, NULL, key) == 1 &&
	       EVP_DigestVerify(ctx, signature.data, signature.len, data.data, data.len) == 1;
}

static bool verify_ed25519(struct bytes public_key, struct bytes data, const uint8_t *signature)
{
	EVP_PKEY *key CLEANUP(free_key) = EVP_PKEY_new_raw_public_key(
		EVP_PKEY_ED25519, NULL, public_key.data, public_key.len);

	return key && verify_message(key, NULL, data, bytes_of(signature, SIGN_LEN));
}

/* PKCS#11's r || s as OpenSSL wants it. Returns its length, or 0. */
static size_t signature_der(const uint8_t *signature, uint8_t **der)
{
	ECDSA_SIG *pieces CLEANUP(free_signature) = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(signature, HALF, NULL), *s = BN_bin2bn(signature + HALF, HALF, NULL);

	if (!pieces || !r || !s || ECDSA_SIG_set0(pieces, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return 0;
	}
	int len = i2d_ECDSA_SIG(pieces, der);
	return len > 0 ? (size_t)len : 0;
}

static bool verify_p256(struct bytes public_key, struct bytes digest, const uint8_t *signature)
{
	const uint8_t *at = public_key.data;
	EVP_PKEY *key CLEANUP(free_key) = d2i_PUBKEY(NULL, &at, (long)public_key.len);
	EVP_PKEY_CTX *ctx CLEANUP(free_key_ctx) = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	uint8_t *der CLEANUP(free_der) = NULL;
	size_t len = signature_der(signature, &der);

	return ctx && len > 0 && EVP_PKEY_verify_init(ctx) == 1 &&
	       EVP_PKEY_verify(ctx, der, len, digest.data, digest.len) == 1;
}

bool verify_signature(enum algorithm algorithm, struct bytes public_key, struct bytes data,
		      const uint8_t *signature)
{
	switch (algorithm) {
	case ALGORITHM_ED25519:
		return verify_ed25519(public_key, data, signature);
	case ALGORITHM_ECDSA_P256:
		return verify_p256(public_key, data, signature);
	default:
		return false;
	}
}

static EVP_PKEY *rsa_key(struct bytes modulus, struct bytes exponent)
{
	BIGNUM *n CLEANUP(free_number) = BN_bin2bn(modulus.data, (int)modulus.len, NULL);
	BIGNUM *e CLEANUP(free_number) = BN_bin2bn(exponent.data, (int)exponent.len, NULL);
	OSSL_PARAM_BLD *builder CLEANUP(free_builder) = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx CLEANUP(free_key_ctx) = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;

	if (!n || !e || !builder || !ctx ||
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) != 1)
		return NULL;
	OSSL_PARAM *params CLEANUP(free_params) = OSSL_PARAM_BLD_to_param(builder);
	if (!params || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return NULL;
	return key;
}

bool verify_rsa(struct bytes modulus, struct bytes exponent, struct bytes data,
		struct bytes signature)
{
	EVP_PKEY *key CLEANUP(free_key) = rsa_key(modulus, exponent);

	return key && verify_message(key, EVP_sha256(), data, signature);
}
