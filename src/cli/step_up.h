/*
 * Acts for which a vault may want more than an operator's name: a confirmation, which names what will
 * happen, and the operator's PIN. Both are got only when the vault asks for them.
 */
#ifndef CLI_STEP_UP_H
#define CLI_STEP_UP_H

#include "command.h"

struct step {
	enum peppermint_act act;
	const char *subject; /* as vault.proto's Act has it */
	bool always;         /* confirmed whatever the vault's policy is */
	/* The call itself, which may be made twice, with session->call. */
	enum pm_err (*make)(struct session *session, void *what);
	void *what;
};

/*
 * STATUS_DONE when the call was made; after a complaint why it was not. A person sees what will happen
 * and agrees by the PIN or by `yes`; a script says --yes, or gives a PIN. The confirmed call has a request
 * id of its own: the one that was given, and `/confirmed`, unless it was confirmed from the first.
 */
enum status step_up(struct session *session, const struct step *step);

/* Asks a person, or is content with --yes. STATUS_USAGE after a complaint. */
enum status agree(const struct session *session, const char *message);

#endif
