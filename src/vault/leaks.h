/*
 * Who may report leaked keys: the public keys of scanners, by the ids under which their reports name
 * them. Owned by the vault. Any thread.
 */
#ifndef VAULT_LEAKS_H
#define VAULT_LEAKS_H

#include "vault/vault.h"

struct leaks;

enum pm_err leaks_new(struct leaks **out) NODISCARD;
void leaks_free(struct leaks *leaks); /* NULL is allowed */

/* PM_DENIED: no such source, or it did not sign this. */
enum pm_err leaks_verify(struct leaks *leaks, const char *key_id, struct bytes payload,
			 struct bytes signature) NODISCARD;

#endif
