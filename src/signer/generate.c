#include "generate.h"

#include <string.h>

#include "base/text.h"
#include "make.h"

#define OUGHT_TO_BE "sensitive always, extractable never, made in the token, may sign"

/* ECDSA signs a digest: 32 bytes, which this is without being one. */
#define PROOF "peppermint: does this pair sign?"

_Static_assert(sizeof(PROOF) - 1 == 32, "as long as a SHA-256 digest");

static enum pm_err check_request(const struct keys *keys, struct bytes id, const char *label,
				 struct failure *failure)
{
	struct bytes text = bytes_str(label);
	size_t count = 0;

	if (id.len != KEY_ID_LEN || text.len > LABEL_MAX || !text_is_clean(text) ||
	    strncmp(label, keys->prefix, strlen(keys->prefix)) != 0) {
		enum pm_err err = failure_set(
			failure, FAILURE_CALLER,
			"a key id has %d bytes; a label begins with %s and has at most %d",
			KEY_ID_LEN, keys->prefix, LABEL_MAX);
		failure->rv = CKR_ATTRIBUTE_VALUE_INVALID;
		return err;
	}
	TRY(object_count_id(keys->token, id, &count, failure));
	if (count > 0)
		return failure_set(failure, FAILURE_CALLER,
				   "token %s has an object with the CKA_ID meant for %s already",
				   keys->token->label, label);
	return PM_OK;
}

static bool is_pair(const struct made *made)
{
	return made->public != CK_INVALID_HANDLE;
}

static bool is_as_asked(const struct object *object, const struct made *made, struct bytes id,
			const char *label)
{
	return object->algorithm == made->algorithm && object->token && object->sensitive &&
	       object->always_sensitive && !object->extractable && object->never_extractable &&
	       object->local && object->sign && object->id_len == id.len &&
	       memcmp(object->id, id.data, id.len) == 0 && strcmp(object->label, label) == 0 &&
	       is_pair(made) == (object->public_len > 0);
}

/* Mechanisms are announced that do not work; and halves are swapped more easily than made. */
static enum pm_err prove(struct token *token, const struct made *made, struct failure *failure)
{
	const struct bytes proof = bytes_str(PROOF);
	uint8_t signature[SIGN_LEN];

	TRY(sign_data(token, made->algorithm, made->key, proof, signature, failure));
	return sign_verify(token, made->algorithm, made->public, proof, signature, failure);
}

static enum pm_err examine(struct token *token, const struct made *made, struct bytes id,
			   const char *label, struct object *out, struct failure *failure)
{
	TRY(object_read(token, made->key, out, failure));
	TRY(object_read_public(token, out, failure));
	if (!is_as_asked(out, made, id, label))
		return failure_set(failure, FAILURE_CALLER, OUGHT_TO_BE);
	return is_pair(made) ? prove(token, made, failure) : PM_OK;
}

/* Whether none of it is left, as far as the token can tell. */
static enum pm_err destroy(const struct token *token, const struct made *made, struct bytes id,
			   bool *gone, struct failure *failure)
{
	size_t left = 0;

	*gone = token->p11->C_DestroyObject(token->work, made->key) == CKR_OK;
	if (is_pair(made) && token->p11->C_DestroyObject(token->work, made->public) != CKR_OK)
		*gone = false;
	enum pm_err err = object_count_id(token, id, &left, failure);
	if (err != PM_OK || left > 0)
		*gone = false;
	return err;
}

/* The token did not do as it was told, as `failure` says: nothing of it may stay. */
static enum pm_err discard(const struct token *token, const struct made *made, struct bytes id,
			   const char *label, struct failure *failure)
{
	const struct failure why = *failure;
	bool gone = false;

	enum pm_err err = destroy(token, made, id, &gone, failure);
	if (err != PM_OK && failure->class != FAILURE_CALLER)
		return err;
	err = failure_set(failure, FAILURE_CALLER, "token %s made %s not as it must be; %s (%s)",
			  token->label, label,
			  gone ? "it was destroyed"
			       : "it could NOT be destroyed: remove it by hand",
			  why.detail);
	failure->rv = CKR_TEMPLATE_INCONSISTENT;
	return err;
}

static enum pm_err keep_if_sound(const struct keys *keys, const struct made *made, struct bytes id,
				 const char *label, struct object *out, struct failure *failure)
{
	enum pm_err err = examine(keys->token, made, id, label, out, failure);

	if (err != PM_OK && failure->class == FAILURE_CALLER)
		return discard(keys->token, made, id, label, failure);
	return err;
}

enum pm_err generate_key(const struct keys *keys, struct bytes id, const char *label,
			 struct object *out, struct failure *failure)
{
	struct made made;

	TRY(check_request(keys, id, label, failure));
	TRY(make_secret(keys->token, id, label, &made, failure));
	return keep_if_sound(keys, &made, id, label, out, failure);
}

enum pm_err generate_pair(const struct keys *keys, struct bytes id, const char *label,
			  struct object *out, struct failure *failure)
{
	struct made made;

	TRY(check_request(keys, id, label, failure));
	TRY(make_pair(keys->token, id, label, &made, failure));
	return keep_if_sound(keys, &made, id, label, out, failure);
}
