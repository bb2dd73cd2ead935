/* Status: the daemon, and the environments that the caller may use. */
#include "base/clock.h"
#include "call.h"
#include "server.h"

static void fill_environment(struct environment_info *from, Peppermint__V1__EnvironmentStatus *to)
{
	peppermint__v1__environment_status__init(to);
	to->name = from->name;
	to->key_prefix = from->prefix;
	to->state = (Peppermint__V1__EnvironmentState)from->state;
	to->detail = from->detail;
	to->token_label = from->token_label;
	to->token_serial = from->token_serial;
	to->token_model = from->token_model;
	to->token_manufacturer = from->token_manufacturer;
	to->keys = from->keys;
	to->quarantined = from->quarantined;
	to->signer_restarts = from->signer_restarts;
	to->orphaned_objects = from->orphans;
}

enum pm_err handle_status(struct call *call, const Peppermint__V1__StatusRequest *request,
			  Peppermint__V1__StatusReply *reply)
{
	size_t count = call->rpc->environments;
	struct environment_info *infos = arena_array(call->arena, count, sizeof(*infos));
	Peppermint__V1__EnvironmentStatus *rooms = arena_array(call->arena, count, sizeof(*rooms));

	(void)request;
	reply->environments = arena_array(call->arena, count, sizeof(*reply->environments));
	if (!infos || !rooms || !reply->environments)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		if ((call->caller.environments & (UINT32_C(1) << i)) == 0)
			continue;
		TRY(vault_environment_status(call->rpc->vault, i, &infos[i]));
		fill_environment(&infos[i], &rooms[i]);
		reply->environments[reply->n_environments++] = &rooms[i];
	}
	reply->version = call->rpc->version;
	reply->uptime_seconds = (uint64_t)((clock_now() - call->rpc->started) / NS_PER_SECOND);
	return PM_OK;
}
