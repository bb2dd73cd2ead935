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
#define VAULT_REFERENCE_MAX 64
#define VAULT_MASKED_MAX 11
#define VAULT_SCOPES_MAX 256   /* bytes of a list: names with a space between two */
#define VAULT_LABELS_MAX 512   /* likewise: lines key=value */
#define VAULT_NETWORKS_MAX 512 /* likewise: CIDR, a space between two */
#define VAULT_MERCHANT_MAX 32
#define VAULT_PRODUCTS_MAX 32 /* of one account */
#define VAULT_GRANTS_MAX 16   /* of one operator */
#define VAULT_OPERATOR_PIN_MIN 4
#define VAULT_OPERATOR_PIN_MAX 64
#define VAULT_RECIPIENT_MAX 8192   /* bytes of a public key in PEM */
#define VAULT_SEALED_TEXT_MAX 2783 /* a secret sealed to RSA of 16,384 bits, in base64 */
#define VAULT_IMPORT_MAX 512
#define VAULT_IMPORT_TEXT_MAX 256
#define VAULT_PRESENTED_MAX 64 /* of one request */
#define VAULT_HEADER_MAX 512   /* bytes of an Authorization value */
#define VAULT_PAGE_TOKEN_MAX 256
#define VAULT_CONFIRMATION_LEN 22
#define VAULT_LEAKS_MAX 100
#define VAULT_ACCOUNT_PAGE_MAX 50

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

	/* It may call only on somebody's behalf: an operator's, or an API key holder's. */
	bool on_behalf;
	uint32_t environments;     /* bit i: it may use the vault's environment i */
	const char *confirmation;  /* "" or NULL: none; likewise below */
	struct bytes pin;          /* the operator's */
	const char *authorization; /* an API key's, in place of an operator */
};

/* What step-up may be required for. The numbers are vault.proto's Act. */
enum vault_act {
	ACT_MINT = 1,
	ACT_ROTATE,
	ACT_RESET,
	ACT_REVOKE,
	ACT_UPDATE,
	ACT_REVEAL,
	ACT_OPERATORS,
};

/* The numbers are vault.proto's LeakAction. */
enum leak_action { LEAK_NONE, LEAK_REPORTED, LEAK_DISABLED, LEAK_REVOKED };

/* What differs between platforms. All zero is the strictest. */
struct vault_policy {
	bool any_account;        /* mint for accounts that nobody registered, too */
	bool generate_reference; /* a key without an external reference gets one */
	bool recoverable;        /* a key may be made so that its text can be shown again */
	bool cross_environment; /* API keys of other environments may act here; see authorization */
	bool no_step_up;        /* else: the acts in step_up need a confirmation and the PIN */
	uint32_t step_up;       /* bit 1 << act; 0: all but ACT_UPDATE */
	enum leak_action on_leak;  /* LEAK_NONE: LEAK_REVOKED */
	uint32_t expiry_warn_days; /* before a key's end the log is told; 0: 7 */
	char mask[9];              /* before a key's last characters; "": five stars */
};

/*
 * How long a version of a key may be used: SP 800-57 part 1, section 5.3. Days; 0: for ever. One that
 * is past its period makes nothing new (PM_KEY_PERIOD_OVER), and later vouches for nothing.
 */
struct vault_periods {
	uint32_t make_days;   /* from its activation: the originator-usage period */
	uint32_t verify_days; /* after that: what is left of the recipient-usage period */
	uint64_t make_uses;   /* 0: any number */
	uint32_t warn_days;   /* before either ends */
	bool rotate;          /* a new version takes over by itself when the warning begins */
};

struct vault_environment {
	const char *name;   /* copied, like the prefix */
	const char *prefix; /* of its API keys, such as "ak_live_"; unique among environments */
	struct hsm *hsm;    /* lent until vault_close */
	struct vault_periods peppers, internals; /* of all peppers; of all other keys */
	uint32_t check_minutes; /* between two comparisons of all check values; 0: 5 */
	struct vault_policy policy;
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

enum key_state {
	KEY_ACTIVE = 1,
	KEY_EXPIRED,
	KEY_REVOKED,
	KEY_QUARANTINED,
	KEY_NOT_YET,
	KEY_DISABLED,
};

struct key_info {
	char environment[VAULT_ENVIRONMENT_MAX + 1];
	char id[VAULT_ID_LEN + 1];
	char account[VAULT_ACCOUNT_MAX + 1];
	char product[VAULT_PRODUCT_MAX + 1];
	char name[VAULT_NAME_MAX + 1];
	char created_by[VAULT_CALLER_MAX + 1 + VAULT_OPERATOR_MAX + 1];
	char masked[VAULT_MASKED_MAX + 1];
	enum key_state state;
	int64_t created_at, expires_at, rotated_at, overlap_until, revoked_at;
	uint32_t secret_version, pepper_version;
	char external_ref[VAULT_REFERENCE_MAX + 1];
	char scopes[VAULT_SCOPES_MAX + 1];
	char labels[VAULT_LABELS_MAX + 1];
	char networks[VAULT_NETWORKS_MAX + 1];
	int64_t not_before, disabled_at, last_used_at;
	uint64_t use_count;
	bool first_use_pending, imported, recoverable;
};

/* The whole text of a key: a secret. */
struct key_text {
	char text[VAULT_KEY_TEXT_MAX + 1];
};
void key_text_wipe(struct key_text *key);

/* A text that a call hands over once, in clear or sealed to its recipient. Holds a secret. */
struct key_secret {
	struct key_text text;                   /* "" if it is sealed */
	char sealed[VAULT_SEALED_TEXT_MAX + 1]; /* "" if it is not */
	char merchant[VAULT_ACCOUNT_MAX + 1];   /* the user name of Basic */
};
void key_secret_wipe(struct key_secret *secret);

/* Texts in a list of the caller's; NULL only where count is 0. */
struct texts {
	const char *const *items;
	size_t count;
};

struct label_texts {
	const char *const *keys, *const *values;
	size_t count;
};

struct mint_params {
	const char *environment, *account, *product, *name;
	int64_t expires_at;       /* 0: never */
	const char *external_ref; /* "" or NULL: none; likewise recipient */
	struct texts scopes, networks;
	struct label_texts labels;
	int64_t not_before;
	bool disabled, recoverable;
	const char *recipient; /* PEM */
};

/* PM_ACCOUNT_NOT_APPROVED, PM_PRODUCT_NOT_ENABLED; PM_ALREADY_EXISTS: the external reference. */
enum pm_err vault_mint(struct vault *vault, struct actor *actor, const struct mint_params *params,
		       struct key_info *info, struct key_secret *secret) NODISCARD;

struct rotate_params {
	const char *environment, *key_id;
	int64_t overlap; /* seconds */
	bool force;
	bool first_use; /* the overlap begins when the new secret is first verified */
	bool recoverable;
	const char *recipient;
};

enum pm_err vault_rotate(struct vault *vault, struct actor *actor,
			 const struct rotate_params *params, struct key_info *info,
			 struct key_secret *secret) NODISCARD;

/* With the overlap 0 and forced; always with a confirmation: PM_STEP_UP_REQUIRED. */
enum pm_err vault_reset(struct vault *vault, struct actor *actor,
			const struct rotate_params *params, struct key_info *info,
			struct key_secret *secret) NODISCARD;

/* PM_CONFLICT: there is no rotation whose new secret was not used. */
enum pm_err vault_rollback(struct vault *vault, struct actor *actor, const char *environment,
			   const char *key_id, struct key_info *info) NODISCARD;

struct update_params {
	const char *environment, *key_id;
	bool set_disabled, set_name, set_not_before, set_expires_at, set_scopes, set_labels,
		set_networks;
	bool disabled;
	const char *name;
	int64_t not_before, expires_at;
	struct texts scopes, networks;
	struct label_texts labels;
};

enum pm_err vault_update(struct vault *vault, struct actor *actor,
			 const struct update_params *params, struct key_info *info) NODISCARD;

/* PM_CONFLICT: the key was not made recoverable. PM_DENIED: the policy is against it now. */
enum pm_err vault_reveal(struct vault *vault, struct actor *actor, const char *environment,
			 const char *key_id, const char *recipient,
			 struct key_secret *secret) NODISCARD;

/* PM_RATE_LIMITED. No use is counted and nothing of the record changes. */
enum pm_err vault_verify_secret(struct vault *vault, struct actor *actor, const char *environment,
				const char *key_id, struct bytes text, bool *match) NODISCARD;

enum pm_err vault_revoke(struct vault *vault, struct actor *actor, const char *environment,
			 const char *key_id, struct key_info *info) NODISCARD;

enum pm_err vault_get(struct vault *vault, struct actor *actor, const char *environment,
		      const char *key_id, struct key_info *info) NODISCARD;

/* The numbers are vault.proto's KeySort and the store's key_sort. */
enum vault_key_sort {
	SORT_START,
	SORT_CREATED,
	SORT_EXPIRES,
	SORT_NAME,
	SORT_REFERENCE,
	SORT_ID,
	SORT_STATE,
	SORT_PRODUCT,
	SORT_MASKED,
	SORT_CREATED_BY,
	SORT_LAST_USED,
	SORT_USE_COUNT,
};

struct list_params {
	const char *environment, *account, *product, *text; /* "" : any */
	uint32_t states;                                    /* bit 1 << enum key_state; 0: any */
	enum vault_key_sort sort;
	bool ascending;
	int64_t expires_before; /* 0: any */
	const char *page_token; /* "" for the first page */
	size_t page_size;       /* 1 to VAULT_PAGE_MAX */
};

struct key_page {
	struct key_info keys[VAULT_PAGE_MAX];
	size_t count;
	uint64_t total;
	bool total_is_least;
	char next_page_token[VAULT_PAGE_TOKEN_MAX + 1]; /* "" on the last page */
};

enum pm_err vault_list(struct vault *vault, struct actor *actor, const struct list_params *params,
		       struct key_page *page) NODISCARD;

/* What a request brought, and what it is for. */
struct presented {
	struct bytes key;           /* a bare key text; empty: it is in a header */
	const char *const *headers; /* values of Authorization headers */
	size_t header_count;
	const char *address; /* "" or NULL: not known */
	const char *product; /* likewise: any */
	struct texts scopes; /* all of which the key must have */
};

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
	bool compromised; /* what vouches for it is a pepper version that is COMPROMISED */
};

/* More of a valid key. */
struct verdict_detail {
	char external_ref[VAULT_REFERENCE_MAX + 1];
	char scopes[VAULT_SCOPES_MAX + 1];
	char labels[VAULT_LABELS_MAX + 1];
};

/*
 * A verdict for each, in order. Constant work per well-formed text, whether its key exists or not. A
 * key that an older pepper version hashed is hashed again under the active one. `details` has room for
 * as many, or is NULL.
 */
enum pm_err vault_verify(struct vault *vault, struct actor *actor, const char *environment,
			 const struct presented *presented, size_t count, struct verdict *verdicts,
			 struct verdict_detail *details) NODISCARD;

/* Step-up. */

struct confirmation {
	char token[VAULT_CONFIRMATION_LEN + 1];
	int64_t expires_at;
	char text[256]; /* what the act will do, for people */
	bool pin_needed;
};

/* For the actor, that act and that subject (vault.proto's Act), once. PM_BUSY: too many are open. */
enum pm_err vault_confirm(struct vault *vault, struct actor *actor, const char *environment,
			  enum vault_act act, const char *subject,
			  struct confirmation *out) NODISCARD;

/* Accounts. */

/* The numbers are vault.proto's AccountStatus and the store's account_status. */
enum vault_account_status {
	VAULT_ACCOUNT_ONBOARDING = 1,
	VAULT_ACCOUNT_PENDING,
	VAULT_ACCOUNT_APPROVED,
	VAULT_ACCOUNT_SUSPENDED,
	VAULT_ACCOUNT_CLOSED,
};

struct product_info {
	char name[VAULT_PRODUCT_MAX + 1];
	bool enabled;
};

struct account_info {
	char environment[VAULT_ENVIRONMENT_MAX + 1];
	char id[VAULT_ACCOUNT_MAX + 1];
	char name[VAULT_NAME_MAX + 1];
	char merchant[VAULT_MERCHANT_MAX + 1];
	enum vault_account_status status;
	struct product_info products[VAULT_PRODUCTS_MAX];
	size_t product_count;
	char first_product[VAULT_PRODUCT_MAX + 1];
	char client_id[VAULT_ID_LEN + 1]; /* "": approval minted none yet */
	bool pending_activation;
	char created_by[VAULT_CALLER_MAX + 1 + VAULT_OPERATOR_MAX + 1];
	int64_t created_at, changed_at, approved_at, closed_at;
};

struct account_params {
	const char *environment, *id;
	bool set_name, set_merchant, set_first_product;
	const char *name, *merchant, *first_product;
	enum vault_account_status status;    /* 0: as it is; of a new one ONBOARDING */
	const struct product_info *products; /* added or changed */
	size_t product_count;
	const char *recipient; /* of the first key's text */
};

/* `secret` is the first key's, if this approval minted it, and else empty. */
enum pm_err vault_create_account(struct vault *vault, struct actor *actor,
				 const struct account_params *params, struct account_info *info,
				 struct key_secret *secret) NODISCARD;
enum pm_err vault_update_account(struct vault *vault, struct actor *actor,
				 const struct account_params *params, struct account_info *info,
				 struct key_secret *secret) NODISCARD;
enum pm_err vault_get_account(struct vault *vault, struct actor *actor, const char *environment,
			      const char *id, struct account_info *info) NODISCARD;
/* By id, those after `after`, at most `max` (VAULT_ACCOUNT_PAGE_MAX). */
enum pm_err vault_list_accounts(struct vault *vault, struct actor *actor, const char *environment,
				enum vault_account_status status, const char *after,
				struct account_info *infos, size_t max, size_t *count,
				uint64_t *total) NODISCARD;

/* Operators. */

/* The numbers are vault.proto's OperatorRole. */
enum operator_role { OPERATOR_SUPERADMIN = 1, OPERATOR_ADMIN, OPERATOR_VIEWER, OPERATOR_AUDITOR };

struct grant {
	char account[VAULT_ACCOUNT_MAX + 1]; /* "*": all */
	enum operator_role role;
};

struct operator_info {
	char environment[VAULT_ENVIRONMENT_MAX + 1];
	char id[VAULT_OPERATOR_MAX + 1];
	char name[VAULT_NAME_MAX + 1];
	struct grant grants[VAULT_GRANTS_MAX];
	size_t grant_count;
	bool has_pin;
	uint32_t failures;
	int64_t locked_until, created_at, changed_at, disabled_at;
	char created_by[VAULT_CALLER_MAX + 1 + VAULT_OPERATOR_MAX + 1];
};

struct operator_params {
	const char *environment, *id;
	bool set_name, set_grants, set_disabled;
	const char *name;
	const struct grant *grants;
	size_t grant_count;
	bool disabled;
	struct bytes new_pin; /* empty: as it is */
};

enum pm_err vault_create_operator(struct vault *vault, struct actor *actor,
				  const struct operator_params *params,
				  struct operator_info *info) NODISCARD;
enum pm_err vault_update_operator(struct vault *vault, struct actor *actor,
				  const struct operator_params *params,
				  struct operator_info *info) NODISCARD;
/* Of those who have a role in `account` ("": all); by id, those after `after`, at most `max`. */
enum pm_err vault_list_operators(struct vault *vault, struct actor *actor, const char *environment,
				 const char *account, const char *after,
				 struct operator_info *infos, size_t max, size_t *count,
				 uint64_t *total, bool *more) NODISCARD;
/* The actor's operator's own, with actor->pin as the old one. */
enum pm_err vault_change_operator_pin(struct vault *vault, struct actor *actor,
				      const char *environment, struct bytes new_pin) NODISCARD;

/* Imports. */

/* The numbers are vault.proto's ImportForm. */
enum import_form { IMPORT_SHA256 = 1, IMPORT_SHA512, IMPORT_HMAC_SHA256, IMPORT_TEXT };

struct import_item {
	enum import_form form;
	struct bytes value;
	const char *hmac_key, *account, *product, *name, *external_ref, *tail;
	int64_t created_at, not_before, expires_at;
	bool disabled;
	struct texts scopes, networks;
	struct label_texts labels;
};

struct import_outcome {
	enum pm_err error;
	char key_id[VAULT_ID_LEN + 1];
	const char *why; /* static, may be NULL */
};

enum pm_err vault_import_keys(struct vault *vault, struct actor *actor, const char *environment,
			      const struct import_item *items, size_t count,
			      struct import_outcome *outcomes) NODISCARD;

struct master_info;
enum pm_err vault_import_hmac_key(struct vault *vault, struct actor *actor, const char *environment,
				  const char *name, struct bytes value,
				  struct master_info *out) NODISCARD;

/* Leaks. */

struct vault_leak_source {
	const char *key_id;     /* as the report names it */
	const char *public_key; /* P-256: PEM, or the SubjectPublicKeyInfo in base64 */
};
/* Replaces them; copied. PM_CONFIG, logged: one is no such key. */
enum pm_err vault_set_leak_sources(struct vault *vault, const struct vault_leak_source *sources,
				   size_t count) NODISCARD;

struct leak_verdict {
	bool known;
	enum pm_err error;
	char environment[VAULT_ENVIRONMENT_MAX + 1];
	char key_id[VAULT_ID_LEN + 1];
	enum leak_action action;
};

enum pm_err vault_report_leaks(struct vault *vault, struct actor *actor, const char *key_id,
			       struct bytes payload, struct bytes signature,
			       struct leak_verdict verdicts[VAULT_LEAKS_MAX],
			       size_t *count) NODISCARD;

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
	bool compromised;
	enum pm_err error;
	enum pm_reason reason;
};

enum pm_err vault_verify_hash(struct vault *vault, struct actor *actor, const char *environment,
			      const char *pepper, const struct hash_claim *claims, size_t count,
			      struct hash_verdict *verdicts) NODISCARD;

/* Peppers. */

/* The numbers are vault.proto's PepperState and the store's master_state. */
enum pepper_state {
	PEPPER_STAGED = 1,
	PEPPER_ACTIVE,
	PEPPER_VERIFY_ONLY,
	PEPPER_DESTROYED,
	PEPPER_SUSPENDED,
	PEPPER_COMPROMISED,
	PEPPER_DESTROY_SCHEDULED,
};

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

/*
 * Master keys: every version of every pepper, integrity key, audit key. What a state allows and
 * which follow on it is one table, src/vault/state.h.
 */

struct master_info {
	char environment[VAULT_ENVIRONMENT_MAX + 1];
	char purpose[17];
	char name[VAULT_PEPPER_NAME_MAX + 1];
	uint32_t version;
	enum pepper_state state;
	int64_t created_at, activated_at, changed_at;
	int64_t ends_at, destroy_at; /* 0: none */
	int64_t make_until;          /* end of the period in which it makes anything new; 0: none */
	int64_t verify_until;        /* and in which it vouches for what it made; 0: none */
	uint64_t uses, uses_max;     /* uses_max 0: no limit */
	int64_t last_used_at;        /* 0: never, as far as is known */
	/* Records that cannot be verified without this version: live ones, and of these those for which
	 * a newer version vouches (wrapped); then those that verify nothing any more. */
	uint64_t needed, wrapped, ended;
	bool rewrapping; /* of the active one: older records are being moved to it now */
	uint64_t rewrap_left;
};

/* Of one purpose and name, or all where they are "". At most `max`: PM_TOO_LARGE. Goes over all keys. */
enum pm_err vault_list_masters(struct vault *vault, struct actor *actor, const char *environment,
			       const char *purpose, const char *name, struct master_info *out,
			       size_t max, size_t *count) NODISCARD;

enum master_verb {
	MASTER_VERB_ROTATE =
		1,            /* a new version takes over; with a standby token it is STAGED only */
	MASTER_VERB_ACTIVATE, /* a STAGED version takes over, once every token has it */
	MASTER_VERB_SUSPEND,
	MASTER_VERB_RESUME,
	MASTER_VERB_COMPROMISE, /* an ACTIVE one is rotated away first; then rewrap */
	MASTER_VERB_REWRAP,     /* move all records of older versions to the active one, now */
	MASTER_VERB_DESTROY,    /* after `after` seconds; never while a record needs it */
	MASTER_VERB_CANCEL,     /* the destruction */
};

struct master_params {
	const char *environment, *purpose, *name;
	uint32_t version; /* 0: the active one (COMPROMISE), or does not matter (ROTATE, REWRAP) */
	enum master_verb verb;
	int64_t after; /* DESTROY: seconds; COMPROMISE: until it alone vouches for nothing; 0: for ever */
	bool dry_run; /* only say what would happen */
	bool force;   /* DESTROY of a pepper whose hashes others keep, though it was used lately */
};

/* What was done, or would be. */
struct master_outcome {
	struct master_info before,
		after;     /* of the version that it is about; before.version 0: new */
	uint64_t affected; /* records: REWRAP, COMPROMISE; that need it: DESTROY */
	char text[256];    /* one line for people */
};

/*
 * PM_CONFLICT: its state, or records that need it, forbid that (actor->why says which). PM_NOT_FOUND.
 * PM_TOKEN_MISMATCH: ACTIVATE, and a token does not have it.
 */
enum pm_err vault_change_master(struct vault *vault, struct actor *actor,
				const struct master_params *params,
				struct master_outcome *out) NODISCARD;

/* The token's objects, and settling those that no record names. */

struct object_info {
	uint8_t key_id[16];
	char label[128];
	int algorithm; /* vault.proto's Algorithm, 0: other */
	bool sensitive, always_sensitive, extractable, never_extractable, local, sign;
	bool private, modifiable, destroyable, restricted;
	bool sound;       /* as the vault makes them */
	uint32_t version; /* of the record that names it; 0: an orphan */
	enum pepper_state state;
};

struct mechanism_info {
	char name[40];
	uint64_t type;
	bool announced, enforced;
	int proof; /* vault.proto's Proof */
};

struct token_inspection {
	char label[33], serial[17], model[17], manufacturer[33], firmware[8], hardware[8];
	uint64_t flags, max_sessions, free_private_memory;
	uint32_t sessions;
	bool active, session_copies,
		certified; /* certified false: SoftHSM, which certifies nothing */
	struct mechanism_info mechanisms[16];
	size_t mechanism_count;
};

/* `member` 0 is the configured token, 1 the standby: PM_NOT_FOUND. objects: at most `max`. */
enum pm_err vault_inspect(struct vault *vault, struct actor *actor, const char *environment,
			  uint32_t member, struct token_inspection *token,
			  struct object_info *objects, size_t max, size_t *count) NODISCARD;

/*
 * Settles an orphan, an object with our label that no record in use names. `adopt`: its version gets
 * a record, VERIFY_ONLY, if its number was never given and it is as it must be; else it is destroyed.
 * PM_NOT_FOUND: no such object. PM_CONFLICT: a record names it, or it cannot be adopted.
 */
enum pm_err vault_settle_orphan(struct vault *vault, struct actor *actor, const char *environment,
				const uint8_t key_id[16], bool adopt, bool dry_run,
				struct object_info *out) NODISCARD;

/* PINs. `environment` must exist; it need not serve. */
enum pm_err vault_seal(struct vault *vault, struct actor *actor, const char *environment) NODISCARD;
enum pm_err vault_unseal(struct vault *vault, struct actor *actor, const char *environment,
			 struct bytes pin) NODISCARD;
enum pm_err vault_change_pin(struct vault *vault, struct actor *actor, const char *environment,
			     struct bytes old_pin, struct bytes new_pin) NODISCARD;

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
	uint32_t warnings;  /* master keys near the end of their period */
	uint32_t sessions;  /* that compute at the same time */
	bool proven;        /* the token gave a known answer */
	int64_t checked_at; /* when check values were last compared; 0: not yet */
	uint32_t token_count;
	struct token_info {
		char label[33], serial[17];
		int state; /* vault.proto's TokenState */
		bool active;
		char detail[256];
		uint32_t restarts;
	} tokens[2];
};

/* From memory: for whoever asks every second. `index` is below vault_environment_count. */
enum environment_state vault_environment_state(struct vault *vault, size_t index);

/* All of it; counts the stored keys. Never waits for an hsm. */
enum pm_err vault_environment_status(struct vault *vault, size_t index,
				     struct environment_info *info) NODISCARD;

#endif
