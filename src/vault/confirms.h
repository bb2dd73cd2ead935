/*
 * Confirmations that are open: the first of two steps. In memory only, so a restart forgets them all. What
 * is kept of one is a hash of its token and of everything that it is bound to. Any thread.
 */
#ifndef VAULT_CONFIRMS_H
#define VAULT_CONFIRMS_H

#include "environment.h"

#define CONFIRMS_MAX 1024
#define CONFIRMS_EACH 16 /* of one caller and operator */
#define CONFIRM_SECONDS 300
#define CONFIRM_SUBJECT_MAX 129 /* ACCOUNT/PRODUCT */

struct confirms;

enum pm_err confirms_new(struct confirms **out) NODISCARD;
void confirms_free(struct confirms *confirms); /* NULL is allowed */

/*
 * Opens one for the actor, the act and the subject; over CONFIRMS_EACH in place of the oldest. PM_BUSY: there
 * are too many.
 */
enum pm_err confirms_open(struct confirms *confirms, const struct environment *env,
			  const struct actor *actor, enum vault_act act, const char *subject,
			  struct confirmation *out) NODISCARD;

/* The actor's confirmation, if it is for just that: false if not. Then it is used up. */
bool confirms_use(struct confirms *confirms, const struct environment *env,
		  const struct actor *actor, enum vault_act act, const char *subject);

#endif
