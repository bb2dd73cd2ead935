#include "object.h"

#include <string.h>

#include "base/text.h"

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
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_FindObjects");
	if (end != CKR_OK)
		return failure_ck(failure, end, "C_FindObjectsFinal");
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
	TRY(read_type(token, handle, &out->type, failure));
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		TRY(read_flag(token, handle, flags[i].type, flags[i].untold, flags[i].out,
			      failure));
	return PM_OK;
}
