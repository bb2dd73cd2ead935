/*
 * What callers say of a key: checked for its meaning, and brought into the form that records keep.
 * Each gives PM_BAD_REQUEST or PM_TOO_LARGE with actor->why. Any thread.
 */
#ifndef VAULT_KEY_FIELDS_H
#define VAULT_KEY_FIELDS_H

#include "store/store.h"
#include "vault/vault.h"

enum pm_err key_fields_scopes(struct actor *actor, const struct texts *scopes,
			      char out[STORE_SCOPES_MAX + 1]) NODISCARD;
enum pm_err key_fields_labels(struct actor *actor, const struct label_texts *labels,
			      char out[STORE_LABELS_MAX + 1]) NODISCARD;
enum pm_err key_fields_networks(struct actor *actor, const struct texts *networks,
				char out[STORE_NETWORKS_MAX + 1]) NODISCARD;

/* When a key's time ends: in the future, or 0. */
enum pm_err key_fields_end(struct actor *actor, int64_t expires_at) NODISCARD;

/* When it begins, and that it does so before it ends. */
enum pm_err key_fields_span(struct actor *actor, int64_t not_before, int64_t expires_at) NODISCARD;

#endif
