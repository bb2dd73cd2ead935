/*
 * The notary: from time to time it reads the committed entries back, hashes each again itself, and
 * has the token sign the root of its own tree. Size and root are durable before the token sees them,
 * and what was about to be signed when we were interrupted is signed first, so that there are never
 * two roots for one size. A signature that does not verify is never published.
 */
#ifndef VAULT_NOTARY_H
#define VAULT_NOTARY_H

#include "hsm/hsm.h"
#include "tlog/merkle.h"
#include "tlog/note.h"

struct audit;

/* Guarded by the audit's `round`. */
struct notary {
	uint32_t log;          /* works on it; 0: has not begun */
	struct tlog_tree tree; /* of its entries that were read back */
	uint64_t signed_size;  /* of its newest signed checkpoint */
	bool anchor_due;       /* that is not in the anchor file yet, as it is now */
};

/* The verifier key of a pair in the token, for a log of that name. PM_BAD_REQUEST. */
enum pm_err notary_key(const char *origin, const struct hsm_object *object,
		       struct tlog_key *out) NODISCARD;

#endif
