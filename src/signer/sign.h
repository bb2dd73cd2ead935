/*
 * One signature or MAC by a key of the token, on a work session, of which each is one thread's.
 */
#ifndef SIGNER_SIGN_H
#define SIGNER_SIGN_H

#include "object.h"

#define SIGN_MAC_LEN 32
#define SIGN_LEN 64 /* Ed25519's, and ECDSA P-256's r || s */

/* What a signature of the algorithm has; 0: nothing is signed with it. */
size_t sign_len(enum algorithm algorithm);

/* For messages: "HMAC-SHA-256". */
const char *sign_name(enum algorithm algorithm);

/* CKM_SHA256_HMAC, CKM_EDDSA or CKM_ECDSA; CKM_AES_GCM, which signs nothing. */
CK_MECHANISM_TYPE sign_mechanism(enum algorithm algorithm);

/*
 * The MAC or Ed25519 signature of the data, or the ECDSA signature of the digest that it is. `out`
 * has room for sign_len. When C_Sign fails, or the session is not fit for C_SignInit, it is left
 * suspect (session_clear).
 */
enum pm_err sign_data(struct token *token, size_t worker, enum algorithm algorithm,
		      CK_OBJECT_HANDLE key, struct bytes data, uint8_t *out,
		      struct failure *failure) NODISCARD;

#endif
