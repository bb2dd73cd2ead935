/* Peppers: list, create, rotate. */
#include "call.h"
#include "fields.h"
#include "server.h"

static void fill_pepper_version(struct pepper_version *from, Peppermint__V1__PepperVersion *to)
{
	peppermint__v1__pepper_version__init(to);
	to->version = from->version;
	to->state = (Peppermint__V1__PepperState)from->state;
	to->created_at = from->created_at;
	to->key_id = (ProtobufCBinaryData){ sizeof(from->key_id), from->key_id };
	to->check_value = (ProtobufCBinaryData){ sizeof(from->check_value), from->check_value };
}

/* The pepper on the wire; texts and bytes are borrowed from `info`. */
static enum pm_err reply_with_pepper(struct call *call, struct pepper_info *info,
				     Peppermint__V1__Pepper **out)
{
	Peppermint__V1__Pepper *pepper = arena_alloc(call->arena, sizeof(*pepper));
	Peppermint__V1__PepperVersion *rooms =
		arena_array(call->arena, info->count, sizeof(*rooms));
	Peppermint__V1__PepperVersion **versions =
		arena_array(call->arena, info->count, sizeof(*versions));

	if (!pepper || !rooms || !versions)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < info->count; i++) {
		fill_pepper_version(&info->versions[i], &rooms[i]);
		versions[i] = &rooms[i];
	}
	peppermint__v1__pepper__init(pepper);
	pepper->environment = info->environment;
	pepper->name = info->name;
	pepper->versions = versions;
	pepper->n_versions = info->count;
	*out = pepper;
	return PM_OK;
}

enum pm_err handle_list_peppers(struct call *call,
				const Peppermint__V1__ListPeppersRequest *request,
				Peppermint__V1__ListPeppersReply *reply)
{
	struct pepper_info *infos = arena_array(call->arena, VAULT_PEPPERS_MAX, sizeof(*infos));
	size_t count = 0;

	reply->peppers = arena_array(call->arena, VAULT_PEPPERS_MAX, sizeof(*reply->peppers));
	if (!infos || !reply->peppers)
		return PM_NO_MEMORY;
	TRY(vault_list_peppers(call->rpc->vault, &call->actor, request->environment, infos,
			       &count));
	for (; reply->n_peppers < count; reply->n_peppers++)
		TRY(reply_with_pepper(call, &infos[reply->n_peppers],
				      &reply->peppers[reply->n_peppers]));
	return PM_OK;
}

enum pm_err handle_create_pepper(struct call *call,
				 const Peppermint__V1__CreatePepperRequest *request,
				 Peppermint__V1__CreatePepperReply *reply)
{
	struct pepper_info *info = arena_alloc(call->arena, sizeof(*info));

	if (!info)
		return PM_NO_MEMORY;
	TRY(field_pepper_name(call, "name", request->name));
	TRY(vault_create_pepper(call->rpc->vault, &call->actor, request->environment, request->name,
				info));
	return reply_with_pepper(call, info, &reply->pepper);
}

enum pm_err handle_rotate_pepper(struct call *call,
				 const Peppermint__V1__RotatePepperRequest *request,
				 Peppermint__V1__RotatePepperReply *reply)
{
	struct pepper_info *info = arena_alloc(call->arena, sizeof(*info));

	if (!info)
		return PM_NO_MEMORY;
	TRY(field_pepper_name(call, "name", request->name));
	TRY(vault_rotate_pepper(call->rpc->vault, &call->actor, request->environment, request->name,
				info));
	return reply_with_pepper(call, info, &reply->pepper);
}
