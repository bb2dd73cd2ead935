/*
 * Key texts that may be shown again, where an environment's policy allows that at all: encrypted by
 * master key wrap/values, which never leaves the token. What is bound to them (environment, key id,
 * secret version) is AES-GCM's additional data, so that a text moved to another row opens nowhere.
 * Any thread.
 */
#ifndef VAULT_SHOWN_H
#define VAULT_SHOWN_H

#include "domain.h"

/*
 * `out` is what is to be stored of the current secret's text. Encrypted, then opened and compared.
 */
enum pm_err shown_close(struct environment *env, const struct key_record *record,
			const struct key_text *text, struct value_record *out,
			int64_t deadline) NODISCARD;

/*
 * The text of the key's current secret, the caller's to wipe. PM_NOT_FOUND: none is kept.
 * PM_CONFLICT: the version of wrap/values that it is under vouches for nothing now.
 * PM_RECORD_QUARANTINED, reported: what is kept was altered.
 */
enum pm_err shown_open(struct environment *env, const struct key_record *record,
		       struct key_text *out, int64_t deadline) NODISCARD;

/* Could shown_open be asked for it? From the store alone. */
enum pm_err shown_is_kept(struct environment *env, const struct key_record *record,
			  bool *kept) NODISCARD;

#endif
