/*
 * Whether a mechanism works, by known answers: C_GetMechanismInfo says "supported" too often. Each
 * may be repeated. Main thread.
 */
#ifndef SIGNER_PROOF_H
#define SIGNER_PROOF_H

#include "object.h"

/* The numbers are those of signer.proto's Mechanism.proof. */
enum proof {
	PROOF_NONE, /* the token does not allow to try */
	PROOF_RIGHT,
	PROOF_WRONG,
};

/*
 * CKM_SHA256_HMAC with a known key that is put into the token as a session object, or else with one
 * made there that can be read.
 */
enum pm_err proof_hmac(struct token *token, enum proof *out, struct failure *failure) NODISCARD;

/* A key made by this mechanism (CKM_GENERIC_SECRET_KEY_GEN or CKM_SHA256_KEY_GEN) works. */
enum pm_err proof_key_gen(struct token *token, CK_MECHANISM_TYPE type, enum proof *out,
			  struct failure *failure) NODISCARD;

/* A pair of that algorithm, Ed25519 or P-256, signs what its public half verifies. */
enum pm_err proof_pair(struct token *token, enum algorithm algorithm, enum proof *made,
		       enum proof *signed_, struct failure *failure) NODISCARD;

/* Likewise, RSA of 2048 bits with CKM_SHA256_RSA_PKCS. */
enum pm_err proof_rsa(struct token *token, enum proof *made, enum proof *signed_,
		      struct failure *failure) NODISCARD;

/* An AES-256 key decrypts by CKM_AES_GCM what it encrypted, and nothing with another tag. */
enum pm_err proof_aes(struct token *token, enum proof *made, enum proof *ciphered,
		      struct failure *failure) NODISCARD;

/* Whether the token keeps a key from CKM_SHA256_HMAC if CKA_ALLOWED_MECHANISMS does not name it. */
enum pm_err proof_enforced(struct token *token, bool *out, struct failure *failure) NODISCARD;

#endif
