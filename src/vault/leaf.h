/*
 * A leaf: what one entry of the audit log tells. The catalogue of their types is closed: it is the
 * list below, and doc/audit-log.md explains each. A leaf is one flat JSON object. Every one has
 *
 *	ts, type, ok            when (RFC 3339 UTC), what kind, success or failure (then err as well)
 *	caller, uid, pid, operator   who; the vault itself is caller `peppermintd`; no operator is `-`
 *	from                    where from: the socket and the connection's number, or `local`
 *	env, and key, pepper, account …   what: env (`-` when it is none's) and what the type names
 *	request, policy         the request id, `-` without one; the configuration's revision
 *
 * so that none of PCI DSS 10.2.2's six is ever empty. Texts that a caller gave (operator, account,
 * product, name, request id, names and ids that do not exist) are *hidden*: they stand as
 * v<version>:<base64url of HMAC-SHA-256 under the environment's audit key>, or as `hidden` when the
 * HSM does not answer and nothing else depends on it.
 */
#ifndef VAULT_LEAF_H
#define VAULT_LEAF_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "hsm/hsm.h"
#include "store/store.h"
#include "vault/vault.h"

struct audit;
struct environment;

/* X(enumerator, type, what it tells) */
#define LEAF_TYPES(X)                                                                              \
	X(LOG_OPEN, "log.open", "a log begins: program, configuration")                            \
	X(LOG_CLOSE, "log.close", "a log ends: next_origin and next_vkey continue it")             \
	X(LOG_DAMAGE, "log.damage", "entries were altered or lost outside the vault")              \
	X(LOG_RESUME, "log.resume", "entries can be kept again, after a time when they could not") \
	X(LOG_PRUNE, "log.prune", "entries below `minimum` were removed, being old enough")        \
	X(LOG_READ, "log.read", "the log was read")                                                \
	X(LOG_COSIGN, "log.cosign", "a witness's cosignature of a checkpoint was taken")           \
	X(VAULT_START, "vault.start", "the daemon started: version and hash of the program")       \
	X(VAULT_STOP, "vault.stop", "the daemon stops")                                            \
	X(CONFIG_READ, "config.read", "the configuration was read")                                \
	X(ENV_SERVE, "env.serve", "an environment's token was checked and serves")                 \
	X(ENV_REFUSE, "env.refuse", "token and database do not belong together; refused")          \
	X(ENV_PROVISION, "env.provision", "a new environment was tied to its token")               \
	X(ENV_STANDBY, "env.standby", "a standby token was checked and tied to the environment")   \
	X(HSM_FAULT, "hsm.fault", "the HSM or its signer failed")                                  \
	X(HSM_RECOVER, "hsm.recover", "it answers again")                                          \
	X(HSM_SWITCH, "hsm.switch", "another token computes from now on: `to`")                    \
	X(HSM_SEAL, "hsm.seal", "sealed: by Seal, or it cannot start without somebody's doing")    \
	X(HSM_UNSEAL, "hsm.unseal", "unsealed")                                                    \
	X(HSM_PIN, "hsm.pin", "the PIN was refused; it is not tried again")                        \
	X(HSM_CHANGE_PIN, "hsm.change-pin", "ChangePin")                                           \
	X(TOKEN_READ, "token.read", "InspectToken")                                                \
	X(ORPHAN_ADOPT, "orphan.adopt", "an object that no record named got one, VERIFY_ONLY")     \
	X(ORPHAN_DESTROY, "orphan.destroy", "an object that no record named was destroyed")        \
	X(ORPHAN_REFUSE, "orphan.refuse", "SettleOrphan was refused or failed")                    \
	X(MASTER_STAGE, "master.stage", "a key is about to be generated in the token")             \
	X(MASTER_ACTIVATE, "master.activate", "it was generated, read back, and is in use")        \
	X(MASTER_RETIRE, "master.retire", "a version only verifies from now on")                   \
	X(MASTER_ABANDON, "master.abandon",                                                        \
	  "a version was never finished; its number is not used")                                  \
	X(MASTER_ROTATE, "master.rotate", "a key that is no pepper was rotated")                   \
	X(MASTER_SUSPEND, "master.suspend", "a version vouches for nothing until it is resumed")   \
	X(MASTER_RESUME, "master.resume", "a suspended version verifies again")                    \
	X(MASTER_COMPROMISE, "master.compromise", "a version is known, or feared, to be known")    \
	X(MASTER_SCHEDULE, "master.schedule", "a version is to be destroyed at `destroy_at`")      \
	X(MASTER_CANCEL, "master.cancel", "and is not: `after` is what it was before")             \
	X(MASTER_DESTROY, "master.destroy", "a version was destroyed in every token")              \
	X(MASTER_WARN, "master.warn", "a version is near, or past, the end of its cryptoperiod")   \
	X(MASTER_READ, "master.read", "ListMasters")                                               \
	X(MASTER_REFUSE, "master.refuse", "ChangeMaster was refused or failed")                    \
	X(MASTER_REWRAP, "master.rewrap", "records are to be moved to the active version")         \
	X(MASTER_REWRAPPED, "master.rewrapped",                                                    \
	  "no record that could be moved to the active version is left")                           \
	X(RECORD_RESEAL, "record.reseal", "records were sealed anew under that integrity version") \
	X(PEPPER_CREATE, "pepper.create", "CreatePepper")                                          \
	X(PEPPER_ROTATE, "pepper.rotate", "RotatePepper")                                          \
	X(LOG_ROTATE, "log.rotate", "RotateLog")                                                   \
	X(KEY_MINT, "key.mint", "MintKey")                                                         \
	X(KEY_ROTATE, "key.rotate", "RotateKey")                                                   \
	X(KEY_REVOKE, "key.revoke", "RevokeKey")                                                   \
	X(KEY_RESET, "key.reset", "ResetSecret")                                                   \
	X(KEY_ROLLBACK, "key.rollback",                                                            \
	  "RollbackKey: the previous secret is the current one again")                             \
	X(KEY_UPDATE, "key.update", "UpdateKey")                                                   \
	X(KEY_FIRST_USE, "key.first-use",                                                          \
	  "a rotated secret was used: the old one's overlap begins")                               \
	X(KEY_CHECK, "key.check", "VerifySecret")                                                  \
	X(KEY_REVEAL, "key.reveal", "RevealKey")                                                   \
	X(KEY_EXPIRING, "key.expiring", "a key ends soon")                                         \
	X(KEY_IMPORT, "key.import", "keys of another system were taken over")                      \
	X(KEY_LEAK, "key.leak", "a key's text was found in public")                                \
	X(IMPORT_KEY, "import.key", "ImportHmacKey")                                               \
	X(ACCOUNT_CREATE, "account.create", "CreateAccount")                                       \
	X(ACCOUNT_UPDATE, "account.update", "UpdateAccount")                                       \
	X(ACCOUNT_READ, "account.read", "GetAccount or ListAccounts")                              \
	X(ACCOUNT_REVOKE, "account.revoke", "keys of a closed account were revoked")               \
	X(OPERATOR_CREATE, "operator.create", "CreateOperator")                                    \
	X(OPERATOR_UPDATE, "operator.update", "UpdateOperator")                                    \
	X(OPERATOR_READ, "operator.read", "ListOperators")                                         \
	X(OPERATOR_PIN, "operator.pin", "ChangeOperatorPin")                                       \
	X(PIN_WRONG, "pin.wrong", "an operator's PIN was wrong")                                   \
	X(PIN_LOCK, "pin.lock", "an operator's PIN is locked for a time")                          \
	X(ACT_CONFIRM, "act.confirm", "Confirm")                                                   \
	X(ACT_REFUSE, "act.refuse", "whoever is acted for may not do that")                        \
	X(KEY_MOVE, "key.move", "a verified secret moved to the active pepper version")            \
	X(KEY_REWRAP, "key.rewrap", "dormant secrets were wrapped under that pepper version")      \
	X(KEY_VERIFY, "key.verify", "a key was verified, or `count` times in a minute")            \
	X(KEY_REFUSE, "key.refuse", "a key was refused: `reason`")                                 \
	X(KEY_READ, "key.read", "GetKey or ListKeys")                                              \
	X(KEY_QUARANTINE, "key.quarantine", "a stored row does not bear the vault's seal")         \
	X(VALUE_HASH, "value.hash", "values were hashed")                                          \
	X(VALUE_VERIFY, "value.verify", "hashes were verified and matched")                        \
	X(VALUE_REFUSE, "value.refuse", "a value did not match its hash")                          \
	X(PEPPER_READ, "pepper.read", "ListPeppers")                                               \
	X(TEXT_HASH, "text.hash", "a text was hashed to look for it in the log")                   \
	X(INVENTORY_READ, "inventory.read", "keys and callers were read for a report")             \
	X(CALL_REFUSE, "call.refuse", "a caller without the role or the environment was refused")  \
	X(CALL_UNKNOWN, "call.unknown", "a connection of a uid that the configuration lacks")

enum leaf_type {
#define LEAF_X(name, type, text) LEAF_##name,
	LEAF_TYPES(LEAF_X)
#undef LEAF_X
		LEAF_TYPE_COUNT
};

const char *leaf_type_name(enum leaf_type type);

#define LEAVES_MAX STORE_CHANGES_MAX /* of one commit */
#define LEAF_HIDDEN_MAX 6
#define LEAF_COVER_ROOM 256

struct leaf {
	struct leaf_record record; /* for the store, after leaf_end */
	enum pm_err broken; /* something did not fit or there was no memory: leaf_end says it */
	json_t *fields;
	struct environment *env;
	struct hidden {
		const char *field;
		const char *text; /* lent until the leaf is ended */
		uint32_t version; /* of the audit key */
		bool awaited;     /* its HMAC, from leaf_jobs until leaf_take_jobs */
		char tag[VAULT_HASH_TEXT_MAX + 1]; /* "" until it is known */
		uint8_t room[LEAF_COVER_ROOM];
	} hidden[LEAF_HIDDEN_MAX];
	size_t hidden_count;
	struct store_receipt receipt;
	char text[STORE_LEAF_TEXT_MAX];
};

/*
 * Begins a leaf for what `actor` does, or for what the vault does by itself (NULL). `env` may be
 * NULL: then texts are hidden under the key of audit_environment. The operator and the request id of
 * the actor become hidden texts. The rest fills in what it acts on.
 *
 * Declare it CLEANUP(leaf_drop) where nothing returns before it is begun.
 */
void leaf_begin(struct leaf *leaf, enum leaf_type type, const struct actor *actor,
		struct audit *audit, struct environment *env);
void leaf_drop(struct leaf *leaf);

/* Our own texts and numbers: ids that exist, names of the configuration, reasons. */
void leaf_text(struct leaf *leaf, const char *field, const char *text);
void leaf_number(struct leaf *leaf, const char *field, int64_t number);
void leaf_flag(struct leaf *leaf, const char *field, bool flag);
/* Seconds since 1970, as RFC 3339. */
void leaf_time(struct leaf *leaf, const char *field, int64_t seconds);
/* A caller's; "" is left out. */
void leaf_hide(struct leaf *leaf, const char *field, const char *text);
/* ok becomes false, err the error's name. */
void leaf_fail(struct leaf *leaf, enum pm_err err);

/*
 * The HMACs that its hidden texts need beyond those that are known already (texts come back: a small
 * table per environment remembers them). For whoever sends them along with other jobs: at most
 * LEAF_HIDDEN_MAX, then leaf_take_jobs gives their results. With no active audit key: none, and the
 * texts stay `hidden`.
 */
size_t leaf_jobs(struct leaf *leaf, struct hsm_job jobs[LEAF_HIDDEN_MAX]);
void leaf_take_jobs(struct leaf *leaf, const struct hsm_job *jobs, size_t count);

/* What such an HMAC covers. */
void leaf_cover(const struct environment *env, const char *text, struct buf *buf);

/* The same alone. Never fails: what the HSM does not answer in time stays `hidden`. */
void leaf_resolve(struct leaf *leaf, int64_t deadline);

/* Those of the leaves that are hidden under the environment's key, in one frame; at most LEAVES_MAX. */
void leaves_resolve(struct leaf *leaves, size_t count, struct environment *env, int64_t deadline);

/*
 * Of leaves that tell of one act: the tags of `from`, which is resolved, for the same texts in `leaf`.
 */
void leaf_take_tags(struct leaf *leaf, const struct leaf *from);

/* The text for the store: sets leaf->record. PM_NO_MEMORY, PM_TOO_LARGE. */
enum pm_err leaf_end(struct leaf *leaf) NODISCARD;

#endif
