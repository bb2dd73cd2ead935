#include "keys.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "passing.h"

void keys_init(struct keys *keys, struct token *token, const char *environment)
{
	*keys = (struct keys){ .token = token };
	snprintf(keys->prefix, sizeof(keys->prefix), LABEL_ROOT "%s/", environment);
}

static bool is_ours(const struct keys *keys, const struct object *object)
{
	return strncmp(object->label, keys->prefix, strlen(keys->prefix)) == 0;
}

static bool is_sound(const struct object *object, struct bytes id, enum algorithm algorithm)
{
	return object->sensitive && !object->extractable && object_is_fit(object) &&
	       object->algorithm == algorithm && object->id_len == id.len &&
	       memcmp(object->id, id.data, id.len) == 0;
}

static enum pm_err look_for(const struct keys *keys, struct bytes id, enum algorithm algorithm,
			    struct object *out, struct failure *failure)
{
	const bool pair = algorithm == ALGORITHM_ED25519 || algorithm == ALGORITHM_ECDSA_P256;
	CK_OBJECT_CLASS class = pair ? CKO_PRIVATE_KEY : CKO_SECRET_KEY;
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE match[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_ID, (void *)id.data, id.len },
	};
	CK_OBJECT_HANDLE found[2];
	size_t count = 0;
	char hex[2 * KEY_ID_LEN + 1];

	hex_encode(id, hex);
	TRY(object_find(keys->token, match, 3, found, 2, &count, failure));
	if (count == 0)
		return failure_set(failure, FAILURE_CALLER, "token %s has no key with CKA_ID %s",
				   keys->token->label, hex);
	if (count > 1)
		return failure_set(failure, FAILURE_CALLER,
				   "token %s has several keys with CKA_ID %s; none is used",
				   keys->token->label, hex);
	TRY(object_read(keys->token, found[0], out, failure));
	if (!is_ours(keys, out) || !is_sound(out, id, algorithm))
		return failure_set(failure, FAILURE_CALLER,
				   "key %s of token %s is not used: it must be a sensitive, not "
				   "extractable %s key that may %s, labelled %s…",
				   hex, keys->token->label, sign_name(algorithm),
				   algorithm == ALGORITHM_AES256_GCM ? "encrypt and decrypt only"
								     : "sign",
				   keys->prefix);
	return PM_OK;
}

/* Without a key its environment does not serve: one wrong bit on the way shall not do that. */
static enum pm_err find_key(const struct keys *keys, struct bytes id, enum algorithm algorithm,
			    struct object *out, struct failure *failure)
{
	enum pm_err err = look_for(keys, id, algorithm, out, failure);

	if (err == PM_OK || failure->class != FAILURE_CALLER)
		return err;
	return look_for(keys, id, algorithm, out, failure);
}

/* CK_INVALID_HANDLE when the token does not allow a copy as safe as the original. */
static enum pm_err copy_to_session(const struct token *token, const struct object *original,
				   CK_OBJECT_HANDLE *out, struct failure *failure)
{
	const struct bytes id = bytes_of(original->id, original->id_len);
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE change[] = { { CKA_TOKEN, &no, sizeof(no) } };
	CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
	struct object copy;

	*out = CK_INVALID_HANDLE;
	/* On the anchor, which stays open as long as the copy is used. */
	CK_RV rv = token->p11->C_CopyObject(token->anchor, original->handle, change, 1, &handle);
	if (ckr_class(rv) == FAILURE_CALLER || ckr_class(rv) == FAILURE_CAPACITY)
		return PM_OK;
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_CopyObject");
	TRY(object_read(token, handle, &copy, failure));
	if (!copy.token && is_sound(&copy, id, original->algorithm)) {
		*out = handle;
		return PM_OK;
	}
	log_warn("token %s made a copy of a key that is not as it must be", token->label);
	return object_drop(token, handle, id, failure);
}

enum pm_err keys_try_copies(struct keys *keys, struct failure *failure)
{
	const struct token *token = keys->token;
	struct passing passing;
	struct object object;
	CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;

	keys->copies = false;
	enum pm_err err = passing_generate(token, PASSING_SENSITIVE, &passing, failure);
	if (err != PM_OK)
		return failure->class == FAILURE_CALLER ? PM_OK : err;
	TRY(object_read(token, passing.key, &object, failure));
	TRY(copy_to_session(token, &object, &copy, failure));
	passing_drop(token, &passing);
	if (copy == CK_INVALID_HANDLE)
		return PM_OK;
	err = object_drop(token, copy, bytes_of(passing.id, sizeof(passing.id)), failure);
	keys->copies = err == PM_OK; /* with what cannot be destroyed, keys could not be either */
	return err != PM_OK && failure->class == FAILURE_CALLER ? PM_OK : err;
}

void keys_new_round(struct keys *keys)
{
	keys->round++;
}

static struct key *lookup(struct keys *keys, struct bytes id, enum algorithm algorithm)
{
	for (size_t i = 0; i < keys->count; i++) {
		if (memcmp(keys->table[i].id, id.data, KEY_ID_LEN) == 0 &&
		    keys->table[i].algorithm == algorithm)
			return &keys->table[i];
	}
	return NULL;
}

/* Empties the slot; a copy is destroyed, if its handle still names it. */
static enum pm_err drop(const struct keys *keys, struct key *key, struct failure *failure)
{
	const bool is_old = key->generation != keys->token->generation;

	enum pm_err err = PM_OK;

	if (key->copy)
		err = object_drop(keys->token, key->handle, bytes_of(key->id, sizeof(key->id)),
				  failure);
	if (err != PM_OK && !(is_old && failure->class == FAILURE_HANDLE))
		return err;
	*key = (struct key){ 0 };
	return PM_OK;
}

static struct key *new_slot(struct keys *keys)
{
	struct key *slot = NULL;

	if (keys->count < KEYS_MAX)
		return &keys->table[keys->count++];
	do
		slot = &keys->table[keys->oldest++ % KEYS_MAX];
	while (slot->round == keys->round);
	return slot;
}

/* Fills the slot with a key whose original was found and read. */
static enum pm_err fill(struct keys *keys, struct key *key, const struct object *object,
			struct failure *failure)
{
	CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;

	if (keys->copies)
		TRY(copy_to_session(keys->token, object, &copy, failure));
	memcpy(key->id, object->id, KEY_ID_LEN);
	key->algorithm = object->algorithm;
	key->copy = copy != CK_INVALID_HANDLE;
	key->handle = key->copy ? copy : object->handle;
	key->generation = keys->token->generation;
	return PM_OK;
}

enum pm_err keys_handle(struct keys *keys, struct bytes id, enum algorithm algorithm,
			CK_OBJECT_HANDLE *out, struct failure *failure)
{
	struct object object = { 0 };

	if (id.len != KEY_ID_LEN)
		return failure_set(failure, FAILURE_CALLER, "a key id has %d bytes, not %zu",
				   KEY_ID_LEN, id.len);
	struct key *key = lookup(keys, id, algorithm);
	if (!key || key->generation != keys->token->generation) {
		TRY(find_key(keys, id, algorithm, &object, failure));
		key = key ? key : new_slot(keys);
		TRY(drop(keys, key, failure));
		TRY(fill(keys, key, &object, failure));
	}
	key->round = keys->round;
	*out = key->handle;
	return PM_OK;
}

enum pm_err keys_forget(struct keys *keys, struct bytes id, struct failure *failure)
{
	for (size_t i = 0; i < keys->count; i++) {
		struct key *key = &keys->table[i];

		if (memcmp(key->id, id.data, KEY_ID_LEN) == 0)
			TRY(drop(keys, key, failure));
	}
	return PM_OK;
}
