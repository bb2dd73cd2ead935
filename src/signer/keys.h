/*
 * The keys in use: CKA_ID → handle, filled on first use, bounded. A key is used through a
 * session object where the token allows the copy: the same key, still inside the token and not
 * extractable, without the token's storage in the way of every operation. One thread.
 */
#ifndef SIGNER_KEYS_H
#define SIGNER_KEYS_H

#include "sign.h"

#define KEYS_MAX 512
#define LABEL_ROOT "peppermint/"

struct keys {
	struct token *token;
	char prefix[64]; /* LABEL_ROOT <environment> "/": what our labels begin with */
	size_t count;
	size_t oldest; /* replaced next when the table is full */
	struct key {
		uint8_t id[KEY_ID_LEN];
		enum algorithm algorithm;
		CK_OBJECT_HANDLE handle;
		bool copy; /* ours to destroy */
	} table[KEYS_MAX];
};

void keys_init(struct keys *keys, struct token *token, const char *environment);

/* Whether the token lets a key be used through a session object, tried with a passing key. */
bool keys_can_copy(const struct keys *keys);

/*
 * Signs with the key of that id and algorithm, or computes its MAC: `out` has room for sign_len.
 * FAILURE_CALLER leaves everything sound: no such key or not one of ours (ck_rv is 0), or refused
 * data. After any other the process must end: an operation may be active, a handle stale.
 */
enum pm_err keys_sign(struct keys *keys, struct bytes id, enum algorithm algorithm,
		      struct bytes data, uint8_t *out, struct failure *failure) NODISCARD;

#endif
