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

static bool is_sound(const struct object *object)
{
	return object->sensitive && !object->extractable && object->sign &&
	       (object->type == CKK_GENERIC_SECRET || object->type == CKK_SHA256_HMAC);
}

static enum pm_err find_key(const struct keys *keys, struct bytes id, struct object *out,
			    struct failure *failure)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
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
	if (!is_ours(keys, out) || !is_sound(out))
		return failure_set(failure, FAILURE_CALLER,
				   "key %s of token %s is not used: it must be a sensitive, not "
				   "extractable generic secret that may sign, labelled %s…",
				   hex, keys->token->label, keys->prefix);
	return PM_OK;
}

/*
 * CK_INVALID_HANDLE when the token does not allow a copy as safe as the original. Why does not
 * matter: if something is really wrong, the first operation with the original says so.
 */
static CK_OBJECT_HANDLE copy_to_session(const struct token *token, CK_OBJECT_HANDLE original)
{
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE change[] = { { CKA_TOKEN, &no, sizeof(no) } };
	CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
	struct object copy;
	struct failure ignored;

	/* On the anchor, which stays open as long as the copy is used. */
	if (token->p11->C_CopyObject(token->anchor, original, change, 1, &handle) != CKR_OK)
		return CK_INVALID_HANDLE;
	if (object_read(token, handle, &copy, &ignored) == PM_OK && !copy.token && is_sound(&copy))
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
	CK_ULONG len = MAC_LEN;
	CK_ATTRIBUTE wanted[] = {
		{ CKA_TOKEN, &no, sizeof(no) },       { CKA_SENSITIVE, &yes, sizeof(yes) },
		{ CKA_EXTRACTABLE, &no, sizeof(no) }, { CKA_SIGN, &yes, sizeof(yes) },
		{ CKA_VALUE_LEN, &len, sizeof(len) },
	};
	CK_OBJECT_HANDLE passing = CK_INVALID_HANDLE;

	if (token->p11->C_GenerateKey(token->anchor, &mechanism, wanted, 5, &passing) != CKR_OK)
		return false;
	CK_OBJECT_HANDLE copy = copy_to_session(token, passing);
	/* Session objects: whatever is not destroyed here ends with the process. */
	token->p11->C_DestroyObject(token->anchor, passing);
	if (copy == CK_INVALID_HANDLE)
		return false;
	token->p11->C_DestroyObject(token->anchor, copy);
	return true;
}

static struct key *lookup(struct keys *keys, struct bytes id)
{
	for (size_t i = 0; i < keys->count; i++) {
		if (memcmp(keys->table[i].id, id.data, KEY_ID_LEN) == 0)
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

static enum pm_err take_key(struct keys *keys, struct bytes id, struct key **out,
			    struct failure *failure)
{
	struct object object = { 0 };

	*out = lookup(keys, id);
	if (*out)
		return PM_OK;
	TRY(find_key(keys, id, &object, failure));
	CK_OBJECT_HANDLE copy = copy_to_session(keys->token, object.handle);
	struct key *key = new_slot(keys);
	memcpy(key->id, id.data, KEY_ID_LEN);
	key->copy = copy != CK_INVALID_HANDLE;
	key->handle = key->copy ? copy : object.handle;
	*out = key;
	return PM_OK;
}

static enum pm_err sign(struct token *token, CK_OBJECT_HANDLE key, struct bytes data,
			uint8_t mac[MAC_LEN], struct failure *failure)
{
	CK_MECHANISM mechanism = { .mechanism = CKM_SHA256_HMAC };
	CK_BYTE none = 0; /* for no data: modules refuse NULL */
	CK_BYTE *input = data.len > 0 ? (CK_BYTE *)data.data : &none;
	CK_ULONG len = MAC_LEN;

	CK_RV rv = token->p11->C_SignInit(token->work, &mechanism, key);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_SignInit");
	rv = token->p11->C_Sign(token->work, input, data.len, mac, &len);
	if (rv == CKR_OK && len == MAC_LEN)
		return PM_OK;
	if (rv == CKR_OK)
		return failure_set(failure, FAILURE_MODULE, "C_Sign gave %lu bytes, not %d", len,
				   MAC_LEN);
	enum pm_err err = failure_ck(failure, rv, "C_Sign");
	if (failure->class != FAILURE_CALLER)
		return err;
	/* Some modules leave the operation active after refusing its data. */
	TRY(token_renew_work(token, failure));
	return err;
}

enum pm_err keys_hmac(struct keys *keys, struct bytes id, struct bytes data, uint8_t mac[MAC_LEN],
		      struct failure *failure)
{
	struct key *key = NULL;

	if (id.len != KEY_ID_LEN)
		return failure_set(failure, FAILURE_CALLER, "a key id has %d bytes, not %zu",
				   KEY_ID_LEN, id.len);
	TRY(take_key(keys, id, &key, failure));
	return sign(keys->token, key->handle, data, mac, failure);
}
