/* What is in a token, and its orphans. */
#include <string.h>

#include "base/cleanup.h"
#include "exchange.h"
#include "fill.h"

/* `from` may be missing. */
static enum pm_err fill_object(struct exchange *x, const Peppermint__V1__TokenObject *from,
			       struct peppermint_object *to)
{
	if (!from)
		return exchange_bad_reply(x, "the answer holds no object");
	TRY(fill_bytes(x, from->key_id, to->key_id, sizeof(to->key_id)));
	TRY(FILL_TEXT(x, from->label, to->label));
	to->algorithm = fill_algorithm(from->algorithm);
	to->sensitive = from->sensitive;
	to->always_sensitive = from->always_sensitive;
	to->extractable = from->extractable;
	to->never_extractable = from->never_extractable;
	to->local = from->local;
	to->sign = from->sign;
	to->is_private = from->private_;
	to->modifiable = from->modifiable;
	to->destroyable = from->destroyable;
	to->restricted = from->restricted;
	to->sound = from->sound;
	to->version = from->version;
	to->state = fill_pepper_state(from->state);
	return PM_OK;
}

/* A number that we do not know proves nothing. */
static enum peppermint_proof proof_of(Peppermint__V1__Proof proof)
{
	switch (proof) {
	case PEPPERMINT__V1__PROOF__PROOF_GOOD:
		return PEPPERMINT_PROOF_GOOD;
	case PEPPERMINT__V1__PROOF__PROOF_BAD:
		return PEPPERMINT_PROOF_BAD;
	default:
		return PEPPERMINT_PROOF_NOT_TRIED;
	}
}

static enum pm_err fill_mechanism(struct exchange *x, const Peppermint__V1__TokenMechanism *from,
				  struct peppermint_mechanism *to)
{
	TRY(FILL_TEXT(x, from->name, to->name));
	to->type = from->type;
	to->announced = from->announced;
	to->proof = proof_of(from->proof);
	to->enforced = from->enforced;
	return PM_OK;
}

static enum pm_err fill_token(struct exchange *x, const Peppermint__V1__InspectTokenReply *from,
			      struct peppermint_token *to)
{
	if (from->n_mechanisms > PEPPERMINT_MECHANISMS_MAX ||
	    from->n_objects > PEPPERMINT_OBJECTS_MAX)
		return exchange_bad_reply(x, "the answer holds too many mechanisms or objects");
	TRY(FILL_TEXT(x, from->label, to->label));
	TRY(FILL_TEXT(x, from->serial, to->serial));
	TRY(FILL_TEXT(x, from->model, to->model));
	TRY(FILL_TEXT(x, from->manufacturer, to->manufacturer));
	TRY(FILL_TEXT(x, from->firmware, to->firmware));
	TRY(FILL_TEXT(x, from->hardware, to->hardware));
	for (size_t i = 0; i < from->n_mechanisms; i++)
		TRY(fill_mechanism(x, from->mechanisms[i], &to->mechanisms[i]));
	for (size_t i = 0; i < from->n_objects; i++)
		TRY(fill_object(x, from->objects[i], &to->objects[i]));
	to->mechanism_count = from->n_mechanisms;
	to->object_count = from->n_objects;
	to->flags = from->flags;
	to->max_sessions = from->max_sessions;
	to->free_private_memory = from->free_private_memory;
	to->sessions = from->sessions;
	to->active = from->active;
	to->session_copies = from->session_copies;
	to->not_certified = from->not_certified;
	return PM_OK;
}

enum pm_err peppermint_inspect_token(struct peppermint *handle, const char *environment,
				     uint32_t index, struct peppermint_token *token,
				     struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__InspectTokenRequest body = PEPPERMINT__V1__INSPECT_TOKEN_REQUEST__INIT;

	memset(token, 0, sizeof(*token));
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	body.environment = exchange_text(environment);
	body.token = index;
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_INSPECT_TOKEN;
	x.request.inspect_token = &body;
	TRY(exchange_run(&x));
	return fill_token(&x, x.reply->inspect_token, token);
}

enum pm_err peppermint_settle_orphan(struct peppermint *handle, const char *environment,
				     const uint8_t key_id[16], bool adopt, bool dry_run,
				     struct peppermint_object *object, struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__SettleOrphanRequest body = PEPPERMINT__V1__SETTLE_ORPHAN_REQUEST__INIT;

	*object = (struct peppermint_object){ 0 };
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	body.environment = exchange_text(environment);
	body.key_id = (ProtobufCBinaryData){ sizeof(object->key_id), (uint8_t *)(uintptr_t)key_id };
	body.adopt = adopt;
	body.dry_run = dry_run;
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_SETTLE_ORPHAN;
	x.request.settle_orphan = &body;
	TRY(exchange_run(&x));
	TRY(fill_object(&x, x.reply->settle_orphan->object, object));
	if (memcmp(object->key_id, key_id, sizeof(object->key_id)) != 0)
		return exchange_bad_reply(&x, "the answer is about another object");
	return PM_OK;
}
