/*
 * What the vault's files share: the vault itself, what a secret's MAC covers, and the view of a
 * stored key that callers get.
 */
#ifndef VAULT_DOMAIN_H
#define VAULT_DOMAIN_H

#include "apikey.h"
#include "audit.h"
#include "environment.h"
#include "request.h"
#include "scratch.h"
#include "seal.h"

#define VAULT_ENVIRONMENTS_MAX 8
#define BATCH_MAX 64          /* items that go to the HSM together */
#define CHANGE_ATTEMPTS 8     /* of a compare-and-set that others keep winning */
#define SECRET_COVER_ROOM 192 /* bytes: more than secret_cover writes */

struct rewrapper;
struct leaks;
struct confirms;
struct pin_turns;

struct vault {
	struct store *store;
	struct audit *audit;
	struct scratch_pool scratch; /* blocks of the largest batch */
	struct environment environments[VAULT_ENVIRONMENTS_MAX];
	size_t environment_count;
	struct rewrapper *rewrapper; /* rewrap_thread.c; NULL: it does not run */
	struct leaks *leaks;
	struct confirms *confirms;
	struct pin_turns *pin_turns;
};

/* The environment, in service. PM_AUDIT_BLOCKED, PM_NOT_FOUND, or what environment_enter says. */
enum pm_err vault_enter(struct vault *vault, const struct actor *actor, const char *name,
			struct environment **out) NODISCARD;

/*
 * What is hashed for an API key: tag, environment, key id, secret version, secret. Bound to the
 * record, so that a MAC moved to another row, or to another version, verifies nothing.
 */
void secret_cover(const struct environment *env, const struct apikey *key, uint32_t version,
		  struct buf *buf);

/* The active version of a pepper, for making. PM_NOT_FOUND; PM_KEY_PERIOD_OVER. */
enum pm_err pepper_active(struct environment *env, const char *pepper,
			  struct master_record *out) NODISCARD;

/* A version whose MACs can be computed, whether or not it vouches for them. PM_NOT_FOUND. */
enum pm_err pepper_in_token(struct environment *env, const char *pepper, uint32_t version,
			    struct master_record *out) NODISCARD;

/*
 * Why a version may not vouch now for what was made under it: PM_REASON_NONE (it may),
 * PM_REASON_PEPPER_SUSPENDED or PM_REASON_PEPPER_ENDED.
 */
enum pm_reason pepper_judge(struct environment *env, const struct master_record *pepper,
			    int64_t now);

/*
 * The secret's MAC, anew: one layer, under the active version of pepper `api-keys`, computed twice.
 * The rest of `secret` stays as it is.
 */
enum pm_err secret_mac(struct environment *env, const struct apikey *key,
		       struct secret_record *secret, int64_t deadline) NODISCARD;

/* The same over what else may be hashed for a secret (imported.h). */
enum pm_err secret_mac_over(struct environment *env, const struct buf *covered,
			    struct secret_record *secret, int64_t deadline) NODISCARD;

/*
 * A fresh secret for the key in `record`: sets secrets[SECRET_CURRENT] under the active pepper, and
 * the tail; the whole text goes to `text`. PM_KEY_PERIOD_OVER.
 */
enum pm_err secret_renew(struct environment *env, struct key_record *record, uint32_t version,
			 struct key_text *text, int64_t deadline) NODISCARD;

/*
 * The first key of an account that is being approved, for its first_product: record (without its
 * seal) and secret, which is sealed to `recipient` unless that is NULL or "". Nothing is committed:
 * whoever approves puts STORE_INSERT_KEY, and the leaf that mint_leaf begins, into the commit of
 * the account's own change, and wipes `secret` if that fails. That the product is enabled is for
 * the caller to know.
 */
enum pm_err mint_first(struct environment *env, struct actor *actor,
		       const struct account_record *account, const char *recipient,
		       struct key_record *record, struct key_secret *secret) NODISCARD;

/* Begins the entry of a mint, about `record`, which must outlive it. */
void mint_leaf(struct leaf *leaf, const struct actor *actor, struct environment *env,
	       const struct key_record *record);

/*
 * What of a key stands beside its record. All zero is a key that was never used, of an open
 * account.
 */
struct key_facts {
	struct key_use_record use;
	char user[VAULT_ACCOUNT_MAX + 1]; /* of Basic authentication */
	int64_t closed_at;                /* of its account, if that is CLOSED; else 0 */
	bool recoverable;                 /* there is a text to reveal, and the policy allows it */
};

/*
 * Reads them (`use` is what the store has, or NULL: it is read too). Before a change, because what
 * was changed is not to fail any more.
 */
enum pm_err key_facts_load(struct environment *env, const struct key_record *record,
			   const struct key_use_record *use, struct key_facts *out,
			   int64_t deadline) NODISCARD;

/* The key as callers see it, as it is now. */
void key_info_fill(const struct environment *env, const struct key_record *record,
		   const struct key_facts *facts, struct key_info *info);

/* What every leaf of a changed key tells: its id, and versions of its current secret. */
void key_leaf_fill(struct leaf *leaf, const struct key_record *record);

/* A copy into a fixed field; false if it is longer. */
bool copy_text(char *out, size_t room, const char *text);

#endif
