/*
 * Making a version of a master key so that a crash at any point leaves nothing half there: a STAGED
 * record with the future CKA_ID (the intent) → generate in the token → check value → ACTIVE. A
 * STAGED record found later was never in use; it becomes DESTROYED, its number is not used again,
 * and its object, if there is one, is reported as an orphan. All of it inside a change of the
 * environment.
 */
#ifndef VAULT_MASTER_H
#define VAULT_MASTER_H

#include "environment.h"
#include "leaf.h"

/* peppermint/<environment>/<purpose>/<name>/v<version> */
void master_label(const struct master_record *record, char label[HSM_LABEL_MAX + 1]);

/* Is it a pair that signs (audit/log)? Every other master key is an HMAC key. */
bool master_is_pair(const struct master_record *record);

/* The public half of a pair as the token has it now. PM_TOKEN_MISMATCH: it has not. */
enum pm_err master_public(struct environment *env, const struct master_record *record,
			  struct hsm_object *out, int64_t deadline) NODISCARD;

/*
 * The check value: 8 bytes of the HMAC of a fixed text under the key, or of the SHA-256 of a pair's
 * public half.
 */
enum pm_err master_check_value(struct environment *env, const struct master_record *record,
			       uint8_t check[STORE_CHECK_LEN], int64_t deadline) NODISCARD;

/* A STAGED record for the next version of purpose/name with a random CKA_ID; in memory only. */
enum pm_err master_stage(struct environment *env, const char *purpose, const char *name,
			 struct master_record *out) NODISCARD;

/*
 * Makes the next version of purpose/name and makes it the active one; the version before becomes
 * VERIFY_ONLY. Each step has its entry in the audit log. `executed` (may be NULL) is committed with
 * the last; its subject and seal are set here. So is `leaf` (may be NULL): begun and resolved by the
 * caller, it gets its "version" and is ended here; its receipt is then in leaf->receipt.
 * PM_TOKEN_MISMATCH: the token holds that version, or a later one, and the database does not know it.
 */
enum pm_err master_create(struct environment *env, const char *purpose, const char *name,
			  struct executed_record *executed, struct leaf *leaf,
			  int64_t deadline) NODISCARD;

/* The same when more must be in the commit: `add` puts at most MASTER_COMPANY_MAX changes. */
#define MASTER_COMPANY_MAX 2
struct master_company {
	enum pm_err (*add)(void *arg, const struct master_record *active,
			   const struct hsm_object *object, struct store_change *changes,
			   size_t *count);
	void *arg;
};
enum pm_err master_create_with(struct environment *env, const char *purpose, const char *name,
			       struct executed_record *executed, struct leaf *leaf,
			       const struct master_company *company, int64_t deadline) NODISCARD;

/* An entry's beginning, about a version. */
void master_leaf(struct leaf *leaf, enum leaf_type type, struct environment *env,
		 const struct master_record *record);

/* The change of one master record with its entry. */
enum pm_err master_commit(struct environment *env, const struct store_change *change,
			  enum leaf_type type, int64_t deadline) NODISCARD;

/* Marks a STAGED record as never to be used. */
enum pm_err master_abandon(struct environment *env, struct master_record *record,
			   int64_t deadline) NODISCARD;

#endif
