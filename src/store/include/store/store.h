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
#define STORE_REFERENCE_MAX 64
#define STORE_SCOPES_MAX 256
#define STORE_LABELS_MAX 512
#define STORE_NETWORKS_MAX 512
#define STORE_LOOKUP_LEN 16
#define STORE_PRODUCTS_MAX 2048 /* bytes of an account's list */
#define STORE_MERCHANT_MAX 32
#define STORE_ROLES_MAX 1024 /* bytes of an operator's list */
#define STORE_SALT_LEN 16
#define STORE_SEALED_MAX 288   /* bytes of a stored value: iv, ciphertext, tag */
#define STORE_IMPORT_MAX 512   /* keys of one STORE_IMPORT_KEYS */
#define STORE_LIST_WALK 20000  /* rows that one list looks at, at most */
#define STORE_POSITION_MAX 256 /* bytes of a place in a list */

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
enum secret_form {
	SECRET_OURS = 0, /* the secret of a key text of our own format */
	SECRET_TEXT = 1, /* a whole text of another format; from here on: keys that were imported */
	SECRET_SHA256 = 2, /* of the text */
	SECRET_SHA512 = 3,
	SECRET_HMAC = 4, /* HMAC-SHA-256 of the text under master key import/<import_key> */
};

struct secret_record {
	uint32_t version;
	uint32_t form; /* enum secret_form: what is hashed under the pepper */
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
	char external_ref[STORE_REFERENCE_MAX + 1]; /* unique in its account; "": none */
	char scopes[STORE_SCOPES_MAX + 1];          /* sorted, a space between two; "": all */
	char labels[STORE_LABELS_MAX + 1];          /* lines key=value, sorted */
	char networks[STORE_NETWORKS_MAX + 1];      /* CIDR, a space between two; "": any address */
	int64_t not_before;                         /* 0: at once */
	int64_t disabled_at;                        /* 0: enabled */
	/* The current secret was not used yet and the previous one has no end until it is: then it
	 * lives on for `first_use_overlap` seconds. */
	bool first_use;
	int64_t first_use_overlap;
	char previous_tail[STORE_TAIL_LEN + 1]; /* while first_use: for going back */
	uint32_t last_version; /* the highest secret version given; 0: that of the current one */
	bool registered;       /* it was minted under a registered account, which must be there */
	/* Of an imported key: HMAC of what is known of its text, under that version of master key
	 * index/imported, by which it is found; version 0: not imported. */
	uint32_t lookup_version;
	uint8_t lookup[STORE_LOOKUP_LEN];
	char import_key[33]; /* of SECRET_HMAC: the master key's name; else "" */
	uint64_t revision;   /* 1 when inserted, one more at each update */
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

enum account_status {
	ACCOUNT_ONBOARDING = 1,
	ACCOUNT_PENDING = 2,
	ACCOUNT_APPROVED = 3,
	ACCOUNT_SUSPENDED = 4,
	ACCOUNT_CLOSED = 5, /* final */
};

struct account_record {
	char environment[STORE_ENVIRONMENT_MAX + 1];
	char id[STORE_ACCOUNT_MAX + 1];
	char name[STORE_NAME_MAX + 1];
	char merchant[STORE_MERCHANT_MAX + 1]; /* Basic's user name; "": the id is */
	enum account_status status;
	/* Lines `+product` (enabled) or `-product` (disabled), sorted by product. */
	char products[STORE_PRODUCTS_MAX + 1];
	char first_product[STORE_PRODUCT_MAX +
			   1];            /* approval mints a key for it; "": it does not */
	char first_key[STORE_ID_LEN + 1]; /* the key that approval minted; "": none */
	char created_by[STORE_ACTOR_MAX + 1];
	int64_t created_at, changed_at, approved_at, closed_at; /* 0: not yet */
	bool closing; /* CLOSED, and some of its keys are not revoked yet */
	uint64_t revision;
	struct store_seal seal;
};

/* A person on whose behalf callers act. */
struct operator_record {
	char environment[STORE_ENVIRONMENT_MAX + 1];
	char id[STORE_ACCOUNT_MAX + 1];
	char name[STORE_NAME_MAX + 1];
	/* Lines `account=ROLE`, sorted; account `*` is all. ROLE: SUPERADMIN, ADMIN, VIEWER, AUDITOR. */
	char roles[STORE_ROLES_MAX + 1];
	/* Of the PIN: HMAC of its stretching under that version of master key pin/operators; version 0:
	 * no PIN is set. */
	uint32_t pin_version;
	uint8_t pin_salt[STORE_SALT_LEN];
	uint8_t pin_mac[STORE_MAC_LEN];
	int64_t pin_set_at;
	uint32_t failures;    /* PINs tried since the last right one; counted before each is */
	int64_t locked_until; /* 0: not locked */
	char created_by[STORE_ACTOR_MAX + 1];
	int64_t created_at, changed_at, disabled_at;
	uint64_t revision;
	struct store_seal seal;
};

/* A key's value that may be shown again: encrypted in the token, bound to what is here by its AAD. */
struct value_record {
	char environment[STORE_ENVIRONMENT_MAX + 1];
	char id[STORE_ID_LEN + 1];
	uint32_t secret_version;
	uint32_t key_version; /* of master key wrap/values */
	uint8_t sealed[STORE_SEALED_MAX];
	uint32_t sealed_len;
};

/* How often a key was used, and when last: counters, and so not sealed. */
struct key_use_record {
	char environment[STORE_ENVIRONMENT_MAX + 1];
	char id[STORE_ID_LEN + 1];
	uint64_t uses;   /* STORE_ADD_KEY_USES adds it to what is stored */
	int64_t last_at; /* and keeps the later time; 0: never */
	int64_t warned_at; /* expires_at of which the log was told that it is near, if not 0: replaces */
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
	STORE_INSERT_ACCOUNT,
	STORE_UPDATE_ACCOUNT, /* by revision, like the others */
	STORE_INSERT_OPERATOR,
	STORE_UPDATE_OPERATOR, /* likewise */
	STORE_PUT_VALUE,       /* in place of what the key has */
	STORE_DELETE_VALUE,    /* by environment and id; none there is no failure */
	STORE_ADD_KEY_USES,
	STORE_IMPORT_KEYS,
};

/*
 * Inserts those of the keys that are new in the environment. outcomes[i]: PM_OK; or it is left out, which
 * does not fail the commit: PM_ALREADY_EXISTS (its lookup is taken), PM_CONFLICT (only its external_ref is,
 * in the account). Keys of one call are compared with each other too.
 */
struct key_import {
	const struct key_record *keys;
	size_t count;          /* at most STORE_IMPORT_MAX */
	enum pm_err *outcomes; /* out; mean something when the commit is PM_OK */
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
		const struct account_record *account;
		const struct operator_record *operator_;
		const struct value_record *value;
		const struct key_use_record *key_use;
		const struct key_import *import;
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

enum key_sort {
	KEYS_BY_START, /* when it begins to hold: not_before, or where that is 0 created_at */
	KEYS_BY_CREATED,
	KEYS_BY_EXPIRES, /* no end is the latest */
	KEYS_BY_NAME,
	KEYS_BY_REFERENCE,
	KEYS_BY_ID,
	KEYS_BY_STATE,   /* as key_states' bits are ordered; then by start */
	KEYS_BY_PRODUCT, /* this and the following: of an account with at most STORE_LIST_WALK keys */
	KEYS_BY_TAIL,
	KEYS_BY_CREATOR,
	KEYS_BY_LAST_USED,
	KEYS_BY_USES,
};

/* What a key is at `now`, by its own record: bits for key_filter.states. */
enum key_states {
	KEYS_ACTIVE = 1,
	KEYS_NOT_YET = 2,
	KEYS_DISABLED = 4,
	KEYS_EXPIRED = 8,
	KEYS_REVOKED = 16,
};

struct key_filter {
	const char *environment;
	const char *account; /* NULL or "": any, and likewise below */
	const char *product;
	const char *
		text; /* in name, external_ref, id or labels, anywhere; ASCII case does not matter */
	uint32_t states; /* enum key_states, or-ed; 0: any */
	int64_t now;
	int64_t expires_before; /* only keys that end before then and have not; 0: any */
	enum key_sort sort;     /* without an account: by start, expiry or id */
	bool descending;
	const char *position; /* key_listing.next of the page before; NULL or "": the first page */
};

struct key_listing {
	size_t count;
	uint64_t total;      /* that match, on all pages */
	bool total_is_least; /* there are at least so many: it was not worth looking at them all */
	char next[STORE_POSITION_MAX + 1]; /* printable ASCII; "": this was the last page */
};

/*
 * A page of keys in order, ties by id, at most `max`. A page looks at no more than STORE_LIST_WALK rows: one
 * with a filter that hardly anything meets may be short, even empty, and still have a next. It is
 * stable under change: a row that stays in its place is neither left out nor told twice. uses[i]
 * is out[i]'s (zero if it was never used). A malformed row is logged and listed with its environment
 * and id only, everything else zero (so without a seal), if its place can be told, and else left out.
 * PM_BAD_REQUEST: not a position of such a list. PM_TOO_LARGE: that order, of so many keys.
 */
enum pm_err store_list_keys(struct store *store, const struct key_filter *filter,
			    struct key_record *out, struct key_use_record *uses, size_t max,
			    struct key_listing *listing) NODISCARD;

/* How many keys an environment has. At the cost of a read. */
enum pm_err store_count_keys(struct store *store, const char *environment,
			     uint64_t *total) NODISCARD;

/* The imported key with that lookup. */
enum pm_err store_find_key(struct store *store, const char *environment,
			   const uint8_t lookup[STORE_LOOKUP_LEN],
			   struct key_record *out) NODISCARD;

/* Has the environment imported keys at all; how many were made under that version of its lookup key? */
enum pm_err store_count_lookups(struct store *store, const char *environment, uint32_t version,
				uint64_t *count) NODISCARD;

enum pm_err store_get_key_use(struct store *store, const char *environment, const char *id,
			      struct key_use_record *out) NODISCARD;
enum pm_err store_get_value(struct store *store, const char *environment, const char *id,
			    struct value_record *out) NODISCARD;
enum pm_err store_get_account(struct store *store, const char *environment, const char *id,
			      struct account_record *out) NODISCARD;
enum pm_err store_get_operator(struct store *store, const char *environment, const char *id,
			       struct operator_record *out) NODISCARD;

/* By id, those after `after`, at most `max`; total: all that have the status (0: any). */
enum pm_err store_list_accounts(struct store *store, const char *environment,
				enum account_status status, const char *after,
				struct account_record *out, size_t max, size_t *count,
				uint64_t *total) NODISCARD;
enum pm_err store_list_operators(struct store *store, const char *environment, const char *after,
				 struct operator_record *out, size_t max, size_t *count,
				 uint64_t *total) NODISCARD;

/* Ids of an account's keys that are not revoked, and of accounts that are `closing`; at most `max`. */
enum pm_err store_unrevoked_keys(struct store *store, const char *environment, const char *account,
				 char ids[][STORE_ID_LEN + 1], size_t max, size_t *count) NODISCARD;
enum pm_err store_closing_accounts(struct store *store, const char *environment,
				   char ids[][STORE_ACCOUNT_MAX + 1], size_t max,
				   size_t *count) NODISCARD;

/*
 * Ids of keys that are neither revoked nor ended, end before `before`, and whose present expires_at the log
 * was not told of (key_use_record.warned_at); soonest first, at most `max`.
 */
enum pm_err store_expiring_keys(struct store *store, const char *environment, int64_t now,
				int64_t before, char ids[][STORE_ID_LEN + 1], size_t max,
				size_t *count) NODISCARD;

/* How many operators have a PIN under each version, and values are encrypted under each; see seal_group. */
struct version_count {
	uint32_t version;
	uint64_t count;
};
enum pm_err store_count_pins(struct store *store, const char *environment,
			     struct version_count *out, size_t max, size_t *count) NODISCARD;
enum pm_err store_count_values(struct store *store, const char *environment,
			       struct version_count *out, size_t max, size_t *count) NODISCARD;

/*
 * Keys by id, those after `after`, for whoever goes through all keys of an environment: the cost is that
 * of the page, however many keys there are. Malformed rows as above.
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
	uint64_t keys, masters, environments, executed, accounts, operators;
};
enum pm_err store_group_seals(struct store *store, const char *environment, struct seal_group *out,
			      size_t max, size_t *count) NODISCARD;

#endif
