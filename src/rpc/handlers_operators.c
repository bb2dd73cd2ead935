/* Operators, their PINs, and the first step of what needs two. */
#include <string.h>

#include "call.h"
#include "fields.h"
#include "server.h"

#define PAGE_DEFAULT 25
#define SUBJECT_MAX (VAULT_ACCOUNT_MAX + 1 + VAULT_PRODUCT_MAX)

static bool is_role(Peppermint__V1__OperatorRole role)
{
	return role != PEPPERMINT__V1__OPERATOR_ROLE__OPERATOR_ROLE_UNSPECIFIED &&
	       protobuf_c_enum_descriptor_get_value(&peppermint__v1__operator_role__descriptor,
						    (int)role);
}

static enum pm_err grants_of(struct call *call, Peppermint__V1__Grant *const *from, size_t count,
			     struct operator_params *params)
{
	struct grant *grants = arena_array(call->arena, count, sizeof(*grants));

	if (count > VAULT_GRANTS_MAX)
		return call_refuse(call, PM_TOO_LARGE, "grants", "must be at most 16");
	if (!grants)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		TRY(field_required(call, "grants", from[i]->account, VAULT_ACCOUNT_MAX));
		if (!is_role(from[i]->role))
			return call_refuse(call, PM_BAD_REQUEST, "grants",
					   "this vault does not know one of the roles");
		strcpy(grants[i].account, from[i]->account);
		grants[i].role = (enum operator_role)from[i]->role;
	}
	params->grants = grants;
	params->grant_count = count;
	return PM_OK;
}

static enum pm_err check_operator(struct call *call, const struct operator_params *params,
				  ProtobufCBinaryData pin)
{
	TRY(field_required(call, "id", params->id, VAULT_OPERATOR_MAX));
	TRY(field_optional(call, "name", params->name, VAULT_NAME_MAX));
	return field_new_pin(call, pin);
}

static enum pm_err reply_with_operator(struct call *call, struct operator_info *info,
				       Peppermint__V1__Operator **out)
{
	Peppermint__V1__Operator *person = arena_alloc(call->arena, sizeof(*person));
	Peppermint__V1__Grant *rooms = arena_array(call->arena, info->grant_count, sizeof(*rooms));

	if (!person || !rooms)
		return PM_NO_MEMORY;
	peppermint__v1__operator__init(person);
	person->grants = arena_array(call->arena, info->grant_count, sizeof(*person->grants));
	if (!person->grants)
		return PM_NO_MEMORY;
	for (; person->n_grants < info->grant_count; person->n_grants++) {
		Peppermint__V1__Grant *grant = &rooms[person->n_grants];

		peppermint__v1__grant__init(grant);
		grant->account = info->grants[person->n_grants].account;
		grant->role = (Peppermint__V1__OperatorRole)info->grants[person->n_grants].role;
		person->grants[person->n_grants] = grant;
	}
	person->environment = info->environment;
	person->id = info->id;
	person->name = info->name;
	person->has_pin = info->has_pin;
	person->locked_until = info->locked_until;
	person->failures = info->failures;
	person->created_at = info->created_at;
	person->changed_at = info->changed_at;
	person->disabled_at = info->disabled_at;
	person->created_by = info->created_by;
	*out = person;
	return PM_OK;
}

enum pm_err handle_create_operator(struct call *call,
				   const Peppermint__V1__CreateOperatorRequest *request,
				   Peppermint__V1__CreateOperatorReply *reply)
{
	struct operator_params params = {
		.environment = request->environment,
		.id = request->id,
		.set_name = true,
		.set_grants = true,
		.name = request->name,
		.new_pin = bytes_of(request->new_pin.data, request->new_pin.len),
	};
	struct operator_info *info = arena_alloc(call->arena, sizeof(*info));

	if (!info)
		return PM_NO_MEMORY;
	TRY(grants_of(call, request->grants, request->n_grants, &params));
	TRY(check_operator(call, &params, request->new_pin));
	TRY(vault_create_operator(call->rpc->vault, &call->actor, &params, info));
	return reply_with_operator(call, info, &reply->operator_);
}

enum pm_err handle_update_operator(struct call *call,
				   const Peppermint__V1__UpdateOperatorRequest *request,
				   Peppermint__V1__UpdateOperatorReply *reply)
{
	struct operator_params params = {
		.environment = request->environment,
		.id = request->id,
		.set_name = request->set_name,
		.set_grants = request->set_grants,
		.set_disabled = request->set_disabled,
		.name = request->name,
		.disabled = request->disabled,
		.new_pin = bytes_of(request->new_pin.data, request->new_pin.len),
	};
	struct operator_info *info = arena_alloc(call->arena, sizeof(*info));

	if (!info)
		return PM_NO_MEMORY;
	TRY(grants_of(call, request->grants, request->n_grants, &params));
	TRY(check_operator(call, &params, request->new_pin));
	TRY(vault_update_operator(call->rpc->vault, &call->actor, &params, info));
	return reply_with_operator(call, info, &reply->operator_);
}

enum pm_err handle_list_operators(struct call *call,
				  const Peppermint__V1__ListOperatorsRequest *request,
				  Peppermint__V1__ListOperatorsReply *reply)
{
	size_t max = request->page_size == 0 ? PAGE_DEFAULT : request->page_size;
	size_t count = 0;
	bool more = false;

	TRY(field_optional(call, "account", request->account, VAULT_ACCOUNT_MAX));
	TRY(field_optional(call, "page_token", request->page_token, VAULT_OPERATOR_MAX));
	if (max > VAULT_ACCOUNT_PAGE_MAX)
		return call_refuse(call, PM_BAD_REQUEST, "page_size", "must be at most 50");
	struct operator_info *infos = arena_array(call->arena, max, sizeof(*infos));
	reply->operators = arena_array(call->arena, max, sizeof(*reply->operators));
	if (!infos || !reply->operators)
		return PM_NO_MEMORY;
	TRY(vault_list_operators(call->rpc->vault, &call->actor, request->environment,
				 request->account, request->page_token, infos, max, &count,
				 &reply->total, &more));
	for (; reply->n_operators < count; reply->n_operators++)
		TRY(reply_with_operator(call, &infos[reply->n_operators],
					&reply->operators[reply->n_operators]));
	if (more && count > 0)
		reply->next_page_token = infos[count - 1].id;
	return PM_OK;
}

enum pm_err handle_change_operator_pin(struct call *call,
				       const Peppermint__V1__ChangeOperatorPinRequest *request,
				       Peppermint__V1__ChangeOperatorPinReply *reply)
{
	(void)reply;
	if (request->new_pin.len == 0)
		return call_refuse(call, PM_BAD_REQUEST, "new_pin", "required");
	TRY(field_new_pin(call, request->new_pin));
	if (*call->actor.operator_name == '\0')
		return call_refuse(call, PM_BAD_REQUEST, "operator", "required by this call");
	if (call->actor.pin.len == 0)
		return call_refuse(call, PM_BAD_REQUEST, "pin", "required by this call");
	return vault_change_operator_pin(call->rpc->vault, &call->actor, request->environment,
					 bytes_of(request->new_pin.data, request->new_pin.len));
}

enum pm_err handle_confirm(struct call *call, const Peppermint__V1__ConfirmRequest *request,
			   Peppermint__V1__ConfirmReply *reply)
{
	struct confirmation *confirmation = arena_alloc(call->arena, sizeof(*confirmation));

	if (!confirmation)
		return PM_NO_MEMORY;
	if (request->act == PEPPERMINT__V1__ACT__ACT_UNSPECIFIED ||
	    !protobuf_c_enum_descriptor_get_value(&peppermint__v1__act__descriptor,
						  (int)request->act))
		return call_refuse(call, PM_BAD_REQUEST, "act", "required, and one that is known");
	TRY(field_required(call, "subject", request->subject, SUBJECT_MAX));
	TRY(vault_confirm(call->rpc->vault, &call->actor, request->environment,
			  (enum vault_act)request->act, request->subject, confirmation));
	reply->confirmation = confirmation->token;
	reply->expires_at = confirmation->expires_at;
	reply->message = confirmation->text;
	reply->pin_needed = confirmation->pin_needed;
	return PM_OK;
}
