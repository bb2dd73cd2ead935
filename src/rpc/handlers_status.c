/* Status: the daemon, the audit log, and the environments that the caller may use. */
#include "base/clock.h"
#include "call.h"
#include "fields.h"
#include "server.h"
#include "vault/audit.h"

static uint64_t sink_dropped(const struct rpc *rpc)
{
	return rpc->config.sink_dropped ? atomic_load(rpc->config.sink_dropped) : 0;
}

static enum pm_err reply_with_audit(struct call *call, Peppermint__V1__AuditStatus **out)
{
	struct vault_audit_status *from = arena_alloc(call->arena, sizeof(*from));
	Peppermint__V1__AuditStatus *to = arena_alloc(call->arena, sizeof(*to));

	if (!from || !to)
		return PM_NO_MEMORY;
	vault_audit_status(call->rpc->vault, from);
	peppermint__v1__audit_status__init(to);
	to->state = (Peppermint__V1__AuditState)from->state;
	to->detail = from->detail;
	to->log = from->log;
	to->origin = from->origin;
	to->entries = from->entries;
	to->unsigned_ = from->not_signed;
	to->unwitnessed = from->not_witnessed;
	to->signed_at = from->signed_at;
	to->sink_dropped = sink_dropped(call->rpc);
	*out = to;
	return PM_OK;
}

enum pm_err handle_status(struct call *call, const Peppermint__V1__StatusRequest *request,
			  Peppermint__V1__StatusReply *reply)
{
	(void)request;
	TRY(reply_with_environments(call, call->caller.environments, &reply->environments,
				    &reply->n_environments));
	TRY(reply_with_audit(call, &reply->audit));
	reply->version = call->rpc->version;
	reply->uptime_seconds = (uint64_t)((clock_now() - call->rpc->started) / NS_PER_SECOND);
	return PM_OK;
}
