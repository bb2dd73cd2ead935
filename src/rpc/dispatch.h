/*
 * The one table of calls: what vault.proto's service lists, in its order, with who may call and
 * whether it changes anything. A call of the service without a row here does not compile.
 */
#ifndef RPC_DISPATCH_H
#define RPC_DISPATCH_H

#include <stdint.h>

#include "base/err.h"
#include "peppermint/v1/vault.pb-c.h"
#include "rpc/rpc.h"

struct call;

/* For a row's roles: every caller that the configuration names, with or without a role. */
#define ROLE_NONE_NEEDED (1u << 31)

enum rpc_kind {
	RPC_READS,
	RPC_WRITES, /* needs a request_id and is executed at most once for it */
};

/* What of the vault a call is about, and so what the caller must be allowed to use. */
enum rpc_scope {
	SCOPE_ENVIRONMENT, /* the one that the request names in its first field */
	SCOPE_PIN,         /* likewise, with a PIN: whatever comes of it is kept for repeats */
	SCOPE_VAULT,       /* all of it: a caller of every environment */
	SCOPE_NONE,        /* the caller's own */
};

/*
 * NONE and VAULT rows belong to no environment; X and PIN rows to one.
 * X(Name, name, NAME, roles of which one is needed, kind)
 */
#define RPCS(NONE, VAULT, X, PIN)                                                                  \
	NONE(Status, status, STATUS, ROLE_NONE_NEEDED, RPC_READS)                                  \
	X(MintKey, mint_key, MINT_KEY, ROLE_ISSUER | ROLE_PORTAL, RPC_WRITES)                      \
	X(VerifyKeys, verify_keys, VERIFY_KEYS, ROLE_VERIFIER, RPC_READS)                          \
	X(GetKey, get_key, GET_KEY, ROLE_ISSUER | ROLE_PORTAL | ROLE_AUDITOR, RPC_READS)           \
	X(ListKeys, list_keys, LIST_KEYS, ROLE_ISSUER | ROLE_PORTAL | ROLE_AUDITOR, RPC_READS)     \
	X(RotateKey, rotate_key, ROTATE_KEY, ROLE_ISSUER | ROLE_PORTAL, RPC_WRITES)                \
	X(RevokeKey, revoke_key, REVOKE_KEY, ROLE_ISSUER | ROLE_PORTAL, RPC_WRITES)                \
	X(Hash, hash, HASH, ROLE_HASHER, RPC_READS)                                                \
	X(VerifyHash, verify_hash, VERIFY_HASH, ROLE_HASHER, RPC_READS)                            \
	X(ListPeppers, list_peppers, LIST_PEPPERS, ROLE_CUSTODIAN | ROLE_AUDITOR, RPC_READS)       \
	X(CreatePepper, create_pepper, CREATE_PEPPER, ROLE_CUSTODIAN, RPC_WRITES)                  \
	X(RotatePepper, rotate_pepper, ROTATE_PEPPER, ROLE_CUSTODIAN, RPC_WRITES)                  \
	VAULT(ListLogs, list_logs, LIST_LOGS, ROLE_AUDITOR, RPC_READS)                             \
	VAULT(ReadLog, read_log, READ_LOG, ROLE_AUDITOR, RPC_READS)                                \
	VAULT(ProveEntry, prove_entry, PROVE_ENTRY, ROLE_AUDITOR, RPC_READS)                       \
	VAULT(AddCosignature, add_cosignature, ADD_COSIGNATURE, ROLE_AUDITOR, RPC_WRITES)          \
	VAULT(RotateLog, rotate_log, ROTATE_LOG, ROLE_CUSTODIAN, RPC_WRITES)                       \
	X(HashText, hash_text, HASH_TEXT, ROLE_AUDITOR, RPC_READS)                                 \
	VAULT(GetInventory, get_inventory, GET_INVENTORY, ROLE_AUDITOR, RPC_READS)                 \
	X(ListMasters, list_masters, LIST_MASTERS, ROLE_CUSTODIAN | ROLE_AUDITOR, RPC_READS)       \
	X(ChangeMaster, change_master, CHANGE_MASTER, ROLE_CUSTODIAN, RPC_WRITES)                  \
	X(InspectToken, inspect_token, INSPECT_TOKEN, ROLE_CUSTODIAN | ROLE_AUDITOR, RPC_READS)    \
	X(SettleOrphan, settle_orphan, SETTLE_ORPHAN, ROLE_CUSTODIAN, RPC_WRITES)                  \
	PIN(Seal, seal, SEAL, ROLE_CUSTODIAN, RPC_WRITES)                                          \
	PIN(Unseal, unseal, UNSEAL, ROLE_CUSTODIAN, RPC_WRITES)                                    \
	PIN(ChangePin, change_pin, CHANGE_PIN, ROLE_CUSTODIAN, RPC_WRITES)                         \
	X(UpdateKey, update_key, UPDATE_KEY, ROLE_ISSUER | ROLE_PORTAL, RPC_WRITES)                \
	X(ResetSecret, reset_secret, RESET_SECRET, ROLE_ISSUER | ROLE_PORTAL, RPC_WRITES)          \
	X(RollbackKey, rollback_key, ROLLBACK_KEY, ROLE_ISSUER | ROLE_PORTAL, RPC_WRITES)          \
	X(VerifySecret, verify_secret, VERIFY_SECRET, ROLE_ISSUER | ROLE_PORTAL | ROLE_VERIFIER,   \
	  RPC_READS)                                                                               \
	X(RevealKey, reveal_key, REVEAL_KEY, ROLE_ISSUER | ROLE_PORTAL, RPC_WRITES)                \
	X(Confirm, confirm, CONFIRM, ROLE_ISSUER | ROLE_PORTAL, RPC_READS)                         \
	X(CreateAccount, create_account, CREATE_ACCOUNT, ROLE_STAFF, RPC_WRITES)                   \
	X(UpdateAccount, update_account, UPDATE_ACCOUNT, ROLE_STAFF, RPC_WRITES)                   \
	X(GetAccount, get_account, GET_ACCOUNT, ROLE_STAFF | ROLE_PORTAL | ROLE_AUDITOR,           \
	  RPC_READS)                                                                               \
	X(ListAccounts, list_accounts, LIST_ACCOUNTS, ROLE_STAFF | ROLE_AUDITOR, RPC_READS)        \
	X(CreateOperator, create_operator, CREATE_OPERATOR, ROLE_STAFF | ROLE_PORTAL, RPC_WRITES)  \
	X(UpdateOperator, update_operator, UPDATE_OPERATOR, ROLE_STAFF | ROLE_PORTAL, RPC_WRITES)  \
	X(ListOperators, list_operators, LIST_OPERATORS, ROLE_STAFF | ROLE_PORTAL | ROLE_AUDITOR,  \
	  RPC_READS)                                                                               \
	X(ChangeOperatorPin, change_operator_pin, CHANGE_OPERATOR_PIN, ROLE_STAFF | ROLE_PORTAL,   \
	  RPC_WRITES)                                                                              \
	X(ImportKeys, import_keys, IMPORT_KEYS, ROLE_STAFF, RPC_WRITES)                            \
	X(ImportHmacKey, import_hmac_key, IMPORT_HMAC_KEY, ROLE_CUSTODIAN, RPC_WRITES)             \
	VAULT(ReportLeaks, report_leaks, REPORT_LEAKS, ROLE_STAFF, RPC_WRITES)

/* Each handler makes one domain call and fills the reply from the call's arena. */
#define DECLARE_HANDLER(Name, name, NAME, roles, kind)                                             \
	enum pm_err handle_##name(struct call *call,                                               \
				  const Peppermint__V1__##Name##Request *request,                  \
				  Peppermint__V1__##Name##Reply *reply) NODISCARD;
RPCS(DECLARE_HANDLER, DECLARE_HANDLER, DECLARE_HANDLER, DECLARE_HANDLER)
#undef DECLARE_HANDLER

struct rpc_row {
	const char *name;
	uint32_t roles;
	enum rpc_kind kind;
	enum rpc_scope scope;
	const ProtobufCMessageDescriptor *request;
	enum pm_err (*enter)(struct call *call); /* makes the reply and calls the handler */
};

/* What the request of every call of one environment begins with. */
struct rpc_request {
	ProtobufCMessage base;
	char *environment;
};

/* NULL: this vault does not know that call. */
const struct rpc_row *dispatch_find(uint32_t number);

#endif
