/*
 * libpeppermint: ask a Peppermint vault from C or C++. One function per call of vault.proto, each
 * blocking until the answer or its timeout.
 *
 *	struct peppermint *vault = NULL;
 *	struct peppermint_verdict verdict;
 *	enum pm_err err = peppermint_open(NULL, &vault);
 *	if (err == PM_OK)
 *		err = peppermint_verify_key(vault, "live", presented, &verdict, NULL);
 *	if (err == PM_OK && verdict.valid)
 *		serve(verdict.account);
 *	peppermint_close(vault);
 *
 * RESULTS. Every call returns PM_OK or why there is no result (peppermint/error.h). A refused key
 * is a result: PM_OK, and `valid` is false. Results are cleared before anything else happens: one
 * whose error was overlooked says `valid` false and holds no secret. Besides the vault's own errors
 * any call may give
 *
 *   PM_UNREACHABLE: nothing listens at the socket. Nothing was sent.
 *   PM_DENIED: the socket's permissions, or the vault closes our connections because it does not
 *       know this program's uid or has no room for more.
 *   PM_BUSY: all connections of this handle stayed in use until the timeout. Nothing was sent.
 *   PM_DEADLINE_EXCEEDED: no answer in time, to a call that changes nothing.
 *   PM_OUTCOME_UNKNOWN: no answer in time, to a call that changes something. Repeat it with the
 *       same request id (peppermint_call): it is done once.
 *   PM_TOO_LARGE: the request is over 65,536 bytes, or the result does not fit.
 *   PM_BAD_REPLY: the answer is not one that a vault gives. A change may have happened.
 *
 * MEMORY. The caller owns everything it passes in, and every result; there is nothing to free but
 * the handle. Texts are UTF-8 and NUL-terminated; in parameters NULL is the same as "". Every text
 * of a result is free of control characters, so it is safe to log or to show on a terminal. Times
 * are seconds since 1970-01-01 UTC, 0 is never.
 *
 * THREADS. Any number of threads may call on one handle at once; peppermint_close must be the
 * last. A child of fork() opens a handle of its own.
 *
 * SECRETS. The library's own copies of keys and values lie in memory that is kept out of core
 * dumps, locked if the limits allow it, and wiped before a call returns. libnanomsg, which carries
 * the messages, frees its copy of a request and its receive buffer without wiping them: they stay
 * in the heap until it is used again. A program for which that matters replaces free() with one
 * that wipes, as Peppermint's own programs do. libnanomsg also ends the process if what listens at
 * the socket does not speak its protocol: let nobody but the vault write to the socket's directory.
 */
#ifndef PEPPERMINT_CLIENT_H
#define PEPPERMINT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peppermint/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PEPPERMINT_SOCKET_DEFAULT "/run/peppermint/vault.sock"
#define PEPPERMINT_TIMEOUT_MS_DEFAULT 5000
#define PEPPERMINT_TIMEOUT_MS_MAX 30000
#define PEPPERMINT_CONNECTIONS_DEFAULT 8
#define PEPPERMINT_CONNECTIONS_MAX 64

/* Lengths in bytes, without the final NUL. */
#define PEPPERMINT_ENVIRONMENT_MAX 32
#define PEPPERMINT_PREFIX_MAX 16
#define PEPPERMINT_KEY_ID_LEN 16
#define PEPPERMINT_ACCOUNT_MAX 64
#define PEPPERMINT_PRODUCT_MAX 64
#define PEPPERMINT_NAME_MAX 128
#define PEPPERMINT_OPERATOR_MAX 64
#define PEPPERMINT_REQUEST_ID_MAX 64
#define PEPPERMINT_KEY_TEXT_MAX 82
#define PEPPERMINT_HASH_TEXT_MAX 63
#define PEPPERMINT_PEPPER_NAME_MAX 32
#define PEPPERMINT_TEXT_MAX 256
#define PEPPERMINT_REFERENCE_MAX 64
#define PEPPERMINT_MERCHANT_MAX 64
#define PEPPERMINT_SCOPES_MAX 511   /* the blanks between them included */
#define PEPPERMINT_NETWORKS_MAX 543 /* likewise */
#define PEPPERMINT_LABEL_KEY_MAX 32
#define PEPPERMINT_LABEL_VALUE_MAX 64
#define PEPPERMINT_AUTHORIZATION_MAX 512
#define PEPPERMINT_RECIPIENT_MAX 8192
#define PEPPERMINT_SEALED_MAX 2815

/* Counts. */
#define PEPPERMINT_BATCH_MAX 512 /* items in one call, unless the vault is configured lower */
#define PEPPERMINT_PAGE_MAX 100
#define PEPPERMINT_ENVIRONMENTS_MAX 32
#define PEPPERMINT_PEPPERS_MAX 32
#define PEPPERMINT_PEPPER_VERSIONS_MAX 64
#define PEPPERMINT_MASTERS_MAX 512   /* versions of master keys in one answer */
#define PEPPERMINT_TOKENS_MAX 2      /* of an environment: the configured one and its standby */
#define PEPPERMINT_MECHANISMS_MAX 16 /* of a token, that we use or could */
#define PEPPERMINT_OBJECTS_MAX 512   /* of a token, that are ours */
#define PEPPERMINT_PIN_MAX 255
#define PEPPERMINT_LABELS_MAX 16
#define PEPPERMINT_PRODUCTS_MAX 32
#define PEPPERMINT_GRANTS_MAX 16
#define PEPPERMINT_ACCOUNT_PAGE_MAX 50 /* accounts or operators on a page */
#define PEPPERMINT_OPERATOR_PIN_MIN 4
#define PEPPERMINT_OPERATOR_PIN_MAX 64

struct peppermint; /* a handle: a vault's address and a bounded pool of connections to it */

struct peppermint_options {
	const char *socket;        /* path; NULL: $PEPPERMINT_SOCKET, else the default above */
	const char *operator_name; /* the person on whose behalf; NULL: none */
	uint32_t timeout_ms;       /* of calls that set none; 0: the default; at most the maximum */
	uint32_t connections;      /* calls under way at once, others wait; 0: the default */
};

/*
 * What one call may set beside its parameters, and what it tells beside its result. Zero it, set
 * what you need, pass it; or pass NULL. One per call under way.
 */
struct peppermint_call {
	/*
	 * In. The id of the intended change: a change is done once for its id, however often it is
	 * asked for. NULL: the library makes a random one, told in used_request_id.
	 */
	const char *request_id;
	const char *operator_name; /* NULL: the handle's */
	uint32_t timeout_ms;       /* 0: the handle's */
	bool want_receipt;         /* for the act's entry in the audit log */
	/*
	 * Step-up, where the answer is PM_STEP_UP_REQUIRED without it: peppermint_confirm's token, and
	 * the operator's PIN, which stays the caller's, who wipes it. With a PIN a request is sent
	 * once. NULL: none.
	 */
	const char *confirmation;
	const void *pin;
	size_t pin_len;
	/* Instead of an operator: an API key's Authorization value, on whose holder's behalf. */
	const char *authorization;

	/* Out. */
	char used_request_id[PEPPERMINT_REQUEST_ID_MAX + 1];
	char message[2 * PEPPERMINT_TEXT_MAX + 1]; /* "", or what is wrong and what to do next */
	char subject[PEPPERMINT_TEXT_MAX + 1];     /* with PM_ALREADY_DONE: what it acted on */
	/* The receipt: log 0 if there is none, because it was not asked for or the act was folded. */
	uint32_t receipt_log;
	uint64_t receipt_index;
	uint8_t receipt_leaf[32]; /* SHA-256 of a zero byte and the entry */
};

/*
 * `options` may be NULL; its texts are copied. Does not connect: a vault that is not there shows at
 * the first call. PM_CONFIG: the socket's path is empty or over 107 bytes, the operator's name is
 * over its length, or there are more connections than the maximum. PM_NO_MEMORY.
 */
PEPPERMINT_API enum pm_err peppermint_open(const struct peppermint_options *options,
					   struct peppermint **out);
/* NULL is allowed. No call may be under way. */
PEPPERMINT_API void peppermint_close(struct peppermint *handle);

/* API keys. */

/* The whole text of a key. Wipe it as soon as it is handed over. */
struct peppermint_secret {
	char text[PEPPERMINT_KEY_TEXT_MAX + 1];
};
PEPPERMINT_API void peppermint_secret_wipe(struct peppermint_secret *secret);

enum peppermint_key_state {
	PEPPERMINT_KEY_STATE_UNKNOWN = 0, /* of a newer vault */
	PEPPERMINT_KEY_ACTIVE = 1,
	PEPPERMINT_KEY_EXPIRED = 2,
	PEPPERMINT_KEY_REVOKED = 3,
	PEPPERMINT_KEY_QUARANTINED = 4, /* altered outside the vault: the rest means nothing */
	PEPPERMINT_KEY_NOT_YET = 5,
	PEPPERMINT_KEY_DISABLED = 6, /* can be enabled again */
};

struct peppermint_label {
	char key[PEPPERMINT_LABEL_KEY_MAX + 1];
	char value[PEPPERMINT_LABEL_VALUE_MAX + 1];
};

/*
 * Lists of words, here and in parameters: scopes and networks (CIDR) are one text each, parted by
 * single blanks. "" is none, which stands for everything and anywhere.
 */

struct peppermint_key {
	char id[PEPPERMINT_KEY_ID_LEN + 1];
	char environment[PEPPERMINT_ENVIRONMENT_MAX + 1];
	char account[PEPPERMINT_ACCOUNT_MAX + 1];
	char product[PEPPERMINT_PRODUCT_MAX + 1];
	char name[PEPPERMINT_NAME_MAX + 1];
	char masked[16];                          /* ***** and the last three characters */
	char created_by[PEPPERMINT_NAME_MAX + 1]; /* caller, and `/operator` if there was one */
	enum peppermint_key_state state;
	int64_t created_at;
	int64_t expires_at;
	int64_t rotated_at;
	int64_t overlap_until; /* the previous secret verifies before this; 0: there is none */
	int64_t revoked_at;
	uint32_t secret_version;
	uint32_t pepper_version;
	char external_reference[PEPPERMINT_REFERENCE_MAX + 1]; /* unique in the account; "": none */
	char scopes[PEPPERMINT_SCOPES_MAX + 1];
	char networks[PEPPERMINT_NETWORKS_MAX + 1];
	size_t label_count;
	struct peppermint_label labels[PEPPERMINT_LABELS_MAX];
	int64_t not_before;
	int64_t disabled_at;
	int64_t last_used_at; /* as of a minute ago, like the next */
	uint64_t use_count;
	bool first_use_pending; /* rotated with first_use; the new secret was not used yet */
	bool imported;          /* its text is another system's until it is rotated */
	bool recoverable;       /* peppermint_reveal_key shows its text */
};

/* Where a key's text goes: zero it, set what you need, pass it; or pass NULL. */
struct peppermint_delivery {
	/* In. A public key (PEM: X25519 or RSA): the text is encrypted to it, and `secret` is empty. */
	const char *recipient;

	/* Out. */
	char merchant[PEPPERMINT_MERCHANT_MAX +
		      1];                       /* Basic's user name; the text is its password */
	char sealed[PEPPERMINT_SEALED_MAX + 1]; /* for the recipient: `sealed:` … base64 */
};

struct peppermint_mint {
	const char *environment;
	const char *account;
	const char *product; /* may be empty, like the name */
	const char *name;
	int64_t expires_at;
	const char *external_reference; /* empty: none, or what the environment's policy gives */
	const char *scopes, *networks;
	const struct peppermint_label *labels;
	size_t label_count;
	int64_t not_before; /* 0: now */
	bool disabled;      /* to be enabled first */
	bool recoverable;   /* keep the text for peppermint_reveal_key, where policy allows it */
	struct peppermint_delivery *delivery;
};

/* Makes a key. `secret` is shown here and never again; the caller wipes it. */
PEPPERMINT_API enum pm_err peppermint_mint_key(struct peppermint *handle,
					       const struct peppermint_mint *mint,
					       struct peppermint_key *key,
					       struct peppermint_secret *secret,
					       struct peppermint_call *call);

struct peppermint_verdict {
	bool valid;
	enum pm_err error;     /* not PM_OK: no verdict could be reached, and valid is false */
	enum pm_reason reason; /* for your own log, never for the public */
	char message[64];      /* may be shown to anyone */
	/* The rest only if valid. */
	char key_id[PEPPERMINT_KEY_ID_LEN + 1];
	char account[PEPPERMINT_ACCOUNT_MAX + 1];
	char product[PEPPERMINT_PRODUCT_MAX + 1];
	int64_t expires_at;
	int64_t secret_expires_at; /* nonzero: the previous secret, until then */
	bool compromised; /* a compromised pepper version vouches for it; it was moved to the active one */
};

/*
 * Is this text a valid key of that environment, now? The text is what was presented, whatever it
 * is: one that cannot be a key (too long, not UTF-8) is refused as malformed. Look at the return,
 * at verdict->error and then at verdict->valid; valid alone is safe too.
 */
PEPPERMINT_API enum pm_err peppermint_verify_key(struct peppermint *handle, const char *environment,
						 const char *api_key,
						 struct peppermint_verdict *verdict,
						 struct peppermint_call *call);

/* The same for 1 to PEPPERMINT_BATCH_MAX texts in one message; `verdicts` holds `count`, in order.
 */
PEPPERMINT_API enum pm_err peppermint_verify_keys(struct peppermint *handle,
						  const char *environment,
						  const char *const *api_keys, size_t count,
						  struct peppermint_verdict *verdicts,
						  struct peppermint_call *call);

/* What a request brought, and what it is for. vault.proto's Presented. */
struct peppermint_presented {
	const char *api_key; /* either this, or */
	/* the values of all its Authorization headers: more than one credential is refused. */
	const char *const *authorizations;
	size_t authorization_count;
	const char *source_address; /* needed by keys that have networks */
	const char *product;        /* empty: any */
	const char *scopes;         /* it must have them all */
};

struct peppermint_admission {
	struct peppermint_verdict verdict;
	/* Only if valid. */
	char external_reference[PEPPERMINT_REFERENCE_MAX + 1];
	char scopes[PEPPERMINT_SCOPES_MAX + 1];
	size_t label_count;
	struct peppermint_label labels[PEPPERMINT_LABELS_MAX];
};

/*
 * May these requests pass? `admissions` holds `count`, in order. A request whose credential or address
 * is too long for any vault is refused as malformed.
 */
PEPPERMINT_API enum pm_err peppermint_verify_requests(struct peppermint *handle,
						      const char *environment,
						      const struct peppermint_presented *presented,
						      size_t count,
						      struct peppermint_admission *admissions,
						      struct peppermint_call *call);

PEPPERMINT_API enum pm_err peppermint_get_key(struct peppermint *handle, const char *environment,
					      const char *key_id, struct peppermint_key *key,
					      struct peppermint_call *call);

/* vault.proto's KeySort: which of them need an account. */
enum peppermint_key_sort {
	PEPPERMINT_SORT_START = 0,
	PEPPERMINT_SORT_CREATED = 1,
	PEPPERMINT_SORT_EXPIRES = 2,
	PEPPERMINT_SORT_NAME = 3,
	PEPPERMINT_SORT_REFERENCE = 4,
	PEPPERMINT_SORT_ID = 5,
	PEPPERMINT_SORT_STATE = 6,
	PEPPERMINT_SORT_PRODUCT = 7,
	PEPPERMINT_SORT_MASKED = 8,
	PEPPERMINT_SORT_CREATED_BY = 9,
	PEPPERMINT_SORT_LAST_USED = 10,
	PEPPERMINT_SORT_USE_COUNT = 11,
};

struct peppermint_key_filter {
	const char *environment;
	const char *account;    /* only this one's; empty: all */
	const char *product;    /* only this one's; empty: all */
	const char *page_token; /* next_page_token of the page before; empty: the first page */
	const enum peppermint_key_state *states; /* only these; none: all */
	size_t state_count;
	const char *text; /* only with this in name, reference, id or labels; empty: all */
	enum peppermint_key_sort sort;
	bool ascending;
	int64_t expires_before; /* only keys that end before then, and have not; 0: all */
};

struct peppermint_page {
	size_t count;        /* items on this page */
	uint64_t total;      /* items that match, on all pages */
	bool total_is_least; /* there may be more: they were not counted */
	char next_page_token[PEPPERMINT_TEXT_MAX + 1]; /* "" on the last page */
};

/*
 * A page of keys. `keys` holds `capacity`, which is the page's size: 1 to PEPPERMINT_PAGE_MAX (more
 * is used as that). A page may have fewer, or none, and still a next one.
 */
PEPPERMINT_API enum pm_err peppermint_list_keys(struct peppermint *handle,
						const struct peppermint_key_filter *filter,
						struct peppermint_key *keys, size_t capacity,
						struct peppermint_page *page,
						struct peppermint_call *call);

struct peppermint_rotation {
	const char *environment;
	const char *key_id;
	uint32_t overlap_seconds; /* how long the previous secret still verifies; 0: not at all */
	bool force;               /* also inside an earlier rotation's overlap, which ends it */
	bool first_use;           /* the overlap begins when the new secret is first verified */
	bool recoverable;         /* as at minting */
	struct peppermint_delivery *delivery;
};

/* A new secret for the same key id: `secret` as for peppermint_mint_key. */
PEPPERMINT_API enum pm_err peppermint_rotate_key(struct peppermint *handle,
						 const struct peppermint_rotation *rotation,
						 struct peppermint_key *key,
						 struct peppermint_secret *secret,
						 struct peppermint_call *call);

struct peppermint_reset {
	const char *environment;
	const char *key_id;
	bool recoverable; /* as at minting */
	struct peppermint_delivery *delivery;
};

/* A new secret, and the old ones verify nothing any more. Always needs a confirmation. */
PEPPERMINT_API enum pm_err peppermint_reset_secret(struct peppermint *handle,
						   const struct peppermint_reset *reset,
						   struct peppermint_key *key,
						   struct peppermint_secret *secret,
						   struct peppermint_call *call);

/* Back to the previous secret, while the new one of a rotation with first_use was not used. */
PEPPERMINT_API enum pm_err peppermint_rollback_key(struct peppermint *handle,
						   const char *environment, const char *key_id,
						   struct peppermint_key *key,
						   struct peppermint_call *call);

/* No verify that starts after this returned PM_OK succeeds. Revoking again is PM_OK. */
PEPPERMINT_API enum pm_err peppermint_revoke_key(struct peppermint *handle, const char *environment,
						 const char *key_id, struct peppermint_key *key,
						 struct peppermint_call *call);

/* What is not set stays as it is. */
struct peppermint_key_update {
	const char *environment;
	const char *key_id;
	bool set_disabled, disabled;
	bool set_name, set_not_before, set_expires_at;
	const char *name;
	int64_t not_before, expires_at;
	bool set_scopes, set_networks, set_labels; /* each as a whole */
	const char *scopes, *networks;
	const struct peppermint_label *labels;
	size_t label_count;
};

PEPPERMINT_API enum pm_err peppermint_update_key(struct peppermint *handle,
						 const struct peppermint_key_update *update,
						 struct peppermint_key *key,
						 struct peppermint_call *call);

/*
 * Is `secret`, a whole key text, one of that key's secrets now? Whatever the key's own state is, and
 * not counted as use. PM_BAD_REQUEST: it cannot be one. PM_RATE_LIMITED: too often for this key.
 */
PEPPERMINT_API enum pm_err peppermint_verify_secret(struct peppermint *handle,
						    const char *environment, const char *key_id,
						    const char *secret, bool *match,
						    struct peppermint_call *call);

/* The text of a key that was made recoverable. `delivery` may be NULL. */
PEPPERMINT_API enum pm_err peppermint_reveal_key(struct peppermint *handle, const char *environment,
						 const char *key_id,
						 struct peppermint_delivery *delivery,
						 struct peppermint_secret *secret,
						 struct peppermint_call *call);

/* Step-up. */

/* vault.proto's Act, which says what each one's subject is. */
enum peppermint_act {
	PEPPERMINT_ACT_MINT = 1,
	PEPPERMINT_ACT_ROTATE = 2,
	PEPPERMINT_ACT_RESET = 3,
	PEPPERMINT_ACT_REVOKE = 4,
	PEPPERMINT_ACT_UPDATE = 5,
	PEPPERMINT_ACT_REVEAL = 6,
	PEPPERMINT_ACT_OPERATORS = 7,
};

struct peppermint_confirmation {
	char token[PEPPERMINT_TEXT_MAX + 1]; /* for peppermint_call, once */
	int64_t expires_at;
	char message[2 * PEPPERMINT_TEXT_MAX + 1]; /* what the act will do, for people to confirm */
	bool pin_needed;                           /* the operator's PIN as well */
};

PEPPERMINT_API enum pm_err peppermint_confirm(struct peppermint *handle, const char *environment,
					      enum peppermint_act act, const char *subject,
					      struct peppermint_confirmation *confirmation,
					      struct peppermint_call *call);

/* Accounts and their products. */

enum peppermint_account_status {
	PEPPERMINT_ACCOUNT_STATUS_UNKNOWN = 0, /* of a newer vault; in parameters: not given */
	PEPPERMINT_ACCOUNT_ONBOARDING = 1,
	PEPPERMINT_ACCOUNT_PENDING = 2,
	PEPPERMINT_ACCOUNT_APPROVED = 3,
	PEPPERMINT_ACCOUNT_SUSPENDED = 4,
	PEPPERMINT_ACCOUNT_CLOSED = 5, /* final */
};

struct peppermint_product {
	char name[PEPPERMINT_PRODUCT_MAX + 1];
	bool enabled;
};

struct peppermint_account {
	char environment[PEPPERMINT_ENVIRONMENT_MAX + 1];
	char id[PEPPERMINT_ACCOUNT_MAX + 1];
	char name[PEPPERMINT_NAME_MAX + 1];
	enum peppermint_account_status status;
	char merchant[PEPPERMINT_MERCHANT_MAX + 1];     /* Basic's user name; "": the id is */
	char first_product[PEPPERMINT_PRODUCT_MAX + 1]; /* approval mints a key for it; "": none */
	char client_id[PEPPERMINT_KEY_ID_LEN + 1];      /* the key that it minted; "": none yet */
	bool pending_activation;
	char created_by[PEPPERMINT_NAME_MAX + 1];
	int64_t created_at, changed_at, approved_at, closed_at;
	size_t product_count;
	struct peppermint_product products[PEPPERMINT_PRODUCTS_MAX];
};

/* For creating: what is empty is not given. For updating: what is NULL (or 0) stays as it is. */
struct peppermint_account_change {
	const char *environment;
	const char *id;
	enum peppermint_account_status status;
	const char *name;
	const char *merchant;
	const char *first_product;
	const struct peppermint_product *products; /* added or changed */
	size_t product_count;
	struct peppermint_delivery *delivery; /* of the first key, if this mints it */
};

/* `secret` holds the account's first key if this minted it, shown here and never again; else "". */
PEPPERMINT_API enum pm_err peppermint_create_account(struct peppermint *handle,
						     const struct peppermint_account_change *change,
						     struct peppermint_account *account,
						     struct peppermint_secret *secret,
						     struct peppermint_call *call);
PEPPERMINT_API enum pm_err peppermint_update_account(struct peppermint *handle,
						     const struct peppermint_account_change *change,
						     struct peppermint_account *account,
						     struct peppermint_secret *secret,
						     struct peppermint_call *call);

PEPPERMINT_API enum pm_err peppermint_get_account(struct peppermint *handle,
						  const char *environment, const char *id,
						  struct peppermint_account *account,
						  struct peppermint_call *call);

struct peppermint_account_filter {
	const char *environment;
	enum peppermint_account_status status; /* 0: any */
	const char *page_token;
};

/* As peppermint_list_keys, with at most PEPPERMINT_ACCOUNT_PAGE_MAX. */
PEPPERMINT_API enum pm_err peppermint_list_accounts(struct peppermint *handle,
						    const struct peppermint_account_filter *filter,
						    struct peppermint_account *accounts,
						    size_t capacity, struct peppermint_page *page,
						    struct peppermint_call *call);

/* Operators: the people on whose behalf a portal acts. */

enum peppermint_role {
	PEPPERMINT_ROLE_UNKNOWN = 0, /* of a newer vault */
	PEPPERMINT_ROLE_SUPERADMIN = 1,
	PEPPERMINT_ROLE_ADMIN = 2,
	PEPPERMINT_ROLE_VIEWER = 3,
	PEPPERMINT_ROLE_AUDITOR = 4,
};

struct peppermint_grant {
	char account[PEPPERMINT_ACCOUNT_MAX + 1]; /* `*`: all of the environment */
	enum peppermint_role role;
};

struct peppermint_operator {
	char environment[PEPPERMINT_ENVIRONMENT_MAX + 1];
	char id[PEPPERMINT_OPERATOR_MAX + 1];
	char name[PEPPERMINT_NAME_MAX + 1];
	char created_by[PEPPERMINT_NAME_MAX + 1];
	size_t grant_count;
	struct peppermint_grant grants[PEPPERMINT_GRANTS_MAX];
	bool has_pin;
	int64_t locked_until; /* 0: not locked */
	uint32_t failures;    /* wrong PINs since the last right one */
	int64_t created_at, changed_at;
	int64_t disabled_at; /* 0: enabled */
};

/* For updating: what is not set, NULL or empty stays as it is. PINs as in struct peppermint_call. */
struct peppermint_operator_change {
	const char *environment;
	const char *id;
	const char *name;
	bool set_grants; /* to all of these and no others: read them right before, the later change wins */
	const struct peppermint_grant *grants;
	size_t grant_count;
	bool set_disabled, disabled;
	const void *new_pin;
	size_t new_pin_len;
};

/* For creating, set_grants and set_disabled mean nothing. */
PEPPERMINT_API enum pm_err peppermint_create_operator(
	struct peppermint *handle, const struct peppermint_operator_change *change,
	struct peppermint_operator *person, struct peppermint_call *call);
PEPPERMINT_API enum pm_err peppermint_update_operator(
	struct peppermint *handle, const struct peppermint_operator_change *change,
	struct peppermint_operator *person, struct peppermint_call *call);

struct peppermint_operator_filter {
	const char *environment;
	const char *account; /* only who has a role there; empty: all */
	const char *page_token;
};

/* As peppermint_list_keys, with at most PEPPERMINT_ACCOUNT_PAGE_MAX. The total is the environment's. */
PEPPERMINT_API enum pm_err peppermint_list_operators(
	struct peppermint *handle, const struct peppermint_operator_filter *filter,
	struct peppermint_operator *people, size_t capacity, struct peppermint_page *page,
	struct peppermint_call *call);

/* An operator's own: the call's operator_name and pin say whose, and the old one. */
PEPPERMINT_API enum pm_err peppermint_change_operator_pin(struct peppermint *handle,
							  const char *environment,
							  const void *new_pin, size_t new_pin_len,
							  struct peppermint_call *call);

/* Keys of another system, without reissuing them. */

enum peppermint_import_form {
	PEPPERMINT_IMPORT_SHA256 = 1,      /* of the key's whole text: 32 bytes */
	PEPPERMINT_IMPORT_SHA512 = 2,      /* 64 bytes */
	PEPPERMINT_IMPORT_HMAC_SHA256 = 3, /* under a key that was imported by `hmac_key`'s name */
	PEPPERMINT_IMPORT_TEXT = 4,        /* the text itself */
};

struct peppermint_import {
	enum peppermint_import_form form;
	const void *value;
	size_t value_len;
	const char *hmac_key;
	const char *account, *product, *name, *external_reference;
	const char *tail;   /* the text's last three characters; may be empty */
	int64_t created_at; /* 0: now */
	int64_t not_before, expires_at;
	bool disabled;
	const char *scopes, *networks;
	const struct peppermint_label *labels;
	size_t label_count;
};

struct peppermint_import_outcome {
	enum pm_err error; /* PM_OK, PM_ALREADY_EXISTS, PM_CONFLICT, or what is wrong with it */
	char key_id[PEPPERMINT_KEY_ID_LEN + 1];
	char message[PEPPERMINT_TEXT_MAX + 1];
};

/*
 * 1 to PEPPERMINT_BATCH_MAX, as many as fit a message (PM_TOO_LARGE). All that can be imported is, in
 * one commit; `outcomes` holds `count`, in order.
 */
PEPPERMINT_API enum pm_err peppermint_import_keys(
	struct peppermint *handle, const char *environment, const struct peppermint_import *keys,
	size_t count, struct peppermint_import_outcome *outcomes, struct peppermint_call *call);

/* What a scanner found in public. */

struct peppermint_leak_report {
	const void *payload; /* the JSON, byte by byte as it came */
	size_t payload_len;
	const char *key_id;    /* GITHUB-PUBLIC-KEY-IDENTIFIER */
	const char *signature; /* GITHUB-PUBLIC-KEY-SIGNATURE */
};

enum peppermint_leak_action {
	PEPPERMINT_LEAK_NONE = 0,
	PEPPERMINT_LEAK_REPORTED = 1,
	PEPPERMINT_LEAK_DISABLED = 2,
	PEPPERMINT_LEAK_REVOKED = 3,
	PEPPERMINT_LEAK_ACTION_UNKNOWN = 4, /* of a newer vault */
};

struct peppermint_leak_verdict {
	bool known;        /* it is, or was, the text of a key */
	enum pm_err error; /* not PM_OK: it could not be found out */
	char environment[PEPPERMINT_ENVIRONMENT_MAX + 1];
	char key_id[PEPPERMINT_KEY_ID_LEN + 1];
	enum peppermint_leak_action action;
};

/*
 * `verdicts` holds `count`: as many as the payload has tokens, in its order; any other number is
 * PM_BAD_REPLY, and the policy's action was taken all the same.
 */
PEPPERMINT_API enum pm_err peppermint_report_leaks(struct peppermint *handle,
						   const struct peppermint_leak_report *report,
						   struct peppermint_leak_verdict *verdicts,
						   size_t count, struct peppermint_call *call);

/* Hashes of values: HMAC-SHA-256 under a named pepper. */

struct peppermint_value {
	const void *data;
	size_t len; /* 1 to 16,384 */
};

struct peppermint_value_hash {
	char text[PEPPERMINT_HASH_TEXT_MAX + 1]; /* v<pepper version>:<base64url> */
};

/* `hashes` holds `count`, in the order of the values. */
PEPPERMINT_API enum pm_err peppermint_hash_values(struct peppermint *handle,
						  const char *environment, const char *pepper,
						  const struct peppermint_value *values,
						  size_t count,
						  struct peppermint_value_hash *hashes,
						  struct peppermint_call *call);

struct peppermint_hash_claim {
	struct peppermint_value value;
	const char *hash; /* as peppermint_hash_values gave it */
};

struct peppermint_hash_verdict {
	bool match;
	bool outdated;     /* it matches under an older pepper: hash again and keep that */
	bool compromised;  /* it matches under a pepper version that is compromised */
	enum pm_err error; /* not PM_OK: no verdict could be reached, and match is false */
	enum pm_reason reason;
};

/* `verdicts` holds `count`, in the order of the claims. */
PEPPERMINT_API enum pm_err peppermint_verify_hashes(struct peppermint *handle,
						    const char *environment, const char *pepper,
						    const struct peppermint_hash_claim *claims,
						    size_t count,
						    struct peppermint_hash_verdict *verdicts,
						    struct peppermint_call *call);

/* Peppers. */

/* Of every version of a master key; vault.proto's PepperState. */
enum peppermint_pepper_state {
	PEPPERMINT_PEPPER_STATE_UNKNOWN = 0, /* of a newer vault */
	PEPPERMINT_PEPPER_STAGED = 1,
	PEPPERMINT_PEPPER_ACTIVE = 2,
	PEPPERMINT_PEPPER_VERIFY_ONLY = 3,
	PEPPERMINT_PEPPER_DESTROYED = 4,
	PEPPERMINT_PEPPER_SUSPENDED = 5,
	PEPPERMINT_PEPPER_COMPROMISED = 6,
	PEPPERMINT_PEPPER_DESTROY_SCHEDULED = 7,
};

struct peppermint_pepper_version {
	uint32_t version;
	enum peppermint_pepper_state state;
	int64_t created_at;
	uint8_t key_id[16];     /* CKA_ID in the token */
	uint8_t check_value[8]; /* of the key */
};

struct peppermint_pepper {
	char environment[PEPPERMINT_ENVIRONMENT_MAX + 1];
	char name[PEPPERMINT_PEPPER_NAME_MAX + 1];
	size_t version_count;
	struct peppermint_pepper_version versions[PEPPERMINT_PEPPER_VERSIONS_MAX];
};

/*
 * `peppers` holds `capacity`; PEPPERMINT_PEPPERS_MAX is always enough. PM_TOO_LARGE if there are
 * more: then *count is their number and nothing is filled in.
 */
PEPPERMINT_API enum pm_err peppermint_list_peppers(struct peppermint *handle,
						   const char *environment,
						   struct peppermint_pepper *peppers,
						   size_t capacity, size_t *count,
						   struct peppermint_call *call);

/* Generates version 1 in the token. A name is 1 to 32 of a-z 0-9 -, beginning with a letter. */
PEPPERMINT_API enum pm_err peppermint_create_pepper(struct peppermint *handle,
						    const char *environment, const char *name,
						    struct peppermint_pepper *pepper,
						    struct peppermint_call *call);

/* Generates the next version and makes it the active one; older ones go on verifying. */
PEPPERMINT_API enum pm_err peppermint_rotate_pepper(struct peppermint *handle,
						    const char *environment, const char *name,
						    struct peppermint_pepper *pepper,
						    struct peppermint_call *call);

/* Status. */

enum peppermint_environment_state {
	PEPPERMINT_ENVIRONMENT_STATE_UNKNOWN = 0, /* of a newer vault */
	PEPPERMINT_ENVIRONMENT_SERVING = 1,
	PEPPERMINT_ENVIRONMENT_HSM_DOWN = 2,
	PEPPERMINT_ENVIRONMENT_HSM_SEALED = 3,
	PEPPERMINT_ENVIRONMENT_REFUSING = 4,
};

enum peppermint_token_state {
	PEPPERMINT_TOKEN_STATE_UNKNOWN = 0, /* of a newer vault */
	PEPPERMINT_TOKEN_READY = 1,
	PEPPERMINT_TOKEN_DOWN = 2,
	PEPPERMINT_TOKEN_SEALED = 3,
	PEPPERMINT_TOKEN_UNFIT =
		4, /* it serves, but lacks keys or has others: it cannot take over */
};

struct peppermint_token_status {
	char label[PEPPERMINT_TEXT_MAX + 1];
	char serial[PEPPERMINT_TEXT_MAX + 1];
	enum peppermint_token_state state;
	bool active;                          /* this one computes */
	char detail[PEPPERMINT_TEXT_MAX + 1]; /* what is wrong and what to do; "" when ready */
	uint32_t restarts;
};

struct peppermint_environment {
	char name[PEPPERMINT_ENVIRONMENT_MAX + 1];
	char key_prefix[PEPPERMINT_PREFIX_MAX + 1];
	enum peppermint_environment_state state;
	char detail[PEPPERMINT_TEXT_MAX + 1]; /* what is wrong and what to do; "" when serving */
	char token_label[PEPPERMINT_TEXT_MAX + 1];
	char token_serial[PEPPERMINT_TEXT_MAX + 1];
	char token_model[PEPPERMINT_TEXT_MAX + 1];
	char token_manufacturer[PEPPERMINT_TEXT_MAX + 1];
	uint64_t keys;
	uint64_t quarantined;
	uint32_t signer_restarts;
	uint32_t orphaned_objects;
	uint32_t key_warnings; /* master keys near or past the end of their cryptoperiod */
	uint32_t sessions;     /* with the token, that compute at the same time */
	bool proven;           /* the token gave a known answer */
	int64_t checked_at;    /* when the check values of all keys were last compared */
	size_t token_count;    /* 0: a vault from before there were two */
	struct peppermint_token_status tokens[PEPPERMINT_TOKENS_MAX];
};

enum peppermint_audit_state {
	PEPPERMINT_AUDIT_STATE_UNKNOWN = 0, /* of a newer vault */
	PEPPERMINT_AUDIT_GOOD = 1,
	PEPPERMINT_AUDIT_UNSIGNED = 2,
	PEPPERMINT_AUDIT_STUCK = 3,
	PEPPERMINT_AUDIT_ALTERED = 4,
};

/* vault.proto's AuditStatus. */
struct peppermint_audit_status {
	enum peppermint_audit_state state;
	char detail[PEPPERMINT_TEXT_MAX + 1];
	uint32_t log;
	char origin[PEPPERMINT_TEXT_MAX + 1];
	uint64_t entries, not_signed, not_witnessed, sink_dropped;
	int64_t signed_at;
};

struct peppermint_status {
	char version[PEPPERMINT_TEXT_MAX + 1]; /* of the daemon */
	uint64_t uptime_seconds;
	size_t environment_count;
	struct peppermint_environment environments[PEPPERMINT_ENVIRONMENTS_MAX];
	struct peppermint_audit_status audit;
};

/* Any caller that the vault knows may ask; it never waits for an HSM. */
PEPPERMINT_API enum pm_err peppermint_get_status(struct peppermint *handle,
						 struct peppermint_status *status,
						 struct peppermint_call *call);

/* The audit log. Entries and notes are bytes as vault.proto has them. */

#define PEPPERMINT_LOGS_MAX 256
#define PEPPERMINT_NOTE_MAX 8192
#define PEPPERMINT_ENTRY_MAX 8192
#define PEPPERMINT_ENTRIES_MAX 1024 /* of one answer */
#define PEPPERMINT_HASHES_MAX 64

/* vault.proto's enum Report: what the reading is for, which the log tells. */
enum peppermint_report {
	PEPPERMINT_REPORT_NONE = 0,
	PEPPERMINT_REPORT_EXPORT = 1,
	PEPPERMINT_REPORT_CRYPTO_INVENTORY = 2,
	PEPPERMINT_REPORT_CRYPTOPERIODS = 3,
	PEPPERMINT_REPORT_CUSTODIANS = 4,
	PEPPERMINT_REPORT_ATTESTATION = 5,
	PEPPERMINT_REPORT_LOG_ACCESS = 6,
	PEPPERMINT_REPORT_CONTROL_FAILURES = 7,
	PEPPERMINT_REPORT_DORMANT_KEYS = 8,
	PEPPERMINT_REPORT_RETENTION = 9,
};

enum peppermint_log_state {
	PEPPERMINT_LOG_STATE_UNKNOWN = 0,
	PEPPERMINT_LOG_OPEN = 1,
	PEPPERMINT_LOG_CLOSED = 2,
	PEPPERMINT_LOG_ABANDONED = 3,
};

struct peppermint_log {
	uint32_t log;
	char origin[PEPPERMINT_TEXT_MAX + 1];
	enum peppermint_log_state state;
	char vkey[512];
	uint64_t entries, minimum;
	int64_t opened_at, closed_at;
	uint64_t checkpoint_size;
	char checkpoint[PEPPERMINT_NOTE_MAX + 1]; /* the newest signed note; "": none yet */
};

/*
 * All logs, oldest first, in as many messages as that takes; `logs` holds `capacity`. PM_TOO_LARGE:
 * there are more, `count`. `known` is a checkpoint's note from before, or NULL: PM_CONFLICT if the
 * vault's log cannot be its continuation.
 */
PEPPERMINT_API enum pm_err peppermint_list_logs(struct peppermint *handle,
						enum peppermint_report report, const char *known,
						struct peppermint_log *logs, size_t capacity,
						size_t *count, struct peppermint_call *call);

/* What an entry must be to be told; NULL or "" or 0 is anything. See vault.proto's ReadLogRequest. */
struct peppermint_log_query {
	enum peppermint_report report;
	uint32_t log;
	uint64_t first;
	uint32_t max;
	const char *type, *environment, *key_id, *account, *operator_name, *caller;
	int64_t since, until;
	bool failures;
};

struct peppermint_log_entry {
	uint64_t index;
	const char *text; /* `len` bytes and a NUL, in the page's room */
	size_t len;
};

/* An answer, with its memory: allocate one and use it again and again. */
struct peppermint_log_page {
	uint32_t log;
	uint64_t next, size;
	size_t count;
	struct peppermint_log_entry entries[PEPPERMINT_ENTRIES_MAX];
	char room[65536 + PEPPERMINT_ENTRIES_MAX];
};

PEPPERMINT_API enum pm_err peppermint_read_log(struct peppermint *handle,
					       const struct peppermint_log_query *query,
					       struct peppermint_log_page *page,
					       struct peppermint_call *call);

struct peppermint_log_proof {
	uint32_t log;
	size_t entry_len, proof_len;
	char entry[PEPPERMINT_ENTRY_MAX + 1];
	char proof[16384]; /* a tlog-proof file */
};

PEPPERMINT_API enum pm_err peppermint_prove_entry(struct peppermint *handle, uint32_t log,
						  uint64_t index,
						  struct peppermint_log_proof *proof,
						  struct peppermint_call *call);

PEPPERMINT_API enum pm_err peppermint_add_cosignature(struct peppermint *handle, uint32_t log,
						      const char *note, uint32_t *cosigned,
						      struct peppermint_call *call);

PEPPERMINT_API enum pm_err peppermint_rotate_log(struct peppermint *handle,
						 struct peppermint_log *log,
						 struct peppermint_call *call);

/* `hashes` holds PEPPERMINT_HASHES_MAX; newest version first. */
PEPPERMINT_API enum pm_err peppermint_hash_text(struct peppermint *handle, const char *environment,
						const char *text,
						struct peppermint_value_hash *hashes, size_t *count,
						struct peppermint_call *call);

enum peppermint_algorithm {
	PEPPERMINT_ALGORITHM_UNKNOWN = 0,
	PEPPERMINT_HMAC_SHA256 = 1,
	PEPPERMINT_ED25519 = 2,
	PEPPERMINT_ECDSA_P256 = 3,
	PEPPERMINT_AES256_GCM = 5,
};

/* A version of a key in a token, as recorded and as the token tells now. */
struct peppermint_master_key {
	char environment[PEPPERMINT_ENVIRONMENT_MAX + 1];
	char purpose[17];
	char name[PEPPERMINT_PEPPER_NAME_MAX + 1];
	uint32_t version;
	enum peppermint_pepper_state state;
	enum peppermint_algorithm algorithm;
	int64_t created_at, changed_at;
	uint8_t key_id[16];
	uint8_t check_value[8];
	bool read_back; /* the token has it and tells the rest */
	bool sensitive, always_sensitive, extractable, never_extractable, local;
};

struct peppermint_caller {
	char name[PEPPERMINT_TEXT_MAX + 1];
	uint32_t uid;
	char roles[PEPPERMINT_TEXT_MAX + 1];        /* space-separated */
	char environments[PEPPERMINT_TEXT_MAX + 1]; /* likewise */
};

#define PEPPERMINT_INVENTORY_KEYS_MAX 512
#define PEPPERMINT_INVENTORY_CALLERS_MAX 256
struct peppermint_inventory {
	size_t key_count, environment_count, caller_count;
	struct peppermint_master_key keys[PEPPERMINT_INVENTORY_KEYS_MAX];
	struct peppermint_environment environments[PEPPERMINT_ENVIRONMENTS_MAX];
	struct peppermint_caller callers[PEPPERMINT_INVENTORY_CALLERS_MAX];
};

PEPPERMINT_API enum pm_err peppermint_get_inventory(struct peppermint *handle,
						    enum peppermint_report report,
						    struct peppermint_inventory *inventory,
						    struct peppermint_call *call);

/* Master keys: the versions of every pepper, integrity key and audit key. */

/* vault.proto's MasterVersion. */
struct peppermint_master {
	char environment[PEPPERMINT_ENVIRONMENT_MAX + 1];
	char purpose[17];
	char name[PEPPERMINT_PEPPER_NAME_MAX + 1];
	uint32_t version;
	enum peppermint_pepper_state state;
	int64_t created_at, activated_at, changed_at;
	int64_t ends_at;    /* a compromised one: it alone vouches for nothing from then on */
	int64_t destroy_at; /* a scheduled one */
	int64_t make_until, verify_until; /* its cryptoperiod; 0: no end */
	uint64_t uses, uses_max;          /* uses_max 0: no limit */
	int64_t last_used_at;
	uint64_t needed;  /* what cannot be verified without it */
	uint64_t wrapped; /* of these: a newer version vouches for them */
	uint64_t ended;   /* others that it made and that verify nothing any more */
	bool rewrapping;  /* the active one: older records are being moved to it */
	uint64_t rewrap_left;
};

/*
 * Ordered by purpose, name and version; of one purpose and name only, unless NULL or "". `masters`
 * holds `capacity`; PM_TOO_LARGE if there are more: then *count is their number and nothing is filled
 * in. Goes over all keys, so it is not for every second.
 */
PEPPERMINT_API enum pm_err peppermint_list_masters(struct peppermint *handle,
						   const char *environment, const char *purpose,
						   const char *name,
						   struct peppermint_master *masters,
						   size_t capacity, size_t *count,
						   struct peppermint_call *call);

/*
 * The key with which another system hashed its API keys, 16 to 64 bytes, into the token. It verifies
 * imported keys and makes nothing new.
 */
PEPPERMINT_API enum pm_err peppermint_import_hmac_key(struct peppermint *handle,
						      const char *environment, const char *name,
						      const struct peppermint_value *value,
						      struct peppermint_master *key,
						      struct peppermint_call *call);

/* vault.proto's MasterVerb, which says what each does. */
enum peppermint_master_verb {
	PEPPERMINT_MASTER_ROTATE = 1,
	PEPPERMINT_MASTER_ACTIVATE = 2,
	PEPPERMINT_MASTER_SUSPEND = 3,
	PEPPERMINT_MASTER_RESUME = 4,
	PEPPERMINT_MASTER_COMPROMISE = 5,
	PEPPERMINT_MASTER_REWRAP = 6,
	PEPPERMINT_MASTER_DESTROY = 7,
	PEPPERMINT_MASTER_CANCEL = 8,
};

struct peppermint_master_change {
	const char *environment;
	const char *purpose; /* empty: pepper */
	const char *name;
	uint32_t version; /* 0: the active one, for those verbs that may be about it */
	enum peppermint_master_verb verb;
	uint32_t after_seconds; /* destroy: 0 is 7 days; compromise: 0 is never */
	bool dry_run;           /* change nothing, say what would happen */
	bool force;             /* destroy a pepper that was used in the last 90 days */
};

/* What was done, or would be. */
struct peppermint_master_outcome {
	struct peppermint_master before; /* version 0: there was none */
	struct peppermint_master after;  /* likewise, after a dry run that made none */
	uint64_t affected;               /* records that move, or need it */
	char text[PEPPERMINT_TEXT_MAX + 1];
};

/* PM_CONFLICT: its state, or records that need it, forbid that; the call's message says which. */
PEPPERMINT_API enum pm_err peppermint_change_master(struct peppermint *handle,
						    const struct peppermint_master_change *change,
						    struct peppermint_master_outcome *result,
						    struct peppermint_call *call);

/* Tokens. */

enum peppermint_proof {
	PEPPERMINT_PROOF_NOT_TRIED = 0,
	PEPPERMINT_PROOF_GOOD = 1, /* it gave the right answer */
	PEPPERMINT_PROOF_BAD = 2,  /* it failed or gave a wrong one */
};

struct peppermint_mechanism {
	char name[64];
	uint64_t type;
	bool announced; /* by the module, which proves nothing */
	enum peppermint_proof proof;
	bool enforced; /* the token holds a key to its CKA_ALLOWED_MECHANISMS */
};

/* A key in a token, with its attributes as they are read back now. */
struct peppermint_object {
	uint8_t key_id[16]; /* CKA_ID */
	char label[128];
	enum peppermint_algorithm algorithm;
	bool sensitive, always_sensitive, extractable, never_extractable, local, sign;
	bool is_private, modifiable, destroyable, restricted;
	bool sound;                         /* as the vault makes them */
	uint32_t version;                   /* of the record that names it; 0: an orphan */
	enum peppermint_pepper_state state; /* that record's */
};

struct peppermint_token {
	char label[PEPPERMINT_TEXT_MAX + 1];
	char serial[PEPPERMINT_TEXT_MAX + 1];
	char model[PEPPERMINT_TEXT_MAX + 1];
	char manufacturer[PEPPERMINT_TEXT_MAX + 1];
	char firmware[16], hardware[16];
	uint64_t flags;               /* CK_TOKEN_INFO's */
	uint64_t max_sessions;        /* 0: not told, or no limit */
	uint64_t free_private_memory; /* bytes; UINT64_MAX: not told */
	uint32_t sessions;
	bool active, session_copies;
	bool not_certified; /* SoftHSM: for trying things */
	size_t mechanism_count, object_count;
	struct peppermint_mechanism mechanisms[PEPPERMINT_MECHANISMS_MAX];
	struct peppermint_object objects[PEPPERMINT_OBJECTS_MAX];
};

/* `index` 0 is the configured token, 1 its standby. */
PEPPERMINT_API enum pm_err peppermint_inspect_token(struct peppermint *handle,
						    const char *environment, uint32_t index,
						    struct peppermint_token *token,
						    struct peppermint_call *call);

/*
 * An object that no record names: `adopt` makes a record for it, else it is destroyed. With `dry_run`
 * it is only shown.
 */
PEPPERMINT_API enum pm_err peppermint_settle_orphan(struct peppermint *handle,
						    const char *environment,
						    const uint8_t key_id[16], bool adopt,
						    bool dry_run, struct peppermint_object *object,
						    struct peppermint_call *call);

/* PINs of 1 to PEPPERMINT_PIN_MAX bytes; they stay the caller's, who wipes them. */

/* At once, and until peppermint_unseal. */
PEPPERMINT_API enum pm_err peppermint_seal(struct peppermint *handle, const char *environment,
					   struct peppermint_call *call);

/*
 * PM_OK: the token took the PIN; the environment serves once its keys are checked. PM_CONFLICT: it is
 * not sealed. PM_SEALED: the token refused the PIN, which was tried once. It is not tried again under
 * the same request id; and after some refusals a token locks itself, so do not repeat it under another.
 * PM_OUTCOME_UNKNOWN: no answer came. The library sends no PIN twice; see the environment's status.
 */
PEPPERMINT_API enum pm_err peppermint_unseal(struct peppermint *handle, const char *environment,
					     const struct peppermint_value *pin,
					     struct peppermint_call *call);

/*
 * PM_DENIED: the token refused the old PIN, which was tried once. PM_OUTCOME_UNKNOWN: it has the old
 * one or the new one.
 */
PEPPERMINT_API enum pm_err peppermint_change_pin(struct peppermint *handle, const char *environment,
						 const struct peppermint_value *old_pin,
						 const struct peppermint_value *new_pin,
						 struct peppermint_call *call);

/* Keys in other texts. */

/*
 * An API key of any vault, as a POSIX extended regular expression: for scanners of code and of logs.
 * The part behind the last underscore is the secret.
 */
#define PEPPERMINT_KEY_REGEX "[0-9A-Za-z_]{1,15}_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}"

/*
 * For log lines: overwrites the secret of everything in `text` that is shaped so with as many `*`, and
 * leaves prefix and key id. Returns how many there were. A key that is cut off, or encoded as in
 * `Authorization: Basic`, is not recognised: redact before cutting and encoding. Linear in `len`,
 * allocates nothing; any thread.
 */
PEPPERMINT_API size_t peppermint_redact(char *text, size_t len);

#ifdef __cplusplus
}
#endif
#endif
