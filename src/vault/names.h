/*
 * Texts whose HMAC under an environment's audit key was made before: accounts, products and
 * operators come back, and an entry that names them again costs the HSM nothing. A bounded table;
 * what it forgets is made again. Any thread.
 */
#ifndef VAULT_NAMES_H
#define VAULT_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/vault.h"

struct names;

enum pm_err names_new(struct names **out) NODISCARD;
void names_free(struct names *names); /* NULL is allowed */

/* The tag of a text under that version of the key; false if it is not known. */
bool names_find(struct names *names, uint32_t version, const char *text,
		char tag[VAULT_HASH_TEXT_MAX + 1]);
void names_keep(struct names *names, uint32_t version, const char *text, const char *tag);

#endif
