/*
 * Secret and private keys of the token: found by CKA_ID or label, and what their attributes say. An
 * attribute that the token does not know or does not tell counts as what would be refused.
 */
#ifndef SIGNER_OBJECT_H
#define SIGNER_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "token.h"

#define KEY_ID_LEN 16
#define LABEL_MAX 127
#define PUBLIC_MAX 91 /* bytes of a public key: P-256's SubjectPublicKeyInfo */

/* What a key is for. The numbers are those of signer.proto's Algorithm; see ops.c. */
enum algorithm {
	ALGORITHM_NONE,
	ALGORITHM_HMAC_SHA256,
	ALGORITHM_ED25519,
	ALGORITHM_ECDSA_P256,
	ALGORITHM_OTHER,
	ALGORITHM_AES256_GCM,
};

struct object {
	CK_OBJECT_HANDLE handle;
	uint8_t id[KEY_ID_LEN];
	size_t id_len; /* 0: it has none, or not one of ours */
	char label[LABEL_MAX + 1];
	enum algorithm algorithm;
	bool token, sensitive, always_sensitive, extractable, never_extractable, local, sign;
	bool private, modifiable, destroyable;
	bool cipher;     /* of an AES key: may encrypt and decrypt, and nothing else */
	bool restricted; /* CKA_ALLOWED_MECHANISMS holds the one mechanism of its algorithm */
	uint8_t public_key[PUBLIC_MAX]; /* of a pair, once object_read_public has filled it in */
	size_t public_len;
};

/*
 * Handles of the objects that match, at most `max`; more are not counted. One search at a time. Not
 * believed without the login, which private objects need to be found. What a handle names is known
 * only when the object's CKA_ID has been read back.
 */
enum pm_err object_find(const struct token *token, CK_ATTRIBUTE *match, size_t match_len,
			CK_OBJECT_HANDLE *found, size_t max, size_t *count,
			struct failure *failure) NODISCARD;

/* How many objects of the token, of any kind, have this CKA_ID: 0, 1 or 2 (for more, too). */
enum pm_err object_count_id(const struct token *token, struct bytes id, size_t *count,
			    struct failure *failure) NODISCARD;

/* `*len`: room in `value`, then what was filled in. 0: the token does not tell, or it did not fit. */
enum pm_err object_attribute(const struct token *token, CK_OBJECT_HANDLE handle,
			     CK_ATTRIBUTE_TYPE type, void *value, size_t *len,
			     struct failure *failure) NODISCARD;

/* `label` is empty if it is not clean text of at most LABEL_MAX bytes. */
enum pm_err object_read_label(const struct token *token, CK_OBJECT_HANDLE handle,
			      char label[LABEL_MAX + 1], struct failure *failure) NODISCARD;

/* Whether the handle names an object of that CKA_ID, in the token or (not in_token) of a session. */
enum pm_err object_is(const struct token *token, CK_OBJECT_HANDLE handle, struct bytes id,
		      bool in_token, bool *out, struct failure *failure) NODISCARD;

/* Destroys a session's object of that CKA_ID, if the handle names such a one; never another. */
enum pm_err object_drop(const struct token *token, CK_OBJECT_HANDLE handle, struct bytes id,
			struct failure *failure) NODISCARD;

/* `handle` is a secret or private key's. */
enum pm_err object_read(const struct token *token, CK_OBJECT_HANDLE handle, struct object *out,
			struct failure *failure) NODISCARD;

/* Whether it may do what its algorithm is for, and, of AES, nothing else. */
bool object_is_fit(const struct object *object);

/* In all that was read of them. */
bool object_equal(const struct object *a, const struct object *b);

/*
 * The public half of a pair that object_read has read: the token's one public key of the same
 * CKA_ID, label and algorithm, in its usual form. public_len stays 0 if there is none such.
 */
enum pm_err object_read_public(const struct token *token, struct object *object,
			       struct failure *failure) NODISCARD;

#endif
