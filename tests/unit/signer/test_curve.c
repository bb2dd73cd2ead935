#include "curve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

static void a_curve_is_recognised_by_every_name_that_we_ask_for_it_by(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
			curve_algorithm(CKK_EC_EDWARDS, curve_params(ALGORITHM_ED25519, i)),
			ALGORITHM_ED25519);
	assert_int_equal(curve_algorithm(CKK_EC, curve_params(ALGORITHM_ECDSA_P256, 0)),
			 ALGORITHM_ECDSA_P256);
	assert_int_equal(curve_params(ALGORITHM_ED25519, 2).len, 0);
	assert_int_equal(curve_params(ALGORITHM_ECDSA_P256, 1).len, 0);
	assert_int_equal(curve_params(ALGORITHM_HMAC_SHA256, 0).len, 0);
}

static void ed25519_is_asked_for_by_oid_and_then_by_name(void **state)
{
	struct bytes oid = curve_params(ALGORITHM_ED25519, 0);
	struct bytes name = curve_params(ALGORITHM_ED25519, 1);
	(void)state;

	assert_int_equal(oid.len, 5);
	assert_memory_equal(oid.data, "\x06\x03\x2b\x65\x70", 5);
	assert_int_equal(name.len, 14);
	assert_memory_equal(name.data,
			    "\x13\x0c"
			    "edwards25519",
			    14);
}

static void another_curve_or_type_is_another_algorithm(void **state)
{
	static const struct {
		CK_KEY_TYPE type;
		const char *params;
		size_t len;
	} others[] = {
		{ CKK_EC_EDWARDS, "\x06\x03\x2b\x65\x71", 5 },     /* Ed448 */
		{ CKK_EC_EDWARDS, "\x06\x03\x2b\x65\x70\x00", 6 }, /* a byte too many */
		{ CKK_EC_EDWARDS, "\x06\x03\x2b\x65", 4 },         /* one too few */
		{ CKK_EC_EDWARDS, "", 0 },                         /* not told */
		{ CKK_EC, "\x06\x05\x2b\x81\x04\x00\x22", 7 },     /* P-384 */
		{ CKK_EC, "\x06\x03\x2b\x65\x70", 5 },             /* of the other type */
		{ CKK_EC_EDWARDS, "\x06\x08\x2a\x86\x48\xce\x3d\3\1\7", 10 }, /* likewise */
		{ CKK_RSA, "\x06\x03\x2b\x65\x70", 5 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(
			curve_algorithm(others[i].type, bytes_of(others[i].params, others[i].len)),
			ALGORITHM_OTHER);
}

/* The head in front of a point that counts up from 1. */
static size_t read_point(enum algorithm algorithm, const char *head, size_t head_len, size_t len,
			 uint8_t out[PUBLIC_MAX])
{
	uint8_t point[128];

	memcpy(point, head, head_len);
	for (size_t i = 0; i < len; i++)
		point[head_len + i] = (uint8_t)(i + 1);
	return curve_public_key(algorithm, bytes_of(point, head_len + len), out);
}

static void an_ed25519_point_is_read_bare_and_wrapped(void **state)
{
	static const struct {
		const char *head;
		size_t len;
	} heads[] = { { "", 0 }, { "\x04\x20", 2 }, { "\x03\x21\x00", 3 } };
	uint8_t out[PUBLIC_MAX];
	(void)state;

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		memset(out, 0, sizeof(out));
		assert_int_equal(
			read_point(ALGORITHM_ED25519, heads[i].head, heads[i].len, 32, out), 32);
		assert_int_equal(out[0], 1);
		assert_int_equal(out[31], 32);
	}
}

static void a_stray_byte_behind_a_point_is_left_off(void **state)
{
	static const struct {
		enum algorithm algorithm;
		const char *head;
		size_t head_len, len, wanted;
	} strays[] = {
		{ ALGORITHM_ED25519, "", 0, 33, 32 },
		{ ALGORITHM_ED25519, "\x04\x20", 2, 33, 32 },
		{ ALGORITHM_ED25519, "\x03\x21\x00", 3, 33, 32 },
		{ ALGORITHM_ECDSA_P256, "\x04", 1, 65, PUBLIC_MAX },
		{ ALGORITHM_ECDSA_P256, "\x04\x41\x04", 3, 65, PUBLIC_MAX },
	};
	uint8_t out[PUBLIC_MAX];
	(void)state;

	for (size_t i = 0; i < sizeof(strays) / sizeof(strays[0]); i++) {
		assert_int_equal(read_point(strays[i].algorithm, strays[i].head, strays[i].head_len,
					    strays[i].len, out),
				 strays[i].wanted);
		assert_int_equal(out[strays[i].wanted - 1], strays[i].len - 1);
	}
}

/* 04 1e could be an OCTET STRING's head, and 30 bytes follow. */
static void a_bare_point_that_begins_like_a_wrapped_one_is_bare(void **state)
{
	const uint8_t point[32] = { 0x04, 0x1e, 0x77 };
	uint8_t out[PUBLIC_MAX];
	(void)state;

	assert_int_equal(curve_public_key(ALGORITHM_ED25519, bytes_of(point, 32), out), 32);
	assert_memory_equal(out, point, 32);
}

static void a_point_of_another_form_is_refused(void **state)
{
	static const struct {
		enum algorithm algorithm;
		const char *head;
		size_t head_len, len;
	} wrong[] = {
		{ ALGORITHM_ED25519, "", 0, 0 },
		{ ALGORITHM_ED25519, "", 0, 31 },
		{ ALGORITHM_ED25519, "\x04\x21", 2, 32 },     /* a wrong length inside */
		{ ALGORITHM_ED25519, "\x05\x20", 2, 32 },     /* a wrong tag */
		{ ALGORITHM_ED25519, "\x03\x21\x01", 3, 32 }, /* unused bits */
		{ ALGORITHM_ED25519, "\x04\x20", 2, 34 },     /* two bytes behind */
		{ ALGORITHM_ED25519, "\x04\x81\x20", 3, 32 }, /* not DER */
		{ ALGORITHM_ECDSA_P256, "", 0, 64 },
		{ ALGORITHM_ECDSA_P256, "", 0, 0 },
		{ ALGORITHM_ECDSA_P256, "\x02", 1, 32 }, /* compressed */
		{ ALGORITHM_ECDSA_P256, "\x06", 1, 64 }, /* hybrid */
		{ ALGORITHM_ECDSA_P256, "\x04\x41\x02", 3, 64 },
		{ ALGORITHM_ECDSA_P256, "\x04\x40\x04", 3, 64 },
		{ ALGORITHM_ECDSA_P256, "\x04\x41\x04", 3, 66 },
		{ ALGORITHM_HMAC_SHA256, "", 0, 32 },
	};
	uint8_t out[PUBLIC_MAX];
	(void)state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(read_point(wrong[i].algorithm, wrong[i].head, wrong[i].head_len,
					    wrong[i].len, out),
				 0);
}

static void a_p256_point_becomes_openssls_subject_public_key_info(void **state)
{
	EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	uint8_t wrapped[67] = { 0x04, 0x41 }, out[PUBLIC_MAX], *der = NULL;
	size_t len = 0;
	(void)state;

	assert_int_equal(EVP_PKEY_get_octet_string_param(pair, "pub", wrapped + 2, 65, &len), 1);
	assert_int_equal(len, 65);
	assert_int_equal(i2d_PUBKEY(pair, &der), PUBLIC_MAX);
	for (size_t head = 0; head <= 2; head += 2) {
		memset(out, 0, sizeof(out));
		assert_int_equal(curve_public_key(ALGORITHM_ECDSA_P256,
						  bytes_of(wrapped + head, 67 - head), out),
				 PUBLIC_MAX);
		assert_memory_equal(out, der, PUBLIC_MAX);
	}
	OPENSSL_free(der);
	EVP_PKEY_free(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_curve_is_recognised_by_every_name_that_we_ask_for_it_by),
		cmocka_unit_test(ed25519_is_asked_for_by_oid_and_then_by_name),
		cmocka_unit_test(another_curve_or_type_is_another_algorithm),
		cmocka_unit_test(an_ed25519_point_is_read_bare_and_wrapped),
		cmocka_unit_test(a_stray_byte_behind_a_point_is_left_off),
		cmocka_unit_test(a_bare_point_that_begins_like_a_wrapped_one_is_bare),
		cmocka_unit_test(a_point_of_another_form_is_refused),
		cmocka_unit_test(a_p256_point_becomes_openssls_subject_public_key_info),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
