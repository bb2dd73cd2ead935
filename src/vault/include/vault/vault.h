/*
 * The vault itself: minting, verifying, rotating and revoking API keys, hashing values, and the
 * peppers behind them, over an hsm per environment and one store, both lent to it. No input or
 * output of its own. Every function may be called from any thread, blocks for the actor's deadline
 * at most, and returns only our errors.
 *
 * What comes in was checked for form by the caller (lengths as below, clean text); what it means is
 * checked here.
 */
#ifndef VAULT_VAULT_H
#define VAULT_VAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

struct hsm;
struct store;
struct vault;

#define VAULT_ENVIRONMENT_MAX 32
#define VAULT_PREFIX_MAX 16
#define VAULT_ID_LEN 16
#define VAULT_ACCOUNT_MAX 64
#define VAULT_PRODUCT_MAX 64
#define VAULT_NAME_MAX 128
#define VAULT_OPERATOR_MAX 64
#define VAULT_CALLER_MAX 63
#define VAULT_REQUEST_ID_MAX 64
#define VAULT_SUBJECT_MAX 64
#define VAULT_PEPPER_NAME_MAX 32
#define VAULT_PEPPER_VERSIONS_MAX 64 /* versions of one pepper */
#define VAULT_PEPPERS_MAX 32         /* peppers of one environment */
#define VAULT_KEY_TEXT_MAX (VAULT_PREFIX_MAX + 16 + 1 + 43 + 6)
#define VAULT_HASH_TEXT_MAX 63
#define VAULT_PAGE_MAX 100
#define VAULT_OVERLAP_MAX INT64_C(31536000) /* seconds: a year of 365 days */
#define VAULT_API_KEYS_PEPPER "api-keys"

/* Where an entry of the audit log stands, and its leaf hash. */
struct vault_receipt {
	uint32_t log;
	uint64_t index;
	uint8_t leaf[32];
};

/* Who asks, for what, and until when. */
struct actor {
	uint32_t uid, gid, pid;    /* the kernel's word */
	const char *caller;        /* the configuration's name for the uid */
	const char *operator_name; /* "" when there is none */
	const char *request_id;    /* "" when there is none: refused by everything that changes */
	uint32_t rpc;     /* the call's field number in Request, kept with the request id */
	int64_t deadline; /* monotonic nanoseconds */
	char done_subject[VAULT_SUBJECT_MAX + 1]; /* out, with PM_ALREADY_DONE */
	uint64_t connection;                      /* its number, for the audit log */
	const char *why; /* out, may stay NULL: a static text that says more than the error's own */
	char key_id[VAULT_ID_LEN + 1]; /* out: of what it acts on, once that is known to exist */
	struct vault_receipt receipt;  /* out: of the act's entry in the audit log; log 0: none */
};

struct vault_environment {
	const char *name;   /* copied, like the prefix */
	const char *prefix; /* of its API keys, such as "ak_live_"; unique among environments */
	struct hsm *hsm;    /* lent until vault_close */
};

struct vault_audit_config; /* vault/audit.h */

/*
 * Opens the audit log as well and writes its entry of the start. A log that cannot be written or was
 * altered does not keep the vault from opening: Status tells, and everything else is refused.
 */
enum pm_err vault_open(struct store *store, const struct vault_environment *environments,
		       size_t count, const struct vault_audit_config *audit,
		       struct vault **out) NODISCARD;
/* Writes what is still to be written, makes the last checkpoint if its token answers, and closes. */
void vault_close(struct vault *vault);

/*
 * Brings environments whose signer has (re)started into service: checks that token and database
 * belong together and that every master key has its check value; provisions an environment that is
 * new on both sides. Called at start and then every second or so; requests do it as well when they
 * come first. Returns the first environment's error, if any; each is logged once.
 */
enum pm_err vault_tend(struct vault *vault);

size_t vault_environment_count(const struct vault *vault);
/* The index of an environment, for queues of its own; PM_NOT_FOUND. */
enum pm_err vault_find_environment(const struct vault *vault, const char *name,
				   size_t *index) NODISCARD;

/* API keys. */

enum key_state { KEY_ACTIVE = 1, KEY_EXPIRED, KEY_REVOKED, KEY_QUARANTINED };

struct key_info {
	char environment[VAULT_ENVIRONMENT_MAX + 1];
	char id[VAULT_ID_LEN + 1];
	char account[VAULT_ACCOUNT_MAX + 1];
	char product[VAULT_PRODUCT_MAX + 1];
	char name[VAULT_NAME_MAX + 1];
	char created_by[VAULT_CALLER_MAX + 1 + VAULT_OPERATOR_MAX + 1];
	char masked[9];
	enum key_state state;
	int64_t created_at, expires_at, rotated_at, overlap_until, revoked_at;
	uint32_t secret_version, pepper_version;
};

/* The whole text of a key: a secret. */
struct key_text {
	char text[VAULT_KEY_TEXT_MAX + 1];
};
void key_text_wipe(struct key_text *key);

struct mint_params {
	const char *environment, *account, *product, *name;
	int64_t expires_at; /* 0: never */
};

enum pm_err vault_mint(struct vault *vault, struct actor *actor, const struct mint_params *params,
		       struct key_info *info, struct key_text *text) NODISCARD;

struct rotate_params {
	const char *environment, *key_id;
	int64_t overlap; /* seconds */
	bool force;
};

enum pm_err vault_rotate(struct vault *vault, struct actor *actor,
			 const struct rotate_params *params, struct key_info *info,
			 struct key_text *text) NODISCARD;

enum pm_err vault_revoke(struct vault *vault, struct actor *actor, const char *environment,
			 const char *key_id, struct key_info *info) NODISCARD;

enum pm_err vault_get(struct vault *vault, struct actor *actor, const char *environment,
		      const char *key_id, struct key_info *info) NODISCARD;

struct list_params {
	const char *environment, *account, *product;
	const char *page_token; /* "" for the first page */
	size_t page_size;       /* 1 to VAULT_PAGE_MAX */
};

struct key_page {
	struct key_info keys[VAULT_PAGE_MAX];
	size_t count;
	uint64_t total;
	char next_page_token[VAULT_ID_LEN + 1]; /* "" on the last page */
};

enum pm_err vault_list(struct vault *vault, struct actor *actor, const struct list_params *params,
		       struct key_page *page) NODISCARD;

struct verdict {
	bool valid;
	enum pm_err error; /* PM_OK, or why there is no verdict */
	enum pm_reason reason;
	/* the rest only if valid */
	char key_id[VAULT_ID_LEN + 1];
	char account[VAULT_ACCOUNT_MAX + 1];
	char product[VAULT_PRODUCT_MAX + 1];
	int64_t expires_at;
	int64_t secret_expires_at;
};

/*
 * A verdict for each text, in order. Constant work per well-formed text, whether its key exists or
 * not. A key that an older pepper version hashed is hashed again under the active one.
 */
enum pm_err vault_verify(struct vault *vault, struct actor *actor, const char *environment,
			 const struct bytes *texts, size_t count,
			 struct verdict *verdicts) NODISCARD;

/* Hashes of values. */

struct value_hash {
	char text[VAULT_HASH_TEXT_MAX + 1]; /* v<version>:<base64url> */
};

enum pm_err vault_hash(struct vault *vault, struct actor *actor, const char *environment,
		       const char *pepper, const struct bytes *values, size_t count,
		       struct value_hash *hashes) NODISCARD;

struct hash_claim {
	struct bytes value;
	struct bytes hash;
};

struct hash_verdict {
	bool match;
	bool outdated;
	enum pm_err error;
	enum pm_reason reason;
};

enum pm_err vault_verify_hash(struct vault *vault, struct actor *actor, const char *environment,
			      const char *pepper, const struct hash_claim *claims, size_t count,
			      struct hash_verdict *verdicts) NODISCARD;

/* Peppers. */

enum pepper_state { PEPPER_STAGED = 1, PEPPER_ACTIVE, PEPPER_VERIFY_ONLY, PEPPER_DESTROYED };

struct pepper_version {
	uint32_t version;
	enum pepper_state state;
	int64_t created_at;
	uint8_t key_id[16];
	uint8_t check_value[8];
};

struct pepper_info {
	char environment[VAULT_ENVIRONMENT_MAX + 1];
	char name[VAULT_PEPPER_NAME_MAX + 1];
	struct pepper_version versions[VAULT_PEPPER_VERSIONS_MAX];
	size_t count;
};

enum pm_err vault_create_pepper(struct vault *vault, struct actor *actor, const char *environment,
				const char *name, struct pepper_info *info) NODISCARD;
enum pm_err vault_rotate_pepper(struct vault *vault, struct actor *actor, const char *environment,
				const char *name, struct pepper_info *info) NODISCARD;
/* `infos` holds VAULT_PEPPERS_MAX. */
enum pm_err vault_list_peppers(struct vault *vault, struct actor *actor, const char *environment,
			       struct pepper_info *infos, size_t *count) NODISCARD;

/* Status. */

enum environment_state { ENV_SERVING = 1, ENV_HSM_DOWN, ENV_HSM_SEALED, ENV_REFUSING };

struct environment_info {
	char name[VAULT_ENVIRONMENT_MAX + 1];
	char prefix[VAULT_PREFIX_MAX + 1];
	enum environment_state state;
	char detail[256];
	char token_label[33], token_serial[17], token_model[17], token_manufacturer[33];
	uint64_t keys;
	uint64_t quarantined;
	uint32_t signer_restarts;
	uint32_t orphans;
};

/* From memory: for whoever asks every second. `index` is below vault_environment_count. */
enum environment_state vault_environment_state(struct vault *vault, size_t index);

/* All of it; counts the stored keys. Never waits for an hsm. */
enum pm_err vault_environment_status(struct vault *vault, size_t index,
				     struct environment_info *info) NODISCARD;

#endif
