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
#define PURPOSE_PIN "pin"
#define PIN_NAME "operators" /* HMACs operators' PINs */
#define PURPOSE_WRAP "wrap"
#define WRAP_NAME "values" /* AES: encrypts recoverable keys' texts */
#define PURPOSE_INDEX "index"
#define INDEX_NAME "imported"   /* HMACs by which imported keys are found */
#define PURPOSE_IMPORT "import" /* other systems' HMAC keys, by name */

struct audit;
struct names;
struct uses;
struct rewrap;
struct key_uses;
struct sealed;
struct quota;

#define ENV_TOKENS_MAX 2

/* One of the tokens, by itself, as it was last looked at. */
struct env_token {
	uint64_t generation;  /* its own; 0: it did not serve */
	int64_t steady_since; /* monotonic: since then it serves without a break */
	int64_t check_at;     /* monotonic: compare its check values not before */
	enum { TOKEN_UNCHECKED, TOKEN_FIT, TOKEN_UNFIT } fit;
	char detail[256]; /* why it is unfit */
};

struct environment {
	char name[VAULT_ENVIRONMENT_MAX + 1];
	char prefix[VAULT_PREFIX_MAX + 1];
	struct hsm *hsm;
	struct store *store;
	struct audit *audit;
	struct names *names; /* texts that the audit log hides, as it writes them */
	struct uses *uses;
	struct rewrap *rewrap;
	struct key_uses *key_uses;
	struct sealed *sealed; /* rows found to bear their seal */
	struct quota *asked;   /* of VerifySecret */
	struct vault_policy policy;
	struct vault_periods peppers, internals;
	int64_t check_every; /* nanoseconds */
	atomic_uint_fast64_t quarantined;
	atomic_int_fast64_t check_at; /* monotonic: compare the active token's check values then */
	atomic_int_fast64_t checked_at;  /* seconds since 1970: when that was done last; 0: never */
	atomic_int_fast64_t takeover_at; /* monotonic: when a version last took over; 0: never */
	atomic_int_fast64_t tend_at;     /* monotonic: period_tend does something then */
	atomic_int_fast64_t destroy_at;  /* monotonic: destroy_tend tries not before */
	atomic_int_fast64_t expiry_at;   /* monotonic: expiry_tend likewise */
	atomic_int_fast64_t closing_at;  /* monotonic: account_tend likewise */

	pthread_mutex_t change_lock; /* guards `changing`: together they are `change` */
	pthread_cond_t change_over;
	bool changing;

	pthread_rwlock_t lock;
	uint64_t generation; /* of the hsm, when it was last checked; 0: never */
	enum pm_err refusal; /* why that check failed: as long as nobody looks again */
	char detail[256];    /* the same for people */
	uint64_t attaching;  /* the generation that is being checked by that thread; 0: none */
	pthread_t attacher;
	struct env_token tokens[ENV_TOKENS_MAX];
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

/* The version that has that CKA_ID. PM_NOT_FOUND. */
enum pm_err environment_master_of(struct environment *env, const uint8_t key_id[STORE_KEY_ID_LEN],
				  struct master_record *out) NODISCARD;

/* All versions, in no order: MASTERS_MAX at most. */
size_t environment_copy_masters(struct environment *env, struct master_record *out);

/*
 * Puts records among the masters, each in place of the same version if that is there; all at once,
 * so that there is never a moment without an active version, or with two. PM_TOO_LARGE: no room.
 */
enum pm_err environment_put_masters(struct environment *env, const struct master_record *records,
				    size_t count) NODISCARD;

/*
 * The token that was checked, or that the calling thread is checking; then, when it has answered,
 * whether it is still that one, so that its answer can be believed. PM_HSM_UNAVAILABLE: another is
 * active now. PM_TOKEN_MISMATCH: it was found not to be what it must be.
 */
enum pm_err environment_token(struct environment *env, struct hsm **token,
			      uint64_t *generation) NODISCARD;
enum pm_err environment_same_token(struct environment *env, uint64_t generation) NODISCARD;

/*
 * hsm_hmac where every key is known to be in the token: one that is missing is PM_TOKEN_MISMATCH.
 * PM_OK only if every job has its mac, made by the token that was checked, or that the calling thread
 * is checking: PM_HSM_UNAVAILABLE where another took over meanwhile. The uses are counted.
 */
enum pm_err environment_hmac(struct environment *env, struct hsm_job *jobs, size_t count,
			     int64_t deadline) NODISCARD;

void environment_quarantine(struct environment *env, const char *kind, const char *id);

#endif
