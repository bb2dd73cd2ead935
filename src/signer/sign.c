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
	[ALGORITHM_AES256_GCM] = { "AES-256-GCM", CKM_AES_GCM, 0 },
};

size_t sign_len(enum algorithm algorithm)
{
	return kinds[algorithm].len;
}

const char *sign_name(enum algorithm algorithm)
{
	return kinds[algorithm].name;
}

CK_MECHANISM_TYPE sign_mechanism(enum algorithm algorithm)
{
	return kinds[algorithm].mechanism;
}

/* Modules refuse NULL for no data. */
static CK_BYTE *input_of(struct bytes data)
{
	static CK_BYTE none;

	return data.len > 0 ? (CK_BYTE *)data.data : &none;
}

enum pm_err sign_data(struct token *token, size_t worker, enum algorithm algorithm,
		      CK_OBJECT_HANDLE key, struct bytes data, uint8_t *out,
		      struct failure *failure)
{
	const CK_SESSION_HANDLE session = token->work[worker];
	CK_MECHANISM mechanism = { .mechanism = kinds[algorithm].mechanism };
	CK_ULONG len = kinds[algorithm].len;

	CK_RV rv = token->p11->C_SignInit(session, &mechanism, key);
	token->suspect[worker] = ckr_class(rv) == FAILURE_SESSION;
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_SignInit");
	rv = token->p11->C_Sign(session, input_of(data), data.len, out, &len);
	token->suspect[worker] = rv != CKR_OK; /* some modules leave the operation active */
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_Sign");
	if (len != kinds[algorithm].len)
		return failure_ck(failure, CKR_GENERAL_ERROR, "C_Sign gave %lu bytes, not %zu", len,
				  kinds[algorithm].len);
	return PM_OK;
}
