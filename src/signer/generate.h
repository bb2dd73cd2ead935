/*
 * New keys: born in the token, or brought in once, and unable to leave it; read back, tried and
 * checked, and destroyed again if that is not so. FAILURE_CALLER if an object has that CKA_ID already (ck_rv is 0), or the token did
 * not make the key as asked (CKR_TEMPLATE_INCONSISTENT). Main thread.
 */
#ifndef SIGNER_GENERATE_H
#define SIGNER_GENERATE_H

#include "keys.h"

typedef enum pm_err (*generator)(struct keys *keys, struct bytes id, const char *label,
				 struct object *out, struct failure *failure);

/* A 32-byte HMAC-SHA-256 key. */
enum pm_err generate_key(struct keys *keys, struct bytes id, const char *label, struct object *out,
			 struct failure *failure) NODISCARD;

/* A pair, Ed25519 or ECDSA P-256, that signed something which its public half verified. */
enum pm_err generate_pair(struct keys *keys, struct bytes id, const char *label, struct object *out,
			  struct failure *failure) NODISCARD;

/* A 32-byte AES key that decrypted by GCM what it encrypted, and not with another tag. */
enum pm_err generate_aes(struct keys *keys, struct bytes id, const char *label, struct object *out,
			 struct failure *failure) NODISCARD;

/*
 * An HMAC-SHA-256 key of that value, that computed a MAC which is the value's. A value of a length
 * that is none: FAILURE_CALLER (CKR_KEY_SIZE_RANGE).
 */
enum pm_err import_key(struct keys *keys, struct bytes id, const char *label, struct bytes value,
		       struct object *out, struct failure *failure) NODISCARD;

#endif
