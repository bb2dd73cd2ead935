/*
 * Request ids: what was executed for one is committed in the same transaction as the change itself,
 * so that it is never executed again, whatever happened to the answer.
 */
#ifndef VAULT_REQUEST_H
#define VAULT_REQUEST_H

#include "environment.h"
#include "leaf.h"

/*
 * The first step of everything that changes: PM_ALREADY_DONE, with actor->done_subject, if the
 * actor's request id was executed; PM_BAD_REQUEST without one.
 */
enum pm_err request_begin(struct environment *env, struct actor *actor) NODISCARD;

/* The record of this execution, without its seal. */
void request_record(const struct environment *env, const struct actor *actor, const char *subject,
		    struct executed_record *out);

/*
 * Seals and commits a change of a key, one more change that belongs to it (`also`, may be NULL),
 * what was executed, and the leaf that tells of it (begun by the caller, ended here), all or none.
 * `op` is STORE_INSERT_KEY or STORE_UPDATE_KEY.
 */
enum pm_err request_commit_key(struct environment *env, struct actor *actor, enum store_op op,
			       struct key_record *key, const struct store_change *also,
			       struct leaf *leaf) NODISCARD;

/* The same of an act that changes no record: what was executed, on `subject`, and its leaf. */
enum pm_err request_commit(struct environment *env, struct actor *actor, const char *subject,
			   struct leaf *leaf) NODISCARD;

#endif
