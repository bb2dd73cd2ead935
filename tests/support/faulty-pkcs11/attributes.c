/* C_GetAttributeValue of a token that knows less, or encodes what it knows in another way. */
#include <stdbool.h>
#include <string.h>

#include "quirks.h"

#define VALUE_MAX 512

enum { TAG_BIT_STRING = 0x03, TAG_OCTET_STRING = 0x04, TAG_PRINTABLE_STRING = 0x13 };

struct value {
	CK_BYTE bytes[VALUE_MAX];
	CK_ULONG len;
};

/* Curves that modules are known to name in either way. */
static const struct {
	const char *oid; /* DER */
	CK_ULONG oid_len;
	const char *name;
} curves[] = {
	{ "\x06\x03\x2b\x65\x70", 5, "edwards25519" },
	{ "\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x0f\x01", 11, "edwards25519" },
	{ "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10, "secp256r1" },
};

static void append(struct value *value, const void *bytes, CK_ULONG len)
{
	if (len > sizeof(value->bytes) - value->len)
		return;
	memcpy(value->bytes + value->len, bytes, len);
	value->len += len;
}

static void append_byte(struct value *value, CK_ULONG byte)
{
	const CK_BYTE one = (CK_BYTE)byte;

	append(value, &one, 1);
}

/* DER's tag and length, up to 255. */
static void append_head(struct value *value, CK_ULONG tag, CK_ULONG len)
{
	append_byte(value, tag);
	if (len > 127)
		append_byte(value, 0x81);
	append_byte(value, len);
}

/* The point in one whole OCTET STRING, which is what most modules have, or else all there is. */
static CK_ULONG head_of_octets(const struct value *value)
{
	CK_ULONG head = value->len > 2 && value->bytes[1] == 0x81 ? 3 : 2;

	if (value->len < head || value->bytes[0] != TAG_OCTET_STRING)
		return 0;
	return value->bytes[head - 1] == value->len - head ? head : 0;
}

static void encode_point(const struct quirks *quirks, struct value *value)
{
	const CK_ULONG head = head_of_octets(value);
	const CK_BYTE *point = value->bytes + head;
	const CK_ULONG len = value->len - head;
	struct value out = { .len = 0 };

	if (quirks->point == POINT_OCTETS)
		append_head(&out, TAG_OCTET_STRING, len);
	if (quirks->point == POINT_BITS) {
		append_head(&out, TAG_BIT_STRING, len + 1);
		append_byte(&out, 0); /* no unused bits */
	}
	append(&out, point, len);
	if (quirks->stray_byte)
		append_byte(&out, 0);
	*value = out;
}

static void name_curve(struct value *value)
{
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		if (value->len != curves[i].oid_len ||
		    memcmp(value->bytes, curves[i].oid, value->len) != 0)
			continue;
		value->len = 0;
		append_head(value, TAG_PRINTABLE_STRING, strlen(curves[i].name));
		append(value, curves[i].name, strlen(curves[i].name));
		return;
	}
}

static bool is_encoded(const struct quirks *quirks, CK_ATTRIBUTE_TYPE type)
{
	return (type == CKA_EC_POINT && quirks->point != POINT_AS_IT_IS) ||
	       (type == CKA_EC_PARAMS && quirks->named_params);
}

/* Section 5.7: no place for it asks for its length, and too small a place gets none. */
static CK_RV hand_out(CK_ATTRIBUTE *attribute, const struct value *value)
{
	CK_ULONG room = attribute->ulValueLen;

	attribute->ulValueLen = value->len;
	if (!attribute->pValue)
		return CKR_OK;
	if (room < value->len) {
		attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return CKR_BUFFER_TOO_SMALL;
	}
	memcpy(attribute->pValue, value->bytes, value->len);
	return CKR_OK;
}

static CK_RV encoded(const struct quirks *quirks, CK_FUNCTION_LIST *real, CK_SESSION_HANDLE session,
		     CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attribute)
{
	struct value value;
	CK_ATTRIBUTE asked = { attribute->type, value.bytes, sizeof(value.bytes) };
	CK_RV rv = real->C_GetAttributeValue(session, object, &asked, 1);

	if (rv != CKR_OK) {
		attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return rv;
	}
	value.len = asked.ulValueLen;
	if (attribute->type == CKA_EC_POINT)
		encode_point(quirks, &value);
	else
		name_curve(&value);
	return hand_out(attribute, &value);
}

/* One by one, as the quirks want it; the first refusal is the answer, and the others are told. */
static CK_RV one(const struct quirks *quirks, CK_FUNCTION_LIST *real, CK_SESSION_HANDLE session,
		 CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attribute)
{
	if (numbers_find(&quirks->hidden_attributes, attribute->type)) {
		attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return CKR_ATTRIBUTE_TYPE_INVALID;
	}
	if (is_encoded(quirks, attribute->type))
		return encoded(quirks, real, session, object, attribute);
	return real->C_GetAttributeValue(session, object, attribute, 1);
}

static bool concerns(const struct quirks *quirks, const CK_ATTRIBUTE *attributes, CK_ULONG count)
{
	for (CK_ULONG i = 0; attributes && i < count; i++) {
		if (numbers_find(&quirks->hidden_attributes, attributes[i].type) ||
		    is_encoded(quirks, attributes[i].type))
			return true;
	}
	return false;
}

CK_RV quirks_attributes(const struct quirks *quirks, CK_FUNCTION_LIST *real,
			CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			CK_ATTRIBUTE *attributes, CK_ULONG count)
{
	CK_RV first = CKR_OK;

	if (!concerns(quirks, attributes, count))
		return real->C_GetAttributeValue(session, object, attributes, count);
	for (CK_ULONG i = 0; i < count; i++) {
		CK_RV rv = one(quirks, real, session, object, &attributes[i]);
		if (first == CKR_OK)
			first = rv;
	}
	return first;
}
