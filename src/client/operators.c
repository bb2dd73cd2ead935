/* Operators: the people on whose behalf a portal acts, their roles and their PINs. */
#include <string.h>

#include "base/cleanup.h"
#include "exchange.h"
#include "fill.h"
#include "parts.h"

static enum peppermint_role role(Peppermint__V1__OperatorRole number)
{
	switch (number) {
	case PEPPERMINT__V1__OPERATOR_ROLE__SUPERADMIN:
		return PEPPERMINT_ROLE_SUPERADMIN;
	case PEPPERMINT__V1__OPERATOR_ROLE__ADMIN:
		return PEPPERMINT_ROLE_ADMIN;
	case PEPPERMINT__V1__OPERATOR_ROLE__VIEWER:
		return PEPPERMINT_ROLE_VIEWER;
	case PEPPERMINT__V1__OPERATOR_ROLE__OPERATOR_AUDITOR:
		return PEPPERMINT_ROLE_AUDITOR;
	default:
		return PEPPERMINT_ROLE_UNKNOWN;
	}
}

static enum pm_err fill_grants(struct exchange *x, const Peppermint__V1__Operator *from,
			       struct peppermint_operator *to)
{
	if (from->n_grants > PEPPERMINT_GRANTS_MAX)
		return exchange_bad_reply(x, "the answer holds too many grants");
	for (size_t i = 0; i < from->n_grants; i++) {
		TRY(FILL_TEXT(x, from->grants[i]->account, to->grants[i].account));
		to->grants[i].role = role(from->grants[i]->role);
	}
	to->grant_count = from->n_grants;
	return PM_OK;
}

/* Of that environment and, unless NULL, that id; `from` may be missing. */
static enum pm_err fill_operator(struct exchange *x, const Peppermint__V1__Operator *from,
				 const char *environment, const char *id,
				 struct peppermint_operator *to)
{
	if (!from || from->id[0] == '\0')
		return exchange_bad_reply(x, "the answer holds no operator");
	if (strcmp(from->environment, exchange_text(environment)) != 0 ||
	    (id && strcmp(from->id, id) != 0))
		return exchange_bad_reply(x, "the answer is about another operator");
	TRY(FILL_TEXT(x, from->environment, to->environment));
	TRY(FILL_TEXT(x, from->id, to->id));
	TRY(FILL_TEXT(x, from->name, to->name));
	TRY(FILL_TEXT(x, from->created_by, to->created_by));
	TRY(fill_grants(x, from, to));
	to->has_pin = from->has_pin;
	to->locked_until = from->locked_until;
	to->failures = from->failures;
	to->created_at = from->created_at;
	to->changed_at = from->changed_at;
	to->disabled_at = from->disabled_at;
	return PM_OK;
}

/* One of another length would be refused, after it crossed the wire. */
static enum pm_err set_pin(struct exchange *x, const void *pin, size_t len, ProtobufCBinaryData *to)
{
	if (!exchange_pin_fits(len))
		return outcome(x->call, PM_BAD_REQUEST,
			       "an operator's PIN has %d to %d bytes; nothing was sent",
			       PEPPERMINT_OPERATOR_PIN_MIN, PEPPERMINT_OPERATOR_PIN_MAX);
	*to = exchange_bytes(pin, len);
	return PM_OK;
}

static enum pm_err set_grants(struct exchange *x, const struct peppermint_operator_change *change,
			      Peppermint__V1__Grant ***out)
{
	void *items = NULL;
	void **pointers = NULL;

	TRY(parts_items(x, change->grant_count, sizeof(Peppermint__V1__Grant), &items, &pointers));
	*out = (Peppermint__V1__Grant **)pointers;
	for (size_t i = 0; i < change->grant_count; i++) {
		Peppermint__V1__Grant *grant = (*out)[i];

		*grant = (Peppermint__V1__Grant)PEPPERMINT__V1__GRANT__INIT;
		grant->account = exchange_text(change->grants[i].account);
		grant->role = (Peppermint__V1__OperatorRole)change->grants[i].role;
	}
	return PM_OK;
}

enum pm_err peppermint_create_operator(struct peppermint *handle,
				       const struct peppermint_operator_change *change,
				       struct peppermint_operator *person,
				       struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__CreateOperatorRequest body = PEPPERMINT__V1__CREATE_OPERATOR_REQUEST__INIT;

	*person = (struct peppermint_operator){ 0 };
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	body.environment = exchange_text(change->environment);
	body.id = exchange_text(change->id);
	body.name = exchange_text(change->name);
	TRY(set_grants(&x, change, &body.grants));
	body.n_grants = change->grant_count;
	if (change->new_pin)
		TRY(set_pin(&x, change->new_pin, change->new_pin_len, &body.new_pin));
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_CREATE_OPERATOR;
	x.request.create_operator = &body;
	TRY(exchange_run(&x));
	return fill_operator(&x, x.reply->create_operator->operator_, change->environment,
			     change->id, person);
}

enum pm_err peppermint_update_operator(struct peppermint *handle,
				       const struct peppermint_operator_change *change,
				       struct peppermint_operator *person,
				       struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__UpdateOperatorRequest body = PEPPERMINT__V1__UPDATE_OPERATOR_REQUEST__INIT;

	*person = (struct peppermint_operator){ 0 };
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	body.environment = exchange_text(change->environment);
	body.id = exchange_text(change->id);
	body.set_name = change->name != NULL;
	body.name = exchange_text(change->name);
	body.set_grants = change->set_grants;
	TRY(set_grants(&x, change, &body.grants));
	body.n_grants = change->grant_count;
	body.set_disabled = change->set_disabled;
	body.disabled = change->disabled;
	if (change->new_pin)
		TRY(set_pin(&x, change->new_pin, change->new_pin_len, &body.new_pin));
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_UPDATE_OPERATOR;
	x.request.update_operator = &body;
	TRY(exchange_run(&x));
	return fill_operator(&x, x.reply->update_operator->operator_, change->environment,
			     change->id, person);
}

enum pm_err peppermint_list_operators(struct peppermint *handle,
				      const struct peppermint_operator_filter *filter,
				      struct peppermint_operator *people, size_t capacity,
				      struct peppermint_page *page, struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__ListOperatorsRequest body = PEPPERMINT__V1__LIST_OPERATORS_REQUEST__INIT;

	*page = (struct peppermint_page){ 0 };
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	TRY(fill_page_size(&x, &capacity, PEPPERMINT_ACCOUNT_PAGE_MAX));
	body.environment = exchange_text(filter->environment);
	body.account = exchange_text(filter->account);
	body.page_size = (uint32_t)capacity;
	body.page_token = exchange_text(filter->page_token);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_LIST_OPERATORS;
	x.request.list_operators = &body;
	TRY(exchange_run(&x));
	const Peppermint__V1__ListOperatorsReply *reply = x.reply->list_operators;
	if (reply->n_operators > capacity)
		return exchange_bad_reply(&x, "the answer holds more operators than asked for");
	for (size_t i = 0; i < reply->n_operators; i++) {
		people[i] = (struct peppermint_operator){ 0 };
		TRY(fill_operator(&x, reply->operators[i], filter->environment, NULL, &people[i]));
	}
	TRY(FILL_TEXT(&x, reply->next_page_token, page->next_page_token));
	page->total = reply->total;
	page->count = reply->n_operators;
	return PM_OK;
}

enum pm_err peppermint_change_operator_pin(struct peppermint *handle, const char *environment,
					   const void *new_pin, size_t new_pin_len,
					   struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__ChangeOperatorPinRequest body =
		PEPPERMINT__V1__CHANGE_OPERATOR_PIN_REQUEST__INIT;

	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	TRY(set_pin(&x, new_pin, new_pin_len, &body.new_pin));
	body.environment = exchange_text(environment);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_CHANGE_OPERATOR_PIN;
	x.request.change_operator_pin = &body;
	return exchange_run(&x);
}
