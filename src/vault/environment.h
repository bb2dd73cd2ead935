/*
 * One environment inside the vault: its HSM, and its master keys as last checked against token and
 * database. Owned by the vault.
 *
 * `lock` guards everything below it; it is held for copying and never across the HSM or the store.
 * Whoever attaches or makes a master key has the `change` (environment_begin_change), across both.
 */
#ifndef VAULT_ENVIRONMENT_H
#define VAULT_ENVIRONMENT_H

#include <pthread.h>
#include <stdatomic.h>

#include "hsm/hsm.h"
#include "store/store.h"
#include "vault/vault.h"

#define MASTERS_MAX HSM_OBJECTS_MAX
#define PURPOSE_PEPPER "pepper"
#define PURPOSE_INTEGRITY "integrity"
#define INTEGRITY_NAME "records"
#define PURPOSE_AUDIT "audit"
#define AUDIT_TEXT_NAME "text" /* hides callers' texts in the audit log */
#define AUDIT_LOG_NAME "log"   /* a pair: signs the log's checkpoints; of one environment only */

struct audit;
struct names;

struct environment {
	char name[VAULT_ENVIRONMENT_MAX + 1];
	char prefix[VAULT_PREFIX_MAX + 1];
	struct hsm *hsm;
	struct store *store;
	struct audit *audit;
	struct names *names; /* texts that the audit log hides, as it writes them */
	atomic_uint_fast64_t quarantined;

	pthread_mutex_t change_lock; /* guards `changing`: together they are `change` */
	pthread_cond_t change_over;
	bool changing;

	pthread_rwlock_t lock;
	uint64_t generation; /* of the hsm, when it was last checked; 0: never */
	enum pm_err refusal; /* why that check failed for good */
	char detail[256];    /* the same for people */
	uint32_t orphans;
	struct master_record *masters; /* MASTERS_MAX */
	size_t master_count;
};

enum pm_err environment_init(struct environment *env, const struct vault_environment *config,
			     struct store *store) NODISCARD;
void environment_end(struct environment *env);

/*
 * Every operation's first step: in service, or attached now. PM_HSM_UNAVAILABLE, PM_SEALED,
 * PM_TOKEN_MISMATCH, PM_STORE_….
 */
enum pm_err environment_enter(struct environment *env, int64_t deadline) NODISCARD;

/* The same as it is now: is its present token the one that was checked? */
bool environment_in_service(struct environment *env);

/* Waits for whoever else changes master keys: PM_DEADLINE_EXCEEDED. Then ends that again. */
enum pm_err environment_begin_change(struct environment *env, int64_t deadline) NODISCARD;
void environment_end_change(struct environment *env);

/* attach.c: checks or provisions, inside a change. */
enum pm_err environment_attach(struct environment *env, uint64_t generation,
			       int64_t deadline) NODISCARD;

/* A version of a master key; version 0 is the active one. PM_NOT_FOUND. */
enum pm_err environment_master(struct environment *env, const char *purpose, const char *name,
			       uint32_t version, struct master_record *out) NODISCARD;

/*
 * Puts records among the masters, each in place of the same version if that is there; all at once,
 * so that there is never a moment without an active version, or with two. PM_TOO_LARGE: no room.
 */
enum pm_err environment_put_masters(struct environment *env, const struct master_record *records,
				    size_t count) NODISCARD;

/*
 * hsm_hmac where every key is known to be in the token: one that is missing is PM_TOKEN_MISMATCH.
 * PM_OK only if every job has its mac.
 */
enum pm_err environment_hmac(struct environment *env, struct hsm_job *jobs, size_t count,
			     int64_t deadline) NODISCARD;

void environment_quarantine(struct environment *env, const char *kind, const char *id);

#endif
