/*
 * The vendor's module and the one token in it that this process serves. Two sessions: the anchor
 * carries the login and owns the session objects, and is never closed; the work session runs the
 * operations and can be replaced. Lives as long as the process: nothing is finalised, because the
 * exit is without the module's help (see main.c). One thread.
 */
#ifndef SIGNER_TOKEN_H
#define SIGNER_TOKEN_H

#include <stdbool.h>

#include "ckr.h"
#include "pin.h"

struct token {
	CK_FUNCTION_LIST *p11;
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE anchor;
	CK_SESSION_HANDLE work;
	/* CK_TOKEN_INFO's fields without their padding */
	char label[33], manufacturer[33], model[17], serial[17];
	char firmware[8]; /* "2.6" */
	CK_FLAGS flags;
};

/*
 * Loads the module at `path` and finds the one initialised token that the RFC 7512 URI names.
 * FAILURE_SETUP for none (with CKR_TOKEN_NOT_PRESENT), for several, and for a token that cannot do
 * HMAC-SHA-256.
 */
enum pm_err token_open(struct token *token, const char *path, const char *uri,
		       struct failure *failure) NODISCARD;

/* FAILURE_PIN when the next wrong PIN would lock the token, or it is locked: ask before login. */
enum pm_err token_check_pin_tries(const struct token *token, struct failure *failure) NODISCARD;

/* Opens the sessions and logs in, once: a PIN that is refused is never tried again. */
enum pm_err token_login(struct token *token, const struct pin *pin,
			struct failure *failure) NODISCARD;

/* Whether the token lists the mechanism at all; that it works is another matter. */
enum pm_err token_has_mechanism(const struct token *token, CK_MECHANISM_TYPE type, bool *out,
				struct failure *failure) NODISCARD;

/* A fresh work session: the old one may hold an operation that the module did not end. */
enum pm_err token_renew_work(struct token *token, struct failure *failure) NODISCARD;

#endif
