/*
 * Making a version of a master key so that a crash at any point leaves nothing half there: a STAGED
 * record with the future CKA_ID (the intent) → generate in the token → check value → ACTIVE. A
 * STAGED record without a check value found later was never in use; it becomes DESTROYED, its number is not used again,
 * and its object, if there is one, is reported as an orphan. All of it inside a change of the
 * environment.
 */
#ifndef VAULT_MASTER_H
#define VAULT_MASTER_H

#include "environment.h"
#include "leaf.h"
#include "takeover.h"

/* 1 to 32 of a-z 0-9 -, beginning with a letter: of a pepper, or an imported key. */
bool master_is_name(const char *name);

/* peppermint/<environment>/<purpose>/<name>/v<version> */
void master_label(const struct master_record *record, char label[HSM_LABEL_MAX + 1]);

/*
 * Is it a pair that signs (audit/log), an AES key that encrypts (wrap/values), or an HMAC key that was
 * made elsewhere and brought in (import)? Every other master key is an HMAC key that the token made.
 */
bool master_is_pair(const struct master_record *record);
bool master_is_cipher(const struct master_record *record);
bool master_is_import(const struct master_record *record);

/*
 * The public half of a pair as the token has it now, read twice. PM_NOT_FOUND: it has not.
 * PM_HSM_UNAVAILABLE: the two were not the same.
 */
enum pm_err master_public_in(struct hsm *token, const struct master_record *record,
			     struct hsm_object *out, int64_t deadline) NODISCARD;

/* The same of the token that was checked. PM_TOKEN_MISMATCH: it has not. */
enum pm_err master_public(struct environment *env, const struct master_record *record,
			  struct hsm_object *out, int64_t deadline) NODISCARD;

/*
 * The check value: 8 bytes of the HMAC of a fixed text under the key, of an AES key's tag over one, or of
 * the SHA-256 of a pair's public half.
 */
enum pm_err master_check_value(struct environment *env, const struct master_record *record,
			       uint8_t check[STORE_CHECK_LEN], int64_t deadline) NODISCARD;

/* A STAGED record for the next version of purpose/name with a random CKA_ID; in memory only. */
enum pm_err master_stage(struct environment *env, const char *purpose, const char *name,
			 struct master_record *out) NODISCARD;

/* A version to be made. All zero but purpose and name: it is activated, by the vault itself. */
struct master_making {
	const char *purpose, *name;
	/* It is not activated but stays STAGED, with its check value: its object must be brought to
	 * another token first. */
	bool stage_only;
	/* It is brought in: VERIFY_ONLY from the first. The caller's to wipe; empty: it is generated. */
	struct bytes value;
	struct takeover_terms terms; /* with stage_only or a value: its executed and leaf */
	struct master_record made;   /* out */
};

/*
 * Makes the next version of purpose/name and, mostly, makes it the active one; the version before
 * becomes VERIFY_ONLY, or what the terms say. Each step has its entry in the audit log.
 * PM_TOKEN_MISMATCH: the token holds that version, or a later one, and the database does not know it.
 */
enum pm_err master_make(struct environment *env, struct master_making *making,
			int64_t deadline) NODISCARD;

/*
 * The active version of one of the keys that an environment gets only when it needs them, which is made
 * if there is none yet. Waits for changes by others; not inside one.
 */
enum pm_err master_need(struct environment *env, const char *purpose, const char *name,
			struct master_record *active, int64_t deadline) NODISCARD;

/* An entry's beginning, about a version. */
void master_leaf(struct leaf *leaf, enum leaf_type type, const struct actor *actor,
		 struct environment *env, const struct master_record *record);

/* Another state, a revision more, sealed. In memory only. */
enum pm_err master_set_state(struct environment *env, struct master_record *record,
			     enum master_state state, int64_t deadline) NODISCARD;

/* Its seal alone. */
enum pm_err master_seal(struct environment *env, struct master_record *record,
			int64_t deadline) NODISCARD;

/* A revision more, sealed, in the state that it has. */
enum pm_err master_revise(struct environment *env, struct master_record *record,
			  int64_t deadline) NODISCARD;

/* The subject, which names the version, and the seal. */
enum pm_err master_seal_executed(struct environment *env, const struct master_record *record,
				 struct executed_record *executed, int64_t deadline) NODISCARD;

/*
 * The change of one master record, which is sealed, with its entry, and what was executed for it (may
 * be NULL); then it is among the masters in memory. The leaf is ended here.
 */
enum pm_err master_commit(struct environment *env, enum store_op op,
			  const struct master_record *record, struct executed_record *executed,
			  struct leaf *leaf, int64_t deadline) NODISCARD;

/* Marks a STAGED record as never to be used. */
enum pm_err master_abandon(struct environment *env, struct master_record *record,
			   int64_t deadline) NODISCARD;

#endif
