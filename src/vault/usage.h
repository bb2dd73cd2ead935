/* How many records need which version of a master key. */
#ifndef VAULT_USAGE_H
#define VAULT_USAGE_H

#include "environment.h"

struct usage {
	uint32_t version;
	uint64_t needed;  /* records that cannot be verified without it */
	uint64_t wrapped; /* of these: a newer version vouches for them */
	uint64_t ended;   /* others, which verify nothing any more */
	/* Of those needed: what rewrap has to move away from it. Not what was executed, whose records
	 * are sealed as well: they are removed by themselves after keep_executed_days. */
	uint64_t to_rewrap;
};

/*
 * Of one purpose and name, a line for each version that any record names. Goes over all keys.
 * PM_TOO_LARGE over `max`.
 */
enum pm_err usage_count(struct environment *env, const char *purpose, const char *name,
			struct usage *out, size_t max, size_t *count) NODISCARD;

/*
 * Has the vault records that need such a key? It has none of those that hide texts or sign the audit log,
 * nor of peppers other than `api-keys`.
 */
bool usage_applies(const char *purpose, const char *name);

/* The line of a version; zeros if there is none. */
struct usage usage_of(const struct usage *lines, size_t count, uint32_t version);

#endif
