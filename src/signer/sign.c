#include "sign.h"

/* In ECDSA's case PKCS#11 v3.0 section 2.3.1 gives r || s, each as long as the curve's order. */
static const struct {
	const char *name;
	CK_MECHANISM_TYPE mechanism;
	size_t len;
} kinds[] = {
	[ALGORITHM_HMAC_SHA256] = { "HMAC-SHA-256", CKM_SHA256_HMAC, SIGN_MAC_LEN },
	[ALGORITHM_ED25519] = { "Ed25519", CKM_EDDSA, SIGN_LEN },
	[ALGORITHM_ECDSA_P256] = { "ECDSA P-256", CKM_ECDSA, SIGN_LEN },
	[ALGORITHM_OTHER] = { "other", CK_UNAVAILABLE_INFORMATION, 0 },
};

size_t sign_len(enum algorithm algorithm)
{
	return kinds[algorithm].len;
}

const char *sign_name(enum algorithm algorithm)
{
	return kinds[algorithm].name;
}

/* Modules refuse NULL for no data. */
static CK_BYTE *input_of(struct bytes data)
{
	static CK_BYTE none;

	return data.len > 0 ? (CK_BYTE *)data.data : &none;
}

/* Some modules leave the operation active after refusing its data. */
static enum pm_err refused(struct token *token, CK_RV rv, const char *call, struct failure *failure)
{
	enum pm_err err = failure_ck(failure, rv, "%s", call);

	if (failure->class == FAILURE_CALLER)
		TRY(token_renew_work(token, failure));
	return err;
}

enum pm_err sign_data(struct token *token, enum algorithm algorithm, CK_OBJECT_HANDLE key,
		      struct bytes data, uint8_t *out, struct failure *failure)
{
	CK_MECHANISM mechanism = { .mechanism = kinds[algorithm].mechanism };
	CK_ULONG len = kinds[algorithm].len;

	CK_RV rv = token->p11->C_SignInit(token->work, &mechanism, key);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_SignInit");
	rv = token->p11->C_Sign(token->work, input_of(data), data.len, out, &len);
	if (rv != CKR_OK)
		return refused(token, rv, "C_Sign", failure);
	if (len != kinds[algorithm].len)
		return failure_set(failure, FAILURE_MODULE, "C_Sign gave %lu bytes, not %zu", len,
				   kinds[algorithm].len);
	return PM_OK;
}

enum pm_err sign_verify(struct token *token, enum algorithm algorithm, CK_OBJECT_HANDLE public,
			struct bytes data, const uint8_t *signature, struct failure *failure)
{
	CK_MECHANISM mechanism = { .mechanism = kinds[algorithm].mechanism };

	CK_RV rv = token->p11->C_VerifyInit(token->work, &mechanism, public);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_VerifyInit");
	rv = token->p11->C_Verify(token->work, input_of(data), data.len, (CK_BYTE *)signature,
				  kinds[algorithm].len);
	if (rv != CKR_OK)
		return refused(token, rv, "C_Verify", failure);
	return PM_OK;
}
