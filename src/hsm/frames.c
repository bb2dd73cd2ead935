#include "frames.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "peppermint/v1/signer.pb-c.h"

typedef Peppermint__Signer__V1__SignerRequest SignerRequest;
typedef Peppermint__Signer__V1__SignerReply SignerReply;
typedef Peppermint__Signer__V1__FailureClass FailureClass;
typedef Peppermint__Signer__V1__Failure Failure;
typedef Peppermint__Signer__V1__Started Started;
typedef Peppermint__Signer__V1__HmacItem HmacItem;
typedef Peppermint__Signer__V1__Macs Macs;
typedef Peppermint__Signer__V1__Mac Mac;
typedef Peppermint__Signer__V1__Object Object;

#define SAME(ours, theirs)                                                                         \
	_Static_assert((int)ours == (int)PEPPERMINT__SIGNER__V1__ALGORITHM__ALGORITHM_##theirs,    \
		       #ours " differs from signer.proto")
SAME(HSM_HMAC_SHA256, HMAC_SHA256);
SAME(HSM_ED25519, ED25519);
SAME(HSM_ECDSA_P256, ECDSA_P256);
SAME(HSM_ALGORITHM_OTHER, OTHER);

#define FAILURE(name) PEPPERMINT__SIGNER__V1__FAILURE_CLASS__FAILURE_##name
#define RESULT(name) PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_##name
#define OP(name) PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_##name

#define ED25519_PUBLIC_LEN 32
#define P256_PUBLIC_LEN 91 /* SubjectPublicKeyInfo, DER */

/* Tags and lengths: 4 bytes around the item, 2 before the id, 4 before the data; rounded up. */
#define ITEM_OVERHEAD (HSM_ID_LEN + 16)

size_t frame_item_size(struct bytes data)
{
	return data.len + ITEM_OVERHEAD;
}

static enum pm_err pack(const SignerRequest *request, struct buf *out)
{
	size_t size = peppermint__signer__v1__signer_request__get_packed_size(request);

	if (size > out->cap)
		return PM_TOO_LARGE;
	out->len = peppermint__signer__v1__signer_request__pack(request, out->data);
	return PM_OK;
}

/* protobuf-c has no const in its messages; packing only reads. */
static ProtobufCBinaryData lend(struct bytes bytes)
{
	return (ProtobufCBinaryData){ .len = bytes.len, .data = (uint8_t *)bytes.data };
}

static ProtobufCBinaryData lend_id(const struct hsm_id *id)
{
	return lend(bytes_of(id->bytes, sizeof(id->bytes)));
}

enum pm_err frame_start(uint64_t id, const struct hsm_config *config, struct buf *out)
{
	Peppermint__Signer__V1__Start start = PEPPERMINT__SIGNER__V1__START__INIT;
	SignerRequest request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	start.environment = (char *)config->environment;
	start.module = (char *)config->module;
	start.token_uri = (char *)config->token_uri;
	if (config->pin_file)
		start.pin_file = (char *)config->pin_file;
	request.id = id;
	request.op_case = OP(START);
	request.start = &start;
	return pack(&request, out);
}

enum pm_err frame_hmac(uint64_t id, const struct hsm_job *const *jobs, size_t count,
		       struct arena *arena, struct buf *out)
{
	Peppermint__Signer__V1__HmacBatch batch = PEPPERMINT__SIGNER__V1__HMAC_BATCH__INIT;
	SignerRequest request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;
	HmacItem *items = arena_array(arena, count, sizeof(*items));
	HmacItem **list = arena_array(arena, count, sizeof(HmacItem *));

	if (!items || !list)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		peppermint__signer__v1__hmac_item__init(&items[i]);
		items[i].key_id = lend_id(&jobs[i]->key);
		items[i].data = lend(jobs[i]->data);
		list[i] = &items[i];
	}
	batch.n_items = count;
	batch.items = list;
	request.id = id;
	request.op_case = OP(HMAC);
	request.hmac = &batch;
	return pack(&request, out);
}

enum pm_err frame_generate(uint64_t id, const struct hsm_id *key, const char *label,
			   struct buf *out)
{
	Peppermint__Signer__V1__Generate generate = PEPPERMINT__SIGNER__V1__GENERATE__INIT;
	SignerRequest request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	generate.key_id = lend_id(key);
	generate.label = (char *)label;
	request.id = id;
	request.op_case = OP(GENERATE);
	request.generate = &generate;
	return pack(&request, out);
}

enum pm_err frame_generate_pair(uint64_t id, const struct hsm_id *key, const char *label,
				struct buf *out)
{
	Peppermint__Signer__V1__Generate generate = PEPPERMINT__SIGNER__V1__GENERATE__INIT;
	SignerRequest request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	generate.key_id = lend_id(key);
	generate.label = (char *)label;
	request.id = id;
	request.op_case = OP(GENERATE_PAIR);
	request.generate_pair = &generate;
	return pack(&request, out);
}

enum pm_err frame_sign(uint64_t id, const struct hsm_id *key, enum hsm_algorithm algorithm,
		       struct bytes data, struct buf *out)
{
	Peppermint__Signer__V1__Sign sign = PEPPERMINT__SIGNER__V1__SIGN__INIT;
	SignerRequest request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	sign.key_id = lend_id(key);
	sign.algorithm = (Peppermint__Signer__V1__Algorithm)algorithm;
	sign.data = lend(data);
	request.id = id;
	request.op_case = OP(SIGN);
	request.sign = &sign;
	return pack(&request, out);
}

enum pm_err frame_list(uint64_t id, const char *prefix, struct buf *out)
{
	Peppermint__Signer__V1__List list = PEPPERMINT__SIGNER__V1__LIST__INIT;
	SignerRequest request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	list.label_prefix = (char *)prefix;
	request.id = id;
	request.op_case = OP(LIST);
	request.list = &list;
	return pack(&request, out);
}

enum pm_err frame_random(uint64_t id, size_t len, struct buf *out)
{
	Peppermint__Signer__V1__Random random = PEPPERMINT__SIGNER__V1__RANDOM__INIT;
	SignerRequest request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	random.length = (uint32_t)len;
	request.id = id;
	request.op_case = OP(RANDOM);
	request.random = &random;
	return pack(&request, out);
}

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

static enum pm_err unpack_started(const Started *started, struct reply *out)
{
	out->kind = REPLY_STARTED;
	copy_padded(out->label, sizeof(out->label), started->label);
	copy_padded(out->manufacturer, sizeof(out->manufacturer), started->manufacturer);
	copy_padded(out->model, sizeof(out->model), started->model);
	copy_padded(out->serial, sizeof(out->serial), started->serial);
	copy_padded(out->firmware, sizeof(out->firmware), started->firmware);
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
	if (number < HSM_HMAC_SHA256 || number > HSM_ALGORITHM_OTHER)
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

static enum pm_err unpack_signature(ProtobufCBinaryData signature, struct reply *out)
{
	out->kind = REPLY_SIGNATURE;
	out->signature = signature.data;
	return signature.len == HSM_SIGNATURE_LEN ? PM_OK : PM_BAD_REPLY;
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
		out->kind = REPLY_RANDOM;
		out->random = bytes_of(reply->random.data, reply->random.len);
		return PM_OK;
	case RESULT(SIGNATURE):
		return unpack_signature(reply->signature, out);
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
