/*
 * The HMAC keys in use: CKA_ID → handle, filled on first use, bounded. A key is used through a
 * session object where the token allows the copy: the same key, still inside the token and not
 * extractable, without the token's storage in the way of every operation. One thread.
 */
#ifndef SIGNER_KEYS_H
#define SIGNER_KEYS_H

#include "object.h"

#define KEYS_MAX 512
#define MAC_LEN 32
#define LABEL_ROOT "peppermint/"

struct keys {
	struct token *token;
	char prefix[64]; /* LABEL_ROOT <environment> "/": what our labels begin with */
	size_t count;
	size_t oldest; /* replaced next when the table is full */
	struct key {
		uint8_t id[KEY_ID_LEN];
		CK_OBJECT_HANDLE handle;
		bool copy; /* ours to destroy */
	} table[KEYS_MAX];
};

void keys_init(struct keys *keys, struct token *token, const char *environment);

/* Whether the token lets a key be used through a session object, tried with a passing key. */
bool keys_can_copy(const struct keys *keys);

/*
 * CKM_SHA256_HMAC. FAILURE_CALLER (no such key, not one of ours, refused data) leaves everything
 * sound. After any other the process must end: an operation may be active, a handle stale.
 */
enum pm_err keys_hmac(struct keys *keys, struct bytes id, struct bytes data, uint8_t mac[MAC_LEN],
		      struct failure *failure) NODISCARD;

#endif
