/*
 * A batch of presented keys on its way through verify.c: taken from what requests brought
 * (verify_present.c), found (verify_load.c), computed (verify_jobs.c), judged by what was computed
 * (verify_judge.c) and by what records and requests say (verify_state.c); and what a good key brings
 * about in its record (verify_change.c). One thread.
 */
#ifndef VAULT_VERIFY_BATCH_H
#define VAULT_VERIFY_BATCH_H

#include "credential.h"
#include "domain.h"

#define JOBS_PER_ITEM (1 + SECRETS_PER_KEY)
#define COMPUTATIONS 2
/* Bytes: more than secret_cover, imported_cover or layer_cover write. */
#define COVER_ROOM (SECRET_COVER_ROOM + VAULT_IMPORT_TEXT_MAX)

enum found { FOUND, MISSING, DAMAGED };

/* A MAC that the record carries, as the token computes it: a second time if not at once the same. */
struct proof {
	bool possible; /* every key that it takes is in the token */
	bool holds;    /* in one of the computations: by accident none does */
	bool unsure;   /* it does not, and the two differ */
	uint8_t macs[COMPUTATIONS][HSM_MAC_LEN];
};

/* One text that may be a key's. Holds a secret. */
struct item {
	struct apikey key; /* of another system's text: the record's id only */
	bool imported;     /* it is such a text: */
	uint8_t text[VAULT_IMPORT_TEXT_MAX];
	size_t text_len;
	bool named; /* and what record it is to belong to is known: key.id */
	char user[CREDENTIAL_USER_MAX + 1]; /* Basic's; "": none */
	const struct presented *presented;  /* lent */

	enum found found;
	struct key_record *record; /* the decoy when there is none */
	struct seal_task *seal;
	size_t account;        /* of the batch's, once it has proven its secret */
	bool pending;          /* to be computed now */
	enum pm_err err;       /* it could not be */
	enum pm_reason reason; /* of the last judgement */
	int secret;            /* which of the record's it matched, or -1 */
	bool compromised;      /* the pepper version that vouches for it is */
	struct proof seal_proof, secret_proofs[SECRETS_PER_KEY];
	uint8_t rooms[SECRETS_PER_KEY][COVER_ROOM];
	struct verdict *verdict;
	struct verdict_detail *detail; /* may be NULL */
};

/* What of a batch is no secret, and need not lie in locked memory. */
struct rows {
	struct key_record keys[BATCH_MAX];
	struct seal_task key_seals[BATCH_MAX];
	size_t account_count;
	struct account_row {
		const char *id; /* lent from a key's record */
		enum found found;
		enum pm_err err;
		struct account_record record;
	} accounts[BATCH_MAX];
	struct seal_task account_seals[BATCH_MAX];
};

/*
 * Lies in locked memory and is wiped after use. `accepted` and `refused` are for the audit log, and
 * their keys' ids lent from the items.
 */
struct batch {
	struct rows *rows;
	size_t count;
	size_t job_count;
	size_t accepted_count, refused_count;
	struct fold_act accepted[BATCH_MAX], refused[BATCH_MAX];
	struct hsm_job jobs[BATCH_MAX * JOBS_PER_ITEM];
	uint8_t *places[BATCH_MAX * JOBS_PER_ITEM]; /* where each job's MAC goes */
	struct item items[BATCH_MAX];
};

/*
 * Begins an item, pending, for what was presented: PM_REASON_NONE, or why it is no key. Of any other
 * reason nothing is left in *item.
 */
enum pm_reason verify_take(const struct vault *vault, struct environment *env,
			   const struct presented *presented, struct item *item);

/* The same for a text alone, of whatever form. */
enum pm_reason verify_take_text(const struct vault *vault, struct environment *env,
				struct bytes text, struct item *item);

/* Adds the item that was begun in the place after the last, with room for its record. */
void verify_add(struct batch *batch);

/* What stands in for a record that does not exist. */
enum pm_err verify_make_decoy(struct environment *env, struct key_record *decoy) NODISCARD;

/*
 * Finds and judges the pending items' records, computing twice and reading again where in doubt. Then
 * each has an err, or else a reason: PM_REASON_NONE is a secret proven, of a key not revoked.
 */
void verify_prove(struct environment *env, const struct key_record *decoy, struct batch *batch,
		  int64_t deadline);

/*
 * Computes what the pending items' records carry, for the first time (0) or once more (1): all of
 * one layer in one frame, and hardly any record has more than one.
 */
enum pm_err verify_compute(struct environment *env, struct batch *batch, int computation,
			   int64_t deadline) NODISCARD;

/*
 * Sets the reason of each pending item, and leaves those pending that are refused for what the token
 * computed, or for the version it computed with. False: there are none.
 */
bool verify_judge(struct environment *env, struct batch *batch);

/* Was it refused for what the token did not compute the same twice? */
bool verify_is_unsure(const struct item *item);

/* Was the secret that it matched rotated away, and its overlap is over? */
bool verify_is_ended(const struct item *item, int64_t now);

/* Judges items that have proven their secret by all else: their accounts, their own state, the request. */
void verify_judge_state(struct environment *env, struct batch *batch, int64_t deadline);

/* The verdicts of all items, and what the audit log is told. */
void verify_conclude(struct environment *env, struct batch *batch);

/* `key` is an id that exists, or NULL: what is not in the database is not told to the log. */
void verify_refuse(struct environment *env, struct batch *batch, struct verdict *verdict,
		   enum pm_reason reason, const char *key);

/*
 * The first use of a new secret begins the end of the old one, before anybody hears that it is valid.
 * True: of some items the record was changed by another meanwhile; they are pending again.
 */
bool verify_first_uses(struct environment *env, struct actor *actor, struct batch *batch);

/*
 * Gives accepted secrets that are not bare under the active pepper version, or of which only a hash was
 * known, such a MAC. Whatever stops it (somebody else's write, above all), the next successful verify
 * tries again.
 */
void verify_move(struct environment *env, struct actor *actor, struct batch *batch);

#endif
