#include "reply.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "peppermint/v1/signer.pb-c.h"

typedef Peppermint__Signer__V1__SignerReply SignerReply;
typedef Peppermint__Signer__V1__FailureClass FailureClass;
typedef Peppermint__Signer__V1__Failure Failure;
typedef Peppermint__Signer__V1__Started Started;
typedef Peppermint__Signer__V1__Macs Macs;
typedef Peppermint__Signer__V1__Mac Mac;
typedef Peppermint__Signer__V1__Object Object;
typedef Peppermint__Signer__V1__Inspection Inspection;
typedef Peppermint__Signer__V1__Mechanism Mechanism;

#define FAILURE(name) PEPPERMINT__SIGNER__V1__FAILURE_CLASS__FAILURE_##name
#define RESULT(name) PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_##name

#define ED25519_PUBLIC_LEN 32
#define P256_PUBLIC_LEN 91 /* SubjectPublicKeyInfo, DER */

/* Vendors write what they like: cut to `cap`, and plain ASCII unless all of it is clean UTF-8. */
static void copy_text(char *out, size_t cap, const char *text)
{
	size_t len = strnlen(text, cap - 1);

	memcpy(out, text, len);
	out[len] = '\0';
	if (text_is_clean(bytes_of(out, len)))
		return;
	for (size_t i = 0; i < len; i++) {
		if (out[i] < 0x20 || out[i] > 0x7e)
			out[i] = '?';
	}
}

/* CK_TOKEN_INFO's texts are padded with blanks. */
static void copy_padded(char *out, size_t cap, const char *text)
{
	copy_text(out, cap, text);
	size_t len = strlen(out);
	while (len > 0 && out[len - 1] == ' ')
		out[--len] = '\0';
}

static enum fault fault_of(FailureClass class)
{
	switch (class) {
	case FAILURE(NONE):
		return FAULT_NONE;
	case FAILURE(CALLER):
		return FAULT_CALLER;
	case FAILURE(CAPACITY):
		return FAULT_CAPACITY;
	case FAILURE(PIN):
		return FAULT_PIN;
	case FAILURE(SETUP):
		return FAULT_SETUP;
	default: /* numbers we do not know as well */
		return FAULT_DEVICE;
	}
}

static enum pm_err unpack_failure(const Failure *failure, struct reply *out)
{
	out->kind = REPLY_FAILED;
	out->fault = fault_of(failure->class_);
	out->ck_rv = failure->ck_rv;
	copy_text(out->detail, sizeof(out->detail), failure->detail);
	return out->fault == FAULT_NONE ? PM_BAD_REPLY : PM_OK;
}

static void copy_token(const Started *started, struct reply_token *out)
{
	copy_padded(out->label, sizeof(out->label), started->label);
	copy_padded(out->manufacturer, sizeof(out->manufacturer), started->manufacturer);
	copy_padded(out->model, sizeof(out->model), started->model);
	copy_padded(out->serial, sizeof(out->serial), started->serial);
	copy_padded(out->firmware, sizeof(out->firmware), started->firmware);
	out->sessions = started->sessions;
	out->session_copies = started->session_copies;
	out->proven = started->proven;
}

static enum pm_err unpack_started(const Started *started, struct reply *out)
{
	out->kind = REPLY_STARTED;
	copy_token(started, &out->token);
	return PM_OK;
}

/* A MAC, or none because there is no such key; anything else is a failure of the whole reply. */
static enum pm_err unpack_mac(const Mac *mac, size_t i, struct reply *out)
{
	enum fault fault = fault_of(mac->failure);

	if (fault == FAULT_NONE && mac->mac.len == HSM_MAC_LEN) {
		out->macs[i] = mac->mac.data;
		return PM_OK;
	}
	if (fault == FAULT_NONE || mac->mac.len != 0)
		return PM_BAD_REPLY;
	if (fault == FAULT_CALLER)
		return PM_OK;
	out->kind = REPLY_FAILED;
	out->fault = fault;
	snprintf(out->detail, sizeof(out->detail), "an HMAC failed (class %d)", (int)mac->failure);
	return PM_OK;
}

static enum pm_err unpack_macs(const Macs *macs, struct arena *arena, struct reply *out)
{
	out->kind = REPLY_MACS;
	out->count = macs->n_macs;
	if (macs->n_macs > FRAME_ITEMS_MAX)
		return PM_BAD_REPLY;
	out->macs = arena_array(arena, macs->n_macs, sizeof(const uint8_t *));
	if (!out->macs)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < macs->n_macs && out->kind == REPLY_MACS; i++)
		TRY(unpack_mac(macs->macs[i], i, out));
	return PM_OK;
}

static enum pm_err unpack_algorithm(int number, enum hsm_algorithm *out)
{
	if (number < HSM_HMAC_SHA256 || number > HSM_AES256_GCM)
		return PM_BAD_REPLY;
	*out = (enum hsm_algorithm)number;
	return PM_OK;
}

/* Of a key that is no pair, or whose public half is not in the token, there is none. */
static enum pm_err unpack_public_key(ProtobufCBinaryData key, struct hsm_object *out)
{
	const bool fits = (out->algorithm == HSM_ED25519 && key.len == ED25519_PUBLIC_LEN) ||
			  (out->algorithm == HSM_ECDSA_P256 && key.len == P256_PUBLIC_LEN);

	if (key.len == 0)
		return PM_OK;
	if (!fits)
		return PM_BAD_REPLY;
	memcpy(out->public_key, key.data, key.len);
	out->public_len = key.len;
	return PM_OK;
}

static enum pm_err unpack_object(const Object *object, struct hsm_object *out)
{
	if (object->key_id.len != HSM_ID_LEN || strlen(object->label) > HSM_LABEL_MAX)
		return PM_BAD_REPLY;
	memcpy(out->id.bytes, object->key_id.data, HSM_ID_LEN);
	copy_text(out->label, sizeof(out->label), object->label);
	out->sensitive = object->sensitive;
	out->always_sensitive = object->always_sensitive;
	out->extractable = object->extractable;
	out->never_extractable = object->never_extractable;
	out->local = object->local;
	out->sign = object->sign;
	out->private = object->private_;
	out->modifiable = object->modifiable;
	out->destroyable = object->destroyable;
	out->restricted = object->restricted;
	TRY(unpack_algorithm((int)object->algorithm, &out->algorithm));
	return unpack_public_key(object->public_key, out);
}

static enum pm_err unpack_objects(Object *const *objects, size_t count, struct arena *arena,
				  struct reply *out)
{
	out->kind = REPLY_OBJECTS;
	out->count = count;
	if (count > HSM_OBJECTS_MAX)
		return PM_BAD_REPLY;
	out->objects = arena_array(arena, count, sizeof(*out->objects));
	if (!out->objects)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < count; i++)
		TRY(unpack_object(objects[i], &out->objects[i]));
	return PM_OK;
}

static enum pm_err unpack_bytes(ProtobufCBinaryData bytes, enum reply_kind kind, struct reply *out)
{
	out->kind = kind;
	out->bytes = bytes_of(bytes.data, bytes.len);
	return PM_OK;
}

static enum pm_err unpack_signature(ProtobufCBinaryData signature, struct reply *out)
{
	out->kind = REPLY_SIGNATURE;
	out->signature = signature.data;
	return signature.len == HSM_SIGNATURE_LEN ? PM_OK : PM_BAD_REPLY;
}

static enum pm_err unpack_mechanism(const Mechanism *mechanism, struct hsm_mechanism *out)
{
	if (mechanism->proof > HSM_DISPROVEN)
		return PM_BAD_REPLY;
	copy_text(out->name, sizeof(out->name), mechanism->name);
	out->type = mechanism->type;
	out->announced = mechanism->announced;
	out->proof = (enum hsm_proof)mechanism->proof;
	out->enforced = mechanism->enforced;
	return PM_OK;
}

static void copy_inspected_token(const struct reply_token *token, struct hsm_inspection *out)
{
	memcpy(out->label, token->label, sizeof(out->label));
	memcpy(out->manufacturer, token->manufacturer, sizeof(out->manufacturer));
	memcpy(out->model, token->model, sizeof(out->model));
	memcpy(out->serial, token->serial, sizeof(out->serial));
	memcpy(out->firmware, token->firmware, sizeof(out->firmware));
	out->sessions = token->sessions;
	out->session_copies = token->session_copies;
}

static enum pm_err unpack_inspection(const Inspection *inspection, struct arena *arena,
				     struct reply *out)
{
	struct hsm_inspection *found = arena_array(arena, 1, sizeof(*found));

	out->kind = REPLY_INSPECTION;
	out->inspection = found;
	if (!found)
		return PM_NO_MEMORY;
	if (!inspection->token || inspection->n_mechanisms > HSM_MECHANISMS_MAX)
		return PM_BAD_REPLY;
	copy_token(inspection->token, &out->token);
	copy_inspected_token(&out->token, found);
	copy_padded(found->hardware, sizeof(found->hardware), inspection->hardware);
	found->flags = inspection->flags;
	found->max_sessions = inspection->max_sessions;
	found->free_private_memory = inspection->free_private_memory;
	found->mechanism_count = inspection->n_mechanisms;
	for (size_t i = 0; i < found->mechanism_count; i++)
		TRY(unpack_mechanism(inspection->mechanisms[i], &found->mechanisms[i]));
	return PM_OK;
}

static enum pm_err unpack_result(const SignerReply *reply, struct arena *arena, struct reply *out)
{
	if (reply->failure)
		return unpack_failure(reply->failure, out);
	switch (reply->result_case) {
	case RESULT(STARTED):
		return unpack_started(reply->started, out);
	case RESULT(HMAC):
		return unpack_macs(reply->hmac, arena, out);
	case RESULT(OBJECT):
		return unpack_objects(&reply->object, 1, arena, out);
	case RESULT(LIST):
		return unpack_objects(reply->list->objects, reply->list->n_objects, arena, out);
	case RESULT(RANDOM):
		return unpack_bytes(reply->random, REPLY_RANDOM, out);
	case RESULT(ENCRYPTED):
		return unpack_bytes(reply->encrypted, REPLY_ENCRYPTED, out);
	case RESULT(DECRYPTED):
		return unpack_bytes(reply->decrypted, REPLY_DECRYPTED, out);
	case RESULT(SIGNATURE):
		return unpack_signature(reply->signature, out);
	case RESULT(DESTROYED):
		out->kind = REPLY_DESTROYED;
		return PM_OK;
	case RESULT(INSPECTION):
		return unpack_inspection(reply->inspection, arena, out);
	case RESULT(PIN_CHANGED):
		out->kind = REPLY_PIN_CHANGED;
		return PM_OK;
	default:
		return PM_BAD_REPLY;
	}
}

static void *alloc_in_arena(void *arena, size_t size)
{
	return arena_alloc(arena, size);
}

/* The arena is emptied as a whole. */
static void free_in_arena(void *arena, void *ptr)
{
	(void)arena;
	(void)ptr;
}

enum pm_err reply_unpack(struct bytes frame, struct arena *arena, struct reply *out)
{
	ProtobufCAllocator allocator = { alloc_in_arena, free_in_arena, arena };
	const SignerReply *reply =
		peppermint__signer__v1__signer_reply__unpack(&allocator, frame.len, frame.data);

	*out = (struct reply){ 0 };
	if (!reply)
		return PM_BAD_REPLY;
	out->id = reply->id;
	return unpack_result(reply, arena, out);
}
