#include "verify_signature.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

static bool ed25519_verifies(struct bytes public_key, struct bytes data, const uint8_t *signature)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key.data,
						    public_key.len);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = key && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
		    EVP_DigestVerify(ctx, signature, 64, data.data, data.len) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return good;
}

static bool p256_verifies(struct bytes public_key, struct bytes digest, const uint8_t *signature)
{
	const uint8_t *at = public_key.data;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)public_key.len);
	EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	ECDSA_SIG *pieces = ECDSA_SIG_new();
	uint8_t *der = NULL;

	ECDSA_SIG_set0(pieces, BN_bin2bn(signature, 32, NULL), BN_bin2bn(signature + 32, 32, NULL));
	int len = i2d_ECDSA_SIG(pieces, &der);
	bool good = ctx && EVP_PKEY_verify_init(ctx) == 1 &&
		    EVP_PKEY_verify(ctx, der, (size_t)len, digest.data, digest.len) == 1;
	OPENSSL_free(der);
	ECDSA_SIG_free(pieces);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return good;
}

bool signature_verifies(struct bytes public_key, struct bytes data, const uint8_t signature[64])
{
	return public_key.len == 32 ? ed25519_verifies(public_key, data, signature)
				    : p256_verifies(public_key, data, signature);
}
