#include "object.h"

#include <string.h>

#include "base/text.h"
#include "curve.h"
#include "session.h"
#include "sign.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define AES256_LEN 32

enum pm_err object_attribute(const struct token *token, CK_OBJECT_HANDLE handle,
			     CK_ATTRIBUTE_TYPE type, void *value, size_t *len,
			     struct failure *failure)
{
	CK_ATTRIBUTE attribute = { .type = type, .pValue = value, .ulValueLen = *len };
	/* One at a time: asked for several, modules differ in what a refused one does to the rest.
	 */
	CK_RV rv = token->p11->C_GetAttributeValue(token->work[0], handle, &attribute, 1);
	size_t room = *len;

	*len = 0;
	if (rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE ||
	    rv == CKR_BUFFER_TOO_SMALL)
		return PM_OK;
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_GetAttributeValue of 0x%lx", type);
	if (attribute.ulValueLen <= room)
		*len = attribute.ulValueLen;
	return PM_OK;
}

static enum pm_err read_flag(const struct token *token, CK_OBJECT_HANDLE handle,
			     CK_ATTRIBUTE_TYPE type, bool untold, bool *out,
			     struct failure *failure)
{
	CK_BBOOL value = CK_FALSE;
	size_t len = sizeof(value);

	TRY(object_attribute(token, handle, type, &value, &len, failure));
	*out = len == sizeof(value) ? value != CK_FALSE : untold;
	return PM_OK;
}

enum pm_err object_find(const struct token *token, CK_ATTRIBUTE *match, size_t match_len,
			CK_OBJECT_HANDLE *found, size_t max, size_t *count, struct failure *failure)
{
	CK_RV rv = token->p11->C_FindObjectsInit(token->work[0], match, match_len);

	*count = 0;
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_FindObjectsInit");
	while (*count < max) {
		CK_ULONG got = 0;

		/* May give fewer than asked for though there are more: only none is the end. */
		rv = token->p11->C_FindObjects(token->work[0], found + *count, max - *count, &got);
		if (rv != CKR_OK || got == 0)
			break;
		if (got > max - *count) {
			rv = CKR_GENERAL_ERROR;
			break;
		}
		*count += got;
	}
	CK_RV end = token->p11->C_FindObjectsFinal(token->work[0]);
	if (end != CKR_OK) /* whatever it says: the next search would find this one active */
		return failure_set(failure, FAILURE_SESSION, "C_FindObjectsFinal: %s (0x%lx)",
				   ckr_name(end), end);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_FindObjects");
	return session_check_login(token, failure);
}

enum pm_err object_count_id(const struct token *token, struct bytes id, size_t *count,
			    struct failure *failure)
{
	CK_ATTRIBUTE match[] = { { CKA_ID, (void *)id.data, id.len } };
	CK_OBJECT_HANDLE found[2];

	return object_find(token, match, 1, found, 2, count, failure);
}

enum pm_err object_read_label(const struct token *token, CK_OBJECT_HANDLE handle,
			      char label[LABEL_MAX + 1], struct failure *failure)
{
	size_t len = LABEL_MAX;

	TRY(object_attribute(token, handle, CKA_LABEL, label, &len, failure));
	if (!text_is_clean(bytes_of(label, len)))
		len = 0;
	label[len] = '\0';
	return PM_OK;
}

static enum pm_err read_type(const struct token *token, CK_OBJECT_HANDLE handle, CK_KEY_TYPE *out,
			     struct failure *failure)
{
	size_t len = sizeof(*out);

	TRY(object_attribute(token, handle, CKA_KEY_TYPE, out, &len, failure));
	if (len != sizeof(*out))
		*out = CK_UNAVAILABLE_INFORMATION;
	return PM_OK;
}

/* Other lengths are not ours. */
static enum pm_err read_aes(const struct token *token, CK_OBJECT_HANDLE handle, enum algorithm *out,
			    struct failure *failure)
{
	CK_ULONG bytes = 0;
	size_t len = sizeof(bytes);

	TRY(object_attribute(token, handle, CKA_VALUE_LEN, &bytes, &len, failure));
	if (len == sizeof(bytes) && bytes == AES256_LEN)
		*out = ALGORITHM_AES256_GCM;
	return PM_OK;
}

static enum pm_err read_algorithm(const struct token *token, CK_OBJECT_HANDLE handle,
				  enum algorithm *out, struct failure *failure)
{
	CK_KEY_TYPE type = CK_UNAVAILABLE_INFORMATION;
	uint8_t params[CURVE_PARAMS_MAX];
	size_t len = sizeof(params);

	*out = ALGORITHM_OTHER;
	TRY(read_type(token, handle, &type, failure));
	if (type == CKK_GENERIC_SECRET || type == CKK_SHA256_HMAC)
		*out = ALGORITHM_HMAC_SHA256;
	if (type == CKK_AES)
		return read_aes(token, handle, out, failure);
	if (type != CKK_EC && type != CKK_EC_EDWARDS)
		return PM_OK;
	TRY(object_attribute(token, handle, CKA_EC_PARAMS, params, &len, failure));
	*out = curve_algorithm(type, bytes_of(params, len));
	return PM_OK;
}

static enum pm_err read_restricted(const struct token *token, struct object *object,
				   struct failure *failure)
{
	CK_MECHANISM_TYPE allowed[2];
	size_t len = sizeof(allowed);

	TRY(object_attribute(token, object->handle, CKA_ALLOWED_MECHANISMS, allowed, &len,
			     failure));
	object->restricted =
		len == sizeof(allowed[0]) && allowed[0] == sign_mechanism(object->algorithm);
	return PM_OK;
}

/* With a key that unwraps or derives as well, what it encrypted could be made a key of anyone's. */
static enum pm_err read_cipher(const struct token *token, struct object *object,
			       struct failure *failure)
{
	static const struct {
		CK_ATTRIBUTE_TYPE type;
		bool wanted;
	} uses[] = {
		{ CKA_ENCRYPT, true }, { CKA_DECRYPT, true }, { CKA_SIGN, false },
		{ CKA_VERIFY, false }, { CKA_WRAP, false },   { CKA_UNWRAP, false },
		{ CKA_DERIVE, false },
	};

	object->cipher = object->algorithm == ALGORITHM_AES256_GCM;
	for (size_t i = 0; object->cipher && i < COUNT(uses); i++) {
		bool may = false;

		TRY(read_flag(token, object->handle, uses[i].type, !uses[i].wanted, &may, failure));
		object->cipher = may == uses[i].wanted;
	}
	return PM_OK;
}

enum pm_err object_is(const struct token *token, CK_OBJECT_HANDLE handle, struct bytes id,
		      bool in_token, bool *out, struct failure *failure)
{
	uint8_t found[KEY_ID_LEN];
	size_t len = sizeof(found);
	bool is_in_token = !in_token;

	TRY(object_attribute(token, handle, CKA_ID, found, &len, failure));
	TRY(read_flag(token, handle, CKA_TOKEN, !in_token, &is_in_token, failure));
	*out = is_in_token == in_token && len == id.len && memcmp(found, id.data, len) == 0;
	return PM_OK;
}

enum pm_err object_drop(const struct token *token, CK_OBJECT_HANDLE handle, struct bytes id,
			struct failure *failure)
{
	bool ours = false;

	TRY(object_is(token, handle, id, false, &ours, failure));
	if (!ours)
		return failure_set(failure, FAILURE_HANDLE, "a handle names another object");
	CK_RV rv = token->p11->C_DestroyObject(token->work[0], handle);
	return rv == CKR_OK ? PM_OK : failure_ck(failure, rv, "C_DestroyObject of a copy");
}

enum pm_err object_read(const struct token *token, CK_OBJECT_HANDLE handle, struct object *out,
			struct failure *failure)
{
	const struct {
		CK_ATTRIBUTE_TYPE type;
		bool untold;
		bool *out;
	} flags[] = {
		{ CKA_TOKEN, false, &out->token },
		{ CKA_SENSITIVE, false, &out->sensitive },
		{ CKA_ALWAYS_SENSITIVE, false, &out->always_sensitive },
		{ CKA_EXTRACTABLE, true, &out->extractable },
		{ CKA_NEVER_EXTRACTABLE, false, &out->never_extractable },
		{ CKA_LOCAL, false, &out->local },
		{ CKA_SIGN, false, &out->sign },
		{ CKA_PRIVATE, false, &out->private },
		{ CKA_MODIFIABLE, true, &out->modifiable },
		{ CKA_DESTROYABLE, true, &out->destroyable },
	};

	*out = (struct object){ .handle = handle, .id_len = sizeof(out->id) };
	TRY(object_attribute(token, handle, CKA_ID, out->id, &out->id_len, failure));
	if (out->id_len != sizeof(out->id))
		out->id_len = 0;
	TRY(object_read_label(token, handle, out->label, failure));
	TRY(read_algorithm(token, handle, &out->algorithm, failure));
	for (size_t i = 0; i < COUNT(flags); i++)
		TRY(read_flag(token, handle, flags[i].type, flags[i].untold, flags[i].out,
			      failure));
	TRY(read_cipher(token, out, failure));
	return read_restricted(token, out, failure);
}

bool object_is_fit(const struct object *object)
{
	return object->algorithm == ALGORITHM_AES256_GCM ? object->cipher : object->sign;
}

bool object_equal(const struct object *a, const struct object *b)
{
	return a->handle == b->handle && a->algorithm == b->algorithm && a->id_len == b->id_len &&
	       memcmp(a->id, b->id, sizeof(a->id)) == 0 && strcmp(a->label, b->label) == 0 &&
	       a->token == b->token && a->sensitive == b->sensitive &&
	       a->always_sensitive == b->always_sensitive && a->extractable == b->extractable &&
	       a->never_extractable == b->never_extractable && a->local == b->local &&
	       a->sign == b->sign && a->private == b->private && a->modifiable == b->modifiable &&
	       a->destroyable == b->destroyable && a->cipher == b->cipher &&
	       a->restricted == b->restricted && a->public_len == b->public_len &&
	       memcmp(a->public_key, b->public_key, sizeof(a->public_key)) == 0;
}

static enum pm_err find_public(const struct token *token, const struct object *object,
			       CK_OBJECT_HANDLE *out, size_t *count, struct failure *failure)
{
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE match[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_LABEL, (void *)object->label, strlen(object->label) },
		{ CKA_ID, (void *)object->id, object->id_len },
	};

	return object_find(token, match, 4, out, 2, count, failure);
}

enum pm_err object_read_public(const struct token *token, struct object *object,
			       struct failure *failure)
{
	CK_OBJECT_HANDLE found[2];
	size_t count = 0;
	enum algorithm algorithm;
	uint8_t point[CURVE_POINT_MAX];
	size_t len = sizeof(point);

	object->public_len = 0;
	if (object->algorithm != ALGORITHM_ED25519 && object->algorithm != ALGORITHM_ECDSA_P256)
		return PM_OK;
	TRY(find_public(token, object, found, &count, failure));
	if (count != 1)
		return PM_OK;
	TRY(read_algorithm(token, found[0], &algorithm, failure));
	TRY(object_attribute(token, found[0], CKA_EC_POINT, point, &len, failure));
	if (algorithm == object->algorithm)
		object->public_len =
			curve_public_key(algorithm, bytes_of(point, len), object->public_key);
	return PM_OK;
}
