#define _GNU_SOURCE
#include "hsm_prove.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <p11-kit/p11-kit.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"

#define MAC_LEN 32
#define KEY_LEN 64 /* long enough for HMACs of any SHA-2 */
#define RATE_NS (NS_PER_SECOND / 4)
#define TEXT "peppermint: does this token compute?"

void send_proof(struct worker *worker, const char *test, enum answer announced, enum answer proven,
		const char *fmt, ...)
{
	json_t *row = must_have(json_pack("{s:s}", "test", test));
	va_list args;

	json_object_set_new(row, "announced",
			    announced == ANSWER_UNKNOWN ? json_null() : json_boolean(announced));
	json_object_set_new(row, "proven",
			    proven == ANSWER_UNKNOWN ? json_null() : json_boolean(proven));
	va_start(args, fmt);
	json_object_set_new(row, "detail", json_vsprintf(fmt, args));
	va_end(args);
	worker_row(worker, row);
}

/* Their keys are one byte, repeated. Tokens may refuse keys shorter than the digest. */
static const struct vector {
	const char *name;
	uint8_t byte;
	size_t len;
	const char *data, *mac;
} vectors[] = {
	{ "RFC 4231 case 1", 0x0b, 20, "Hi There",
	  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
	{ "RFC 4868 PRF case 1", 0x0b, 32, "Hi There",
	  "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7" },
	{ "RFC 4231 case 6", 0xaa, 131, "Test Using Larger Than Block-Size Key - Hash Key First",
	  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	{ "RFC 4231 case 7", 0xaa, 131,
	  "This is a test using a larger than block-size key and a larger than block-size data. "
	  "The key needs to be hashed before being used by the HMAC algorithm.",
	  "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
};
#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

static CK_RV hmac(const struct card *card, CK_OBJECT_HANDLE key, const char *data,
		  uint8_t mac[MAC_LEN])
{
	CK_MECHANISM mechanism = { .mechanism = CKM_SHA256_HMAC };
	CK_ULONG len = MAC_LEN;
	CK_RV rv = card->p11->C_SignInit(card->session, &mechanism, key);

	if (rv == CKR_OK) /* not const in PKCS#11's prototype; the module only reads it */
		rv = card->p11->C_Sign(card->session, (CK_BYTE *)(uintptr_t)data, strlen(data), mac,
				       &len);
	return rv == CKR_OK && len != MAC_LEN ? CKR_GENERAL_ERROR : rv;
}

static CK_RV import_key(const struct card *card, const struct vector *vector, CK_OBJECT_HANDLE *key)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	uint8_t value[256];
	CK_ATTRIBUTE wanted[] = {
		{ CKA_CLASS, &class, sizeof(class) }, { CKA_KEY_TYPE, &type, sizeof(type) },
		{ CKA_TOKEN, &no, sizeof(no) },       { CKA_SIGN, &yes, sizeof(yes) },
		{ CKA_VALUE, value, vector->len },
	};

	memset(value, vector->byte, vector->len);
	return card->p11->C_CreateObject(card->session, wanted, sizeof(wanted) / sizeof(wanted[0]),
					 key);
}

static CK_RV try_vector(const struct card *card, const struct vector *vector, bool *right)
{
	char hex[2 * MAC_LEN + 1];
	uint8_t mac[MAC_LEN];
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	CK_RV rv = import_key(card, vector, &key);

	if (rv == CKR_OK)
		rv = hmac(card, key, vector->data, mac);
	if (rv != CKR_OK)
		return rv;
	hex_encode(bytes_of(mac, sizeof(mac)), hex);
	*right = strcmp(hex, vector->mac) == 0;
	return CKR_OK;
}

/* In the session; `allowed` may be NULL. */
static CK_RV generate_key(const struct card *card, bool secret, CK_MECHANISM_TYPE *allowed,
			  CK_OBJECT_HANDLE *key)
{
	CK_MECHANISM mechanism = { .mechanism = CKM_GENERIC_SECRET_KEY_GEN };
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_ULONG len = KEY_LEN;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_BBOOL sensitive = secret ? CK_TRUE : CK_FALSE;
	CK_BBOOL extractable = secret ? CK_FALSE : CK_TRUE;
	CK_ATTRIBUTE wanted[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_KEY_TYPE, &type, sizeof(type) },
		{ CKA_VALUE_LEN, &len, sizeof(len) },
		{ CKA_TOKEN, &no, sizeof(no) },
		{ CKA_SIGN, &yes, sizeof(yes) },
		{ CKA_SENSITIVE, &sensitive, sizeof(sensitive) },
		{ CKA_EXTRACTABLE, &extractable, sizeof(extractable) },
		{ CKA_ALLOWED_MECHANISMS, allowed, sizeof(*allowed) },
	};

	return card->p11->C_GenerateKey(card->session, &mechanism, wanted, allowed ? 8 : 7, key);
}

/* For tokens that take no key whose value is known: one whose value they give. */
static void prove_by_reading(struct worker *worker, const struct card *card, enum answer announced,
			     CK_RV refusal)
{
	uint8_t value[KEY_LEN], ours[MAC_LEN], theirs[MAC_LEN];
	CK_ATTRIBUTE read = { CKA_VALUE, value, sizeof(value) };
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	unsigned int len = sizeof(ours);
	CK_RV rv = generate_key(card, false, NULL, &key);

	if (rv == CKR_OK)
		rv = card->p11->C_GetAttributeValue(card->session, key, &read, 1);
	if (rv == CKR_OK)
		rv = hmac(card, key, TEXT, theirs);
	if (rv != CKR_OK) {
		send_proof(worker, "HMAC-SHA-256", announced, ANSWER_NO,
			   "no key with a known value: importing one: %s; reading one: %s",
			   p11_kit_strerror(refusal), p11_kit_strerror(rv));
		return;
	}
	HMAC(EVP_sha256(), value, (int)read.ulValueLen, (const uint8_t *)TEXT, strlen(TEXT), ours,
	     &len);
	bool right = memcmp(ours, theirs, sizeof(ours)) == 0;
	send_proof(worker, "HMAC-SHA-256", announced, right ? ANSWER_YES : ANSWER_NO,
		   right ? "OpenSSL computes the same with a session key read out"
			 : "WRONG: OpenSSL computes another value with a session key read out");
}

static void prove_hmac(struct worker *worker, const struct card *card)
{
	CK_MECHANISM_INFO info;
	enum answer announced = card_announces(card, CKM_SHA256_HMAC, &info);
	const char *wrong = NULL;
	size_t computed = 0;
	CK_RV refusal = CKR_OK; /* tokens may take no keys at all, or none of some lengths */

	for (size_t i = 0; i < VECTORS; i++) {
		bool right = false;
		CK_RV rv = try_vector(card, &vectors[i], &right);

		if (rv != CKR_OK)
			refusal = rv;
		else if (!right)
			wrong = vectors[i].name;
		computed += rv == CKR_OK;
	}
	if (wrong)
		send_proof(worker, "HMAC-SHA-256", announced, ANSWER_NO, "WRONG answer to %s",
			   wrong);
	else if (computed == 0)
		prove_by_reading(worker, card, announced, refusal);
	else
		send_proof(worker, "HMAC-SHA-256", announced, ANSWER_YES,
			   "%zu of %zu known answers (RFC 4231, RFC 4868)%s%s", computed, VECTORS,
			   refusal ? "; for the others: " : "",
			   refusal ? p11_kit_strerror(refusal) : "");
}

static void send_enforcement(struct worker *worker, const char *test, enum answer begun)
{
	if (begun == ANSWER_UNKNOWN)
		send_proof(worker, test, ANSWER_UNKNOWN, ANSWER_UNKNOWN,
			   "the token answered neither yes nor no");
	else
		send_proof(worker, test, ANSWER_UNKNOWN, begun ? ANSWER_NO : ANSWER_YES,
			   begun ? "a key for SHA-256's HMAC made SHA-512's"
				 : "a key for SHA-256's HMAC is refused for SHA-512's");
}

/* Refused must be the mechanism that works with a key without a list, or nothing is shown. */
static void prove_enforcement(struct worker *worker, const struct card *card, CK_OBJECT_HANDLE open)
{
	static const char test[] = "CKA_ALLOWED_MECHANISMS is enforced";
	CK_MECHANISM_TYPE allowed = CKM_SHA256_HMAC;
	CK_OBJECT_HANDLE bound = CK_INVALID_HANDLE;
	CK_RV rv = generate_key(card, true, &allowed, &bound);

	if (rv != CKR_OK)
		send_proof(worker, test, ANSWER_UNKNOWN, ANSWER_NO, "it takes no such list: %s",
			   p11_kit_strerror(rv));
	else if (card_begins(card, CKM_SHA512_HMAC, open) != ANSWER_YES ||
		 card_begins(card, allowed, bound) != ANSWER_YES)
		send_proof(worker, test, ANSWER_UNKNOWN, ANSWER_UNKNOWN,
			   "it has no second mechanism or no second session to try it with");
	else
		send_enforcement(worker, test, card_begins(card, CKM_SHA512_HMAC, bound));
}

static void prove_copy(struct worker *worker, const struct card *card, CK_OBJECT_HANDLE key)
{
	static const char test[] = "CopyObject to a session object";
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE wanted[] = { { CKA_TOKEN, &no, sizeof(no) } };
	CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;
	uint8_t first[MAC_LEN], second[MAC_LEN];
	CK_RV rv = card->p11->C_CopyObject(card->session, key, wanted, 1, &copy);

	if (rv == CKR_OK)
		rv = hmac(card, key, TEXT, first);
	if (rv == CKR_OK)
		rv = hmac(card, copy, TEXT, second);
	if (rv != CKR_OK)
		send_proof(worker, test, ANSWER_UNKNOWN, ANSWER_NO, "%s", p11_kit_strerror(rv));
	else if (memcmp(first, second, sizeof(first)) != 0)
		send_proof(worker, test, ANSWER_UNKNOWN, ANSWER_NO,
			   "WRONG: the copy of a key makes another HMAC");
	else
		send_proof(worker, test, ANSWER_UNKNOWN, ANSWER_YES,
			   "the copy of a sensitive key makes the same HMAC");
}

static void measure_rate(struct worker *worker, const struct card *card, CK_OBJECT_HANDLE key)
{
	int64_t begun = clock_now(), now = begun;
	uint8_t mac[MAC_LEN];
	uint64_t count = 0;
	CK_RV rv = CKR_OK;

	for (; rv == CKR_OK && now - begun < RATE_NS; now = clock_now()) {
		rv = hmac(card, key, TEXT, mac);
		count++;
	}
	double rate = (double)count * NS_PER_SECOND / (double)(now - begun);
	if (rv == CKR_OK)
		worker_row(worker, json_pack("{s:s, s:n, s:n, s:o, s:I}", "test", "HMAC rate",
					     "announced", "proven", "detail",
					     json_sprintf("%.0f per second with a session key, one "
							  "session",
							  rate),
					     "per_second", (json_int_t)rate));
}

/* What a vault does with generated keys besides. */
static void prove_generated(struct worker *worker, const struct card *card)
{
	CK_MECHANISM_INFO info;
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	CK_RV rv = generate_key(card, true, NULL, &key);

	send_proof(worker, "secret keys made in the token",
		   card_announces(card, CKM_GENERIC_SECRET_KEY_GEN, &info),
		   rv == CKR_OK ? ANSWER_YES : ANSWER_NO, "%s",
		   rv == CKR_OK ? "a sensitive session key" : p11_kit_strerror(rv));
	if (rv != CKR_OK)
		return;
	prove_enforcement(worker, card, key);
	prove_copy(worker, card, key);
	measure_rate(worker, card, key);
}

enum status prove_token(struct worker *worker, void *arg, const struct pins *pins)
{
	const struct token_job *job = arg;
	struct card card = { 0 };
	enum status status = card_open(job, pins->given, &card);

	if (status != STATUS_DONE)
		return status;
	prove_hmac(worker, &card);
	prove_generated(worker, &card);
	prove_signatures(worker, &card);
	card_close(&card);
	return STATUS_DONE;
}
