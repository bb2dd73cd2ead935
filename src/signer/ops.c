#include "ops.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "generate.h"
#include "list.h"

#define SHA256_LEN 32

#define SAME(name)                                                                                 \
	_Static_assert((int)name == (int)PEPPERMINT__SIGNER__V1__FAILURE_CLASS__##name,            \
		       #name " differs from signer.proto")
SAME(FAILURE_NONE);
SAME(FAILURE_CALLER);
SAME(FAILURE_SESSION);
SAME(FAILURE_LOGIN);
SAME(FAILURE_HANDLE);
SAME(FAILURE_MODULE);
SAME(FAILURE_PIN);
SAME(FAILURE_CAPACITY);
SAME(FAILURE_SETUP);
#undef SAME
#define SAME(name)                                                                                 \
	_Static_assert((int)name == (int)PEPPERMINT__SIGNER__V1__ALGORITHM__##name,                \
		       #name " differs from signer.proto")
SAME(ALGORITHM_NONE);
SAME(ALGORITHM_HMAC_SHA256);
SAME(ALGORITHM_ED25519);
SAME(ALGORITHM_ECDSA_P256);
SAME(ALGORITHM_OTHER);

static enum pm_err no_memory(struct signer *signer)
{
	return failure_set(&signer->failure, FAILURE_CAPACITY, "the signer is out of memory");
}

/* A function of its own, so that the PIN is wiped, and its descriptor closed, right after. */
static enum pm_err log_in(struct signer *signer, const char *pin_file)
{
	struct pin *pin CLEANUP(pin_freep) = pin_new();
	int pin_fd CLEANUP(close_fd) = take_fd(&signer->pin_fd);
	struct failure *failure = &signer->failure;

	if (!pin)
		return no_memory(signer);
	TRY(pin_file[0] != '\0' ? pin_read_file(pin_file, pin, failure)
				: pin_read_fd(pin_fd, pin, failure));
	return token_login(&signer->token, pin, failure);
}

static enum pm_err open_token(struct signer *signer, const Peppermint__Signer__V1__Start *ask)
{
	struct failure *failure = &signer->failure;

	if (strcmp(ask->environment, signer->environment) != 0)
		return failure_set(failure, FAILURE_SETUP,
				   "the signer of environment %s was asked to serve %s",
				   signer->environment, ask->environment);
	TRY(token_open(&signer->token, ask->module, ask->token_uri, failure));
	TRY(token_check_pin_tries(&signer->token, failure));
	TRY(log_in(signer, ask->pin_file));
	if (sandbox_enter(SANDBOX_SIGNER) != PM_OK)
		return failure_set(failure, FAILURE_SETUP,
				   "the kernel does not let the signer into its sandbox (seccomp)");
	return PM_OK;
}

static enum pm_err start(struct signer *signer, const Peppermint__Signer__V1__Start *ask,
			 Peppermint__Signer__V1__SignerReply *reply)
{
	struct token *token = &signer->token;
	Peppermint__Signer__V1__Started *started = arena_alloc(signer->arena, sizeof(*started));

	if (!started)
		return no_memory(signer);
	enum pm_err err = open_token(signer, ask);
	if (err != PM_OK && signer->failure.class == FAILURE_CALLER)
		signer->failure.class = FAILURE_SETUP; /* refused whatever we ask for later */
	TRY(err);
	signer->started = true;
	keys_init(&signer->keys, token, signer->environment);
	peppermint__signer__v1__started__init(started);
	started->label = token->label;
	started->manufacturer = token->manufacturer;
	started->model = token->model;
	started->serial = token->serial;
	started->firmware = token->firmware;
	started->session_copies = keys_can_copy(&signer->keys);
	reply->started = started;
	reply->result_case = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_STARTED;
	return PM_OK;
}

static enum pm_err hmac_item(struct signer *signer, const Peppermint__Signer__V1__HmacItem *item,
			     uint8_t mac[SIGN_MAC_LEN])
{
	if (item->data.len > HMAC_DATA_MAX)
		return failure_set(&signer->failure, FAILURE_CALLER,
				   "%zu bytes to HMAC, more than %d", item->data.len,
				   HMAC_DATA_MAX);
	return keys_sign(&signer->keys, bytes_of(item->key_id.data, item->key_id.len),
			 ALGORITHM_HMAC_SHA256, bytes_of(item->data.data, item->data.len), mac,
			 &signer->failure);
}

/* A refused item is the item's own affair; anything worse ends the batch and the process. */
static enum pm_err hmac_items(struct signer *signer, const Peppermint__Signer__V1__HmacBatch *batch,
			      Peppermint__Signer__V1__Mac *macs, uint8_t (*bytes)[SIGN_MAC_LEN])
{
	bool logged = false;

	for (size_t i = 0; i < batch->n_items; i++) {
		peppermint__signer__v1__mac__init(&macs[i]);
		enum pm_err err = hmac_item(signer, batch->items[i], bytes[i]);
		if (err != PM_OK && signer->failure.class != FAILURE_CALLER)
			return err;
		if (err != PM_OK) {
			macs[i].failure = PEPPERMINT__SIGNER__V1__FAILURE_CLASS__FAILURE_CALLER;
			if (!logged) /* the answer has no room for why; once per batch is enough */
				log_warn("hmac refused: %s", signer->failure.detail);
			logged = true;
			continue;
		}
		macs[i].mac = (ProtobufCBinaryData){ .len = SIGN_MAC_LEN, .data = bytes[i] };
	}
	return PM_OK;
}

static enum pm_err hmac(struct signer *signer, const Peppermint__Signer__V1__HmacBatch *batch,
			Peppermint__Signer__V1__SignerReply *reply)
{
	struct arena *arena = signer->arena;
	size_t count = batch->n_items;

	if (count > HMAC_ITEMS_MAX)
		return failure_set(&signer->failure, FAILURE_CALLER, "%zu items, more than %d",
				   count, HMAC_ITEMS_MAX);
	Peppermint__Signer__V1__Macs *result = arena_alloc(arena, sizeof(*result));
	Peppermint__Signer__V1__Mac *macs = arena_array(arena, count, sizeof(*macs));
	Peppermint__Signer__V1__Mac **list = arena_array(arena, count, sizeof(*list));
	uint8_t(*bytes)[SIGN_MAC_LEN] = arena_array(arena, count, sizeof(*bytes));
	if (!result || !macs || !list || !bytes)
		return no_memory(signer);
	TRY(hmac_items(signer, batch, macs, bytes));
	for (size_t i = 0; i < count; i++)
		list[i] = &macs[i];
	peppermint__signer__v1__macs__init(result);
	result->n_macs = count;
	result->macs = list;
	reply->hmac = result;
	reply->result_case = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_HMAC;
	return PM_OK;
}

static void put_object(struct object *object, Peppermint__Signer__V1__Object *out)
{
	peppermint__signer__v1__object__init(out);
	out->key_id = (ProtobufCBinaryData){ .len = object->id_len, .data = object->id };
	out->label = object->label;
	out->sensitive = object->sensitive;
	out->always_sensitive = object->always_sensitive;
	out->extractable = object->extractable;
	out->never_extractable = object->never_extractable;
	out->local = object->local;
	out->sign = object->sign;
	out->algorithm = (Peppermint__Signer__V1__Algorithm)object->algorithm;
	out->public_key =
		(ProtobufCBinaryData){ .len = object->public_len, .data = object->public_key };
}

static enum pm_err generate(struct signer *signer, const Peppermint__Signer__V1__Generate *ask,
			    bool pair, Peppermint__Signer__V1__SignerReply *reply)
{
	struct object *made = arena_alloc(signer->arena, sizeof(*made));
	Peppermint__Signer__V1__Object *out = arena_alloc(signer->arena, sizeof(*out));

	if (!made || !out)
		return no_memory(signer);
	TRY((pair ? generate_pair : generate_key)(&signer->keys,
						  bytes_of(ask->key_id.data, ask->key_id.len),
						  ask->label, made, &signer->failure));
	put_object(made, out);
	reply->object = out;
	reply->result_case = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_OBJECT;
	return PM_OK;
}

/* ECDSA's input is checked here because modules cut what is longer than the order. */
static bool is_signable(const Peppermint__Signer__V1__Sign *ask)
{
	switch ((enum algorithm)ask->algorithm) {
	case ALGORITHM_ED25519:
		return ask->data.len <= SIGN_DATA_MAX;
	case ALGORITHM_ECDSA_P256:
		return ask->data.len == SHA256_LEN;
	default:
		return false;
	}
}

static enum pm_err sign(struct signer *signer, const Peppermint__Signer__V1__Sign *ask,
			Peppermint__Signer__V1__SignerReply *reply)
{
	uint8_t *signature = arena_alloc(signer->arena, SIGN_LEN);

	if (!signature)
		return no_memory(signer);
	if (!is_signable(ask)) {
		enum pm_err err = failure_set(&signer->failure, FAILURE_CALLER,
					      "%zu bytes are not signed with algorithm %d",
					      ask->data.len, (int)ask->algorithm);
		signer->failure.rv = CKR_DATA_LEN_RANGE;
		return err;
	}
	TRY(keys_sign(&signer->keys, bytes_of(ask->key_id.data, ask->key_id.len),
		      (enum algorithm)ask->algorithm, bytes_of(ask->data.data, ask->data.len),
		      signature, &signer->failure));
	reply->signature = (ProtobufCBinaryData){ .len = SIGN_LEN, .data = signature };
	reply->result_case = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_SIGNATURE;
	return PM_OK;
}

static enum pm_err list(struct signer *signer, const Peppermint__Signer__V1__List *ask,
			Peppermint__Signer__V1__SignerReply *reply)
{
	struct arena *arena = signer->arena;
	struct object *found = arena_array(arena, LIST_MAX, sizeof(*found));
	Peppermint__Signer__V1__Objects *result = arena_alloc(arena, sizeof(*result));
	size_t count = 0;

	if (!found || !result)
		return no_memory(signer);
	TRY(list_keys(&signer->token, ask->label_prefix, found, &count, &signer->failure));
	Peppermint__Signer__V1__Object *objects = arena_array(arena, count, sizeof(*objects));
	Peppermint__Signer__V1__Object **all = arena_array(arena, count, sizeof(*all));
	if (!objects || !all)
		return no_memory(signer);
	for (size_t i = 0; i < count; i++) {
		put_object(&found[i], &objects[i]);
		all[i] = &objects[i];
	}
	peppermint__signer__v1__objects__init(result);
	result->n_objects = count;
	result->objects = all;
	if (peppermint__signer__v1__objects__get_packed_size(result) > LIST_BYTES_MAX)
		return failure_set(&signer->failure, FAILURE_CALLER,
				   "%zu keys do not fit into an answer", count);
	reply->list = result;
	reply->result_case = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_LIST;
	return PM_OK;
}

static enum pm_err random_bytes(struct signer *signer, const Peppermint__Signer__V1__Random *ask,
				Peppermint__Signer__V1__SignerReply *reply)
{
	const struct token *token = &signer->token;

	if (ask->length == 0 || ask->length > RANDOM_MAX)
		return failure_set(&signer->failure, FAILURE_CALLER, "%u random bytes, not 1 to %d",
				   ask->length, RANDOM_MAX);
	uint8_t *bytes = arena_alloc(signer->arena, ask->length);
	if (!bytes)
		return no_memory(signer);
	CK_RV rv = token->p11->C_GenerateRandom(token->work, bytes, ask->length);
	if (rv != CKR_OK)
		return failure_ck(&signer->failure, rv, "C_GenerateRandom");
	reply->random = (ProtobufCBinaryData){ .len = ask->length, .data = bytes };
	reply->result_case = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_RANDOM;
	return PM_OK;
}

enum pm_err ops_run(struct signer *signer, const Peppermint__Signer__V1__SignerRequest *request,
		    Peppermint__Signer__V1__SignerReply *reply)
{
	bool is_start = request->op_case == PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_START;

	if (is_start == signer->started) /* Start comes first, and once */
		return PM_UNKNOWN_RPC;
	switch (request->op_case) {
	case PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_START:
		return start(signer, request->start, reply);
	case PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_HMAC:
		return hmac(signer, request->hmac, reply);
	case PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_GENERATE:
		return generate(signer, request->generate, false, reply);
	case PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_GENERATE_PAIR:
		return generate(signer, request->generate_pair, true, reply);
	case PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_SIGN:
		return sign(signer, request->sign, reply);
	case PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_LIST:
		return list(signer, request->list, reply);
	case PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_RANDOM:
		return random_bytes(signer, request->random, reply);
	default:
		return PM_UNKNOWN_RPC;
	}
}
