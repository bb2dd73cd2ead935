#include "generate.h"

#include <string.h>

#include "base/log.h"
#include "base/text.h"

#define KEY_LEN 32    /* bytes; as long as the digest (RFC 2104 section 3) */
#define SCAN_MAX 4096 /* secret keys in a token, whosesoever, that are looked through */
#define OUGHT_TO_BE "sensitive always, extractable never, made in the token, may sign"

/* What the token may refuse in a template although it has it as its own fixed policy. */
static bool is_about_template(CK_RV rv)
{
	return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_VALUE_INVALID ||
	       rv == CKR_ATTRIBUTE_READ_ONLY || rv == CKR_TEMPLATE_INCONSISTENT;
}

/*
 * The most telling template first; what a token may refuse stands at the end and is left off step
 * by step. Whatever was left off, the attributes are read back and must be right. FALSE is written
 * only where it protects: some tokens refuse to be told it.
 */
static CK_RV make(const struct token *token, struct bytes id, const char *label,
		  CK_OBJECT_HANDLE *key)
{
	CK_MECHANISM mechanism = { .mechanism = CKM_GENERIC_SECRET_KEY_GEN };
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_ULONG len = KEY_LEN;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_MECHANISM_TYPE allowed[] = { CKM_SHA256_HMAC };
	CK_ATTRIBUTE wanted[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_KEY_TYPE, &type, sizeof(type) },
		{ CKA_VALUE_LEN, &len, sizeof(len) },
		{ CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_PRIVATE, &yes, sizeof(yes) },
		{ CKA_SIGN, &yes, sizeof(yes) },
		{ CKA_LABEL, (void *)label, strlen(label) },
		{ CKA_ID, (void *)id.data, id.len },
		{ CKA_SENSITIVE, &yes, sizeof(yes) },
		{ CKA_EXTRACTABLE, &no, sizeof(no) },
		{ CKA_ALLOWED_MECHANISMS, allowed, sizeof(allowed) }, /* bytes, not a count */
	};
	static const CK_ULONG attempts[] = { 11, 10, 8 };
	CK_RV rv = CKR_OK;

	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		rv = token->p11->C_GenerateKey(token->work, &mechanism, wanted, attempts[i], key);
		if (!is_about_template(rv))
			return rv;
	}
	return rv;
}

static bool is_as_asked(const struct object *made, struct bytes id, const char *label)
{
	return made->token && made->sensitive && made->always_sensitive && !made->extractable &&
	       made->never_extractable && made->local && made->sign && made->id_len == id.len &&
	       memcmp(made->id, id.data, id.len) == 0 && strcmp(made->label, label) == 0;
}

/* The token did not do as it was told: nothing of it may stay. */
static enum pm_err discard(const struct token *token, CK_OBJECT_HANDLE key, struct bytes id,
			   const char *label, struct failure *failure)
{
	size_t left = 0;
	CK_RV rv = token->p11->C_DestroyObject(token->work, key);

	TRY(object_count_id(token, id, &left, failure));
	enum pm_err err = failure_set(
		failure, FAILURE_CALLER, "token %s made %s not as it must be (" OUGHT_TO_BE "); %s",
		token->label, label,
		rv == CKR_OK && left == 0 ? "it was destroyed"
					  : "it could NOT be destroyed: remove it by hand");
	failure->rv = CKR_TEMPLATE_INCONSISTENT;
	return err;
}

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

enum pm_err generate_key(const struct keys *keys, struct bytes id, const char *label,
			 struct object *out, struct failure *failure)
{
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

	TRY(check_request(keys, id, label, failure));
	CK_RV rv = make(keys->token, id, label, &key);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "token %s did not make %s", keys->token->label,
				  label);
	TRY(object_read(keys->token, key, out, failure));
	if (!is_as_asked(out, id, label))
		return discard(keys->token, key, id, label, failure);
	return PM_OK;
}

static enum pm_err find_all(const struct token *token, CK_OBJECT_HANDLE found[SCAN_MAX],
			    size_t *count, struct failure *failure)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE match[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_TOKEN, &yes, sizeof(yes) },
	};

	TRY(object_find(token, match, 2, found, SCAN_MAX, count, failure));
	if (*count == SCAN_MAX)
		return failure_set(failure, FAILURE_CALLER,
				   "token %s holds %d secret keys or more: too many to list",
				   token->label, SCAN_MAX);
	return PM_OK;
}

enum pm_err list_keys(const struct token *token, const char *prefix, struct object out[LIST_MAX],
		      size_t *count, struct failure *failure)
{
	CK_OBJECT_HANDLE found[SCAN_MAX];
	char label[LABEL_MAX + 1];
	size_t all = 0;

	*count = 0;
	TRY(find_all(token, found, &all, failure));
	for (size_t i = 0; i < all; i++) {
		TRY(object_read_label(token, found[i], label, failure));
		if (label[0] == '\0' || strncmp(label, prefix, strlen(prefix)) != 0)
			continue;
		if (*count == LIST_MAX)
			return failure_set(failure, FAILURE_CALLER,
					   "token %s holds more than %d keys labelled %s…",
					   token->label, LIST_MAX, prefix);
		TRY(object_read(token, found[i], &out[*count], failure));
		if (out[*count].id_len == KEY_ID_LEN)
			(*count)++;
		else
			log_warn("%s in token %s has no CKA_ID of %d bytes and is not one of ours",
				 label, token->label, KEY_ID_LEN);
	}
	return PM_OK;
}
