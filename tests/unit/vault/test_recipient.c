/* Secrets sealed to a recipient's public key: who can open them, and what is no such key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>

#include "base/cleanup.h"
#include "fault.h"
#include "recipient.h"

#define SECRET "ak_live_0123456789ABCDEF_GHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvw40rGwM"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct key {
	EVP_PKEY *pair;
	char pem[RECIPIENT_PEM_MAX + 1];
};

static struct key x25519, rsa;

static void free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void free_ctx(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

static void free_bio(BIO **bio)
{
	BIO_free(*bio);
}

static void take_text(BIO *bio, char out[RECIPIENT_PEM_MAX + 1])
{
	int len = BIO_read(bio, out, RECIPIENT_PEM_MAX);

	assert_true(len > 0);
	out[len] = '\0';
}

static void public_pem(const EVP_PKEY *key, char out[RECIPIENT_PEM_MAX + 1])
{
	BIO *bio CLEANUP(free_bio) = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
	take_text(bio, out);
}

static int make_keys(void **state)
{
	(void)state;
	x25519.pair = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	rsa.pair = EVP_RSA_gen(2048);
	assert_non_null(x25519.pair);
	assert_non_null(rsa.pair);
	public_pem(x25519.pair, x25519.pem);
	public_pem(rsa.pair, rsa.pem);
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(x25519.pair);
	EVP_PKEY_free(rsa.pair);
	return 0;
}

static size_t decode(const char *text, const char *scheme, uint8_t *out, size_t room)
{
	size_t len = 0;

	assert_int_equal(strncmp(text, scheme, strlen(scheme)), 0);
	text += strlen(scheme);
	assert_int_equal(sodium_base642bin(out, room, text, strlen(text), NULL, &len, NULL,
					   sodium_base64_VARIANT_ORIGINAL),
			 0);
	return len;
}

static void a_secret_sealed_to_x25519_opens_with_the_private_key(void **state)
{
	uint8_t sealed[512], opened[512], point[32], scalar[32];
	char text[RECIPIENT_TEXT_MAX + 1], again[RECIPIENT_TEXT_MAX + 1];
	size_t len = 32;

	(void)state;
	assert_int_equal(recipient_check(x25519.pem), PM_OK);
	assert_int_equal(recipient_seal(x25519.pem, bytes_str(SECRET), text, sizeof(text)), PM_OK);
	assert_int_equal(EVP_PKEY_get_raw_public_key(x25519.pair, point, &len), 1);
	assert_int_equal(EVP_PKEY_get_raw_private_key(x25519.pair, scalar, &len), 1);
	len = decode(text, "sealed:x25519:", sealed, sizeof(sealed));
	assert_int_equal(len, crypto_box_SEALBYTES + strlen(SECRET));
	assert_int_equal(crypto_box_seal_open(opened, sealed, len, point, scalar), 0);
	assert_memory_equal(opened, SECRET, strlen(SECRET));
	sealed[len - 1] ^= 1;
	assert_int_not_equal(crypto_box_seal_open(opened, sealed, len, point, scalar), 0);
	/* Never twice the same: nobody can tell equal secrets. */
	assert_int_equal(recipient_seal(x25519.pem, bytes_str(SECRET), again, sizeof(again)),
			 PM_OK);
	assert_string_not_equal(again, text);
}

static size_t open_oaep(EVP_PKEY *key, const char *digest, const char *text, uint8_t opened[512])
{
	EVP_PKEY_CTX *ctx CLEANUP(free_ctx) = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	uint8_t sealed[512];
	size_t sealed_len = decode(text, "sealed:rsa-oaep-sha256:", sealed, sizeof(sealed));
	size_t len = 512;

	assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, digest, NULL), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, digest, NULL), 1);
	return EVP_PKEY_decrypt(ctx, opened, &len, sealed, sealed_len) == 1 ? len : 0;
}

static void a_secret_sealed_to_rsa_opens_with_the_private_key(void **state)
{
	uint8_t opened[512];
	char text[RECIPIENT_TEXT_MAX + 1];

	(void)state;
	assert_int_equal(recipient_check(rsa.pem), PM_OK);
	assert_int_equal(recipient_seal(rsa.pem, bytes_str(SECRET), text, sizeof(text)), PM_OK);
	assert_int_equal(open_oaep(rsa.pair, "SHA256", text, opened), strlen(SECRET));
	assert_memory_equal(opened, SECRET, strlen(SECRET));
	assert_int_equal(open_oaep(rsa.pair, "SHA1", text, opened), 0);
}

static void assert_refused(const char *pem)
{
	char text[RECIPIENT_TEXT_MAX + 1] = "x";

	if (recipient_check(pem) != PM_BAD_REQUEST)
		fail_msg("taken: '%s'", pem);
	assert_int_equal(recipient_seal(pem, bytes_str(SECRET), text, sizeof(text)),
			 PM_BAD_REQUEST);
	assert_string_equal(text, "");
}

static void private_pem(EVP_PKEY *key, bool traditional, char out[RECIPIENT_PEM_MAX + 1])
{
	BIO *bio CLEANUP(free_bio) = BIO_new(BIO_s_mem());

	if (traditional)
		assert_int_equal(
			PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL),
			1);
	else
		assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	take_text(bio, out);
}

static void private_keys_are_refused(void **state)
{
	char pem[RECIPIENT_PEM_MAX + 1];

	(void)state;
	private_pem(x25519.pair, false, pem);
	assert_refused(pem);
	private_pem(rsa.pair, false, pem);
	assert_refused(pem);
	private_pem(rsa.pair, true, pem);
	assert_refused(pem);
}

static void keys_that_cannot_be_sealed_to_are_refused(void **state)
{
	static const char *const types[] = { "ED25519", "X448", "ED448" };
	char pem[RECIPIENT_PEM_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		EVP_PKEY *key CLEANUP(free_key) = EVP_PKEY_Q_keygen(NULL, NULL, types[i]);

		public_pem(key, pem);
		assert_refused(pem);
	}
	EVP_PKEY *p256 CLEANUP(free_key) = EVP_EC_gen("P-256");
	public_pem(p256, pem);
	assert_refused(pem);
	EVP_PKEY *small CLEANUP(free_key) = EVP_RSA_gen(1024);
	public_pem(small, pem);
	assert_refused(pem);
}

/* RSASSA-PSS keys (RFC 4055) are for signatures. */
static void an_rsa_key_that_is_for_signatures_only_is_refused(void **state)
{
	EVP_PKEY_CTX *ctx CLEANUP(free_ctx) = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	EVP_PKEY *key CLEANUP(free_key) = NULL;
	char pem[RECIPIENT_PEM_MAX + 1];

	(void)state;
	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048), 1);
	assert_int_equal(EVP_PKEY_keygen(ctx, &key), 1);
	public_pem(key, pem);
	assert_refused(pem);
}

/* An RSA public key of any numbers: nobody has to know the factors. */
static void rsa_pem(int bits, unsigned exponent, bool even, char out[RECIPIENT_PEM_MAX + 1])
{
	static uint8_t modulus[2049]; /* as OpenSSL's parameters are: in the machine's order */
	size_t len = (size_t)(bits + 7) / 8;
	OSSL_PARAM params[] = {
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, modulus, len),
		OSSL_PARAM_uint(OSSL_PKEY_PARAM_RSA_E, &exponent),
		OSSL_PARAM_END,
	};
	EVP_PKEY_CTX *ctx CLEANUP(free_ctx) = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key CLEANUP(free_key) = NULL;

	memset(modulus, 0xc5, len);
	modulus[0] = even ? 0xc4 : 0xc5;
	modulus[len - 1] = (uint8_t)(1 << (bits - 1) % 8);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	assert_int_equal(EVP_PKEY_get_bits(key), bits);
	public_pem(key, out);
}

static void rsa_has_2048_to_16384_bits_and_an_exponent_that_hides(void **state)
{
	char pem[RECIPIENT_PEM_MAX + 1], text[RECIPIENT_TEXT_MAX + 1];

	(void)state;
	rsa_pem(2048, 65537, false, pem);
	assert_int_equal(recipient_check(pem), PM_OK);
	rsa_pem(16384, 65537, false, pem);
	assert_int_equal(recipient_seal(pem, bytes_str(SECRET), text, sizeof(text)), PM_OK);
	assert_int_equal(strlen(text), RECIPIENT_TEXT_MAX);
	rsa_pem(2047, 65537, false, pem);
	assert_refused(pem);
	rsa_pem(16385, 65537, false, pem);
	assert_refused(pem);
	rsa_pem(2048, 1, false, pem); /* encrypts to itself */
	assert_refused(pem);
	rsa_pem(2048, 3, false, pem);
	assert_refused(pem);
	rsa_pem(2048, 65536, false, pem);
	assert_refused(pem);
	rsa_pem(2048, 65537, true, pem);
	assert_refused(pem);
}

/* RFC 7748 section 6.1; the list is from https://cr.yp.to/ecdh.html, "validate". */
static void points_of_low_order_are_refused(void **state)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(points); i++) {
		uint8_t point[32];
		char pem[RECIPIENT_PEM_MAX + 1];

		assert_int_equal(
			sodium_hex2bin(point, sizeof(point), points[i], 64, NULL, NULL, NULL), 0);
		EVP_PKEY *key CLEANUP(free_key) =
			EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, point, sizeof(point));
		public_pem(key, pem);
		assert_refused(pem);
	}
}

static void whatever_is_not_one_public_key_alone_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"-----BEGIN PUBLIC KEY-----",
		"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
		"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"-----BEGIN PUBLIC KEY-----\n"
		"MCowBQYDK2VuAyEABZWuFIAsN96nFYv2dfjA8yuT5DryOmBBEA7IZ/FjBFQ=\n",
		"MCowBQYDK2VuAyEABZWuFIAsN96nFYv2dfjA8yuT5DryOmBBEA7IZ/FjBFQ=",
		/* one byte too many behind the key, and one too few */
		"-----BEGIN PUBLIC KEY-----\n"
		"MCowBQYDK2VuAyEABZWuFIAsN96nFYv2dfjA8yuT5DryOmBBEA7IZ/FjBFQA\n"
		"-----END PUBLIC KEY-----\n",
		"-----BEGIN PUBLIC KEY-----\n"
		"MCkwBQYDK2VuAyAFla4UgCw33qcVi/Z1+MDzK5PkOvI6YEEQDshn8WME\n"
		"-----END PUBLIC KEY-----\n",
		/* what OpenSSL writes in front of an encrypted private key */
		"-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"
		"MCowBQYDK2VuAyEABZWuFIAsN96nFYv2dfjA8yuT5DryOmBBEA7IZ/FjBFQ=\n"
		"-----END PUBLIC KEY-----\n",
	};
	char pem[3 * RECIPIENT_PEM_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_refused(texts[i]);
	snprintf(pem, sizeof(pem), "%s%s", x25519.pem, rsa.pem);
	assert_refused(pem);
	snprintf(pem, sizeof(pem), "%sx", x25519.pem);
	assert_refused(pem);
	snprintf(pem, sizeof(pem), " %s", x25519.pem);
	assert_refused(pem);
	snprintf(pem, sizeof(pem), "key:\n%s", x25519.pem);
	assert_refused(pem);
	snprintf(pem, sizeof(pem), "%s\r\n \t\n", x25519.pem);
	assert_int_equal(recipient_check(pem), PM_OK);
	snprintf(pem, sizeof(pem), "%s%*s", x25519.pem, RECIPIENT_PEM_MAX, "");
	assert_refused(pem);
}

static void a_secret_has_1_to_190_bytes(void **state)
{
	uint8_t secret[RECIPIENT_SECRET_MAX + 1], opened[512];
	char text[RECIPIENT_TEXT_MAX + 1];
	const char *const pems[] = { x25519.pem, rsa.pem };

	(void)state;
	memset(secret, 's', sizeof(secret));
	for (size_t i = 0; i < COUNT(pems); i++) {
		assert_int_equal(recipient_seal(pems[i], bytes_of(secret, 0), text, sizeof(text)),
				 PM_BAD_REQUEST);
		assert_int_equal(recipient_seal(pems[i], bytes_of(secret, sizeof(secret)), text,
						sizeof(text)),
				 PM_TOO_LARGE);
		assert_string_equal(text, "");
		assert_int_equal(recipient_seal(pems[i], bytes_of(secret, sizeof(secret) - 1), text,
						sizeof(text)),
				 PM_OK);
	}
	assert_int_equal(open_oaep(rsa.pair, "SHA256", text, opened), RECIPIENT_SECRET_MAX);
}

static void a_text_that_does_not_fit_is_too_large(void **state)
{
	char text[RECIPIENT_TEXT_MAX + 1];

	(void)state;
	assert_int_equal(recipient_seal(x25519.pem, bytes_str(SECRET), text, sizeof(text)), PM_OK);
	size_t needed = strlen(text) + 1;
	for (size_t room = 0; room < needed; room++) {
		memset(text, 'x', sizeof(text));
		assert_int_equal(recipient_seal(x25519.pem, bytes_str(SECRET), text, room),
				 PM_TOO_LARGE);
		assert_true(room == 0 || text[0] == '\0');
		assert_int_equal(text[room], 'x');
	}
	assert_int_equal(recipient_seal(x25519.pem, bytes_str(SECRET), text, needed), PM_OK);
}

static void *failing_malloc(size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return fault_now() ? NULL : malloc(size);
}

static void *failing_realloc(void *ptr, size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return fault_now() ? NULL : realloc(ptr, size);
}

static void plain_free(void *ptr, const char *file, int line)
{
	(void)file, (void)line;
	free(ptr);
}

/* Whichever allocation of OpenSSL's fails: it is sealed, or there is an error and no text. */
static void a_failed_allocation_leaves_no_half_of_a_text(void **state)
{
	const char *const pems[] = { x25519.pem, rsa.pem };
	char text[RECIPIENT_TEXT_MAX + 1];
	uint8_t opened[512];
	int nth, failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(pems); i++) {
		for (nth = 0;; nth++) {
			fault_arm(nth);
			enum pm_err err =
				recipient_seal(pems[i], bytes_str(SECRET), text, sizeof(text));
			bool fired = fault_fired();
			fault_disarm();
			failures += err != PM_OK;
			if (err != PM_OK)
				assert_string_equal(text, "");
			else if (i == 1)
				assert_int_equal(open_oaep(rsa.pair, "SHA256", text, opened),
						 strlen(SECRET));
			if (!fired)
				break;
		}
		assert_true(nth > 0);
	}
	assert_true(failures > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_sealed_to_x25519_opens_with_the_private_key),
		cmocka_unit_test(a_secret_sealed_to_rsa_opens_with_the_private_key),
		cmocka_unit_test(private_keys_are_refused),
		cmocka_unit_test(keys_that_cannot_be_sealed_to_are_refused),
		cmocka_unit_test(an_rsa_key_that_is_for_signatures_only_is_refused),
		cmocka_unit_test(rsa_has_2048_to_16384_bits_and_an_exponent_that_hides),
		cmocka_unit_test(points_of_low_order_are_refused),
		cmocka_unit_test(whatever_is_not_one_public_key_alone_is_refused),
		cmocka_unit_test(a_secret_has_1_to_190_bytes),
		cmocka_unit_test(a_text_that_does_not_fit_is_too_large),
		cmocka_unit_test(a_failed_allocation_leaves_no_half_of_a_text),
	};

	if (CRYPTO_set_mem_functions(failing_malloc, failing_realloc, plain_free) != 1)
		return 1;
	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
