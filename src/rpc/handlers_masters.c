/* Master keys: what they are and for how long, and what a custodian does with them. */
#include "call.h"
#include "fields.h"
#include "server.h"

#define KEYS_MAX 512
#define AFTER_MAX INT64_C(31536000) /* seconds: a year of 365 days */
#define DESTROY_AFTER INT64_C(604800)

void fill_version(struct master_info *from, Peppermint__V1__MasterVersion *to)
{
	peppermint__v1__master_version__init(to);
	to->environment = from->environment;
	to->purpose = from->purpose;
	to->name = from->name;
	to->version = from->version;
	to->state = (Peppermint__V1__PepperState)from->state;
	to->created_at = from->created_at;
	to->activated_at = from->activated_at;
	to->changed_at = from->changed_at;
	to->ends_at = from->ends_at;
	to->destroy_at = from->destroy_at;
	to->make_until = from->make_until;
	to->verify_until = from->verify_until;
	to->uses = from->uses;
	to->uses_max = from->uses_max;
	to->last_used_at = from->last_used_at;
	to->needed = from->needed;
	to->wrapped = from->wrapped;
	to->ended = from->ended;
	to->rewrapping = from->rewrapping;
	to->rewrap_left = from->rewrap_left;
}

static enum pm_err reply_with_versions(struct call *call, struct master_info *infos, size_t count,
				       Peppermint__V1__ListMastersReply *reply)
{
	Peppermint__V1__MasterVersion *rooms = arena_array(call->arena, count, sizeof(*rooms));

	reply->versions = arena_array(call->arena, count, sizeof(*reply->versions));
	if (!rooms || !reply->versions)
		return PM_NO_MEMORY;
	for (; reply->n_versions < count; reply->n_versions++) {
		fill_version(&infos[reply->n_versions], &rooms[reply->n_versions]);
		reply->versions[reply->n_versions] = &rooms[reply->n_versions];
	}
	return PM_OK;
}

enum pm_err handle_list_masters(struct call *call,
				const Peppermint__V1__ListMastersRequest *request,
				Peppermint__V1__ListMastersReply *reply)
{
	struct master_info *infos = arena_array(call->arena, KEYS_MAX, sizeof(*infos));
	size_t count = 0;

	if (!infos)
		return PM_NO_MEMORY;
	if (*request->purpose != '\0')
		TRY(field_purpose(call, request->purpose));
	if (*request->name != '\0')
		TRY(field_pepper_name(call, "name", request->name));
	TRY(vault_list_masters(call->rpc->vault, &call->actor, request->environment,
			       request->purpose, request->name, infos, KEYS_MAX, &count));
	return reply_with_versions(call, infos, count, reply);
}

static bool takes_after(Peppermint__V1__MasterVerb verb)
{
	return verb == PEPPERMINT__V1__MASTER_VERB__DESTROY ||
	       verb == PEPPERMINT__V1__MASTER_VERB__COMPROMISE;
}

static bool needs_version(Peppermint__V1__MasterVerb verb)
{
	return verb != PEPPERMINT__V1__MASTER_VERB__ROTATE &&
	       verb != PEPPERMINT__V1__MASTER_VERB__REWRAP &&
	       verb != PEPPERMINT__V1__MASTER_VERB__COMPROMISE;
}

static enum pm_err check_verb(struct call *call, Peppermint__V1__MasterVerb verb)
{
	if (verb == PEPPERMINT__V1__MASTER_VERB__MASTER_VERB_UNSPECIFIED)
		return call_refuse(call, PM_BAD_REQUEST, "verb", "required");
	if (!protobuf_c_enum_descriptor_get_value(&peppermint__v1__master_verb__descriptor,
						  (int)verb))
		return call_refuse(call, PM_BAD_REQUEST, "verb", "this vault does not know it");
	return PM_OK;
}

static enum pm_err check_change(struct call *call,
				const Peppermint__V1__ChangeMasterRequest *request)
{
	if (*request->purpose != '\0')
		TRY(field_purpose(call, request->purpose));
	TRY(field_pepper_name(call, "name", request->name));
	TRY(check_verb(call, request->verb));
	if (request->version == 0 && needs_version(request->verb))
		return call_refuse(call, PM_BAD_REQUEST, "version", "required by this verb");
	if (request->after_seconds < 0 || request->after_seconds > AFTER_MAX)
		return call_refuse(call, PM_BAD_REQUEST, "after_seconds",
				   "must be from 0 to 31536000");
	if (request->after_seconds != 0 && !takes_after(request->verb))
		return call_refuse(call, PM_BAD_REQUEST, "after_seconds",
				   "only with DESTROY and COMPROMISE");
	if (request->force && request->verb != PEPPERMINT__V1__MASTER_VERB__DESTROY)
		return call_refuse(call, PM_BAD_REQUEST, "force", "only with DESTROY");
	return PM_OK;
}

static struct master_params params_of(const Peppermint__V1__ChangeMasterRequest *request)
{
	bool window = request->verb == PEPPERMINT__V1__MASTER_VERB__DESTROY &&
		      request->after_seconds == 0;

	return (struct master_params){
		.environment = request->environment,
		.purpose = *request->purpose != '\0' ? request->purpose : "pepper",
		.name = request->name,
		.version = request->version,
		.verb = (enum master_verb)request->verb,
		.after = window ? DESTROY_AFTER : request->after_seconds,
		.dry_run = request->dry_run,
		.force = request->force,
	};
}

enum pm_err handle_change_master(struct call *call,
				 const Peppermint__V1__ChangeMasterRequest *request,
				 Peppermint__V1__ChangeMasterReply *reply)
{
	const struct master_params params = params_of(request);
	struct master_outcome *outcome = arena_alloc(call->arena, sizeof(*outcome));
	Peppermint__V1__MasterVersion *versions = arena_array(call->arena, 2, sizeof(*versions));

	if (!outcome || !versions)
		return PM_NO_MEMORY;
	TRY(check_change(call, request));
	TRY(vault_change_master(call->rpc->vault, &call->actor, &params, outcome));
	if (outcome->before.version != 0) {
		fill_version(&outcome->before, &versions[0]);
		reply->before = &versions[0];
	}
	if (outcome->after.version != 0) {
		fill_version(&outcome->after, &versions[1]);
		reply->after = &versions[1];
	}
	reply->affected = outcome->affected;
	reply->text = outcome->text;
	return PM_OK;
}
