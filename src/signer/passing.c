#include "passing.h"

#include <string.h>
#include <sys/random.h>

#include "base/log.h"

#define VALUE_LEN 32
#define PUBLIC_ATTRIBUTES_MAX 8

static enum pm_err begin(struct passing *passing, struct failure *failure)
{
	*passing = (struct passing){ .key = CK_INVALID_HANDLE };
	if (getrandom(passing->id, sizeof(passing->id), 0) != (ssize_t)sizeof(passing->id))
		return failure_set(failure, FAILURE_CAPACITY, "no random bytes from the kernel");
	return PM_OK;
}

/* The handle may have been garbled on its way: then it names nothing, or somebody's key. */
static enum pm_err check(const struct token *token, const struct passing *passing,
			 struct failure *failure)
{
	const struct bytes id = bytes_of(passing->id, sizeof(passing->id));
	bool ours = false;

	TRY(object_is(token, passing->key, id, false, &ours, failure));
	if (ours)
		return PM_OK;
	return failure_set(failure, FAILURE_HANDLE, "a new key's handle names another object");
}

enum pm_err passing_import(const struct token *token, struct bytes value, struct passing *out,
			   struct failure *failure)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE template[] = {
		{ CKA_CLASS, &class, sizeof(class) }, { CKA_KEY_TYPE, &type, sizeof(type) },
		{ CKA_TOKEN, &no, sizeof(no) },       { CKA_SIGN, &yes, sizeof(yes) },
		{ CKA_ID, out->id, sizeof(out->id) }, { CKA_VALUE, (void *)value.data, value.len },
	};

	TRY(begin(out, failure));
	CK_RV rv = token->p11->C_CreateObject(token->work[0], template, 6, &out->key);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_CreateObject of a passing key");
	return check(token, out, failure);
}

enum pm_err passing_generate_by(const struct token *token, CK_MECHANISM_TYPE mechanism_type,
				enum passing_kind kind, struct passing *out,
				struct failure *failure)
{
	CK_MECHANISM mechanism = { .mechanism = mechanism_type };
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type =
		mechanism_type == CKM_SHA256_KEY_GEN ? CKK_SHA256_HMAC : CKK_GENERIC_SECRET;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_BBOOL readable = kind == PASSING_READABLE, sensitive = !readable;
	CK_ULONG len = VALUE_LEN;
	CK_MECHANISM_TYPE another[] = { CKM_SHA512_HMAC };
	CK_ATTRIBUTE template[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_KEY_TYPE, &type, sizeof(type) },
		{ CKA_VALUE_LEN, &len, sizeof(len) },
		{ CKA_TOKEN, &no, sizeof(no) },
		{ CKA_SIGN, &yes, sizeof(yes) },
		{ CKA_ID, out->id, sizeof(out->id) },
		{ CKA_SENSITIVE, &sensitive, sizeof(sensitive) },
		{ CKA_EXTRACTABLE, &readable, sizeof(readable) },
		{ CKA_ALLOWED_MECHANISMS, another, sizeof(another) },
	};
	const CK_ULONG count = kind == PASSING_RESTRICTED ? 9 : 8;

	TRY(begin(out, failure));
	CK_RV rv =
		token->p11->C_GenerateKey(token->work[0], &mechanism, template, count, &out->key);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_GenerateKey of a passing key");
	return check(token, out, failure);
}

enum pm_err passing_generate(const struct token *token, enum passing_kind kind, struct passing *out,
			     struct failure *failure)
{
	enum pm_err err =
		passing_generate_by(token, CKM_GENERIC_SECRET_KEY_GEN, kind, out, failure);

	if (err == PM_OK || failure->class != FAILURE_CALLER)
		return err;
	return passing_generate_by(token, CKM_SHA256_KEY_GEN, kind, out, failure);
}

enum pm_err passing_aes(const struct token *token, struct passing *out, struct failure *failure)
{
	CK_MECHANISM mechanism = { .mechanism = CKM_AES_KEY_GEN };
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ULONG len = VALUE_LEN;
	CK_ATTRIBUTE template[] = {
		{ CKA_CLASS, &class, sizeof(class) }, { CKA_KEY_TYPE, &type, sizeof(type) },
		{ CKA_VALUE_LEN, &len, sizeof(len) }, { CKA_TOKEN, &no, sizeof(no) },
		{ CKA_ENCRYPT, &yes, sizeof(yes) },   { CKA_DECRYPT, &yes, sizeof(yes) },
		{ CKA_ID, out->id, sizeof(out->id) }, { CKA_SENSITIVE, &yes, sizeof(yes) },
		{ CKA_EXTRACTABLE, &no, sizeof(no) },
	};

	TRY(begin(out, failure));
	CK_RV rv = token->p11->C_GenerateKey(token->work[0], &mechanism, template, 9, &out->key);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_GenerateKey of a passing AES key");
	return check(token, out, failure);
}

enum pm_err passing_pair(const struct token *token, CK_MECHANISM_TYPE type, CK_ATTRIBUTE *public,
			 size_t public_len, struct passing *out, struct failure *failure)
{
	CK_MECHANISM mechanism = { .mechanism = type };
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE public_template[PUBLIC_ATTRIBUTES_MAX] = {
		{ CKA_TOKEN, &no, sizeof(no) },
		{ CKA_VERIFY, &yes, sizeof(yes) },
		{ CKA_ID, out->id, sizeof(out->id) },
	};
	CK_ATTRIBUTE private_template[] = {
		{ CKA_TOKEN, &no, sizeof(no) },
		{ CKA_PRIVATE, &yes, sizeof(yes) },
		{ CKA_SIGN, &yes, sizeof(yes) },
		{ CKA_ID, out->id, sizeof(out->id) },
	};

	TRY(begin(out, failure));
	memcpy(&public_template[3], public, public_len * sizeof(*public));
	CK_RV rv = token->p11->C_GenerateKeyPair(token->work[0], &mechanism, public_template,
						 3 + public_len, private_template, 4, &out->public,
						 &out->key);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_GenerateKeyPair of a passing pair");
	return check(token, out, failure);
}

void passing_drop(const struct token *token, const struct passing *passing)
{
	const struct bytes id = bytes_of(passing->id, sizeof(passing->id));
	const CK_OBJECT_HANDLE objects[] = { passing->key, passing->public };
	struct failure ignored;

	for (size_t i = 0; i < 2; i++) {
		if (objects[i] != CK_INVALID_HANDLE &&
		    object_drop(token, objects[i], id, &ignored) != PM_OK)
			log_info("a passing key stays until its session ends: %s", ignored.detail);
	}
}
