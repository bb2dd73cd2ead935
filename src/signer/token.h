/*
 * The one token that this process serves: which it is, what it says of itself, and what the process
 * holds of it. The sessions and the login are session.c's affair. Lives as long as the process. One
 * thread, but for the work sessions of pool.c.
 */
#ifndef SIGNER_TOKEN_H
#define SIGNER_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "module.h"
#include "pin.h"

#define SESSIONS_MAX 16 /* that compute at the same time */

struct token {
	CK_FUNCTION_LIST *p11;
	CK_SLOT_ID slot;

	/* CK_TOKEN_INFO's fields without their padding */
	char label[33], manufacturer[33], model[17], serial[17];
	char firmware[8], hardware[8]; /* "2.6" */
	CK_FLAGS flags;
	CK_ULONG max_sessions; /* 0: not told, or without limit */
	CK_ULONG free_private_memory;

	struct pin_source pin;
	CK_SESSION_HANDLE anchor;    /* carries the login and owns the copies of keys */
	bool logged_in, tells_login; /* the latter: C_GetSessionInfo has said so once */
	bool pin_refused;            /* not tried again, whoever asks for a login */
	/* work[0] runs everything, work[1] and so on a share of HMAC batches; each another session
	 * than the anchor, unless the token has only one. */
	CK_SESSION_HANDLE work[SESSIONS_MAX];
	bool suspect[SESSIONS_MAX];  /* may hold an operation that the module did not end */
	size_t workers, workers_max; /* now, and at the start */
	int64_t regain_at;           /* session_regain */
	uint64_t generation; /* of object handles: older ones may name nothing or another object */
};

/*
 * Finds the one initialised token that the RFC 7512 URI names. FAILURE_SETUP for none (with
 * CKR_TOKEN_NOT_PRESENT) and for several.
 */
enum pm_err token_open(struct token *token, const struct module *module, const char *uri,
		       struct failure *failure) NODISCARD;

/* Asks the slot anew, for the flags. FAILURE_MODULE when another token is in it. */
enum pm_err token_refresh(struct token *token, struct failure *failure) NODISCARD;

/* FAILURE_PIN when the next wrong PIN would lock the token, or it is locked, by its flags. */
enum pm_err token_check_pin_tries(const struct token *token, struct failure *failure) NODISCARD;

/* Whether the token lists the mechanism at all; that it works is another matter. */
enum pm_err token_has_mechanism(const struct token *token, CK_MECHANISM_TYPE type, bool *out,
				struct failure *failure) NODISCARD;

#endif
