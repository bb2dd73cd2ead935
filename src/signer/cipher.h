/*
 * AES-256-GCM by keys of the token, on its first work session. Each may be repeated. Main thread.
 */
#ifndef SIGNER_CIPHER_H
#define SIGNER_CIPHER_H

#include "keys.h"

#define CIPHER_IV_LEN 12
#define CIPHER_TAG_LEN 16

struct cipher {
	struct bytes key_id;
	const uint8_t *iv;      /* CIPHER_IV_LEN bytes */
	struct bytes aad, data; /* to decrypt: with its tag behind it */
};

/*
 * `out` has room for data.len + CIPHER_TAG_LEN, either way: modules want it. FAILURE_CALLER with
 * ck_rv 0: no such key.
 */
enum pm_err cipher_encrypt(struct keys *keys, const struct cipher *ask, uint8_t *out,
			   struct failure *failure) NODISCARD;

/*
 * FAILURE_CALLER with CKR_ENCRYPTED_DATA_INVALID, whatever the token calls it: the key did not encrypt
 * this with this iv and aad. Nothing that ciphertext does passes for a failure of the token.
 */
enum pm_err cipher_decrypt(struct keys *keys, const struct cipher *ask, uint8_t *out,
			   struct failure *failure) NODISCARD;

/* Tries a key: it decrypts what it encrypted, and nothing with another tag. */
enum pm_err cipher_prove(struct token *token, CK_OBJECT_HANDLE key,
			 struct failure *failure) NODISCARD;

#endif
