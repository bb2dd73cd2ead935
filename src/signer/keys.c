#include "keys.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"

void keys_init(struct keys *keys, struct token *token, const char *environment)
{
	*keys = (struct keys){ .token = token };
	snprintf(keys->prefix, sizeof(keys->prefix), LABEL_ROOT "%s/", environment);
}

static bool is_ours(const struct keys *keys, const struct object *object)
{
	return strncmp(object->label, keys->prefix, strlen(keys->prefix)) == 0;
}

static bool is_sound(const struct object *object, enum algorithm algorithm)
{
	return object->sensitive && !object->extractable && object->sign &&
	       object->algorithm == algorithm;
}

static enum pm_err find_key(const struct keys *keys, struct bytes id, enum algorithm algorithm,
			    struct object *out, struct failure *failure)
{
	CK_OBJECT_CLASS class =
		algorithm == ALGORITHM_HMAC_SHA256 ? CKO_SECRET_KEY : CKO_PRIVATE_KEY;
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
	if (!is_ours(keys, out) || !is_sound(out, algorithm))
		return failure_set(failure, FAILURE_CALLER,
				   "key %s of token %s is not used: it must be a sensitive, not "
				   "extractable %s key that may sign, labelled %s…",
				   hex, keys->token->label, sign_name(algorithm), keys->prefix);
	return PM_OK;
}

/*
 * CK_INVALID_HANDLE when the token does not allow a copy as safe as the original. Why does not
 * matter: if something is really wrong, the first operation with the original says so.
 */
static CK_OBJECT_HANDLE copy_to_session(const struct token *token, CK_OBJECT_HANDLE original,
					enum algorithm algorithm)
{
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE change[] = { { CKA_TOKEN, &no, sizeof(no) } };
	CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
	struct object copy;
	struct failure ignored;

	/* On the anchor, which stays open as long as the copy is used. */
	if (token->p11->C_CopyObject(token->anchor, original, change, 1, &handle) != CKR_OK)
		return CK_INVALID_HANDLE;
	if (object_read(token, handle, &copy, &ignored) == PM_OK && !copy.token &&
	    is_sound(&copy, algorithm))
		return handle;
	if (token->p11->C_DestroyObject(token->anchor, handle) != CKR_OK)
		log_warn("token %s kept a copy of a key that was not as asked", token->label);
	return CK_INVALID_HANDLE;
}

bool keys_can_copy(const struct keys *keys)
{
	const struct token *token = keys->token;
	CK_MECHANISM mechanism = { .mechanism = CKM_GENERIC_SECRET_KEY_GEN };
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ULONG len = SIGN_MAC_LEN;
	CK_ATTRIBUTE wanted[] = {
		{ CKA_TOKEN, &no, sizeof(no) },       { CKA_SENSITIVE, &yes, sizeof(yes) },
		{ CKA_EXTRACTABLE, &no, sizeof(no) }, { CKA_SIGN, &yes, sizeof(yes) },
		{ CKA_VALUE_LEN, &len, sizeof(len) },
	};
	CK_OBJECT_HANDLE passing = CK_INVALID_HANDLE;

	if (token->p11->C_GenerateKey(token->anchor, &mechanism, wanted, 5, &passing) != CKR_OK)
		return false;
	CK_OBJECT_HANDLE copy = copy_to_session(token, passing, ALGORITHM_HMAC_SHA256);
	/* Session objects: whatever is not destroyed here ends with the process. */
	token->p11->C_DestroyObject(token->anchor, passing);
	if (copy == CK_INVALID_HANDLE)
		return false;
	token->p11->C_DestroyObject(token->anchor, copy);
	return true;
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

static struct key *new_slot(struct keys *keys)
{
	if (keys->count < KEYS_MAX)
		return &keys->table[keys->count++];
	struct key *slot = &keys->table[keys->oldest++ % KEYS_MAX];
	if (slot->copy)
		keys->token->p11->C_DestroyObject(keys->token->anchor, slot->handle);
	return slot;
}

static enum pm_err take_key(struct keys *keys, struct bytes id, enum algorithm algorithm,
			    struct key **out, struct failure *failure)
{
	struct object object = { 0 };

	*out = lookup(keys, id, algorithm);
	if (*out)
		return PM_OK;
	TRY(find_key(keys, id, algorithm, &object, failure));
	CK_OBJECT_HANDLE copy = copy_to_session(keys->token, object.handle, algorithm);
	struct key *key = new_slot(keys);
	memcpy(key->id, id.data, KEY_ID_LEN);
	key->algorithm = algorithm;
	key->copy = copy != CK_INVALID_HANDLE;
	key->handle = key->copy ? copy : object.handle;
	*out = key;
	return PM_OK;
}

enum pm_err keys_sign(struct keys *keys, struct bytes id, enum algorithm algorithm,
		      struct bytes data, uint8_t *out, struct failure *failure)
{
	struct key *key = NULL;

	if (id.len != KEY_ID_LEN)
		return failure_set(failure, FAILURE_CALLER, "a key id has %d bytes, not %zu",
				   KEY_ID_LEN, id.len);
	TRY(take_key(keys, id, algorithm, &key, failure));
	return sign_data(keys->token, algorithm, key->handle, data, out, failure);
}
