/*
 * What changes a token, with libp11, in a worker. libp11 keeps a copy of a login's PIN in plain
 * memory for as long as it lives: a worker's short life, all of whose memory is locked where the
 * limits allow it.
 */
#ifndef CLI_HSM_CHANGE_H
#define CLI_HSM_CHANGE_H

#include <libp11.h>

#include "hsm_token.h"
#include "hsm_work.h"

struct change {
	const struct options *options; /* set by change_run */
	const struct token *token;     /* as it was found */
	const char *label;             /* that it gets, if it gets one */
	/* In the worker, with that token's slot as libp11 has it. */
	enum status (*make)(const struct change *change, PKCS11_SLOT *slot,
			    const struct pins *pins);
};

/* Asks for the PINs, then makes the change, once. */
enum status change_run(const struct session *session, struct change *change,
		       const struct pins_asked *asked);

/*
 * For `make`: libp11 failed at `what`; `begun`: which would have changed the token. STATUS_VAULT
 * after a complaint.
 */
enum status change_refused(const char *what, bool begun, const struct token *token);

/* What was done, and to which token. */
void change_print(const struct session *session, const char *done, const struct token *token);

#endif
