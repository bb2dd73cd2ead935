#include "make.h"

#include <string.h>

#include "curve.h"
#include "passing.h"

#define SECRET_LEN 32 /* bytes; as long as the digest (RFC 2104 section 3) */
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
 * only where it protects: some tokens refuse to be told it.
 */
static CK_RV try_secret(const struct token *token, struct bytes id, const char *label,
			CK_MECHANISM_TYPE generator, CK_KEY_TYPE type)
{
	CK_MECHANISM mechanism = { .mechanism = generator };
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_ULONG len = SECRET_LEN;
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
	CK_RV rv = try_secret(token, id, label, CKM_GENERIC_SECRET_KEY_GEN, CKK_GENERIC_SECRET);

	if (rv == CKR_MECHANISM_INVALID)
		rv = try_secret(token, id, label, CKM_SHA256_KEY_GEN, CKK_SHA256_HMAC);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "token %s did not make %s", token->label, label);
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
