#include "signing.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

struct signer {
	struct tlog_key key;
	EVP_PKEY *pkey;
};

struct signer *signer_from_seed(const char *name, enum tlog_algorithm algorithm, uint8_t first)
{
	struct signer *signer = calloc(1, sizeof(*signer));
	uint8_t seed[32], public_key[32];
	size_t len = sizeof(public_key);

	MUST(signer);
	for (size_t i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)(first + i);
	signer->pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
	MUST(signer->pkey && EVP_PKEY_get_raw_public_key(signer->pkey, public_key, &len) == 1);
	MUST(tlog_key_make(name, algorithm, bytes_of(public_key, len), &signer->key) == PM_OK);
	return signer;
}

struct signer *signer_ecdsa(const char *name)
{
	struct signer *signer = calloc(1, sizeof(*signer));
	uint8_t *spki = NULL;

	MUST(signer);
	signer->pkey = EVP_EC_gen("P-256");
	int len = i2d_PUBKEY(signer->pkey, &spki);
	MUST(len > 0);
	MUST(tlog_key_make(name, TLOG_ECDSA, bytes_of(spki, (size_t)len), &signer->key) == PM_OK);
	OPENSSL_free(spki);
	return signer;
}

void signer_free(struct signer **signer)
{
	EVP_PKEY_free((*signer)->pkey);
	free(*signer);
}

const struct tlog_key *signer_key(const struct signer *signer)
{
	return &signer->key;
}

static size_t sign(const struct signer *signer, struct bytes text, uint8_t *out, size_t room)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const char *digest = signer->key.algorithm == TLOG_ECDSA ? "SHA256" : NULL;
	size_t len = room;

	MUST(ctx);
	MUST(EVP_DigestSignInit_ex(ctx, NULL, digest, NULL, NULL, signer->pkey, NULL) == 1);
	MUST(EVP_DigestSign(ctx, out, &len, text.data, text.len) == 1);
	EVP_MD_CTX_free(ctx);
	return len;
}

/* To r || s, as CKM_ECDSA gives it. */
static void der_to_raw(struct raw_signature *signature)
{
	const uint8_t *der = signature->bytes;
	ECDSA_SIG *parts = d2i_ECDSA_SIG(NULL, &der, (long)signature->len);

	MUST(parts);
	MUST(BN_bn2binpad(ECDSA_SIG_get0_r(parts), signature->bytes, 32) == 32);
	MUST(BN_bn2binpad(ECDSA_SIG_get0_s(parts), signature->bytes + 32, 32) == 32);
	signature->len = 64;
	ECDSA_SIG_free(parts);
}

static struct raw_signature cosign(const struct signer *signer, struct bytes text, uint64_t time)
{
	struct raw_signature signature;
	struct buf out = BUF(signature.bytes);
	uint8_t room[TLOG_NOTE_MAX + 64];
	struct buf message = BUF(room);
	char head[64];

	snprintf(head, sizeof(head), "cosignature/v1\ntime %llu\n", (unsigned long long)time);
	buf_put(&message, bytes_str(head));
	buf_put(&message, text);
	buf_put_u64(&out, time);
	signature.len = 8 + sign(signer, buf_bytes(&message), signature.bytes + 8, 64);
	return signature;
}

struct raw_signature signer_sign(const struct signer *signer, struct bytes text, uint64_t time)
{
	struct raw_signature signature;

	if (signer->key.algorithm == TLOG_COSIGNER)
		return cosign(signer, text, time);
	signature.len = sign(signer, text, signature.bytes, sizeof(signature.bytes));
	if (signer->key.algorithm == TLOG_ECDSA)
		der_to_raw(&signature);
	return signature;
}

struct note signer_note(const struct signer *signer, struct bytes text)
{
	struct raw_signature raw = signer_sign(signer, text, 0);
	struct note note;
	struct buf out = BUF(note.data);
	char line[TLOG_LINE_MAX];

	MUST(tlog_line_format(&signer->key, bytes_of(raw.bytes, raw.len), line) == PM_OK);
	MUST(tlog_note_join(text, bytes_str(line), &out) == PM_OK);
	note.len = out.len;
	return note;
}

struct bytes note_bytes(const struct note *note)
{
	return bytes_of(note->data, note->len);
}
