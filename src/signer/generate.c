#include "generate.h"

#include <string.h>

#include "base/text.h"
#include "cipher.h"
#include "destroy.h"
#include "make.h"
#include "mend.h"
#include "verify.h"

/* ECDSA signs a digest: 32 bytes, which this is without being one. */
#define PROOF "peppermint: does this pair sign?"

_Static_assert(sizeof(PROOF) - 1 == 32, "as long as a SHA-256 digest");

/* One key in the making. */
struct making {
	struct keys *keys;
	struct bytes id;
	const char *label;
	struct object *out;
	enum algorithm algorithm;
	struct bytes value; /* of a key that is brought in; empty: it is made here */
	size_t count;       /* objects of that CKA_ID */
};

static enum pm_err check_request(const struct making *m, struct failure *failure)
{
	const char *prefix = m->keys->prefix;
	struct bytes text = bytes_str(m->label);

	if (m->id.len == KEY_ID_LEN && text.len <= LABEL_MAX && text_is_clean(text) &&
	    strncmp(m->label, prefix, strlen(prefix)) == 0)
		return PM_OK;
	enum pm_err err =
		failure_set(failure, FAILURE_CALLER,
			    "a key id has %d bytes; a label begins with %s and has at most %d",
			    KEY_ID_LEN, prefix, LABEL_MAX);
	failure->rv = CKR_ATTRIBUTE_VALUE_INVALID;
	return err;
}

static enum pm_err count_objects(void *arg, struct failure *failure)
{
	struct making *m = arg;

	return object_count_id(m->keys->token, m->id, &m->count, failure);
}

static enum pm_err check_id_is_free(struct making *m, struct failure *failure)
{
	struct token *token = m->keys->token;

	TRY(mend_run(token, count_objects, m, failure));
	if (m->count > 0)
		return failure_set(failure, FAILURE_CALLER,
				   "token %s has an object with the CKA_ID meant for %s already",
				   token->label, m->label);
	return PM_OK;
}

static bool is_pair(const struct making *m)
{
	return m->algorithm == ALGORITHM_ED25519 || m->algorithm == ALGORITHM_ECDSA_P256;
}

static bool is_import(const struct making *m)
{
	return m->value.len > 0;
}

static enum pm_err ask_for(const struct making *m, struct failure *failure)
{
	const struct token *token = m->keys->token;

	if (is_pair(m))
		return make_pair(token, m->id, m->label, m->algorithm, failure);
	if (m->algorithm == ALGORITHM_AES256_GCM)
		return make_aes(token, m->id, m->label, failure);
	return is_import(m) ? make_known(token, m->id, m->label, m->value, failure)
			    : make_secret(token, m->id, m->label, failure);
}

/* The token refused the call before it did anything, so it says. */
static bool did_nothing(const struct failure *failure)
{
	return failure->class == FAILURE_SESSION || failure->class == FAILURE_LOGIN ||
	       failure->class == FAILURE_HANDLE;
}

/*
 * After a failure the token may have made it or not, whatever it says, and a second one of that id
 * must not be: so it looks, and asks again only if there is nothing and nothing was begun.
 */
static enum pm_err make(struct making *m, struct failure *failure)
{
	struct mend mend = { .token = m->keys->token };

	for (;;) {
		struct failure why;
		enum pm_err err = ask_for(m, &why);

		if (err == PM_OK)
			return PM_OK;
		const bool refused = did_nothing(&why), mended = mend_try(&mend, &why);
		TRY(mend_run(m->keys->token, count_objects, m, failure));
		if (m->count > 0)
			return PM_OK;
		if (refused && mended)
			continue;
		*failure = why;
		return err;
	}
}

static const char *ought_to_be(const struct making *m)
{
	if (is_import(m))
		return "sensitive, not extractable, private, may sign, not as if made in the token";
	if (m->algorithm == ALGORITHM_AES256_GCM)
		return "sensitive always, extractable never, private, made in the token, may "
		       "encrypt and decrypt and nothing else";
	return "sensitive always, extractable never, private, made in the token, may sign";
}

/* What was brought in must not pass for what was made here. */
static bool has_its_origin(const struct making *m, const struct object *object)
{
	const bool made_here = !is_import(m);

	return object->local == made_here && object->always_sensitive == made_here &&
	       object->never_extractable == made_here;
}

static bool is_as_asked(const struct making *m, const struct object *object)
{
	return object->algorithm == m->algorithm && object->token && object->private &&
	       object->sensitive && !object->extractable && has_its_origin(m, object) &&
	       object_is_fit(object) && object->id_len == m->id.len &&
	       memcmp(object->id, m->id.data, m->id.len) == 0 &&
	       strcmp(object->label, m->label) == 0 && is_pair(m) == (object->public_len > 0);
}

/* Mechanisms are announced that do not work; and halves are swapped more easily than made. */
static enum pm_err prove_pair(const struct making *m, const struct object *made,
			      struct failure *failure)
{
	const struct bytes proof = bytes_str(PROOF);
	uint8_t signature[SIGN_LEN];

	TRY(sign_data(m->keys->token, 0, made->algorithm, made->handle, proof, signature, failure));
	if (verify_signature(made->algorithm, bytes_of(made->public_key, made->public_len), proof,
			     signature))
		return PM_OK;
	return failure_set(failure, FAILURE_CALLER, "its halves do not belong together");
}

static enum pm_err prove_import(const struct making *m, const struct object *made,
				struct failure *failure)
{
	const struct bytes proof = bytes_str(PROOF);
	uint8_t mac[SIGN_MAC_LEN];

	TRY(sign_data(m->keys->token, 0, made->algorithm, made->handle, proof, mac, failure));
	if (verify_hmac(m->value, proof, mac))
		return PM_OK;
	return failure_set(failure, FAILURE_CALLER, "its MACs are not those of what was brought");
}

static enum pm_err prove(const struct making *m, struct failure *failure)
{
	if (is_pair(m))
		return prove_pair(m, m->out, failure);
	if (is_import(m))
		return prove_import(m, m->out, failure);
	return m->algorithm == ALGORITHM_AES256_GCM
		       ? cipher_prove(m->keys->token, m->out->handle, failure)
		       : PM_OK;
}

/* Found by its CKA_ID: the handles that came with its making may have been garbled on their way. */
static enum pm_err examine(void *arg, struct failure *failure)
{
	struct making *m = arg;
	const struct token *token = m->keys->token;
	CK_OBJECT_CLASS class = is_pair(m) ? CKO_PRIVATE_KEY : CKO_SECRET_KEY;
	CK_ATTRIBUTE match[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_ID, (void *)m->id.data, m->id.len },
	};
	CK_OBJECT_HANDLE found[2];

	TRY(object_find(token, match, 2, found, 2, &m->count, failure));
	if (m->count != 1)
		return failure_set(failure, FAILURE_CALLER, "%zu keys have its CKA_ID", m->count);
	TRY(object_read(token, found[0], m->out, failure));
	TRY(object_read_public(token, m->out, failure));
	if (!is_as_asked(m, m->out))
		return failure_set(failure, FAILURE_CALLER, "%s", ought_to_be(m));
	return prove(m, failure);
}

/* The token did not do as it was told, as `failure` says: nothing of it may stay. */
static enum pm_err discard(const struct making *m, bool *gone, struct failure *failure)
{
	const struct failure why = *failure;
	size_t count = 0;

	enum pm_err err = destroy_key(m->keys, m->id, NULL, &count, failure);
	if (err != PM_OK && failure->class != FAILURE_CALLER)
		return err;
	*gone = err == PM_OK;
	err = failure_set(failure, FAILURE_CALLER, "token %s made %s not as it must be; %s (%s)",
			  m->keys->token->label, m->label,
			  *gone ? "it was destroyed"
				: "it could NOT be destroyed: remove it by hand",
			  why.detail);
	failure->rv = CKR_TEMPLATE_INCONSISTENT;
	return err;
}

/* `unable`: the token does not make such, or does not use it, and nothing of it is left. */
static enum pm_err make_sound(struct making *m, bool *unable, struct failure *failure)
{
	enum pm_err err = make(m, failure);

	*unable = err != PM_OK && failure->class == FAILURE_CALLER;
	TRY(err);
	err = mend_run(m->keys->token, examine, m, failure);
	if (err == PM_OK || failure->class != FAILURE_CALLER)
		return err;
	const bool unused = failure->rv == CKR_MECHANISM_INVALID;
	bool gone = false;
	err = discard(m, &gone, failure);
	*unable = unused && gone;
	return err;
}

/* There is one way to make it. */
static enum pm_err make_only(struct making *m, struct failure *failure)
{
	bool unable = false;

	TRY(check_request(m, failure));
	TRY(check_id_is_free(m, failure));
	return make_sound(m, &unable, failure);
}

enum pm_err generate_key(struct keys *keys, struct bytes id, const char *label, struct object *out,
			 struct failure *failure)
{
	struct making m = { keys, id, label, out, .algorithm = ALGORITHM_HMAC_SHA256 };

	return make_only(&m, failure);
}

enum pm_err generate_aes(struct keys *keys, struct bytes id, const char *label, struct object *out,
			 struct failure *failure)
{
	struct making m = { keys, id, label, out, .algorithm = ALGORITHM_AES256_GCM };

	return make_only(&m, failure);
}

enum pm_err import_key(struct keys *keys, struct bytes id, const char *label, struct bytes value,
		       struct object *out, struct failure *failure)
{
	struct making m = {
		keys, id, label, out, .algorithm = ALGORITHM_HMAC_SHA256, .value = value
	};

	if (value.len >= IMPORT_MIN && value.len <= IMPORT_MAX)
		return make_only(&m, failure);
	enum pm_err err = failure_set(failure, FAILURE_CALLER,
				      "a key that is brought in has %d to %d bytes, not %zu",
				      IMPORT_MIN, IMPORT_MAX, value.len);
	failure->rv = CKR_KEY_SIZE_RANGE;
	return err;
}

/* What C_GetMechanismInfo says of Ed25519 does not count, only what comes of it. */
enum pm_err generate_pair(struct keys *keys, struct bytes id, const char *label, struct object *out,
			  struct failure *failure)
{
	struct making m = { keys, id, label, out, .algorithm = ALGORITHM_ED25519 };
	bool unable = false;

	TRY(check_request(&m, failure));
	TRY(check_id_is_free(&m, failure));
	enum pm_err err = make_sound(&m, &unable, failure);
	if (!unable)
		return err;
	m.algorithm = ALGORITHM_ECDSA_P256;
	return make_sound(&m, &unable, failure);
}
