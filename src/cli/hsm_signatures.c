#define _GNU_SOURCE
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>
#include <p11-kit/p11-kit.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "hsm_prove.h"

#define MESSAGE "peppermint: does this token sign?"
#define RSA_BITS 2048
#define SIGNATURE_MAX (RSA_BITS / 8)
#define POINT_MAX 67
#define POINT_LEN 65 /* P-256's, uncompressed */

#define OID_ED25519 "\x06\x03\x2b\x65\x70"
#define NAME_ED25519                                                                               \
	"\x13\x0c"                                                                                 \
	"edwards25519" /* PrintableString, of PKCS#11 v3.0 */
#define OID_P256 "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"

#define TEXT(literal)                                                                              \
	{                                                                                          \
		(const uint8_t *)(literal), sizeof(literal) - 1                                    \
	}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct pair {
	CK_OBJECT_HANDLE public, private;
};

struct kind {
	const char *test;
	CK_MECHANISM_TYPE generate, sign;
	struct bytes params[2]; /* ways to name the curve; none for RSA */
	bool digest;            /* the token signs a SHA-256 digest, not the message */
	size_t signature_len;
	EVP_PKEY *(*key)(const struct card *card, CK_OBJECT_HANDLE public);
};

static void pkey_end(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void pkey_context_end(EVP_PKEY_CTX **context)
{
	EVP_PKEY_CTX_free(*context);
}

static void digest_context_end(EVP_MD_CTX **context)
{
	EVP_MD_CTX_free(*context);
}

static void signature_end(ECDSA_SIG **signature)
{
	ECDSA_SIG_free(*signature);
}

static void build_end(OSSL_PARAM_BLD **build)
{
	OSSL_PARAM_BLD_free(*build);
}

static void params_end(OSSL_PARAM **params)
{
	OSSL_PARAM_free(*params);
}

static void number_end(BIGNUM **number)
{
	BN_free(*number);
}

/* 0: the token does not tell, or more than `size`. */
static size_t read_attribute(const struct card *card, CK_OBJECT_HANDLE object,
			     CK_ATTRIBUTE_TYPE type, uint8_t *to, size_t size)
{
	CK_ATTRIBUTE attribute = { type, to, size };
	CK_RV rv = card->p11->C_GetAttributeValue(card->session, object, &attribute, 1);

	return rv == CKR_OK && attribute.ulValueLen <= size ? attribute.ulValueLen : 0;
}

/* Bare, or behind the head of an OCTET STRING or BIT STRING: their lengths tell them apart. */
static EVP_PKEY *read_ed25519(const struct card *card, CK_OBJECT_HANDLE public)
{
	uint8_t point[POINT_MAX];
	size_t len = read_attribute(card, public, CKA_EC_POINT, point, sizeof(point));

	if (len < 32 || len > 35)
		return NULL;
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, point + len - 32, 32);
}

static EVP_PKEY *pkey_of(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *context CLEANUP(pkey_context_end) =
		EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (!context || !params || EVP_PKEY_fromdata_init(context) <= 0 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		return NULL;
	return key;
}

static EVP_PKEY *read_p256(const struct card *card, CK_OBJECT_HANDLE public)
{
	uint8_t point[POINT_MAX];
	size_t len = read_attribute(card, public, CKA_EC_POINT, point, sizeof(point));
	char group[] = "prime256v1";

	if (len != POINT_LEN && len != POINT_LEN + 2) /* bare, or an OCTET STRING */
		return NULL;
	return pkey_of(
		"EC",
		(OSSL_PARAM[]){
			OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
			OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
							  point + len - POINT_LEN, POINT_LEN),
			OSSL_PARAM_construct_end(),
		});
}

static BIGNUM *read_number(const struct card *card, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
	uint8_t value[RSA_BITS / 8 + 1];
	size_t len = read_attribute(card, object, type, value, sizeof(value));

	return len ? BN_bin2bn(value, (int)len, NULL) : NULL;
}

static EVP_PKEY *read_rsa(const struct card *card, CK_OBJECT_HANDLE public)
{
	BIGNUM *modulus CLEANUP(number_end) = read_number(card, public, CKA_MODULUS);
	BIGNUM *exponent CLEANUP(number_end) = read_number(card, public, CKA_PUBLIC_EXPONENT);
	OSSL_PARAM_BLD *build CLEANUP(build_end) = OSSL_PARAM_BLD_new();

	if (!modulus || !exponent || !build ||
	    !OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) ||
	    !OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent))
		return NULL;
	OSSL_PARAM *params CLEANUP(params_end) = OSSL_PARAM_BLD_to_param(build);
	return pkey_of("RSA", params);
}

static const struct kind kinds[] = {
	{ "Ed25519",
	  CKM_EC_EDWARDS_KEY_PAIR_GEN,
	  CKM_EDDSA,
	  { TEXT(OID_ED25519), TEXT(NAME_ED25519) },
	  false,
	  64,
	  read_ed25519 },
	{ "ECDSA P-256",
	  CKM_EC_KEY_PAIR_GEN,
	  CKM_ECDSA,
	  { TEXT(OID_P256), { NULL, 0 } },
	  true,
	  64,
	  read_p256 },
	{ "RSA-2048 PKCS#1 v1.5 with SHA-256",
	  CKM_RSA_PKCS_KEY_PAIR_GEN,
	  CKM_SHA256_RSA_PKCS,
	  { { NULL, 0 }, { NULL, 0 } },
	  false,
	  RSA_BITS / 8,
	  read_rsa },
};

static CK_RV generate(const struct card *card, const struct kind *kind, struct bytes params,
		      struct pair *pair)
{
	CK_MECHANISM mechanism = { .mechanism = kind->generate };
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ULONG bits = RSA_BITS;
	uint8_t exponent[] = { 1, 0, 1 };
	CK_ATTRIBUTE public[] = {
		{ CKA_TOKEN, &no, sizeof(no) },
		{ CKA_VERIFY, &yes, sizeof(yes) },
		{ CKA_EC_PARAMS, (void *)(uintptr_t)params.data, params.len },
		{ CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent) },
	};
	CK_ATTRIBUTE private[] = {
		{ CKA_TOKEN, &no, sizeof(no) },       { CKA_PRIVATE, &yes, sizeof(yes) },
		{ CKA_SIGN, &yes, sizeof(yes) },      { CKA_SENSITIVE, &yes, sizeof(yes) },
		{ CKA_EXTRACTABLE, &no, sizeof(no) },
	};

	if (params.len == 0)
	public[2] = (CK_ATTRIBUTE){ CKA_MODULUS_BITS, &bits, sizeof(bits) };
	return card->p11->C_GenerateKeyPair(card->session, &mechanism, public, params.len ? 3 : 4,
					    private, COUNT(private), &pair->public, &pair->private);
}

static CK_RV generate_any(const struct card *card, const struct kind *kind, struct pair *pair)
{
	CK_RV rv = generate(card, kind, kind->params[0], pair);

	if (rv != CKR_OK && kind->params[1].len > 0)
		rv = generate(card, kind, kind->params[1], pair);
	return rv;
}

static CK_RV sign(const struct card *card, const struct kind *kind, CK_OBJECT_HANDLE key,
		  uint8_t signature[SIGNATURE_MAX])
{
	CK_MECHANISM mechanism = { .mechanism = kind->sign };
	uint8_t message[] = MESSAGE, digest[SHA256_DIGEST_LENGTH];
	CK_ULONG len = SIGNATURE_MAX;
	CK_RV rv = card->p11->C_SignInit(card->session, &mechanism, key);

	SHA256(message, strlen(MESSAGE), digest);
	if (rv == CKR_OK)
		rv = card->p11->C_Sign(card->session, kind->digest ? digest : message,
				       kind->digest ? sizeof(digest) : strlen(MESSAGE), signature,
				       &len);
	return rv == CKR_OK && len != kind->signature_len ? CKR_SIGNATURE_LEN_RANGE : rv;
}

/* PKCS#11 has r || s, OpenSSL an ASN.1 SEQUENCE of the two. Returns its length; 0: none. */
static size_t ecdsa_der(const uint8_t *signature, uint8_t der[SIGNATURE_MAX])
{
	ECDSA_SIG *pair CLEANUP(signature_end) = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(signature, 32, NULL), *s = BN_bin2bn(signature + 32, 32, NULL);

	if (!pair || !r || !s || !ECDSA_SIG_set0(pair, r, s))
		return 0; /* memory has ended: so does this process, with what leaked */
	int len = i2d_ECDSA_SIG(pair, &der);
	return len > 0 ? (size_t)len : 0;
}

static bool is_signature(const struct kind *kind, EVP_PKEY *key, const uint8_t *signature)
{
	EVP_MD_CTX *context CLEANUP(digest_context_end) = EVP_MD_CTX_new();
	const bool ed25519 = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
	uint8_t der[SIGNATURE_MAX];
	size_t len = kind->signature_len;

	if (kind->digest) {
		len = ecdsa_der(signature, der);
		signature = der;
	}
	return context && len > 0 &&
	       EVP_DigestVerifyInit(context, NULL, ed25519 ? NULL : EVP_sha256(), NULL, key) == 1 &&
	       EVP_DigestVerify(context, signature, len, (const uint8_t *)MESSAGE,
				strlen(MESSAGE)) == 1;
}

/* NULL: OpenSSL accepts what the token signed, and not the same with a bit flipped. */
static const char *fault_of(const struct card *card, const struct kind *kind,
			    CK_OBJECT_HANDLE public, uint8_t *signature)
{
	EVP_PKEY *key CLEANUP(pkey_end) = kind->key(card, public);

	if (!key)
		return "the public key is in no form that is known";
	if (!is_signature(kind, key, signature))
		return "WRONG: OpenSSL refuses the signature";
	signature[kind->signature_len / 2] ^= 1;
	return is_signature(kind, key, signature) ? "WRONG: OpenSSL accepts an altered signature"
						  : NULL;
}

static void prove_kind(struct worker *worker, const struct card *card, const struct kind *kind)
{
	uint8_t signature[SIGNATURE_MAX];
	struct pair pair = { CK_INVALID_HANDLE, CK_INVALID_HANDLE };
	CK_MECHANISM_INFO info;
	enum answer announced = card_announces(card, kind->generate, &info);
	CK_RV rv = generate_any(card, kind, &pair);
	const char *what = "making a pair";

	if (announced == ANSWER_YES)
		announced = card_announces(card, kind->sign, &info);
	if (rv == CKR_OK) {
		what = "signing";
		rv = sign(card, kind, pair.private, signature);
	}
	if (rv != CKR_OK) {
		send_proof(worker, kind->test, announced, ANSWER_NO, "%s: %s", what,
			   p11_kit_strerror(rv));
		return;
	}
	const char *fault = fault_of(card, kind, pair.public, signature);
	send_proof(worker, kind->test, announced, fault ? ANSWER_NO : ANSWER_YES, "%s",
		   fault ? fault : "a session pair's signature verifies with OpenSSL");
}

void prove_signatures(struct worker *worker, const struct card *card)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		prove_kind(worker, card, &kinds[i]);
}
