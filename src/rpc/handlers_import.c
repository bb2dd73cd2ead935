/* Keys of other systems, and what a scanner found in public. */
#include <string.h>

#include "call.h"
#include "fields.h"
#include "server.h"

#define TAIL_MAX 3
#define REPORT_MAX 61440 /* bytes of a partner's payload */
#define HMAC_KEY_MIN 16
#define HMAC_KEY_MAX 64

/* What is wrong with its form, which harms only itself; NULL: nothing. */
static const char *fault_of(const Peppermint__V1__ImportedKey *key)
{
	if (key->form == PEPPERMINT__V1__IMPORT_FORM__IMPORT_FORM_UNSPECIFIED ||
	    !protobuf_c_enum_descriptor_get_value(&peppermint__v1__import_form__descriptor,
						  (int)key->form))
		return "form: required, and one that is known";
	if (key->value.len > VAULT_IMPORT_TEXT_MAX)
		return "value: must be at most 256 bytes";
	if (strlen(key->hmac_key) > VAULT_PEPPER_NAME_MAX)
		return "hmac_key: must be at most 32 bytes";
	if (*key->account == '\0' || strlen(key->account) > VAULT_ACCOUNT_MAX)
		return "account: required, at most 64 bytes";
	if (strlen(key->product) > VAULT_PRODUCT_MAX)
		return "product: must be at most 64 bytes";
	if (strlen(key->name) > VAULT_NAME_MAX)
		return "name: must be at most 128 bytes";
	if (strlen(key->external_reference) > VAULT_REFERENCE_MAX)
		return "external_reference: must be at most 64 bytes";
	return strlen(key->tail) > TAIL_MAX ? "tail: must be at most 3 bytes" : NULL;
}

static enum pm_err fill_item(struct call *call, const Peppermint__V1__ImportedKey *key,
			     struct import_item *item)
{
	*item = (struct import_item){
		.form = (enum import_form)key->form,
		.value = bytes_of(key->value.data, key->value.len),
		.hmac_key = key->hmac_key,
		.account = key->account,
		.product = key->product,
		.name = key->name,
		.external_ref = key->external_reference,
		.tail = key->tail,
		.created_at = key->created_at,
		.not_before = key->not_before,
		.expires_at = key->expires_at,
		.disabled = key->disabled,
		.scopes = { (const char *const *)key->scopes, key->n_scopes },
		.networks = { (const char *const *)key->networks, key->n_networks },
	};
	return field_labels(call, key->labels, key->n_labels, &item->labels);
}

/* The items that go to the vault, and where the outcome of each belongs. */
struct import_room {
	struct import_item *items;
	struct import_outcome *done;     /* of the items */
	struct import_outcome *outcomes; /* of the request's keys */
	size_t *places;
	size_t count;
};

static enum pm_err fill_room(struct call *call, const Peppermint__V1__ImportKeysRequest *request,
			     struct import_room *room)
{
	for (size_t i = 0; i < request->n_keys; i++) {
		const char *fault = fault_of(request->keys[i]);

		if (fault) {
			room->outcomes[i] =
				(struct import_outcome){ .error = PM_BAD_REQUEST, .why = fault };
			continue;
		}
		TRY(fill_item(call, request->keys[i], &room->items[room->count]));
		room->places[room->count++] = i;
	}
	return PM_OK;
}

static enum pm_err import(struct call *call, const Peppermint__V1__ImportKeysRequest *request,
			  struct import_room *room)
{
	TRY(fill_room(call, request, room));
	if (room->count > 0)
		TRY(vault_import_keys(call->rpc->vault, &call->actor, request->environment,
				      room->items, room->count, room->done));
	for (size_t i = 0; i < room->count; i++)
		room->outcomes[room->places[i]] = room->done[i];
	return PM_OK;
}

static enum pm_err reply_with_outcomes(struct call *call, struct import_outcome *outcomes,
				       size_t count, Peppermint__V1__ImportKeysReply *reply)
{
	Peppermint__V1__ImportOutcome *rooms = arena_array(call->arena, count, sizeof(*rooms));

	reply->outcomes = arena_array(call->arena, count, sizeof(*reply->outcomes));
	if (!rooms || !reply->outcomes)
		return PM_NO_MEMORY;
	for (; reply->n_outcomes < count; reply->n_outcomes++) {
		struct import_outcome *from = &outcomes[reply->n_outcomes];
		Peppermint__V1__ImportOutcome *to = &rooms[reply->n_outcomes];

		peppermint__v1__import_outcome__init(to);
		to->error = (Peppermint__V1__Error)from->error;
		to->key_id = from->key_id;
		/* protobuf-c's strings are not const; packing only reads them. */
		if (from->why)
			to->message = (char *)(uintptr_t)from->why;
		reply->outcomes[reply->n_outcomes] = to;
	}
	return PM_OK;
}

enum pm_err handle_import_keys(struct call *call, const Peppermint__V1__ImportKeysRequest *request,
			       Peppermint__V1__ImportKeysReply *reply)
{
	size_t most = request->n_keys;
	struct import_room room = {
		.items = arena_array(call->arena, most, sizeof(*room.items)),
		.done = arena_array(call->arena, most, sizeof(*room.done)),
		.outcomes = arena_array(call->arena, most, sizeof(*room.outcomes)),
		.places = arena_array(call->arena, most, sizeof(*room.places)),
	};

	if (most == 0 || most > VAULT_IMPORT_MAX)
		return call_refuse(call, PM_BAD_REQUEST, "keys", "must be 1 to 512");
	if (!room.items || !room.done || !room.outcomes || !room.places)
		return PM_NO_MEMORY;
	TRY(import(call, request, &room));
	return reply_with_outcomes(call, room.outcomes, most, reply);
}

enum pm_err handle_import_hmac_key(struct call *call,
				   const Peppermint__V1__ImportHmacKeyRequest *request,
				   Peppermint__V1__ImportHmacKeyReply *reply)
{
	struct master_info *info = arena_alloc(call->arena, sizeof(*info));

	reply->key = arena_alloc(call->arena, sizeof(*reply->key));
	if (!info || !reply->key)
		return PM_NO_MEMORY;
	TRY(field_pepper_name(call, "name", request->name));
	if (request->value.len < HMAC_KEY_MIN || request->value.len > HMAC_KEY_MAX)
		return call_refuse(call, PM_BAD_REQUEST, "value", "must have 16 to 64 bytes");
	TRY(vault_import_hmac_key(call->rpc->vault, &call->actor, request->environment,
				  request->name, bytes_of(request->value.data, request->value.len),
				  info));
	fill_version(info, reply->key);
	return PM_OK;
}

static void fill_leak(struct leak_verdict *from, Peppermint__V1__LeakVerdict *to)
{
	peppermint__v1__leak_verdict__init(to);
	to->known = from->known;
	to->error = (Peppermint__V1__Error)from->error;
	to->environment = from->environment;
	to->key_id = from->key_id;
	to->action = (Peppermint__V1__LeakAction)from->action;
}

static enum pm_err reply_with_leaks(struct call *call, struct leak_verdict *verdicts, size_t count,
				    Peppermint__V1__ReportLeaksReply *reply)
{
	Peppermint__V1__LeakVerdict *rooms = arena_array(call->arena, count, sizeof(*rooms));

	reply->verdicts = arena_array(call->arena, count, sizeof(*reply->verdicts));
	if (!rooms || !reply->verdicts)
		return PM_NO_MEMORY;
	for (; reply->n_verdicts < count; reply->n_verdicts++) {
		fill_leak(&verdicts[reply->n_verdicts], &rooms[reply->n_verdicts]);
		reply->verdicts[reply->n_verdicts] = &rooms[reply->n_verdicts];
	}
	return PM_OK;
}

enum pm_err handle_report_leaks(struct call *call,
				const Peppermint__V1__ReportLeaksRequest *request,
				Peppermint__V1__ReportLeaksReply *reply)
{
	struct leak_verdict *verdicts =
		arena_array(call->arena, VAULT_LEAKS_MAX, sizeof(*verdicts));
	size_t count = 0;

	if (!verdicts)
		return PM_NO_MEMORY;
	TRY(field_bytes(call, "payload", request->payload, REPORT_MAX));
	TRY(field_required(call, "key_id", request->key_id, 128));
	TRY(field_required(call, "signature", request->signature, 256));
	TRY(vault_report_leaks(call->rpc->vault, &call->actor, request->key_id,
			       bytes_of(request->payload.data, request->payload.len),
			       bytes_str(request->signature), verdicts, &count));
	return reply_with_leaks(call, verdicts, count, reply);
}
