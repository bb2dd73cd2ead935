#include "make.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "curve.h"
#include "passing.h"

#define SECRET_LEN 32 /* bytes; as long as the digest (RFC 2104 section 3), or of AES-256 */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What the token may refuse in a template although it has it as its own fixed policy. */
static bool is_about_template(CK_RV rv)
{
	return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_VALUE_INVALID ||
	       rv == CKR_ATTRIBUTE_READ_ONLY || rv == CKR_TEMPLATE_INCONSISTENT;
}

/* Another curve, or another way to name it, may do. */
static bool is_about_curve(CK_RV rv)
{
	return is_about_template(rv) || rv == CKR_CURVE_NOT_SUPPORTED ||
	       rv == CKR_DOMAIN_PARAMS_INVALID || rv == CKR_MECHANISM_INVALID ||
	       rv == CKR_MECHANISM_PARAM_INVALID;
}

/*
 * The most telling template first; what a token may refuse stands at the end and is left off step
 * by step. Whatever was left off, the attributes are read back and must be right. FALSE is written
 * only where it protects: some tokens refuse to be told it. `value`: of a key that was made elsewhere;
 * empty, the generator makes one.
 */
static CK_RV try_secret(const struct token *token, struct bytes id, const char *label,
			CK_MECHANISM_TYPE generator, CK_KEY_TYPE type, struct bytes value)
{
	const bool known = value.len > 0;
	CK_MECHANISM mechanism = { .mechanism = generator };
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_ULONG len = SECRET_LEN;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_MECHANISM_TYPE allowed[] = { CKM_SHA256_HMAC };
	CK_ATTRIBUTE wanted[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_KEY_TYPE, &type, sizeof(type) },
		{ known ? CKA_VALUE : CKA_VALUE_LEN, known ? (void *)value.data : &len,
		  known ? value.len : sizeof(len) },
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
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	CK_RV rv = CKR_OK;

	for (size_t i = 0; i < COUNT(attempts); i++) {
		rv = known ? token->p11->C_CreateObject(token->work[0], wanted, attempts[i], &key)
			   : token->p11->C_GenerateKey(token->work[0], &mechanism, wanted,
						       attempts[i], &key);
		if (!is_about_template(rv))
			return rv;
	}
	return rv;
}

/* Likewise. What else the key could be used for some tokens allow unless they are told otherwise. */
static CK_RV try_aes(const struct token *token, struct bytes id, const char *label)
{
	CK_MECHANISM mechanism = { .mechanism = CKM_AES_KEY_GEN };
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_ULONG len = SECRET_LEN;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_MECHANISM_TYPE allowed[] = { CKM_AES_GCM };
	CK_ATTRIBUTE wanted[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_KEY_TYPE, &type, sizeof(type) },
		{ CKA_VALUE_LEN, &len, sizeof(len) },
		{ CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_PRIVATE, &yes, sizeof(yes) },
		{ CKA_ENCRYPT, &yes, sizeof(yes) },
		{ CKA_DECRYPT, &yes, sizeof(yes) },
		{ CKA_LABEL, (void *)label, strlen(label) },
		{ CKA_ID, (void *)id.data, id.len },
		{ CKA_SENSITIVE, &yes, sizeof(yes) },
		{ CKA_EXTRACTABLE, &no, sizeof(no) },
		{ CKA_SIGN, &no, sizeof(no) },
		{ CKA_VERIFY, &no, sizeof(no) },
		{ CKA_WRAP, &no, sizeof(no) },
		{ CKA_UNWRAP, &no, sizeof(no) },
		{ CKA_DERIVE, &no, sizeof(no) },
		{ CKA_ALLOWED_MECHANISMS, allowed, sizeof(allowed) },
	};
	static const CK_ULONG attempts[] = { 17, 16, 11, 9 };
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	CK_RV rv = CKR_OK;

	for (size_t i = 0; i < COUNT(attempts); i++) {
		rv = token->p11->C_GenerateKey(token->work[0], &mechanism, wanted, attempts[i],
					       &key);
		if (!is_about_template(rv))
			return rv;
	}
	return rv;
}

/* Likewise. Type and class are the mechanism's; CKA_EC_PARAMS is the public half's. */
static CK_RV try_pair(const struct token *token, struct bytes id, const char *label,
		      struct bytes params, enum algorithm algorithm)
{
	const bool ed25519 = algorithm == ALGORITHM_ED25519;
	CK_MECHANISM mechanism = { .mechanism = ed25519 ? CKM_EC_EDWARDS_KEY_PAIR_GEN
							: CKM_EC_KEY_PAIR_GEN };
	CK_MECHANISM_TYPE allowed[] = { ed25519 ? CKM_EDDSA : CKM_ECDSA };
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE public[] = {
		{ CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_VERIFY, &yes, sizeof(yes) },
		{ CKA_LABEL, (void *)label, strlen(label) },
		{ CKA_ID, (void *)id.data, id.len },
		{ CKA_EC_PARAMS, (void *)params.data, params.len },
	};
	CK_ATTRIBUTE private[] = {
		{ CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_PRIVATE, &yes, sizeof(yes) },
		{ CKA_SIGN, &yes, sizeof(yes) },
		{ CKA_LABEL, (void *)label, strlen(label) },
		{ CKA_ID, (void *)id.data, id.len },
		{ CKA_SENSITIVE, &yes, sizeof(yes) },
		{ CKA_EXTRACTABLE, &no, sizeof(no) },
		{ CKA_ALLOWED_MECHANISMS, allowed, sizeof(allowed) },
	};
	static const CK_ULONG attempts[] = { 8, 7, 5 };
	CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE, key = CK_INVALID_HANDLE;
	CK_RV rv = CKR_OK;

	for (size_t i = 0; i < COUNT(attempts); i++) {
		rv = token->p11->C_GenerateKeyPair(token->work[0], &mechanism, public,
						   COUNT(public), private, attempts[i], &public_key,
						   &key);
		if (!is_about_template(rv))
			return rv;
	}
	return rv;
}

static CK_RV try_curve(const struct token *token, struct bytes id, const char *label,
		       enum algorithm algorithm)
{
	CK_RV rv = CKR_CURVE_NOT_SUPPORTED;
	struct bytes params;

	for (size_t i = 0; (params = curve_params(algorithm, i)).len > 0; i++) {
		rv = try_pair(token, id, label, params, algorithm);
		if (!is_about_curve(rv))
			return rv;
	}
	return rv;
}

enum pm_err make_secret(const struct token *token, struct bytes id, const char *label,
			struct failure *failure)
{
	const struct bytes none = { 0 };
	CK_RV rv =
		try_secret(token, id, label, CKM_GENERIC_SECRET_KEY_GEN, CKK_GENERIC_SECRET, none);

	if (rv == CKR_MECHANISM_INVALID)
		rv = try_secret(token, id, label, CKM_SHA256_KEY_GEN, CKK_SHA256_HMAC, none);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "token %s did not make %s", token->label, label);
	return PM_OK;
}

enum pm_err make_aes(const struct token *token, struct bytes id, const char *label,
		     struct failure *failure)
{
	CK_RV rv = try_aes(token, id, label);

	if (rv != CKR_OK)
		return failure_ck(failure, rv, "token %s did not make %s", token->label, label);
	return PM_OK;
}

struct padded {
	uint8_t value[IMPORT_MAX];
};

static void wipe_padded(struct padded *padded)
{
	secret_wipe(padded, sizeof(*padded));
}

/*
 * Tokens refuse a key shorter than the digest. HMAC pads its key with zeros up to the block (RFC 2104
 * section 2), so with some of them added here it is the same key.
 */
enum pm_err make_known(const struct token *token, struct bytes id, const char *label,
		       struct bytes value, struct failure *failure)
{
	struct padded padded CLEANUP(wipe_padded) = { 0 };
	const size_t len = value.len > SECRET_LEN ? value.len : SECRET_LEN;

	memcpy(padded.value, value.data, value.len);
	CK_RV rv = try_secret(token, id, label, CK_UNAVAILABLE_INFORMATION, CKK_GENERIC_SECRET,
			      bytes_of(padded.value, len));
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "token %s did not take %s in", token->label, label);
	return PM_OK;
}

enum pm_err make_pair(const struct token *token, struct bytes id, const char *label,
		      enum algorithm algorithm, struct failure *failure)
{
	CK_RV rv = try_curve(token, id, label, algorithm);

	if (rv != CKR_OK)
		return failure_ck(failure, rv, "token %s did not make %s", token->label, label);
	return PM_OK;
}
