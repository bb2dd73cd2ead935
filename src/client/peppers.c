#include <string.h>

#include "base/cleanup.h"
#include "exchange.h"
#include "fill.h"

static enum pm_err fill_version(struct exchange *x, const Peppermint__V1__PepperVersion *from,
				struct peppermint_pepper_version *to)
{
	to->version = from->version;
	to->state = fill_pepper_state(from->state);
	to->created_at = from->created_at;
	TRY(fill_bytes(x, from->key_id, to->key_id, sizeof(to->key_id)));
	return fill_bytes(x, from->check_value, to->check_value, sizeof(to->check_value));
}

/* A pepper of that environment and, unless NULL, of that name; `from` may be missing. */
static enum pm_err fill_pepper(struct exchange *x, const Peppermint__V1__Pepper *from,
			       const char *environment, const char *name,
			       struct peppermint_pepper *to)
{
	*to = (struct peppermint_pepper){ 0 };
	if (!from || strcmp(from->environment, exchange_text(environment)) != 0 ||
	    (name && strcmp(from->name, name) != 0))
		return exchange_bad_reply(x, "the answer is about another pepper");
	if (from->n_versions > PEPPERMINT_PEPPER_VERSIONS_MAX)
		return exchange_bad_reply(x, "the answer holds too many pepper versions");
	TRY(FILL_TEXT(x, from->environment, to->environment));
	TRY(FILL_TEXT(x, from->name, to->name));
	for (size_t i = 0; i < from->n_versions; i++)
		TRY(fill_version(x, from->versions[i], &to->versions[i]));
	to->version_count = from->n_versions;
	return PM_OK;
}

enum pm_err peppermint_list_peppers(struct peppermint *handle, const char *environment,
				    struct peppermint_pepper *peppers, size_t capacity,
				    size_t *count, struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__ListPeppersRequest body = PEPPERMINT__V1__LIST_PEPPERS_REQUEST__INIT;

	*count = 0;
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	body.environment = exchange_text(environment);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_LIST_PEPPERS;
	x.request.list_peppers = &body;
	TRY(exchange_run(&x));
	const Peppermint__V1__ListPeppersReply *reply = x.reply->list_peppers;
	if (reply->n_peppers > capacity) {
		*count = reply->n_peppers;
		return outcome(x.call, PM_TOO_LARGE, "there are %zu peppers, and room for %zu",
			       reply->n_peppers, capacity);
	}
	for (size_t i = 0; i < reply->n_peppers; i++)
		TRY(fill_pepper(&x, reply->peppers[i], environment, NULL, &peppers[i]));
	*count = reply->n_peppers;
	return PM_OK;
}

enum pm_err peppermint_create_pepper(struct peppermint *handle, const char *environment,
				     const char *name, struct peppermint_pepper *pepper,
				     struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__CreatePepperRequest body = PEPPERMINT__V1__CREATE_PEPPER_REQUEST__INIT;

	*pepper = (struct peppermint_pepper){ 0 };
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	body.environment = exchange_text(environment);
	body.name = exchange_text(name);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_CREATE_PEPPER;
	x.request.create_pepper = &body;
	TRY(exchange_run(&x));
	return fill_pepper(&x, x.reply->create_pepper->pepper, environment, exchange_text(name),
			   pepper);
}

enum pm_err peppermint_rotate_pepper(struct peppermint *handle, const char *environment,
				     const char *name, struct peppermint_pepper *pepper,
				     struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__RotatePepperRequest body = PEPPERMINT__V1__ROTATE_PEPPER_REQUEST__INIT;

	*pepper = (struct peppermint_pepper){ 0 };
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	body.environment = exchange_text(environment);
	body.name = exchange_text(name);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_ROTATE_PEPPER;
	x.request.rotate_pepper = &body;
	TRY(exchange_run(&x));
	return fill_pepper(&x, x.reply->rotate_pepper->pepper, environment, exchange_text(name),
			   pepper);
}
