/*
 * The keys in use: CKA_ID → handle, filled on first use, bounded, and forgotten when handles have
 * become old (token.h's generation). A key is used through a session object where the token allows
 * the copy: the same key, still inside the token and not extractable, without the token's storage in
 * the way of every operation. What a handle names is never taken on trust. Main thread.
 */
#ifndef SIGNER_KEYS_H
#define SIGNER_KEYS_H

#include "sign.h"

#define KEYS_MAX 512
#define LABEL_ROOT "peppermint/"

struct keys {
	struct token *token;
	char prefix[64]; /* LABEL_ROOT <environment> "/": what our labels begin with */
	bool copies;     /* the token lets a key be used through a session object */
	size_t count;
	size_t oldest;  /* replaced next when the table is full, */
	uint64_t round; /* but not if it is in use */
	struct key {
		uint8_t id[KEY_ID_LEN];
		enum algorithm algorithm;
		CK_OBJECT_HANDLE handle;
		bool copy; /* ours to destroy */
		uint64_t generation, round;
	} table[KEYS_MAX];
};

void keys_init(struct keys *keys, struct token *token, const char *environment);

/* Finds out, with a passing key, whether copies work. May be repeated. */
enum pm_err keys_try_copies(struct keys *keys, struct failure *failure) NODISCARD;

/* The handles given out before are not used any more; those of the next KEYS_MAX keys are good
 * until the next round, unless the generation changes. */
void keys_new_round(struct keys *keys);

/*
 * The handle of the key of that id and algorithm. FAILURE_CALLER: no such key or not one of ours
 * (ck_rv is 0), looked at twice.
 */
enum pm_err keys_handle(struct keys *keys, struct bytes id, enum algorithm algorithm,
			CK_OBJECT_HANDLE *out, struct failure *failure) NODISCARD;

/*
 * Forgets a key that is about to be destroyed. Its copy is destroyed; where that fails the process
 * must end, because with the copy the key would live on.
 */
enum pm_err keys_forget(struct keys *keys, struct bytes id, struct failure *failure) NODISCARD;

#endif
