#include "proof.h"

#include <string.h>

#include "cipher.h"
#include "curve.h"
#include "passing.h"
#include "session.h"
#include "sign.h"
#include "verify.h"

#define VALUE_MAX 64
#define RSA_BITS 2048
#define RSA_BYTES (RSA_BITS / 8)

/* RFC 4231 section 4.7, test case 6: tokens refuse the keys of the others, which are too short. */
#define KNOWN_KEY_LEN 131
#define KNOWN_KEY_BYTE 0xaa
#define KNOWN_DATA "Test Using Larger Than Block-Size Key - Hash Key First"

/* As long as a SHA-256 digest, which is what ECDSA signs. */
#define PROOF_DATA "peppermint: does this key sign?!"
_Static_assert(sizeof(PROOF_DATA) - 1 == 32, "as long as a SHA-256 digest");

/* Signs and lets the key go. A refusal leaves the session sound. */
static enum pm_err use(struct token *token, const struct passing *passing, enum algorithm algorithm,
		       const char *data, uint8_t *out, struct failure *failure)
{
	enum pm_err err =
		sign_data(token, 0, algorithm, passing->key, bytes_str(data), out, failure);

	if (err != PM_OK && failure->class != FAILURE_CALLER)
		return err;
	passing_drop(token, passing);
	if (err != PM_OK && token->suspect[0])
		TRY(session_clear(token, failure));
	return err;
}

/* What a refusal of the token's says; any other failure is passed on. */
static enum pm_err settle(enum pm_err err, const struct failure *failure, enum proof if_refused,
			  enum proof *out)
{
	if (err == PM_OK)
		return PM_OK;
	if (failure->class != FAILURE_CALLER)
		return err;
	*out = if_refused;
	return PM_OK;
}

static enum pm_err try_known(struct token *token, enum proof *out, struct failure *failure)
{
	uint8_t key[KNOWN_KEY_LEN], mac[SIGN_MAC_LEN];
	struct passing passing;

	memset(key, KNOWN_KEY_BYTE, sizeof(key));
	TRY(passing_import(token, bytes_of(key, sizeof(key)), &passing, failure));
	TRY(use(token, &passing, ALGORITHM_HMAC_SHA256, KNOWN_DATA, mac, failure));
	*out = verify_hmac(bytes_of(key, sizeof(key)), bytes_str(KNOWN_DATA), mac) ? PROOF_RIGHT
										   : PROOF_WRONG;
	return PM_OK;
}

static enum pm_err try_readable(struct token *token, enum proof *out, struct failure *failure)
{
	uint8_t key[VALUE_MAX], mac[SIGN_MAC_LEN];
	size_t len = sizeof(key);
	struct passing passing;

	TRY(passing_generate(token, PASSING_READABLE, &passing, failure));
	TRY(object_attribute(token, passing.key, CKA_VALUE, key, &len, failure));
	TRY(use(token, &passing, ALGORITHM_HMAC_SHA256, PROOF_DATA, mac, failure));
	if (len > 0)
		*out = verify_hmac(bytes_of(key, len), bytes_str(PROOF_DATA), mac) ? PROOF_RIGHT
										   : PROOF_WRONG;
	return PM_OK;
}

/* Nobody can check such a key's answers; but that it gives none says enough. */
static enum pm_err try_sensitive(struct token *token, enum proof *out, struct failure *failure)
{
	uint8_t mac[SIGN_MAC_LEN];
	struct passing passing;

	enum pm_err err = passing_generate(token, PASSING_SENSITIVE, &passing, failure);
	if (err != PM_OK)
		return settle(err, failure, PROOF_NONE, out);
	err = use(token, &passing, ALGORITHM_HMAC_SHA256, PROOF_DATA, mac, failure);
	return settle(err, failure, PROOF_WRONG, out);
}

static enum pm_err prove_hmac(struct token *token, enum proof *out, struct failure *failure)
{
	*out = PROOF_NONE;
	TRY(settle(try_known(token, out, failure), failure, PROOF_NONE, out));
	if (*out == PROOF_NONE)
		TRY(settle(try_readable(token, out, failure), failure, PROOF_NONE, out));
	return *out == PROOF_NONE ? try_sensitive(token, out, failure) : PM_OK;
}

/* A wrong answer takes a token out of service: it must be given twice to be believed. */
enum pm_err proof_hmac(struct token *token, enum proof *out, struct failure *failure)
{
	TRY(prove_hmac(token, out, failure));
	return *out == PROOF_WRONG ? prove_hmac(token, out, failure) : PM_OK;
}

enum pm_err proof_key_gen(struct token *token, CK_MECHANISM_TYPE type, enum proof *out,
			  struct failure *failure)
{
	uint8_t mac[SIGN_MAC_LEN];
	struct passing passing;

	*out = PROOF_RIGHT;
	enum pm_err err = passing_generate_by(token, type, PASSING_SENSITIVE, &passing, failure);
	if (err == PM_OK)
		err = use(token, &passing, ALGORITHM_HMAC_SHA256, PROOF_DATA, mac, failure);
	return settle(err, failure, PROOF_WRONG, out);
}

static enum pm_err make_pair(struct token *token, enum algorithm algorithm, struct passing *out,
			     struct failure *failure)
{
	const CK_MECHANISM_TYPE type =
		algorithm == ALGORITHM_ED25519 ? CKM_EC_EDWARDS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN;
	enum pm_err err = PM_BAD_REQUEST;
	struct bytes params;

	for (size_t i = 0; (params = curve_params(algorithm, i)).len > 0; i++) {
		CK_ATTRIBUTE public[] = { { CKA_EC_PARAMS, (void *)params.data, params.len } };

		err = passing_pair(token, type, public, 1, out, failure);
		if (err == PM_OK || failure->class != FAILURE_CALLER)
			break;
	}
	return err;
}

enum pm_err proof_pair(struct token *token, enum algorithm algorithm, enum proof *made,
		       enum proof *signed_, struct failure *failure)
{
	uint8_t point[CURVE_POINT_MAX], public[PUBLIC_MAX], signature[SIGN_LEN];
	size_t len = sizeof(point);
	struct passing passing;

	*made = PROOF_RIGHT;
	*signed_ = PROOF_NONE;
	enum pm_err err = make_pair(token, algorithm, &passing, failure);
	if (err != PM_OK)
		return settle(err, failure, PROOF_WRONG, made);
	*signed_ = PROOF_WRONG;
	TRY(object_attribute(token, passing.public, CKA_EC_POINT, point, &len, failure));
	err = use(token, &passing, algorithm, PROOF_DATA, signature, failure);
	if (err != PM_OK)
		return settle(err, failure, PROOF_WRONG, signed_);
	len = curve_public_key(algorithm, bytes_of(point, len), public);
	if (len > 0 &&
	    verify_signature(algorithm, bytes_of(public, len), bytes_str(PROOF_DATA), signature))
		*signed_ = PROOF_RIGHT;
	return PM_OK;
}

static enum pm_err sign_rsa(struct token *token, const struct passing *passing,
			    uint8_t out[RSA_BYTES], struct failure *failure)
{
	CK_MECHANISM mechanism = { .mechanism = CKM_SHA256_RSA_PKCS };
	CK_ULONG len = RSA_BYTES;

	CK_RV rv = token->p11->C_SignInit(token->work[0], &mechanism, passing->key);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_SignInit of RSA");
	rv = token->p11->C_Sign(token->work[0], (CK_BYTE *)PROOF_DATA, sizeof(PROOF_DATA) - 1, out,
				&len);
	token->suspect[0] = rv != CKR_OK;
	if (rv != CKR_OK || len != RSA_BYTES)
		return failure_ck(failure, rv != CKR_OK ? rv : CKR_GENERAL_ERROR, "C_Sign of RSA");
	return PM_OK;
}

enum pm_err proof_rsa(struct token *token, enum proof *made, enum proof *signed_,
		      struct failure *failure)
{
	static const uint8_t exponent[] = { 1, 0, 1 };
	CK_ULONG bits = RSA_BITS;
	CK_ATTRIBUTE public[] = {
		{ CKA_MODULUS_BITS, &bits, sizeof(bits) },
		{ CKA_PUBLIC_EXPONENT, (void *)exponent, sizeof(exponent) },
	};
	uint8_t modulus[RSA_BYTES], signature[RSA_BYTES];
	size_t len = sizeof(modulus);
	struct passing passing;

	*made = PROOF_RIGHT;
	*signed_ = PROOF_NONE;
	enum pm_err err =
		passing_pair(token, CKM_RSA_PKCS_KEY_PAIR_GEN, public, 2, &passing, failure);
	if (err != PM_OK)
		return settle(err, failure, PROOF_WRONG, made);
	*signed_ = PROOF_WRONG;
	TRY(object_attribute(token, passing.public, CKA_MODULUS, modulus, &len, failure));
	err = sign_rsa(token, &passing, signature, failure);
	TRY(settle(err, failure, PROOF_WRONG, signed_));
	passing_drop(token, &passing);
	if (err == PM_OK &&
	    verify_rsa(bytes_of(modulus, len), bytes_of(exponent, sizeof(exponent)),
		       bytes_str(PROOF_DATA), bytes_of(signature, sizeof(signature))))
		*signed_ = PROOF_RIGHT;
	return session_clear(token, failure);
}

enum pm_err proof_aes(struct token *token, enum proof *made, enum proof *ciphered,
		      struct failure *failure)
{
	struct passing passing;

	*made = PROOF_RIGHT;
	*ciphered = PROOF_NONE;
	enum pm_err err = passing_aes(token, &passing, failure);
	if (err != PM_OK)
		return settle(err, failure, PROOF_WRONG, made);
	*ciphered = PROOF_RIGHT;
	err = cipher_prove(token, passing.key, failure);
	TRY(settle(err, failure, PROOF_WRONG, ciphered));
	passing_drop(token, &passing);
	return session_clear(token, failure);
}

enum pm_err proof_enforced(struct token *token, bool *out, struct failure *failure)
{
	uint8_t mac[SIGN_MAC_LEN];
	struct passing passing;

	*out = false;
	enum pm_err err = passing_generate(token, PASSING_RESTRICTED, &passing, failure);
	if (err != PM_OK)
		return failure->class == FAILURE_CALLER ? PM_OK : err;
	err = use(token, &passing, ALGORITHM_HMAC_SHA256, PROOF_DATA, mac, failure);
	if (err != PM_OK && failure->class != FAILURE_CALLER)
		return err;
	*out = err != PM_OK;
	return PM_OK;
}
