/* One signature or MAC by a key of the token, on the work session. One thread. */
#ifndef SIGNER_SIGN_H
#define SIGNER_SIGN_H

#include "object.h"

#define SIGN_MAC_LEN 32
#define SIGN_LEN 64 /* Ed25519's, and ECDSA P-256's r || s */

/* What a signature of the algorithm has; 0: nothing is signed with it. */
size_t sign_len(enum algorithm algorithm);

/* For messages: "HMAC-SHA-256". */
const char *sign_name(enum algorithm algorithm);

/*
 * CKM_SHA256_HMAC, CKM_EDDSA of the data, CKM_ECDSA of the digest that the data is. `out` has room
 * for sign_len. After FAILURE_CALLER the session is sound, after any other it may not be.
 */
enum pm_err sign_data(struct token *token, enum algorithm algorithm, CK_OBJECT_HANDLE key,
		      struct bytes data, uint8_t *out, struct failure *failure) NODISCARD;

/* PM_OK: `signature` (SIGN_LEN) is the data's, says the token. FAILURE_CALLER: it is not. */
enum pm_err sign_verify(struct token *token, enum algorithm algorithm, CK_OBJECT_HANDLE public,
			struct bytes data, const uint8_t *signature,
			struct failure *failure) NODISCARD;

#endif
