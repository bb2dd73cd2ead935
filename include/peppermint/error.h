/*
 * Peppermint's error codes and refusal reasons: the numbers are those on the wire (vault.proto's
 * enums Error and Reason; the daemon does not build if they differ), so the lists only grow at
 * their ends and a number is never reused. Part of the public C API; no function here allocates.
 */
#ifndef PEPPERMINT_ERROR_H
#define PEPPERMINT_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/* What the shared library exports; it hides everything else. */
#define PEPPERMINT_API __attribute__((visibility("default")))

/* X(name, number, text for people: what is wrong and what to do next) */
#define PEPPERMINT_ERRORS(X)                                                                       \
	X(OK, 0, "done")                                                                           \
	X(BAD_REQUEST, 1, "the request is malformed; see vault.proto for what it must hold")       \
	X(UNKNOWN_RPC, 2, "this vault does not know that call; it may be older than the client")   \
	X(VERSION_UNSUPPORTED, 3, "this vault does not speak that protocol version")               \
	X(DENIED, 4, "this caller has no role for that; ask the vault's administrator")            \
	X(NOT_FOUND, 5, "there is nothing by that name or id")                                     \
	X(ALREADY_EXISTS, 6, "something by that name or id exists already")                        \
	X(CONFLICT, 7, "the record's state forbids it or somebody changed it; read it and retry")  \
	X(ALREADY_DONE, 8, "this request id was executed before; its secret is not shown again")   \
	X(BUSY, 9, "the vault is at its limit; retry in a moment")                                 \
	X(DEADLINE_EXCEEDED, 10, "the deadline passed before the work was done; nothing changed")  \
	X(TOO_LARGE, 11, "the message, list or string is over its limit")                          \
	X(HSM_UNAVAILABLE, 12, "the environment's HSM does not answer; retry in a moment")         \
	X(SEALED, 13, "the environment has no PIN or its PIN was refused; see the vault's log")    \
	X(STORE_UNAVAILABLE, 14, "the database does not accept that now; see the vault's log")     \
	X(STORE_DAMAGED, 15, "the database is damaged; restore it from a backup")                  \
	X(RECORD_QUARANTINED, 16, "the record does not bear the vault's seal and is not used")     \
	X(TOKEN_MISMATCH, 17,                                                                      \
	  "the token and the database do not belong together; nothing is used")                    \
	X(OUTCOME_UNKNOWN, 18, "it may or may not have been done; ask again with the same id")     \
	X(SHUTTING_DOWN, 19, "the vault is stopping; retry when it is back")                       \
	X(NO_MEMORY, 20, "the vault is out of (locked) memory; retry in a moment")                 \
	X(INTERNAL, 21, "the vault made an error; see its log")                                    \
	X(CONFIG, 22, "the configuration or the set-up is wrong; see the message")                 \
	X(UNREACHABLE, 23, "no vault answers at that socket; is peppermintd running?")             \
	X(BAD_REPLY, 24, "the answer could not be read; is it a vault at that socket?")            \
	X(AUDIT_BLOCKED, 25, "the audit log takes no entries, so nothing is done; see Status")     \
	X(KEY_PERIOD_OVER, 26, "the master key is past its cryptoperiod; rotate it")               \
	X(STEP_UP_REQUIRED, 27, "this needs a confirmation and the operator's PIN; see Confirm")   \
	X(PIN_WRONG, 28, "the operator's PIN is wrong; that was counted")                          \
	X(PIN_LOCKED, 29, "too many wrong PINs; wait until the lock ends")                         \
	X(RATE_LIMITED, 30, "too often for this key; wait a moment")                               \
	X(ACCOUNT_NOT_APPROVED, 31, "the account is not approved")                                 \
	X(PRODUCT_NOT_ENABLED, 32, "the product is not enabled for the account")

/* Why a key or a hash was refused: for the trusted caller's own log, never for the public. */
#define PEPPERMINT_REASONS(X)                                                                      \
	X(NONE, 0, "not refused")                                                                  \
	X(MISSING, 1, "no key was presented")                                                      \
	X(MALFORMED, 2, "the text is not an API key of this vault")                                \
	X(BAD_CHECKSUM, 3, "mistyped or truncated: the check characters do not match")             \
	X(WRONG_ENVIRONMENT, 4, "the key belongs to another environment")                          \
	X(UNKNOWN_KEY, 5, "no key has that id")                                                    \
	X(WRONG_SECRET, 6, "the key id exists, the secret is not its secret")                      \
	X(SUPERSEDED, 7, "the secret was rotated away and its overlap has ended")                  \
	X(REVOKED, 8, "the key was revoked")                                                       \
	X(EXPIRED, 9, "the key has expired")                                                       \
	X(QUARANTINED, 10, "the stored record does not bear the vault's seal")                     \
	X(UNKNOWN_VERSION, 11, "the hash names a pepper version that does not exist")              \
	X(MISMATCH, 12, "the value does not match the hash")                                       \
	X(NOT_CHECKED, 13, "not looked at: the item's error says why")                             \
	X(PEPPER_SUSPENDED, 14, "the pepper version that vouches for it is suspended")             \
	X(PEPPER_ENDED, 15, "the pepper version that vouches for it is past its end")              \
	X(NOT_YET, 16, "the key is not valid yet")                                                 \
	X(DISABLED, 17, "the key is disabled")                                                     \
	X(ACCOUNT_INACTIVE, 18, "the key's account is not approved now")                           \
	X(ACCOUNT_IS_CLOSED, 19, "the key's account was closed")                                   \
	X(PRODUCT_DISABLED, 20, "the key's product is not enabled for its account")                \
	X(WRONG_PRODUCT, 21, "the key is for another product")                                     \
	X(SCOPE_MISSING, 22, "the key lacks a scope that is asked for")                            \
	X(ADDRESS_DENIED, 23, "the key may not be used from that address")                         \
	X(WRONG_MERCHANT, 24, "the user name is not that of the key's account")                    \
	X(SEVERAL_CREDENTIALS, 25, "more than one credential in one request")

enum pm_err {
#define PM_X(name, number, text) PM_##name = (number),
	PEPPERMINT_ERRORS(PM_X)
#undef PM_X
};

enum pm_reason {
#define PM_X(name, number, text) PM_REASON_##name = (number),
	PEPPERMINT_REASONS(PM_X)
#undef PM_X
};

/* The one message the public may see for any refused key. */
#define PEPPERMINT_PUBLIC_REFUSAL "Invalid or missing API key"

/* The code's name, such as "HSM_UNAVAILABLE"; "UNKNOWN" for a number from a newer vault. */
PEPPERMINT_API const char *peppermint_error_name(enum pm_err err);

/* What is wrong and what to do next, one line. Static storage, like all below. */
PEPPERMINT_API const char *peppermint_error_text(enum pm_err err);

PEPPERMINT_API const char *peppermint_reason_name(enum pm_reason reason);
PEPPERMINT_API const char *peppermint_reason_text(enum pm_reason reason);

#ifdef __cplusplus
}
#endif
#endif
