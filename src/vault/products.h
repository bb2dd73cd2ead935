/*
 * An account's products, as its record keeps them: lines `+name` (enabled) or `-name`, sorted by name, each
 * name once. Plain values; no thread rules.
 */
#ifndef VAULT_PRODUCTS_H
#define VAULT_PRODUCTS_H

#include "store/store.h"
#include "vault/vault.h"

/* Names of a-z A-Z 0-9 . _ -, not empty. */
bool product_is_name(const char *name);

bool products_enabled(const char *list, const char *name);

size_t products_read(const char *list, struct product_info out[VAULT_PRODUCTS_MAX]);

/*
 * Adds or changes some; `changed` says how many are not as they were. PM_BAD_REQUEST: a malformed name, or
 * one twice among the changes. PM_TOO_LARGE: over VAULT_PRODUCTS_MAX, or over STORE_PRODUCTS_MAX bytes.
 */
enum pm_err products_change(char list[STORE_PRODUCTS_MAX + 1], const struct product_info *changes,
			    size_t count, size_t *changed) NODISCARD;

#endif
