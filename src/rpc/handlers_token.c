/* The tokens themselves: what is in them, orphans, and the PIN. */
#include "call.h"
#include "fields.h"
#include "server.h"

#define OBJECTS_MAX 512

/* Its label and id are borrowed from `from`. */
static void fill_object(struct object_info *from, Peppermint__V1__TokenObject *to)
{
	peppermint__v1__token_object__init(to);
	to->key_id = (ProtobufCBinaryData){ sizeof(from->key_id), from->key_id };
	to->label = from->label;
	to->algorithm = (Peppermint__V1__Algorithm)from->algorithm;
	to->sensitive = from->sensitive;
	to->always_sensitive = from->always_sensitive;
	to->extractable = from->extractable;
	to->never_extractable = from->never_extractable;
	to->local = from->local;
	to->sign = from->sign;
	to->private_ = from->private;
	to->modifiable = from->modifiable;
	to->destroyable = from->destroyable;
	to->restricted = from->restricted;
	to->sound = from->sound;
	to->version = from->version;
	to->state = (Peppermint__V1__PepperState)from->state;
}

static enum pm_err reply_with_objects(struct call *call, struct object_info *objects, size_t count,
				      Peppermint__V1__InspectTokenReply *reply)
{
	Peppermint__V1__TokenObject *rooms = arena_array(call->arena, count, sizeof(*rooms));

	reply->objects = arena_array(call->arena, count, sizeof(*reply->objects));
	if (!rooms || !reply->objects)
		return PM_NO_MEMORY;
	for (; reply->n_objects < count; reply->n_objects++) {
		fill_object(&objects[reply->n_objects], &rooms[reply->n_objects]);
		reply->objects[reply->n_objects] = &rooms[reply->n_objects];
	}
	return PM_OK;
}

static void fill_mechanism(struct mechanism_info *from, Peppermint__V1__TokenMechanism *to)
{
	peppermint__v1__token_mechanism__init(to);
	to->name = from->name;
	to->type = from->type;
	to->announced = from->announced;
	to->proof = (Peppermint__V1__Proof)from->proof;
	to->enforced = from->enforced;
}

static enum pm_err reply_with_mechanisms(struct call *call, struct token_inspection *token,
					 Peppermint__V1__InspectTokenReply *reply)
{
	size_t count = token->mechanism_count;
	Peppermint__V1__TokenMechanism *rooms = arena_array(call->arena, count, sizeof(*rooms));

	reply->mechanisms = arena_array(call->arena, count, sizeof(*reply->mechanisms));
	if (!rooms || !reply->mechanisms)
		return PM_NO_MEMORY;
	for (; reply->n_mechanisms < count; reply->n_mechanisms++) {
		fill_mechanism(&token->mechanisms[reply->n_mechanisms],
			       &rooms[reply->n_mechanisms]);
		reply->mechanisms[reply->n_mechanisms] = &rooms[reply->n_mechanisms];
	}
	return PM_OK;
}

static enum pm_err reply_with_token(struct call *call, struct token_inspection *token,
				    Peppermint__V1__InspectTokenReply *reply)
{
	reply->label = token->label;
	reply->serial = token->serial;
	reply->model = token->model;
	reply->manufacturer = token->manufacturer;
	reply->firmware = token->firmware;
	reply->hardware = token->hardware;
	reply->flags = token->flags;
	reply->max_sessions = token->max_sessions;
	reply->free_private_memory = token->free_private_memory;
	reply->sessions = token->sessions;
	reply->active = token->active;
	reply->session_copies = token->session_copies;
	reply->not_certified = !token->certified;
	return reply_with_mechanisms(call, token, reply);
}

enum pm_err handle_inspect_token(struct call *call,
				 const Peppermint__V1__InspectTokenRequest *request,
				 Peppermint__V1__InspectTokenReply *reply)
{
	struct token_inspection *token = arena_alloc(call->arena, sizeof(*token));
	struct object_info *objects = arena_array(call->arena, OBJECTS_MAX, sizeof(*objects));
	size_t count = 0;

	if (!token || !objects)
		return PM_NO_MEMORY;
	if (request->token > 1)
		return call_refuse(call, PM_BAD_REQUEST, "token",
				   "must be 0, the configured one, or 1, its standby");
	TRY(vault_inspect(call->rpc->vault, &call->actor, request->environment, request->token,
			  token, objects, OBJECTS_MAX, &count));
	TRY(reply_with_token(call, token, reply));
	return reply_with_objects(call, objects, count, reply);
}

enum pm_err handle_settle_orphan(struct call *call,
				 const Peppermint__V1__SettleOrphanRequest *request,
				 Peppermint__V1__SettleOrphanReply *reply)
{
	struct object_info *object = arena_alloc(call->arena, sizeof(*object));

	reply->object = arena_alloc(call->arena, sizeof(*reply->object));
	if (!object || !reply->object)
		return PM_NO_MEMORY;
	if (request->key_id.len != sizeof(object->key_id))
		return call_refuse(call, PM_BAD_REQUEST, "key_id", "must have 16 bytes");
	TRY(vault_settle_orphan(call->rpc->vault, &call->actor, request->environment,
				request->key_id.data, request->adopt, request->dry_run, object));
	fill_object(object, reply->object);
	return PM_OK;
}

enum pm_err handle_seal(struct call *call, const Peppermint__V1__SealRequest *request,
			Peppermint__V1__SealReply *reply)
{
	(void)reply;
	return vault_seal(call->rpc->vault, &call->actor, request->environment);
}

static struct bytes pin_of(ProtobufCBinaryData pin)
{
	return bytes_of(pin.data, pin.len);
}

/* The vault's own words, if it has some, else what it means that a PIN was tried. */
static enum pm_err refuse_pin(struct call *call, enum pm_err err, enum pm_err refused,
			      const char *what)
{
	if (err != refused || call->actor.why)
		return err;
	return call_refuse(call, err, "", what);
}

enum pm_err handle_unseal(struct call *call, const Peppermint__V1__UnsealRequest *request,
			  Peppermint__V1__UnsealReply *reply)
{
	(void)reply;
	TRY(field_pin(call, "pin", request->pin));
	enum pm_err err = vault_unseal(call->rpc->vault, &call->actor, request->environment,
				       pin_of(request->pin));
	return refuse_pin(call, err, PM_SEALED,
			  "the token refused the PIN, which was tried once; it is still sealed");
}

enum pm_err handle_change_pin(struct call *call, const Peppermint__V1__ChangePinRequest *request,
			      Peppermint__V1__ChangePinReply *reply)
{
	(void)reply;
	TRY(field_pin(call, "old_pin", request->old_pin));
	TRY(field_pin(call, "new_pin", request->new_pin));
	enum pm_err err = vault_change_pin(call->rpc->vault, &call->actor, request->environment,
					   pin_of(request->old_pin), pin_of(request->new_pin));
	err = refuse_pin(call, err, PM_OUTCOME_UNKNOWN,
			 "the token has the old PIN or the new one: if it is sealed now, unseal it "
			 "with the new one");
	return refuse_pin(call, err, PM_DENIED,
			  "the token refused the old PIN, which was tried once");
}
