/* Verifying keys that were presented, and a secret that its owner asks about. */
#include <string.h>

#include "call.h"
#include "fields.h"
#include "server.h"

/* Not a credential, whatever else it is: for bytes that no C string can hold. */
#define UNREADABLE "\n"

struct verify_room {
	size_t count;
	struct presented *presented;
	struct verdict *verdicts;
	struct verdict_detail *details; /* NULL: not asked for */
};

static enum pm_err make_room(struct call *call, size_t count, bool details,
			     struct verify_room *room)
{
	room->count = count;
	room->presented = arena_array(call->arena, count, sizeof(*room->presented));
	room->verdicts = arena_array(call->arena, count, sizeof(*room->verdicts));
	room->details = details ? arena_array(call->arena, count, sizeof(*room->details)) : NULL;
	return room->presented && room->verdicts && (!details || room->details) ? PM_OK
										: PM_NO_MEMORY;
}

static enum pm_err copy_headers(struct call *call, const Peppermint__V1__Presented *from,
				struct presented *to)
{
	const char **headers = arena_array(call->arena, from->n_authorization, sizeof(*headers));

	if (!headers)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < from->n_authorization; i++) {
		ProtobufCBinaryData value = from->authorization[i];

		TRY(field_bytes(call, "authorization", value, VAULT_HEADER_MAX));
		headers[i] = value.len > 0 && memchr(value.data, '\0', value.len)
				     ? UNREADABLE
				     : arena_text(call->arena, bytes_of(value.data, value.len));
		if (!headers[i])
			return PM_NO_MEMORY;
	}
	to->headers = headers;
	to->header_count = from->n_authorization;
	return PM_OK;
}

static enum pm_err copy_presented(struct call *call, const Peppermint__V1__Presented *from,
				  struct presented *to)
{
	TRY(field_bytes(call, "api_key", from->api_key, VAULT_HEADER_MAX));
	TRY(field_optional(call, "product", from->product, VAULT_PRODUCT_MAX));
	to->key = bytes_of(from->api_key.data, from->api_key.len);
	to->address = from->source_address;
	to->product = from->product;
	to->scopes = (struct texts){ .items = (const char *const *)from->scopes,
				     .count = from->n_scopes };
	return copy_headers(call, from, to);
}

static enum pm_err fill_room(struct call *call, const Peppermint__V1__VerifyKeysRequest *request,
			     struct verify_room *room)
{
	for (size_t i = 0; i < request->n_api_keys; i++)
		room->presented[i].key = bytes_str(request->api_keys[i]);
	for (size_t i = 0; i < request->n_presented; i++)
		TRY(copy_presented(call, request->presented[i], &room->presented[i]));
	return PM_OK;
}

static void fill_verdict(struct verdict *from, Peppermint__V1__Verdict *to)
{
	static char refusal[] = PEPPERMINT_PUBLIC_REFUSAL;

	peppermint__v1__verdict__init(to);
	to->valid = from->valid;
	to->error = (Peppermint__V1__Error)from->error;
	to->reason = (Peppermint__V1__Reason)from->reason;
	if (!from->valid) {
		to->message = refusal;
		return;
	}
	to->key_id = from->key_id;
	to->account = from->account;
	to->product = from->product;
	to->expires_at = from->expires_at;
	to->secret_expires_at = from->secret_expires_at;
	to->compromised = from->compromised;
}

static enum pm_err fill_detail(struct call *call, struct verdict_detail *from,
			       Peppermint__V1__Verdict *to)
{
	to->external_reference = from->external_ref;
	TRY(reply_with_words(call, from->scopes, &to->scopes, &to->n_scopes));
	return reply_with_labels(call, from->labels, &to->labels, &to->n_labels);
}

static enum pm_err reply_with_verdicts(struct call *call, struct verify_room *room,
				       Peppermint__V1__VerifyKeysReply *reply)
{
	Peppermint__V1__Verdict *rooms = arena_array(call->arena, room->count, sizeof(*rooms));

	reply->verdicts = arena_array(call->arena, room->count, sizeof(*reply->verdicts));
	if (!rooms || !reply->verdicts)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < room->count; i++) {
		fill_verdict(&room->verdicts[i], &rooms[i]);
		if (room->details && rooms[i].valid)
			TRY(fill_detail(call, &room->details[i], &rooms[i]));
		reply->verdicts[i] = &rooms[i];
	}
	reply->n_verdicts = room->count;
	return PM_OK;
}

enum pm_err handle_verify_keys(struct call *call, const Peppermint__V1__VerifyKeysRequest *request,
			       Peppermint__V1__VerifyKeysReply *reply)
{
	bool presented = request->n_presented > 0;
	struct verify_room room;

	if (presented == (request->n_api_keys > 0))
		return call_refuse(call, PM_BAD_REQUEST, "api_keys",
				   "at least one is required, or else of presented");
	if (request->n_presented > VAULT_PRESENTED_MAX)
		return call_refuse(call, PM_TOO_LARGE, "presented", "must be at most 64");
	TRY(make_room(call, presented ? request->n_presented : request->n_api_keys, presented,
		      &room));
	TRY(fill_room(call, request, &room));
	TRY(vault_verify(call->rpc->vault, &call->actor, request->environment, room.presented,
			 room.count, room.verdicts, room.details));
	return reply_with_verdicts(call, &room, reply);
}

enum pm_err handle_verify_secret(struct call *call,
				 const Peppermint__V1__VerifySecretRequest *request,
				 Peppermint__V1__VerifySecretReply *reply)
{
	static char matches[] = "Your secret has been verified.";
	static char differs[] = "Your secret does not match this key.";

	TRY(field_key_id(call, request->key_id));
	TRY(field_required(call, "secret", request->secret, VAULT_IMPORT_TEXT_MAX));
	bool match = false;
	TRY(vault_verify_secret(call->rpc->vault, &call->actor, request->environment,
				request->key_id, bytes_str(request->secret), &match));
	reply->match = match;
	reply->message = match ? matches : differs;
	return PM_OK;
}
