#include <string.h>

#include "destroy.h"
#include "generate.h"
#include "handlers.h"
#include "list.h"
#include "mend.h"

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
	out->private_ = object->private;
	out->modifiable = object->modifiable;
	out->destroyable = object->destroyable;
	out->restricted = object->restricted;
	out->algorithm = (Peppermint__Signer__V1__Algorithm)object->algorithm;
	out->public_key =
		(ProtobufCBinaryData){ .len = object->public_len, .data = object->public_key };
}

enum pm_err handle_generate(struct signer *signer, const Peppermint__Signer__V1__Generate *ask,
			    generator generate, Reply *reply)
{
	struct object *made = arena_alloc(signer->arena, sizeof(*made));
	Peppermint__Signer__V1__Object *out = arena_alloc(signer->arena, sizeof(*out));

	if (!made || !out)
		return no_memory(signer);
	TRY(generate(&signer->keys, bytes_of(ask->key_id.data, ask->key_id.len), ask->label, made,
		     &signer->failure));
	put_object(made, out);
	reply->object = out;
	reply->result_case = RESULT(OBJECT);
	return PM_OK;
}

enum pm_err handle_import(struct signer *signer, const Peppermint__Signer__V1__Import *ask,
			  Reply *reply)
{
	struct object *made = arena_alloc(signer->arena, sizeof(*made));
	Peppermint__Signer__V1__Object *out = arena_alloc(signer->arena, sizeof(*out));

	if (!made || !out)
		return no_memory(signer);
	TRY(import_key(&signer->keys, bytes_of(ask->key_id.data, ask->key_id.len), ask->label,
		       bytes_of(ask->value.data, ask->value.len), made, &signer->failure));
	put_object(made, out);
	reply->object = out;
	reply->result_case = RESULT(OBJECT);
	return PM_OK;
}

struct listing {
	const struct token *token;
	const char *prefix;
	struct object *found, *spare;
	size_t count;
};

static enum pm_err list(void *arg, struct failure *failure)
{
	struct listing *listing = arg;

	return list_keys(listing->token, listing->prefix, listing->found, listing->spare,
			 &listing->count, failure);
}

enum pm_err handle_list(struct signer *signer, const Peppermint__Signer__V1__List *ask,
			Reply *reply)
{
	struct arena *arena = signer->arena;
	struct listing listing = {
		.token = &signer->token,
		.prefix = ask->label_prefix,
		.found = arena_array(arena, LIST_MAX, sizeof(*listing.found)),
		.spare = arena_array(arena, LIST_MAX, sizeof(*listing.spare)),
	};
	Peppermint__Signer__V1__Objects *result = arena_alloc(arena, sizeof(*result));

	if (!listing.found || !listing.spare || !result)
		return no_memory(signer);
	TRY(mend_run(&signer->token, list, &listing, &signer->failure));
	const size_t count = listing.count;
	Peppermint__Signer__V1__Object *objects = arena_array(arena, count, sizeof(*objects));
	Peppermint__Signer__V1__Object **all = arena_array(arena, count, sizeof(*all));
	if (!objects || !all)
		return no_memory(signer);
	for (size_t i = 0; i < count; i++) {
		put_object(&listing.found[i], &objects[i]);
		all[i] = &objects[i];
	}
	peppermint__signer__v1__objects__init(result);
	result->n_objects = count;
	result->objects = all;
	if (peppermint__signer__v1__objects__get_packed_size(result) > LIST_BYTES_MAX)
		return failure_set(&signer->failure, FAILURE_CALLER,
				   "%zu keys do not fit into an answer", count);
	reply->list = result;
	reply->result_case = RESULT(LIST);
	return PM_OK;
}

static enum pm_err check_destroy(struct signer *signer, const Peppermint__Signer__V1__Destroy *ask)
{
	const char *prefix = signer->keys.prefix;

	if (ask->key_id.len == KEY_ID_LEN && strncmp(ask->label, prefix, strlen(prefix)) == 0)
		return PM_OK;
	enum pm_err err = failure_set(&signer->failure, FAILURE_CALLER,
				      "what is destroyed here has a key id of %d bytes and a label "
				      "that begins with %s",
				      KEY_ID_LEN, prefix);
	signer->failure.rv = CKR_ATTRIBUTE_VALUE_INVALID;
	return err;
}

enum pm_err handle_destroy(struct signer *signer, const Peppermint__Signer__V1__Destroy *ask,
			   Reply *reply)
{
	Peppermint__Signer__V1__Destroyed *result = arena_alloc(signer->arena, sizeof(*result));
	const struct bytes id = bytes_of(ask->key_id.data, ask->key_id.len);
	size_t count = 0;

	if (!result)
		return no_memory(signer);
	TRY(check_destroy(signer, ask));
	TRY(destroy_key(&signer->keys, id, ask->label, &count, &signer->failure));
	peppermint__signer__v1__destroyed__init(result);
	result->objects = (uint32_t)count;
	reply->destroyed = result;
	reply->result_case = RESULT(DESTROYED);
	return PM_OK;
}
