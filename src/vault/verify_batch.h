/*
 * A batch of presented keys on its way through verify.c: computed by verify_jobs.c, judged by
 * verify_judge.c, and what an older pepper version vouched for moved by verify_move.c. One thread;
 * it lies in locked memory and is wiped after use.
 */
#ifndef VAULT_VERIFY_BATCH_H
#define VAULT_VERIFY_BATCH_H

#include "domain.h"

#define JOBS_PER_ITEM (1 + SECRETS_PER_KEY)
#define COMPUTATIONS 2

enum found { FOUND, MISSING, DAMAGED };

/* A MAC that the record carries, as the token computes it: a second time if not at once the same. */
struct proof {
	bool possible; /* every key that it takes is in the token */
	bool holds;    /* in one of the computations: by accident none does */
	bool unsure;   /* it does not, and the two differ */
	uint8_t macs[COMPUTATIONS][HSM_MAC_LEN];
};

/* One well-formed text. Holds its secret. */
struct item {
	struct apikey key;
	struct key_record record; /* the decoy when there is none */
	enum found found;
	bool pending;          /* to be computed now */
	enum pm_err err;       /* it could not be */
	enum pm_reason reason; /* of the last judgement */
	int secret;            /* which of the record's it matched, or -1 */
	bool compromised;      /* the pepper version that vouches for it is */
	struct seal_task seal;
	struct proof seal_proof, secret_proofs[SECRETS_PER_KEY];
	uint8_t rooms[SECRETS_PER_KEY][SECRET_COVER_ROOM];
	struct verdict *verdict;
};

/* `accepted` and `refused` are for the audit log, and their keys' ids lent from the items. */
struct batch {
	size_t count;
	size_t job_count;
	size_t accepted_count, refused_count;
	struct fold_act accepted[BATCH_MAX], refused[BATCH_MAX];
	struct hsm_job jobs[BATCH_MAX * JOBS_PER_ITEM];
	uint8_t *places[BATCH_MAX * JOBS_PER_ITEM]; /* where each job's MAC goes */
	struct item items[BATCH_MAX];
};

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

/* The verdicts of all items, and what the audit log is told. */
void verify_conclude(struct environment *env, struct batch *batch);

/* `key` is an id that exists, or NULL: what is not in the database is not told to the log. */
void verify_refuse(struct environment *env, struct batch *batch, struct verdict *verdict,
		   enum pm_reason reason, const char *key);

/*
 * Gives accepted secrets that are not bare under the active pepper version such a MAC. Whatever stops
 * it (somebody else's write, above all), the next successful verify tries again.
 */
void verify_move(struct environment *env, struct actor *actor, struct batch *batch);

#endif
