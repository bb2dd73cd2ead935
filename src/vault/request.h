/*
 * Request ids: what was executed for one is committed in the same transaction as the change itself,
 * so that it is never executed again, whatever happened to the answer.
 */
#ifndef VAULT_REQUEST_H
#define VAULT_REQUEST_H

#include "environment.h"

/*
 * The first step of everything that changes: PM_ALREADY_DONE, with actor->done_subject, if the
 * actor's request id was executed; PM_BAD_REQUEST without one.
 */
enum pm_err request_begin(struct environment *env, struct actor *actor) NODISCARD;

/* The record of this execution, without its seal. */
void request_record(const struct environment *env, const struct actor *actor, const char *subject,
		    struct executed_record *out);

/* Seals a key's record and its request's. */
enum pm_err request_seal_with_key(struct environment *env, struct executed_record *executed,
				  struct key_record *key, int64_t deadline) NODISCARD;

#endif
