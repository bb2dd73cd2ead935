#include "curve.h"

#include <string.h>

#define OID_ED25519 "\x06\x03\x2b\x65\x70"
#define NAME_ED25519                                                                               \
	"\x13\x0c"                                                                                 \
	"edwards25519" /* PrintableString */
#define OID_P256 "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"

#define TEXT(literal)                                                                              \
	{                                                                                          \
		(const uint8_t *)(literal), sizeof(literal) - 1                                    \
	}

static const struct {
	enum algorithm algorithm;
	CK_KEY_TYPE type;
	struct bytes params;
} curves[] = {
	{ ALGORITHM_ED25519, CKK_EC_EDWARDS, TEXT(OID_ED25519) },
	{ ALGORITHM_ED25519, CKK_EC_EDWARDS, TEXT(NAME_ED25519) },
	{ ALGORITHM_ECDSA_P256, CKK_EC, TEXT(OID_P256) },
};
#define CURVES (sizeof(curves) / sizeof(curves[0]))

/*
 * In front of a point's `len` bytes: nothing, or the head of an OCTET STRING, or, in v3.0 and for
 * Ed25519 only, of a BIT STRING; behind it, from some modules, a stray byte. The length tells the
 * form, or else the head of a longer one does, so what a bare point begins with cannot pass for a
 * head. P-256's points are uncompressed (04 || X || Y). Whether it is the right point a signature
 * shows, when the pair is made.
 */
static const struct {
	enum algorithm algorithm;
	size_t len;
	struct bytes head;
} forms[] = {
	{ ALGORITHM_ED25519, 32, TEXT("") },
	{ ALGORITHM_ED25519, 32, TEXT("\x04\x20") },
	{ ALGORITHM_ED25519, 32, TEXT("\x03\x21\x00") },
	{ ALGORITHM_ECDSA_P256, 64, TEXT("\x04") },
	{ ALGORITHM_ECDSA_P256, 64, TEXT("\x04\x41\x04") },
};
#define FORMS (sizeof(forms) / sizeof(forms[0]))

/* RFC 5480: SEQUENCE { { id-ecPublicKey, prime256v1 }, BIT STRING { 04 || X || Y } }. */
#define SPKI_P256 "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01" OID_P256 "\x03\x42\x00\x04"

_Static_assert(sizeof(SPKI_P256) - 1 + 64 == PUBLIC_MAX, "the longest public key");

static bool equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

struct bytes curve_params(enum algorithm algorithm, size_t i)
{
	for (size_t row = 0; row < CURVES; row++) {
		if (curves[row].algorithm == algorithm && i-- == 0)
			return curves[row].params;
	}
	return bytes_of(NULL, 0);
}

enum algorithm curve_algorithm(CK_KEY_TYPE type, struct bytes params)
{
	for (size_t row = 0; row < CURVES; row++) {
		if (curves[row].type == type && equal(curves[row].params, params))
			return curves[row].algorithm;
	}
	return ALGORITHM_OTHER;
}

static const uint8_t *find_point(enum algorithm algorithm, struct bytes point)
{
	for (size_t i = 0; i < FORMS; i++) {
		const struct bytes head = forms[i].head;

		const size_t len = head.len + forms[i].len;

		if (forms[i].algorithm == algorithm && (point.len == len || point.len == len + 1) &&
		    memcmp(point.data, head.data, head.len) == 0)
			return point.data + head.len;
	}
	return NULL;
}

size_t curve_public_key(enum algorithm algorithm, struct bytes point, uint8_t out[PUBLIC_MAX])
{
	const struct bytes spki = TEXT(SPKI_P256);
	const uint8_t *bare = find_point(algorithm, point);

	if (!bare)
		return 0;
	if (algorithm == ALGORITHM_ED25519) {
		memcpy(out, bare, 32);
		return 32;
	}
	memcpy(out, spki.data, spki.len);
	memcpy(out + spki.len, bare, 64);
	return PUBLIC_MAX;
}
