/*
 * Records that survive: SQLite in WAL mode with synchronous=FULL behind this header. One process at
 * a time owns a database (a lock on a file beside it). One writer thread gathers what waits into
 * one transaction, each store_commit in a savepoint of its own, and lets the callers go only when
 * it is durable. Reads come from any thread, see every commit that has returned, and never wait for
 * the writer.
 *
 * The store keeps and finds records; it does not judge them. Every record carries a seal (a MAC
 * made in the HSM over all its fields) that the vault makes and checks.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/audit.h"

#define STORE_ENVIRONMENT_MAX 32
#define STORE_ID_LEN 16 /* characters of an API key's id */
#define STORE_ACCOUNT_MAX 64
#define STORE_PRODUCT_MAX 64
#define STORE_NAME_MAX 128
#define STORE_ACTOR_MAX 128
#define STORE_TAIL_LEN 3
#define STORE_MAC_LEN 32
#define STORE_KEY_ID_LEN 16 /* bytes of a CKA_ID */
#define STORE_CHECK_LEN 8
#define STORE_REQUEST_ID_MAX 64
#define STORE_SUBJECT_MAX 64
#define STORE_CHANGES_MAX 64 /* changes of one commit */
#define STORE_WRAPS_MAX 7    /* of one secret's MAC */

/* A MAC over the record's other fields by that version of the environment's integrity key. */
struct store_seal {
	uint32_t version;
	uint8_t mac[STORE_MAC_LEN];
};

struct environment_record {
	char name[STORE_ENVIRONMENT_MAX + 1];
	char token_serial[17];   /* the token this database belongs to */
	char standby_serial[17]; /* its clone's, once that was seen and checked; else "" */
	int64_t created_at;
	uint64_t revision;
	struct store_seal seal;
};

/*
 * One of an API key's secrets: what verifies it. version 0: there is none. `mac` was made under
 * pepper_version and then, each over the MAC before, under each of wraps.
 */
struct secret_record {
	uint32_t version;
	uint32_t pepper_version;
	uint32_t wraps[STORE_WRAPS_MAX]; /* the first wrap_count, none of them 0 */
	uint32_t wrap_count;
	int64_t not_after; /* 0: as long as the key */
	uint8_t mac[STORE_MAC_LEN];
};

enum { SECRET_CURRENT, SECRET_PREVIOUS, SECRETS_PER_KEY };

struct key_record {
	char environment[STORE_ENVIRONMENT_MAX + 1];
	char id[STORE_ID_LEN + 1];
	char account[STORE_ACCOUNT_MAX + 1];
	char product[STORE_PRODUCT_MAX + 1];
	char name[STORE_NAME_MAX + 1];
	char created_by[STORE_ACTOR_MAX + 1];
	char tail[STORE_TAIL_LEN + 1]; /* last characters of the current text, for display */
	int64_t created_at, expires_at, rotated_at, revoked_at; /* 0: never */
	struct secret_record secrets[SECRETS_PER_KEY];
	uint64_t revision; /* 1 when inserted, one more at each update */
	struct store_seal seal;
};

/* A version of a master key (pepper, integrity key …): where it is in the token, and its state. */
enum master_state {
	MASTER_STAGED = 1,
	MASTER_ACTIVE = 2,
	MASTER_VERIFY_ONLY = 3,
	MASTER_DESTROYED = 4,
	MASTER_SUSPENDED = 5,
	MASTER_COMPROMISED = 6,
	MASTER_DESTROY_SCHEDULED = 7,
};

struct master_record {
	char environment[STORE_ENVIRONMENT_MAX + 1];
	char purpose[17]; /* "pepper", "integrity" */
	char name[33];
	uint32_t version;
	enum master_state state;
	uint8_t key_id[STORE_KEY_ID_LEN]; /* CKA_ID */
	uint8_t check[STORE_CHECK_LEN];   /* check value; zero while STAGED */
	int64_t created_at, changed_at;
	enum master_state prior; /* of DESTROY_SCHEDULED: what cancelling goes back to; else 0 */
	int64_t ends_at; /* of a compromised one: it alone vouches for nothing from then on; 0: none */
	int64_t destroy_at;   /* of DESTROY_SCHEDULED, until that has begun; else 0 */
	int64_t activated_at; /* 0: never */
	bool rewrap; /* of the active one: records of older versions are being moved to it */
	uint64_t revision;
	struct store_seal
		seal; /* version 0: not sealed yet (only a first integrity key's intent) */
};

/* A request id that was executed. */
struct executed_record {
	char environment[STORE_ENVIRONMENT_MAX + 1];
	uint32_t uid; /* of the caller */
	char request_id[STORE_REQUEST_ID_MAX + 1];
	uint32_t rpc;                        /* the call's field number in Request */
	char subject[STORE_SUBJECT_MAX + 1]; /* what it acted on: a key id, or name/vN */
	int64_t at;
	struct store_seal seal;
};

/*
 * How often a version of a master key was used, and when last: a counter, and so not sealed.
 * STORE_ADD_USES adds `uses` to what is stored and keeps the later time.
 */
struct uses_record {
	char environment[STORE_ENVIRONMENT_MAX + 1];
	char purpose[17];
	char name[33];
	uint32_t version;
	uint64_t uses; /* MACs or signatures */
	int64_t last_at;
};

struct store;

struct store_config {
	const char *dir;             /* must exist; holds peppermint.db, its WAL and the lock */
	uint32_t queue;              /* commits that may wait: more is PM_BUSY */
	uint32_t batch;              /* commits of one transaction at most */
	uint32_t readers;            /* read connections: more threads wait for one */
	uint32_t keep_executed_days; /* executed_records older than this are removed, at least 7 */
};

/*
 * Opens or creates the database and starts the writer. PM_CONFLICT: another process owns it.
 * PM_STORE_DAMAGED: not a Peppermint database, damaged, or from a newer version. PM_CONFIG: the
 * directory is missing or not writable. Each is logged in one line that says what to do.
 */
enum pm_err store_open(const struct store_config *config, struct store **out) NODISCARD;

/* Commits what is queued, stops the writer, closes. No other call may be in progress. */
void store_close(struct store *store);

enum store_op {
	STORE_INSERT_ENVIRONMENT,
	STORE_UPDATE_ENVIRONMENT, /* only if the stored revision is the record's minus one */
	STORE_INSERT_KEY,
	STORE_UPDATE_KEY, /* likewise */
	STORE_INSERT_MASTER,
	STORE_UPDATE_MASTER, /* likewise */
	STORE_INSERT_EXECUTED,
	STORE_APPEND_LEAF, /* these: store/audit.h */
	STORE_OPEN_LOG,
	STORE_UPDATE_LOG,
	STORE_PUT_CHECKPOINT,
	STORE_ADD_USES,
};

struct store_change {
	enum store_op op;
	union {
		const struct environment_record *environment;
		const struct key_record *key;
		const struct master_record *master;
		const struct executed_record *executed;
		const struct leaf_record *leaf;
		const struct log_opening *opening;
		const struct log_record *log;
		const struct checkpoint_record *checkpoint;
		const struct uses_record *uses;
	};
};

/*
 * Makes all changes or none, durably before PM_OK. PM_CONFLICT: an update's record has another
 * revision (or is not there). PM_ALREADY_EXISTS: an insert's key is taken. PM_ALREADY_DONE: the
 * executed record is there. PM_BUSY: the queue is full. PM_DEADLINE_EXCEEDED: it was still queued
 * when the deadline passed, and nothing was done. PM_STORE_UNAVAILABLE: disk full or I/O error;
 * nothing was done. Once begun, the outcome is waited for and always known, but for one case:
 * PM_OUTCOME_UNKNOWN, when the sync of the commit failed and so did the one that was to undo it: it
 * is not there now, and might be after a crash.
 */
enum pm_err store_commit(struct store *store, const struct store_change *changes, size_t count,
			 int64_t deadline) NODISCARD;

/*
 * Reads. PM_NOT_FOUND; PM_STORE_DAMAGED or PM_STORE_UNAVAILABLE, logged, when SQLite fails;
 * PM_RECORD_QUARANTINED, logged, when a column holds what no record of ours can hold (somebody
 * edited the file). On any error *out is not to be used.
 */
enum pm_err store_get_environment(struct store *store, const char *name,
				  struct environment_record *out) NODISCARD;
enum pm_err store_get_key(struct store *store, const char *environment, const char *id,
			  struct key_record *out) NODISCARD;
enum pm_err store_get_executed(struct store *store, uint32_t uid, const char *request_id,
			       struct executed_record *out) NODISCARD;

/*
 * All master keys of an environment, by purpose, name, version. PM_TOO_LARGE over `max`. A
 * malformed row is logged and listed without a seal (version 0), its malformed fields zero, in its
 * state if that is well-formed and otherwise MASTER_DESTROYED.
 */
enum pm_err store_list_masters(struct store *store, const char *environment,
			       struct master_record *out, size_t max, size_t *count) NODISCARD;

struct key_filter {
	const char *environment;
	const char *account; /* NULL or "": any */
	const char *product; /* likewise */
	const char *after;   /* only ids greater than this; NULL or "": from the first */
};

/*
 * Keys by id, at most `max`, and how many match on all pages (`after` aside). A malformed row is
 * logged and listed with its environment and id only, everything else zero (so without a seal); one
 * whose very id is malformed is logged and left out, but counted in the total.
 */
enum pm_err store_list_keys(struct store *store, const struct key_filter *filter,
			    struct key_record *out, size_t max, size_t *count,
			    uint64_t *total) NODISCARD;

/*
 * The same without filter and count, for whoever goes through all keys of an environment: the cost
 * is that of the page, however many keys there are.
 */
enum pm_err store_scan_keys(struct store *store, const char *environment, const char *after,
			    struct key_record *out, size_t max, size_t *count) NODISCARD;

/*
 * The uses of every version of an environment's master keys. PM_TOO_LARGE over `max`. A malformed
 * row is logged and left out.
 */
enum pm_err store_list_uses(struct store *store, const char *environment, struct uses_record *out,
			    size_t max, size_t *count) NODISCARD;

/* Secrets whose MACs were made under the same versions, in the same order. */
struct secret_group {
	uint32_t pepper_version;
	uint32_t wraps[STORE_WRAPS_MAX];
	uint32_t wrap_count;
	uint64_t live;  /* of keys that can still verify at `now`, as far as the times tell */
	uint64_t ended; /* revoked, expired, or rotated away */
};

/*
 * An environment's API-key secrets, current and previous ones, grouped; in no order. A key is
 * ended that is revoked, or whose expires_at, or the secret's not_after, is not 0 and not after
 * `now`. One pass over all keys, as of one moment. PM_TOO_LARGE over `max`. Malformed rows are not
 * counted.
 */
enum pm_err store_group_secrets(struct store *store, const char *environment, int64_t now,
				struct secret_group *out, size_t max, size_t *count) NODISCARD;

/*
 * How many rows of an environment are sealed under each version of its integrity key (0: not
 * sealed), malformed ones too unless it is that version which is malformed. PM_TOO_LARGE over
 * `max`.
 */
struct seal_group {
	uint32_t version;
	uint64_t keys, masters, environments, executed;
};
enum pm_err store_group_seals(struct store *store, const char *environment, struct seal_group *out,
			      size_t max, size_t *count) NODISCARD;

#endif
