/* Inventory: master keys, their tokens, and who may use them. */
#include "call.h"
#include "callers.h"
#include "fields.h"
#include "server.h"
#include "vault/audit.h"

#define KEYS_MAX 512

static void fill_key(struct vault_master_key *from, Peppermint__V1__MasterKey *to)
{
	peppermint__v1__master_key__init(to);
	to->environment = from->environment;
	to->purpose = from->purpose;
	to->name = from->name;
	to->version = from->version;
	to->state = (Peppermint__V1__PepperState)from->state;
	to->algorithm = (Peppermint__V1__Algorithm)from->algorithm;
	to->created_at = from->created_at;
	to->changed_at = from->changed_at;
	to->key_id = (ProtobufCBinaryData){ sizeof(from->key_id), from->key_id };
	to->check_value = (ProtobufCBinaryData){ sizeof(from->check_value), from->check_value };
	to->read_back = from->read_back;
	if (!from->read_back)
		return;
	to->sensitive = from->sensitive;
	to->always_sensitive = from->always_sensitive;
	to->extractable = from->extractable;
	to->never_extractable = from->never_extractable;
	to->local = from->local;
}

static enum pm_err reply_with_keys(struct call *call, uint32_t report,
				   Peppermint__V1__GetInventoryReply *reply)
{
	struct vault_master_key *keys = arena_array(call->arena, KEYS_MAX, sizeof(*keys));
	size_t count = 0;

	if (!keys)
		return PM_NO_MEMORY;
	TRY(vault_inventory(call->rpc->vault, &call->actor, report, keys, KEYS_MAX, &count));
	Peppermint__V1__MasterKey *rooms = arena_array(call->arena, count, sizeof(*rooms));
	reply->keys = arena_array(call->arena, count, sizeof(*reply->keys));
	if (!rooms || !reply->keys)
		return PM_NO_MEMORY;
	for (; reply->n_keys < count; reply->n_keys++) {
		fill_key(&keys[reply->n_keys], &rooms[reply->n_keys]);
		reply->keys[reply->n_keys] = &rooms[reply->n_keys];
	}
	return PM_OK;
}

static const struct {
	enum role role;
	const char *word;
} roles[] = {
	{ ROLE_VERIFIER, "verifier" },   { ROLE_ISSUER, "issuer" },   { ROLE_HASHER, "hasher" },
	{ ROLE_CUSTODIAN, "custodian" }, { ROLE_AUDITOR, "auditor" },
};
#define ROLE_COUNT (sizeof(roles) / sizeof(roles[0]))

/* `names`: of the vault's environments, by their bits. */
static enum pm_err fill_caller(struct call *call, struct rpc_caller *from,
			       Peppermint__V1__EnvironmentStatus *const *names,
			       Peppermint__V1__CallerInfo *to)
{
	size_t environments = call->rpc->environments;

	peppermint__v1__caller_info__init(to);
	to->name = from->name;
	to->uid = from->uid;
	to->roles = arena_array(call->arena, ROLE_COUNT, sizeof(*to->roles));
	to->environments = arena_array(call->arena, environments, sizeof(*to->environments));
	if (!to->roles || !to->environments)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		if ((from->roles & roles[i].role) != 0)
			to->roles[to->n_roles++] = (char *)(uintptr_t)roles[i].word;
	}
	for (size_t i = 0; i < environments; i++) {
		if ((from->environments & (UINT32_C(1) << i)) != 0)
			to->environments[to->n_environments++] = names[i]->name;
	}
	return PM_OK;
}

static enum pm_err reply_with_callers(struct call *call, Peppermint__V1__GetInventoryReply *reply)
{
	struct rpc_caller *list = arena_array(call->arena, RPC_CALLERS_MAX, sizeof(*list));

	if (!list)
		return PM_NO_MEMORY;
	size_t count = callers_list(call->rpc->callers, list);
	Peppermint__V1__CallerInfo *rooms = arena_array(call->arena, count, sizeof(*rooms));
	reply->callers = arena_array(call->arena, count, sizeof(*reply->callers));
	if (!rooms || !reply->callers)
		return PM_NO_MEMORY;
	for (; reply->n_callers < count; reply->n_callers++) {
		size_t i = reply->n_callers;

		TRY(fill_caller(call, &list[i], reply->environments, &rooms[i]));
		reply->callers[i] = &rooms[i];
	}
	return PM_OK;
}

enum pm_err handle_get_inventory(struct call *call,
				 const Peppermint__V1__GetInventoryRequest *request,
				 Peppermint__V1__GetInventoryReply *reply)
{
	TRY(field_report(call, request->report));
	TRY(reply_with_keys(call, request->report, reply));
	TRY(reply_with_environments(call, UINT32_MAX, &reply->environments,
				    &reply->n_environments));
	return reply_with_callers(call, reply);
}
