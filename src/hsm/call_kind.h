/* The kinds of calls that a signer answers, and what it means when it refuses one. No state. */
#ifndef HSM_CALL_KIND_H
#define HSM_CALL_KIND_H

#include <stdbool.h>

#include "reply.h"

enum call_kind {
	CALL_HMAC,
	CALL_GENERATE,
	CALL_GENERATE_PAIR,
	CALL_GENERATE_AES,
	CALL_IMPORT,
	CALL_SIGN,
	CALL_ENCRYPT,
	CALL_DECRYPT,
	CALL_LIST,
	CALL_RANDOM,
	CALL_DESTROY,
	CALL_INSPECT,
	CALL_CHANGE_PIN,
};

/* Its answer is the object that was made. */
bool call_makes_key(enum call_kind kind);

/* If it is lost in flight, nobody knows whether it was done. */
bool call_changes_token(enum call_kind kind);

/* The reply is a REPLY_FAILED that leaves the signer running. Logs what is not an everyday answer. */
enum pm_err call_refusal(enum call_kind kind, const struct reply *reply) NODISCARD;

#endif
