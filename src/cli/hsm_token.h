/*
 * The token that an offline `hsm` command is about: found by its URI (RFC 7512), and no running
 * vault's while the command runs.
 */
#ifndef CLI_HSM_TOKEN_H
#define CLI_HSM_TOKEN_H

#include <p11-kit/uri.h>

#include "hsm.h"
#include "hsm_work.h"
#include "sheet.h"

/* A slot and what is in it. */
struct token {
	json_t *row;  /* what `hsm slots` prints of it; the texts are the row's */
	bool present; /* nothing below holds without */
	const char *label, *manufacturer, *model, *serial;
	unsigned long slot, flags; /* CK_TOKEN_INFO's */
	size_t pin_min, pin_max;
	bool named; /* its texts are clean, so that they name it */
};

struct slots {
	struct token *all;
	size_t count;
};
void slots_end(struct slots *slots); /* for CLEANUP */

/* All slots of --module, or those whose tokens match the URI. */
enum status slots_read(const struct session *session, const P11KitUri *uri, struct slots *slots);

/* --module says so; --env is the other way to name a token. */
bool hsm_is_offline(const struct session *session);

/* Milliseconds: --timeout's, or the offline commands' own if it was not given. */
uint32_t hsm_timeout(const struct session *session);

/* --module and, if it is given, --token. STATUS_USAGE after a complaint. */
enum status hsm_options(const struct session *session, P11KitUri **uri);
void uri_end(P11KitUri **uri); /* for CLEANUP */

bool token_is_initialised(const struct token *token);
bool token_is_software(const struct token *token);
/* Below a table: what that means. */
void software_remark(const struct sheet *sheet);

/*
 * The one initialised token that --token names, with its lock in *lock, which a running vault would
 * hold: STATUS_VAULT after a complaint if it does. The token is one of `slots`.
 */
enum status token_choose(const struct session *session, struct slots *slots, struct token **token,
			 int *lock);
/* Of the slots that match --token: the only one, or NULL after a complaint. */
struct token *slots_only(const struct slots *slots);
enum status token_lock(const struct token *token, int *lock);

enum pin_of { PIN_OF_USER, PIN_OF_OFFICER };
/* Refuses, with a complaint, a try that may lock the PIN (unless --last-try) or finds it locked. */
enum status token_may_try(const struct session *session, const struct token *token,
			  enum pin_of whose);

/* What a job of token_work is given. */
struct token_job {
	const struct options *options;
	const struct token *token;
};
/*
 * Asks for the user PIN, which must bear a try, and runs a worker's job with it and a token_job,
 * for token_choose's token.
 */
enum status token_work(const struct session *session, const struct token *token,
		       enum status (*job)(struct worker *worker, void *arg,
					  const struct pins *pins),
		       void (*row)(void *arg, json_t *row), void *row_arg);

#endif
