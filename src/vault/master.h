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

/* peppermint/<environment>/<purpose>/<name>/v<version> */
void master_label(const struct master_record *record, char label[HSM_LABEL_MAX + 1]);

/* The check value: 8 bytes of the HMAC of a fixed text under the key. */
enum pm_err master_check_value(struct environment *env, const struct master_record *record,
			       uint8_t check[STORE_CHECK_LEN], int64_t deadline) NODISCARD;

/* A STAGED record for the next version of purpose/name with a random CKA_ID; in memory only. */
enum pm_err master_stage(struct environment *env, const char *purpose, const char *name,
			 struct master_record *out) NODISCARD;

/*
 * Makes the next version of purpose/name and makes it the active one; the version before becomes
 * VERIFY_ONLY. `executed` (may be NULL) is committed with that; its subject and seal are set here.
 * PM_TOKEN_MISMATCH: the token holds that version, or a later one, and the database does not know it.
 */
enum pm_err master_create(struct environment *env, const char *purpose, const char *name,
			  struct executed_record *executed, int64_t deadline) NODISCARD;

/* Marks a STAGED record as never to be used. */
enum pm_err master_abandon(struct environment *env, struct master_record *record,
			   int64_t deadline) NODISCARD;

#endif
