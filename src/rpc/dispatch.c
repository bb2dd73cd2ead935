#include "dispatch.h"

#include <stddef.h>

#include "call.h"
#include "vault/audit.h"
#include "vault/vault.h"
#include "wire.h"

/* Every method of the generated service has a row, in the same order. */
#define METHOD(Name, name, NAME, roles, kind) void (*name)(void);
struct rows {
	ProtobufCService base;
	RPCS(METHOD, METHOD, METHOD, METHOD)
};
#undef METHOD
_Static_assert(sizeof(struct rows) == sizeof(Peppermint__V1__Vault_Service),
	       "RPCS and vault.proto's service have the same number of calls");

/* A row's number is its call's in Request and its result's in Reply, and it can be told apart. */
#define CHECK_ROW(Name, name, NAME, roles, kind)                                                   \
	_Static_assert(offsetof(struct rows, name) ==                                              \
			       offsetof(Peppermint__V1__Vault_Service, name),                      \
		       #Name " stands where vault.proto's service has it");                        \
	_Static_assert((int)PEPPERMINT__V1__REQUEST__CALL_##NAME ==                                \
			       (int)PEPPERMINT__V1__REPLY__RESULT_##NAME,                          \
		       #Name " has one number");                                                   \
	_Static_assert(PEPPERMINT__V1__REQUEST__CALL_##NAME >= WIRE_CALL_FIRST &&                  \
			       PEPPERMINT__V1__REQUEST__CALL_##NAME <= WIRE_CALL_LAST,             \
		       #Name " is numbered as a call");
#define CHECK_LOCAL(Name, name, NAME, roles, kind)                                                 \
	CHECK_ROW(Name, name, NAME, roles, kind)                                                   \
	_Static_assert(offsetof(Peppermint__V1__##Name##Request, environment) ==                   \
			       offsetof(struct rpc_request, environment),                          \
		       #Name " begins with its environment");
RPCS(CHECK_ROW, CHECK_ROW, CHECK_LOCAL, CHECK_LOCAL)

#define CHECK_ERROR(name, number, text)                                                            \
	_Static_assert((int)PM_##name == (int)PEPPERMINT__V1__ERROR__##name, #name);
PEPPERMINT_ERRORS(CHECK_ERROR)
#define CHECK_REASON(name, number, text)                                                           \
	_Static_assert((int)PM_REASON_##name == (int)PEPPERMINT__V1__REASON__##name, #name);
PEPPERMINT_REASONS(CHECK_REASON)

#define CHECK_STATE(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #ours);
CHECK_STATE(KEY_ACTIVE, PEPPERMINT__V1__KEY_STATE__KEY_ACTIVE)
CHECK_STATE(KEY_EXPIRED, PEPPERMINT__V1__KEY_STATE__KEY_EXPIRED)
CHECK_STATE(KEY_REVOKED, PEPPERMINT__V1__KEY_STATE__KEY_REVOKED)
CHECK_STATE(KEY_QUARANTINED, PEPPERMINT__V1__KEY_STATE__KEY_QUARANTINED)
CHECK_STATE(KEY_NOT_YET, PEPPERMINT__V1__KEY_STATE__KEY_NOT_YET)
CHECK_STATE(KEY_DISABLED, PEPPERMINT__V1__KEY_STATE__KEY_DISABLED)
CHECK_STATE(SORT_START, PEPPERMINT__V1__KEY_SORT__SORT_START)
CHECK_STATE(SORT_CREATED, PEPPERMINT__V1__KEY_SORT__SORT_CREATED)
CHECK_STATE(SORT_EXPIRES, PEPPERMINT__V1__KEY_SORT__SORT_EXPIRES)
CHECK_STATE(SORT_NAME, PEPPERMINT__V1__KEY_SORT__SORT_NAME)
CHECK_STATE(SORT_REFERENCE, PEPPERMINT__V1__KEY_SORT__SORT_REFERENCE)
CHECK_STATE(SORT_ID, PEPPERMINT__V1__KEY_SORT__SORT_ID)
CHECK_STATE(SORT_STATE, PEPPERMINT__V1__KEY_SORT__SORT_STATE)
CHECK_STATE(SORT_PRODUCT, PEPPERMINT__V1__KEY_SORT__SORT_PRODUCT)
CHECK_STATE(SORT_MASKED, PEPPERMINT__V1__KEY_SORT__SORT_MASKED)
CHECK_STATE(SORT_CREATED_BY, PEPPERMINT__V1__KEY_SORT__SORT_CREATED_BY)
CHECK_STATE(SORT_LAST_USED, PEPPERMINT__V1__KEY_SORT__SORT_LAST_USED)
CHECK_STATE(SORT_USE_COUNT, PEPPERMINT__V1__KEY_SORT__SORT_USE_COUNT)
CHECK_STATE(ACT_MINT, PEPPERMINT__V1__ACT__ACT_MINT)
CHECK_STATE(ACT_ROTATE, PEPPERMINT__V1__ACT__ACT_ROTATE)
CHECK_STATE(ACT_RESET, PEPPERMINT__V1__ACT__ACT_RESET)
CHECK_STATE(ACT_REVOKE, PEPPERMINT__V1__ACT__ACT_REVOKE)
CHECK_STATE(ACT_UPDATE, PEPPERMINT__V1__ACT__ACT_UPDATE)
CHECK_STATE(ACT_REVEAL, PEPPERMINT__V1__ACT__ACT_REVEAL)
CHECK_STATE(ACT_OPERATORS, PEPPERMINT__V1__ACT__ACT_OPERATORS)
CHECK_STATE(VAULT_ACCOUNT_ONBOARDING, PEPPERMINT__V1__ACCOUNT_STATUS__ACCOUNT_ONBOARDING)
CHECK_STATE(VAULT_ACCOUNT_PENDING, PEPPERMINT__V1__ACCOUNT_STATUS__ACCOUNT_PENDING)
CHECK_STATE(VAULT_ACCOUNT_APPROVED, PEPPERMINT__V1__ACCOUNT_STATUS__ACCOUNT_APPROVED)
CHECK_STATE(VAULT_ACCOUNT_SUSPENDED, PEPPERMINT__V1__ACCOUNT_STATUS__ACCOUNT_SUSPENDED)
CHECK_STATE(VAULT_ACCOUNT_CLOSED, PEPPERMINT__V1__ACCOUNT_STATUS__ACCOUNT_CLOSED)
CHECK_STATE(OPERATOR_SUPERADMIN, PEPPERMINT__V1__OPERATOR_ROLE__SUPERADMIN)
CHECK_STATE(OPERATOR_ADMIN, PEPPERMINT__V1__OPERATOR_ROLE__ADMIN)
CHECK_STATE(OPERATOR_VIEWER, PEPPERMINT__V1__OPERATOR_ROLE__VIEWER)
CHECK_STATE(OPERATOR_AUDITOR, PEPPERMINT__V1__OPERATOR_ROLE__OPERATOR_AUDITOR)
CHECK_STATE(IMPORT_SHA256, PEPPERMINT__V1__IMPORT_FORM__IMPORT_SHA256)
CHECK_STATE(IMPORT_SHA512, PEPPERMINT__V1__IMPORT_FORM__IMPORT_SHA512)
CHECK_STATE(IMPORT_HMAC_SHA256, PEPPERMINT__V1__IMPORT_FORM__IMPORT_HMAC_SHA256)
CHECK_STATE(IMPORT_TEXT, PEPPERMINT__V1__IMPORT_FORM__IMPORT_TEXT)
CHECK_STATE(LEAK_NONE, PEPPERMINT__V1__LEAK_ACTION__LEAK_NONE)
CHECK_STATE(LEAK_REPORTED, PEPPERMINT__V1__LEAK_ACTION__LEAK_REPORTED)
CHECK_STATE(LEAK_DISABLED, PEPPERMINT__V1__LEAK_ACTION__LEAK_DISABLED)
CHECK_STATE(LEAK_REVOKED, PEPPERMINT__V1__LEAK_ACTION__LEAK_REVOKED)
CHECK_STATE(PEPPER_STAGED, PEPPERMINT__V1__PEPPER_STATE__STAGED)
CHECK_STATE(PEPPER_ACTIVE, PEPPERMINT__V1__PEPPER_STATE__ACTIVE)
CHECK_STATE(PEPPER_VERIFY_ONLY, PEPPERMINT__V1__PEPPER_STATE__VERIFY_ONLY)
CHECK_STATE(PEPPER_DESTROYED, PEPPERMINT__V1__PEPPER_STATE__DESTROYED)
CHECK_STATE(PEPPER_SUSPENDED, PEPPERMINT__V1__PEPPER_STATE__SUSPENDED)
CHECK_STATE(PEPPER_COMPROMISED, PEPPERMINT__V1__PEPPER_STATE__COMPROMISED)
CHECK_STATE(PEPPER_DESTROY_SCHEDULED, PEPPERMINT__V1__PEPPER_STATE__DESTROY_SCHEDULED)
CHECK_STATE(MASTER_VERB_ROTATE, PEPPERMINT__V1__MASTER_VERB__ROTATE)
CHECK_STATE(MASTER_VERB_ACTIVATE, PEPPERMINT__V1__MASTER_VERB__ACTIVATE)
CHECK_STATE(MASTER_VERB_SUSPEND, PEPPERMINT__V1__MASTER_VERB__SUSPEND)
CHECK_STATE(MASTER_VERB_RESUME, PEPPERMINT__V1__MASTER_VERB__RESUME)
CHECK_STATE(MASTER_VERB_COMPROMISE, PEPPERMINT__V1__MASTER_VERB__COMPROMISE)
CHECK_STATE(MASTER_VERB_REWRAP, PEPPERMINT__V1__MASTER_VERB__REWRAP)
CHECK_STATE(MASTER_VERB_DESTROY, PEPPERMINT__V1__MASTER_VERB__DESTROY)
CHECK_STATE(MASTER_VERB_CANCEL, PEPPERMINT__V1__MASTER_VERB__CANCEL)
CHECK_STATE(ENV_SERVING, PEPPERMINT__V1__ENVIRONMENT_STATE__SERVING)
CHECK_STATE(ENV_HSM_DOWN, PEPPERMINT__V1__ENVIRONMENT_STATE__HSM_DOWN)
CHECK_STATE(ENV_HSM_SEALED, PEPPERMINT__V1__ENVIRONMENT_STATE__HSM_SEALED)
CHECK_STATE(ENV_REFUSING, PEPPERMINT__V1__ENVIRONMENT_STATE__REFUSING)
CHECK_STATE(AUDIT_GOOD, PEPPERMINT__V1__AUDIT_STATE__AUDIT_GOOD)
CHECK_STATE(AUDIT_UNSIGNED, PEPPERMINT__V1__AUDIT_STATE__AUDIT_UNSIGNED)
CHECK_STATE(AUDIT_STUCK, PEPPERMINT__V1__AUDIT_STATE__AUDIT_STUCK)
CHECK_STATE(AUDIT_ALTERED, PEPPERMINT__V1__AUDIT_STATE__AUDIT_ALTERED)

/* From the untyped call to the typed handler. */
#define DEFINE_ENTER(Name, name, NAME, roles, kind)                                                \
	static enum pm_err enter_##name(struct call *call)                                         \
	{                                                                                          \
		const Peppermint__V1__##Name##Request *request = (const void *)call->body;         \
		Peppermint__V1__##Name##Reply *reply = arena_alloc(call->arena, sizeof(*reply));   \
                                                                                                   \
		if (!reply)                                                                        \
			return PM_NO_MEMORY;                                                       \
		peppermint__v1__##name##_reply__init(reply);                                       \
		TRY(handle_##name(call, request, reply));                                          \
		call->reply.result_case = PEPPERMINT__V1__REPLY__RESULT_##NAME;                    \
		call->reply.name = reply;                                                          \
		return PM_OK;                                                                      \
	}
RPCS(DEFINE_ENTER, DEFINE_ENTER, DEFINE_ENTER, DEFINE_ENTER)

#define DEFINE_ROW(Name, name_, NAME, roles_, kind_, scope_)                                       \
	[PEPPERMINT__V1__REQUEST__CALL_##NAME - WIRE_CALL_FIRST] = {                               \
		.name = #Name,                                                                     \
		.roles = roles_,                                                                   \
		.kind = kind_,                                                                     \
		.scope = scope_,                                                                   \
		.request = &peppermint__v1__##name_##_request__descriptor,                         \
		.enter = enter_##name_,                                                            \
	},
#define DEFINE_NONE(...) DEFINE_ROW(__VA_ARGS__, SCOPE_NONE)
#define DEFINE_VAULT(...) DEFINE_ROW(__VA_ARGS__, SCOPE_VAULT)
#define DEFINE_LOCAL(...) DEFINE_ROW(__VA_ARGS__, SCOPE_ENVIRONMENT)
#define DEFINE_PIN(...) DEFINE_ROW(__VA_ARGS__, SCOPE_PIN)
static const struct rpc_row rows[] = { RPCS(DEFINE_NONE, DEFINE_VAULT, DEFINE_LOCAL, DEFINE_PIN) };

const struct rpc_row *dispatch_find(uint32_t number)
{
	size_t count = sizeof(rows) / sizeof(rows[0]);

	if (number < WIRE_CALL_FIRST || number - WIRE_CALL_FIRST >= count)
		return NULL;
	const struct rpc_row *row = &rows[number - WIRE_CALL_FIRST];
	return row->enter ? row : NULL;
}
