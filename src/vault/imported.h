/*
 * Keys of other systems. Nothing in such a text names its record: it is found by an HMAC, under master
 * key index/imported, of what the other system kept of it. Any thread.
 */
#ifndef VAULT_IMPORTED_H
#define VAULT_IMPORTED_H

#include "domain.h"

#define IMPORTED_TEXT_MIN 16

/* Whether the text can be one: 16 to 256 printable ASCII characters without blanks, and there are any. */
bool imported_is_possible(struct environment *env, struct bytes text);

/*
 * The record that a text belongs to, not yet checked. All that was imported is looked for, in the same
 * way whether or not there is such a key. PM_NOT_FOUND.
 */
enum pm_err imported_find(struct environment *env, struct bytes text, struct key_record *out,
			  int64_t deadline) NODISCARD;

/*
 * What is hashed under the pepper for a secret of that form: tag, environment, key id, version, form,
 * and `known` (the text, or its hash, 32 or 64 bytes).
 */
void imported_cover(const struct environment *env, const char *key_id, uint32_t version,
		    uint32_t form, struct bytes known, struct buf *buf);

/* Has a text of another system that form, whether or not any was imported? */
bool imported_is_text(struct bytes text);

/*
 * What a lookup covers: tag, environment, form, name of the import key ("" but for SECRET_HMAC), and
 * `known`. A SECRET_TEXT has the lookup of its SHA-256, so that a key which comes as either is one key.
 */
#define IMPORTED_LOOKUP_ROOM 256
void imported_lookup_cover(const struct environment *env, uint32_t form, const char *hmac_key,
			   struct bytes known, struct buf *buf);

/*
 * The master key import/<name> as it is in the token: of its versions the one that is not destroyed.
 * PM_NOT_FOUND.
 */
enum pm_err imported_hmac_key(struct environment *env, const char *name,
			      struct master_record *out) NODISCARD;

/* How many of them there are. */
#define IMPORTED_KEYS_MAX 16
size_t imported_hmac_keys(struct environment *env);

#define IMPORTED_KNOWN_MAX VAULT_IMPORT_TEXT_MAX
/*
 * What the other system kept of a text, by that form: the text itself, its SHA-256 or SHA-512, or its
 * HMAC in the token under import/<hmac_key>. Holds what a secret's owner alone knows: wipe it.
 */
enum pm_err imported_known(struct environment *env, uint32_t form, const char *hmac_key,
			   struct bytes text, uint8_t out[IMPORTED_KNOWN_MAX], size_t *len,
			   int64_t deadline) NODISCARD;

#endif
