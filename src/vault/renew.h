/*
 * A new version of a master key that takes over from the active one. With a standby token it is only
 * STAGED: its object must be brought there before anything depends on it. Inside a change of the
 * environment.
 */
#ifndef VAULT_RENEW_H
#define VAULT_RENEW_H

#include "environment.h"
#include "takeover.h"

struct renewal {
	const char *purpose, *name;
	struct actor *actor; /* NULL: the vault itself; else what was executed is recorded */
	/* Of the active version, which becomes COMPROMISED with that end; NULL: VERIFY_ONLY. */
	const struct master_record *compromised;
	int64_t ends_at;
	bool rewrap;
	struct master_record made; /* out */
};

enum pm_err renew(struct environment *env, struct renewal *renewal, int64_t deadline) NODISCARD;

/* PM_CONFLICT: *staged waits to be activated; making another would leave it behind. */
enum pm_err renew_check(struct environment *env, const char *purpose, const char *name,
			uint32_t *staged) NODISCARD;

/* Are its keys rotated in this way? The audit log's signing key comes with a log of its own, and another
 * system's key has no successor. */
bool renew_applies(const char *purpose, const char *name);

#endif
