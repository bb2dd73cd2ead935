/*
 * Passing keys: session objects, made to try something and destroyed right after, or else with the
 * work session that owns them. Each has a CKA_ID of its own, so that none is taken for another
 * object. After a FAILURE_CALLER there is none: the token does not make such. Main thread.
 */
#ifndef SIGNER_PASSING_H
#define SIGNER_PASSING_H

#include "object.h"

/* PKCS#11 v3.0; not in every pkcs11.h. */
#ifndef CKM_SHA256_KEY_GEN
#define CKM_SHA256_KEY_GEN 0x4005UL
#endif

struct passing {
	CK_OBJECT_HANDLE key;    /* secret, or the private half of a pair */
	CK_OBJECT_HANDLE public; /* or CK_INVALID_HANDLE */
	uint8_t id[KEY_ID_LEN];
};

enum passing_kind {
	PASSING_SENSITIVE,  /* as safe as a real one */
	PASSING_READABLE,   /* its value can be read */
	PASSING_RESTRICTED, /* CKA_ALLOWED_MECHANISMS does not have CKM_SHA256_HMAC */
};

/* An HMAC key of known value. */
enum pm_err passing_import(const struct token *token, struct bytes value, struct passing *out,
			   struct failure *failure) NODISCARD;

/* An HMAC key of 32 bytes, by the first way to make one that the token has, */
enum pm_err passing_generate(const struct token *token, enum passing_kind kind, struct passing *out,
			     struct failure *failure) NODISCARD;

/* or by CKM_GENERIC_SECRET_KEY_GEN or CKM_SHA256_KEY_GEN. */
enum pm_err passing_generate_by(const struct token *token, CK_MECHANISM_TYPE type,
				enum passing_kind kind, struct passing *out,
				struct failure *failure) NODISCARD;

/* An AES-256 key that encrypts and decrypts. */
enum pm_err passing_aes(const struct token *token, struct passing *out,
			struct failure *failure) NODISCARD;

/* A pair that signs; `public` is what of the public half's template tells its kind. */
enum pm_err passing_pair(const struct token *token, CK_MECHANISM_TYPE type, CK_ATTRIBUTE *public,
			 size_t public_len, struct passing *out, struct failure *failure) NODISCARD;

void passing_drop(const struct token *token, const struct passing *passing);

#endif
