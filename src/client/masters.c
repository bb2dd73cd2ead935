/* Versions of master keys, and what a custodian does with them. */
#include <string.h>

#include "base/cleanup.h"
#include "exchange.h"
#include "fill.h"

static bool is_about(const char *got, const char *asked)
{
	const char *wanted = exchange_text(asked);

	return *wanted == '\0' || strcmp(got, wanted) == 0;
}

enum pm_err fill_master(struct exchange *x, const Peppermint__V1__MasterVersion *from,
			const char *environment, const char *purpose, const char *name,
			struct peppermint_master *to)
{
	if (!from || from->version == 0 ||
	    strcmp(from->environment, exchange_text(environment)) != 0 ||
	    !is_about(from->purpose, purpose) || !is_about(from->name, name))
		return exchange_bad_reply(x, "the answer is about another key");
	TRY(FILL_TEXT(x, from->environment, to->environment));
	TRY(FILL_TEXT(x, from->purpose, to->purpose));
	TRY(FILL_TEXT(x, from->name, to->name));
	to->version = from->version;
	to->state = fill_pepper_state(from->state);
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
	return PM_OK;
}

enum pm_err peppermint_list_masters(struct peppermint *handle, const char *environment,
				    const char *purpose, const char *name,
				    struct peppermint_master *masters, size_t capacity,
				    size_t *count, struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__ListMastersRequest body = PEPPERMINT__V1__LIST_MASTERS_REQUEST__INIT;

	*count = 0;
	memset(masters, 0, capacity * sizeof(*masters));
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	body.environment = exchange_text(environment);
	body.purpose = exchange_text(purpose);
	body.name = exchange_text(name);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_LIST_MASTERS;
	x.request.list_masters = &body;
	TRY(exchange_run(&x));
	const Peppermint__V1__ListMastersReply *reply = x.reply->list_masters;
	if (reply->n_versions > capacity) {
		*count = reply->n_versions;
		return outcome(x.call, PM_TOO_LARGE, "there are %zu versions, and room for %zu",
			       reply->n_versions, capacity);
	}
	for (size_t i = 0; i < reply->n_versions; i++)
		TRY(fill_master(&x, reply->versions[i], environment, purpose, name, &masters[i]));
	*count = reply->n_versions;
	return PM_OK;
}

static enum pm_err fill_outcome(struct exchange *x, const Peppermint__V1__ChangeMasterReply *from,
				const struct peppermint_master_change *change,
				struct peppermint_master_outcome *to)
{
	const char *purpose = *exchange_text(change->purpose) ? change->purpose : "pepper";

	if (from->before)
		TRY(fill_master(x, from->before, change->environment, purpose, change->name,
				&to->before));
	if (from->after || !change->dry_run)
		TRY(fill_master(x, from->after, change->environment, purpose, change->name,
				&to->after));
	to->affected = from->affected;
	return FILL_TEXT(x, from->text, to->text);
}

enum pm_err peppermint_change_master(struct peppermint *handle,
				     const struct peppermint_master_change *change,
				     struct peppermint_master_outcome *result,
				     struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__ChangeMasterRequest body = PEPPERMINT__V1__CHANGE_MASTER_REQUEST__INIT;

	*result = (struct peppermint_master_outcome){ 0 };
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	body.environment = exchange_text(change->environment);
	body.purpose = exchange_text(change->purpose);
	body.name = exchange_text(change->name);
	body.version = change->version;
	body.verb = (Peppermint__V1__MasterVerb)change->verb;
	body.after_seconds = change->after_seconds;
	body.dry_run = change->dry_run;
	body.force = change->force;
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_CHANGE_MASTER;
	x.request.change_master = &body;
	TRY(exchange_run(&x));
	return fill_outcome(&x, x.reply->change_master, change, result);
}

enum pm_err peppermint_import_hmac_key(struct peppermint *handle, const char *environment,
				       const char *name, const struct peppermint_value *value,
				       struct peppermint_master *key, struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__ImportHmacKeyRequest body = PEPPERMINT__V1__IMPORT_HMAC_KEY_REQUEST__INIT;

	*key = (struct peppermint_master){ 0 };
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	body.environment = exchange_text(environment);
	body.name = exchange_text(name);
	body.value = exchange_bytes(value->data, value->len);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_IMPORT_HMAC_KEY;
	x.request.import_hmac_key = &body;
	TRY(exchange_run(&x));
	return fill_master(&x, x.reply->import_hmac_key->key, environment, NULL, name, key);
}
