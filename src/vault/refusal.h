/*
 * Refusals as the audit log has them. An entry each as long as the caller's rate allows it, then a
 * count; in both cases before the caller is answered.
 */
#ifndef VAULT_REFUSAL_H
#define VAULT_REFUSAL_H

#include "environment.h"

/* A stored row that does not bear the vault's seal; `key` is its id, or NULL. */
enum pm_err refusal_of_quarantined(struct environment *env, struct actor *actor,
				   const char *key) NODISCARD;

/* Whoever the actor acts for may not do that: `why` is a word of ours, `key` an id that exists, or NULL. */
enum pm_err refusal_of_act(struct environment *env, struct actor *actor, const char *why,
			   const char *key) NODISCARD;

#endif
