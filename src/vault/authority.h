/*
 * Whether an actor may do something on whose behalf it acts. An actor that is not on_behalf has its own
 * authority: the caller's role, which was checked before. One that is has an operator's or an API
 * key holder's; to who may not, what he asks for does not exist: PM_NOT_FOUND, told to the log.
 *
 * Step-up is decided here too, once for each request and before anything is done: a confirmation
 * is used up, and a PIN counted, whatever becomes of the act. Any thread.
 */
#ifndef VAULT_AUTHORITY_H
#define VAULT_AUTHORITY_H

#include "domain.h"

/* What is asked for, beside the acts for which there is step-up. */
enum authority_need {
	NEED_KEYS,     /* to view, make or change keys: ADMIN or SUPERADMIN */
	NEED_ACCOUNT,  /* to view the account: any role */
	NEED_OPERATORS /* to view or change operators: SUPERADMIN; to view, OPERATOR_AUDITOR too */
};

/*
 * The authority over keys of `account`, for `act` (0: only to view). `subject` is what a confirmation is
 * bound to: the key id, or ACCOUNT/PRODUCT. `key_id` may be NULL; it is for the log.
 */
enum pm_err authority_over_keys(struct vault *vault, struct environment *env, struct actor *actor,
				const char *account, enum vault_act act, const char *subject,
				const char *key_id) NODISCARD;

/*
 * The same by a key's id: for whoever changes or reads a key, before its record is used. It reads the
 * record itself if it must; one that is not there is PM_NOT_FOUND.
 */
enum pm_err authority_over_key(struct vault *vault, struct environment *env, struct actor *actor,
			       const char *key_id, enum vault_act act) NODISCARD;

/* `account` "*" is every account: an operator with a role there only. */
enum pm_err authority_over_account(struct vault *vault, struct environment *env,
				   struct actor *actor, const char *account,
				   enum authority_need need, enum vault_act act,
				   const char *subject) NODISCARD;

/*
 * Over operators, of an actor that is on_behalf: an operator who is SUPERADMIN somewhere, and what roles he
 * has (`grants` may be NULL). Over whom they reach, and the step-up, are the caller's to ask for.
 */
struct grants;
enum pm_err authority_over_operators(struct environment *env, struct actor *actor,
				     struct grants *grants) NODISCARD;
/* What he asks for does not exist: PM_NOT_FOUND, told. `why` is a word of ours. */
enum pm_err authority_refuse(struct environment *env, struct actor *actor, const char *why,
			     const char *key_id) NODISCARD;
enum pm_err authority_step_up(struct vault *vault, struct environment *env, struct actor *actor,
			      enum vault_act act, const char *subject) NODISCARD;

/* Does the actor need his operator's PIN for that? */
bool authority_asks_pin(const struct environment *env, const struct actor *actor,
			enum vault_act act);

/* A key's checked record. PM_NOT_FOUND; PM_RECORD_QUARANTINED, told. */
enum pm_err authority_load_key(struct environment *env, struct actor *actor, const char *key_id,
			       struct key_record *out) NODISCARD;

#endif
