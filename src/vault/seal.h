/*
 * Seals: the MAC that every stored record carries, made in the HSM by the environment's integrity
 * key over all of the record's other fields. Each field is encoded with its length and each kind of
 * record begins with its own tag, so no two records cover the same bytes.
 *
 * A task is one record to seal or to check; many go to the HSM together.
 */
#ifndef VAULT_SEAL_H
#define VAULT_SEAL_H

#include "environment.h"
#include "leaf.h"

#define SEAL_ROOM 1024 /* bytes: more than any record covers (what may be long, by its hash) */
#define SEAL_TASKS_MAX 128

/* Points into itself and into the record: neither may move while it is in use. */
struct seal_task {
	struct store_seal *seal; /* of the record: set by seal_make, compared by seal_check */
	bool holds;              /* out of seal_check */
	bool founding; /* of an environment or a master key: its version need only be in the token */
	struct buf covered;
	uint8_t room[SEAL_ROOM];
};

void seal_cover_environment(struct seal_task *task, struct environment_record *record);
void seal_cover_key(struct seal_task *task, struct key_record *record);
void seal_cover_master(struct seal_task *task, struct master_record *record);
void seal_cover_executed(struct seal_task *task, struct executed_record *record);
void seal_cover_account(struct seal_task *task, struct account_record *record);
void seal_cover_operator(struct seal_task *task, struct operator_record *record);

/* Seals the records of all tasks under the active integrity key, computed twice. */
enum pm_err seal_make(struct environment *env, struct seal_task *tasks, size_t count,
		      int64_t deadline) NODISCARD;

/* The same, and in the same frame to the HSM what the leaf needs, which is of that environment. */
enum pm_err seal_make_with_leaf(struct environment *env, struct seal_task *tasks, size_t count,
				struct leaf *leaf, int64_t deadline) NODISCARD;

/*
 * Says of each task whether its record's seal holds; that it does not is computed twice.
 * PM_HSM_UNAVAILABLE: the two were not the same.
 */
enum pm_err seal_check(struct environment *env, struct seal_task *tasks, size_t count,
		       int64_t deadline) NODISCARD;

/* The same for rows that are read with each request: not computed for what env->sealed knows. */
enum pm_err seal_check_known(struct environment *env, struct seal_task *tasks, size_t count,
			     int64_t deadline) NODISCARD;

/* The same for one: PM_RECORD_QUARANTINED if its seal does not hold. */
enum pm_err seal_check_one(struct environment *env, struct seal_task *task,
			   int64_t deadline) NODISCARD;

/* The same for one key: PM_RECORD_QUARANTINED, reported, if its seal does not hold. */
enum pm_err seal_check_key(struct environment *env, struct key_record *record,
			   int64_t deadline) NODISCARD;

/*
 * For whoever sends the check along with other jobs: the job that computes the task's seal, and
 * whether that is it. PM_RECORD_QUARANTINED: no such version of the integrity key, or it does not
 * vouch for the record.
 */
enum pm_err seal_job(struct environment *env, const struct seal_task *task,
		     struct hsm_job *job) NODISCARD;
bool seal_matches(const struct seal_task *task, const uint8_t mac[HSM_MAC_LEN]);

#endif
