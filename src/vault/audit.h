/*
 * The audit log inside the vault. An operation makes a leaf (leaf.h), puts it among the changes of
 * its commit and commits through audit_commit, so that there is never a change without its entry, or
 * an entry without its change. What changes nothing is folded, or has its leaf committed before the
 * answer. Owned by the vault; every function may be called from any thread.
 */
#ifndef VAULT_AUDIT_INTERNAL_H
#define VAULT_AUDIT_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "leaf.h"
#include "store/store.h"
#include "vault/audit.h"

struct audit;
struct environment;

/* Opens or begins the log; writes vault.start. The environments are lent until audit_close. */
enum pm_err audit_open(struct store *store, struct environment *environments, size_t count,
		       const struct vault_audit_config *config, struct audit **out) NODISCARD;
void audit_close(struct audit *audit);

/* The revision of the configuration, for leaves. Static storage of the audit's, never NULL. */
const char *audit_policy(struct audit *audit);

/* The environment whose token signs checkpoints. */
struct environment *audit_environment(struct audit *audit);

/*
 * May anything be answered now? PM_AUDIT_BLOCKED if the last entry could not be kept, or the newest
 * entries were lost. The first step of every operation (environment_enter's callers get it from
 * vault_enter).
 */
enum pm_err audit_admit(struct audit *audit) NODISCARD;

/*
 * store_commit for changes among which are leaves. PM_STORE_UNAVAILABLE and PM_STORE_DAMAGED become
 * PM_AUDIT_BLOCKED. `receipt` (may be NULL) is the last leaf's.
 */
enum pm_err audit_commit(struct audit *audit, const struct store_change *changes, size_t count,
			 struct vault_receipt *receipt, int64_t deadline) NODISCARD;

/* The store's word for it, as callers get it. */
void audit_receipt(const struct store_receipt *at, struct vault_receipt *out);

/* A leaf that goes alone; it is ended (leaf_end) here. */
enum pm_err audit_append(struct audit *audit, struct leaf *leaf, struct vault_receipt *receipt,
			 int64_t deadline) NODISCARD;

/* act.c: acts that change nothing. */

/* What is folded together: type, environment, caller, and key (or pepper and version). */
struct fold_act {
	enum leaf_type type;
	struct environment *env; /* NULL: of no environment */
	const char *key;         /* a key's id that exists, a pepper's name, or a report's name */
	uint32_t version;        /* of the pepper; 0: none */
	enum pm_reason reason;   /* of a refusal that is over the rate */
	uint32_t count;          /* acts of this request */
	uint64_t missed;         /* acts like it before it, of which there is no entry */
};

/*
 * Successful acts: counted until the minute is over, or, configured so, an entry each, durable when
 * this returns. PM_AUDIT_BLOCKED; PM_BUSY when there is no room to count in.
 */
enum pm_err audit_acts(struct audit *audit, struct actor *actor, const struct fold_act *acts,
		       size_t count) NODISCARD;

/*
 * Refusals: an entry each up to the caller's rate, durable when this returns; more are counted.
 * `key` is an id that exists, or NULL.
 */
enum pm_err audit_refusals(struct audit *audit, struct actor *actor, const struct fold_act *acts,
			   size_t count) NODISCARD;

/* Takes one from the caller's rate of refusals; false: count it instead. */
bool audit_refusal_allowed(struct audit *audit, uint32_t uid);

/* Writes the folds of minutes that are over, or all. */
enum pm_err audit_flush(struct audit *audit, bool all, int64_t deadline) NODISCARD;

/* notary.c: see there. One round. */
enum pm_err audit_notarize(struct audit *audit, int64_t deadline) NODISCARD;

#endif
