#include "signature.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "lines.h"

#define ED25519_LEN 32
#define ED25519_SIGNATURE_LEN 64
#define TIME_LEN 8
#define COSIGNED_LEN (TIME_LEN + ED25519_SIGNATURE_LEN)
#define P256_LEN 32 /* of a coordinate, and of each half of a signature */

/* SubjectPublicKeyInfo of id-ecPublicKey, prime256v1, with an uncompressed point (RFC 5480). */
static const uint8_t p256_prefix[] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
	0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
};
#define P256_SPKI_LEN (sizeof(p256_prefix) + 2 * (size_t)P256_LEN)

static void free_pkey(EVP_PKEY **pkey)
{
	EVP_PKEY_free(*pkey);
}

static void free_md(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static void free_ecdsa(ECDSA_SIG **signature)
{
	ECDSA_SIG_free(*signature);
}

static EVP_PKEY *open_key(const struct tlog_key *key)
{
	const uint8_t *der = key->public_key;

	return key->algorithm == TLOG_ECDSA
		       ? d2i_PUBKEY(NULL, &der, (long)key->public_len)
		       : EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->public_key,
						     key->public_len);
}

static bool is_p256(struct bytes spki)
{
	return spki.len == P256_SPKI_LEN &&
	       prefix_take(&spki, bytes_of(p256_prefix, sizeof(p256_prefix)));
}

bool signature_key_usable(const struct tlog_key *key)
{
	if (key->algorithm == TLOG_ED25519 || key->algorithm == TLOG_COSIGNER)
		return key->public_len == ED25519_LEN;
	if (key->algorithm != TLOG_ECDSA || !is_p256(bytes_of(key->public_key, key->public_len)))
		return false;
	EVP_PKEY *pkey CLEANUP(free_pkey) = open_key(key);
	ERR_clear_error();
	return pkey;
}

/* From the token's r || s, as PKCS#11 has it, to what X.509 and notes have. */
static bool ecdsa_to_der(struct bytes raw, struct buf *out)
{
	ECDSA_SIG *signature CLEANUP(free_ecdsa) = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw.data, P256_LEN, NULL);
	BIGNUM *s = BN_bin2bn(raw.data + P256_LEN, P256_LEN, NULL);
	uint8_t *der = NULL;

	if (!signature || !r || !s || !ECDSA_SIG_set0(signature, r, s)) {
		BN_free(r);
		BN_free(s);
		return false;
	}
	int len = i2d_ECDSA_SIG(signature, &der);
	if (len <= 0)
		return false;
	buf_put(out, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
	return !out->full;
}

enum pm_err signature_encode(const struct tlog_key *key, struct bytes raw, struct buf *out)
{
	size_t expected = key->algorithm == TLOG_COSIGNER ? COSIGNED_LEN : ED25519_SIGNATURE_LEN;

	if (raw.len != expected)
		return PM_BAD_REQUEST;
	if (key->algorithm == TLOG_ECDSA)
		return ecdsa_to_der(raw, out) ? PM_OK : PM_NO_MEMORY;
	buf_put(out, raw);
	return out->full ? PM_TOO_LARGE : PM_OK;
}

static bool digest_verifies(const struct tlog_key *key, struct bytes text, struct bytes signature)
{
	EVP_PKEY *pkey CLEANUP(free_pkey) = open_key(key);
	EVP_MD_CTX *ctx CLEANUP(free_md) = EVP_MD_CTX_new();
	const char *digest = key->algorithm == TLOG_ECDSA ? "SHA256" : NULL;

	bool good = pkey && ctx &&
		    EVP_DigestVerifyInit_ex(ctx, NULL, digest, NULL, NULL, pkey, NULL) == 1 &&
		    EVP_DigestVerify(ctx, signature.data, signature.len, text.data, text.len) == 1;
	ERR_clear_error();
	return good;
}

static uint64_t read_u64(const uint8_t *be)
{
	uint64_t value = 0;

	for (size_t i = 0; i < TIME_LEN; i++)
		value = value << 8 | be[i];
	return value;
}

/* tlog-cosignature v1: the time stands before the signature, and is signed in front of the text. */
static bool cosignature_verifies(const struct tlog_key *key, struct bytes text,
				 struct bytes signature, int64_t *time)
{
	char head[64];
	uint8_t room[sizeof(head) + TLOG_NOTE_MAX];
	struct buf message = BUF(room);

	if (signature.len != COSIGNED_LEN)
		return false;
	uint64_t seconds = read_u64(signature.data);
	if (seconds > INT64_MAX)
		return false;
	*time = (int64_t)seconds;
	snprintf(head, sizeof(head), "cosignature/v1\ntime %lld\n", (long long)*time);
	buf_put(&message, bytes_str(head));
	buf_put(&message, text);
	return !message.full &&
	       digest_verifies(key, buf_bytes(&message),
			       bytes_of(signature.data + TIME_LEN, ED25519_SIGNATURE_LEN));
}

bool signature_verifies(const struct tlog_key *key, struct bytes text, struct bytes signature,
			int64_t *time)
{
	*time = 0;
	return key->algorithm == TLOG_COSIGNER ? cosignature_verifies(key, text, signature, time)
					       : digest_verifies(key, text, signature);
}

bool tlog_signature_holds(const struct tlog_key *key, struct bytes text, struct bytes raw)
{
	uint8_t room[TLOG_SIGNATURE_MAX];
	struct buf signature = BUF(room);
	int64_t time;

	return signature_encode(key, raw, &signature) == PM_OK &&
	       signature_verifies(key, text, buf_bytes(&signature), &time);
}
