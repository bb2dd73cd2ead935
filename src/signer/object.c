#include "object.h"

#include <string.h>

#include "base/text.h"
#include "curve.h"

/* `*len`: room in `value`, then what was filled in. 0: the token does not tell or it did not fit.
 */
static enum pm_err read_attribute(const struct token *token, CK_OBJECT_HANDLE handle,
				  CK_ATTRIBUTE_TYPE type, void *value, size_t *len,
				  struct failure *failure)
{
	CK_ATTRIBUTE attribute = { .type = type, .pValue = value, .ulValueLen = *len };
	/* One at a time: asked for several, modules differ in what a refused one does to the rest.
	 */
	CK_RV rv = token->p11->C_GetAttributeValue(token->work, handle, &attribute, 1);
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

	TRY(read_attribute(token, handle, type, &value, &len, failure));
	*out = len == sizeof(value) ? value != CK_FALSE : untold;
	return PM_OK;
}

enum pm_err object_find(const struct token *token, CK_ATTRIBUTE *match, size_t match_len,
			CK_OBJECT_HANDLE *found, size_t max, size_t *count, struct failure *failure)
{
	CK_RV rv = token->p11->C_FindObjectsInit(token->work, match, match_len);

	*count = 0;
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_FindObjectsInit");
	while (*count < max) {
		CK_ULONG got = 0;

		/* May give fewer than asked for though there are more: only none is the end. */
		rv = token->p11->C_FindObjects(token->work, found + *count, max - *count, &got);
		if (rv != CKR_OK || got == 0)
			break;
		*count += got;
	}
	CK_RV end = token->p11->C_FindObjectsFinal(token->work);
	if (end != CKR_OK) /* whatever it says: the next search would find this one active */
		return failure_set(failure, FAILURE_SESSION, "C_FindObjectsFinal: %s (0x%lx)",
				   ckr_name(end), end);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_FindObjects");
	return PM_OK;
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

	TRY(read_attribute(token, handle, CKA_LABEL, label, &len, failure));
	if (!text_is_clean(bytes_of(label, len)))
		len = 0;
	label[len] = '\0';
	return PM_OK;
}

static enum pm_err read_type(const struct token *token, CK_OBJECT_HANDLE handle, CK_KEY_TYPE *out,
			     struct failure *failure)
{
	size_t len = sizeof(*out);

	TRY(read_attribute(token, handle, CKA_KEY_TYPE, out, &len, failure));
	if (len != sizeof(*out))
		*out = CK_UNAVAILABLE_INFORMATION;
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
	if (type != CKK_EC && type != CKK_EC_EDWARDS)
		return PM_OK;
	TRY(read_attribute(token, handle, CKA_EC_PARAMS, params, &len, failure));
	*out = curve_algorithm(type, bytes_of(params, len));
	return PM_OK;
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
	};

	*out = (struct object){ .handle = handle, .id_len = sizeof(out->id) };
	TRY(read_attribute(token, handle, CKA_ID, out->id, &out->id_len, failure));
	if (out->id_len != sizeof(out->id))
		out->id_len = 0;
	TRY(object_read_label(token, handle, out->label, failure));
	TRY(read_algorithm(token, handle, &out->algorithm, failure));
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		TRY(read_flag(token, handle, flags[i].type, flags[i].untold, flags[i].out,
			      failure));
	return PM_OK;
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
	TRY(read_attribute(token, found[0], CKA_EC_POINT, point, &len, failure));
	if (algorithm == object->algorithm)
		object->public_len =
			curve_public_key(algorithm, bytes_of(point, len), object->public_key);
	return PM_OK;
}
