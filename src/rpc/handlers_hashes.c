/* Hashes of values. */
#include <string.h>

#include "call.h"
#include "fields.h"
#include "server.h"

static enum pm_err check_pepper(struct call *call, const char *pepper)
{
	TRY(field_pepper_name(call, "pepper", pepper));
	if (strcmp(pepper, VAULT_API_KEYS_PEPPER) == 0)
		return call_refuse(call, PM_BAD_REQUEST, "pepper", "api-keys hashes API keys only");
	return PM_OK;
}

enum pm_err handle_hash(struct call *call, const Peppermint__V1__HashRequest *request,
			Peppermint__V1__HashReply *reply)
{
	size_t count = request->n_values;
	struct bytes *values = arena_array(call->arena, count, sizeof(*values));
	struct value_hash *hashes = arena_array(call->arena, count, sizeof(*hashes));

	TRY(check_pepper(call, request->pepper));
	if (count == 0)
		return call_refuse(call, PM_BAD_REQUEST, "values", "at least one is required");
	reply->hashes = arena_array(call->arena, count, sizeof(*reply->hashes));
	if (!values || !hashes || !reply->hashes)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		values[i] = bytes_of(request->values[i].data, request->values[i].len);
		if (values[i].len == 0)
			return call_refuse(call, PM_BAD_REQUEST, "values",
					   "each must have 1 to 16384 bytes");
		reply->hashes[i] = hashes[i].text;
	}
	TRY(vault_hash(call->rpc->vault, &call->actor, request->environment, request->pepper,
		       values, count, hashes));
	reply->n_hashes = count;
	return PM_OK;
}

static void fill_verdict(const struct hash_verdict *from, Peppermint__V1__HashVerdict *to)
{
	peppermint__v1__hash_verdict__init(to);
	to->match = from->match;
	to->error = (Peppermint__V1__Error)from->error;
	to->reason = (Peppermint__V1__Reason)from->reason;
	to->outdated = from->outdated;
	to->compromised = from->compromised;
}

static enum pm_err read_claims(struct call *call, const Peppermint__V1__VerifyHashRequest *request,
			       struct hash_claim *claims)
{
	for (size_t i = 0; i < request->n_items; i++) {
		const Peppermint__V1__HashedValue *item = request->items[i];

		if (item->value.len == 0)
			return call_refuse(call, PM_BAD_REQUEST, "value",
					   "must have 1 to 16384 bytes");
		claims[i].value = bytes_of(item->value.data, item->value.len);
		claims[i].hash = bytes_str(item->hash);
	}
	return PM_OK;
}

enum pm_err handle_verify_hash(struct call *call, const Peppermint__V1__VerifyHashRequest *request,
			       Peppermint__V1__VerifyHashReply *reply)
{
	size_t count = request->n_items;
	struct hash_claim *claims = arena_array(call->arena, count, sizeof(*claims));
	struct hash_verdict *verdicts = arena_array(call->arena, count, sizeof(*verdicts));
	Peppermint__V1__HashVerdict *rooms = arena_array(call->arena, count, sizeof(*rooms));

	TRY(check_pepper(call, request->pepper));
	if (count == 0)
		return call_refuse(call, PM_BAD_REQUEST, "items", "at least one is required");
	reply->verdicts = arena_array(call->arena, count, sizeof(*reply->verdicts));
	if (!claims || !verdicts || !rooms || !reply->verdicts)
		return PM_NO_MEMORY;
	TRY(read_claims(call, request, claims));
	TRY(vault_verify_hash(call->rpc->vault, &call->actor, request->environment, request->pepper,
			      claims, count, verdicts));
	for (size_t i = 0; i < count; i++) {
		fill_verdict(&verdicts[i], &rooms[i]);
		reply->verdicts[i] = &rooms[i];
	}
	reply->n_verdicts = count;
	return PM_OK;
}
