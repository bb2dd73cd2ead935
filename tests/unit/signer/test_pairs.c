#include <p11-kit/pkcs11.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/text.h"
#include "driver.h"
#include "verify_signature.h"

static const uint8_t digest[32] = "thirty-two bytes, like a digest";

static struct soft_token token;
static struct driver driver;

static int make_token(void **state)
{
	(void)state;
	soft_token_make(&token, "one");
	return 0;
}

static int remove_token(void **state)
{
	(void)state;
	soft_token_remove(&token);
	return 0;
}

static int start_signer(void **state)
{
	(void)state;
	driver_serve(&driver, &token, NULL);
	return 0;
}

static int end_signer(void **state)
{
	(void)state;
	driver_end(&driver);
	return 0;
}

static void restart_with(const char *rules)
{
	driver_end(&driver);
	driver_serve(&driver, &token, rules);
}

struct pair {
	uint8_t id[16];
	char hex[33];
	Peppermint__Signer__V1__Algorithm algorithm;
	uint8_t public_key[128];
	size_t public_len;
};

/* A fresh CKA_ID for each use. */
static struct pair next_pair(void)
{
	static uint8_t count;
	struct pair pair = { .id = { 0xb0, ++count } };

	hex_encode(bytes_of(pair.id, sizeof(pair.id)), pair.hex);
	return pair;
}

static void assert_sound(const struct pair *pair, const Peppermint__Signer__V1__Object *object)
{
	assert_int_equal(object->key_id.len, 16);
	assert_memory_equal(object->key_id.data, pair->id, 16);
	assert_true(object->sensitive && object->always_sensitive);
	assert_true(!object->extractable && object->never_extractable);
	assert_true(object->local && object->sign);
}

static struct pair generate(const char *label)
{
	struct pair pair = next_pair();
	const Reply *reply = driver_generate_pair(&driver, pair.id, label);

	if (reply->failure)
		fail_msg("%s", reply->failure->detail);
	assert_sound(&pair, reply->object);
	assert_string_equal(reply->object->label, label);
	assert_true(reply->object->public_key.len <= sizeof(pair.public_key));
	pair.algorithm = reply->object->algorithm;
	pair.public_len = reply->object->public_key.len;
	memcpy(pair.public_key, reply->object->public_key.data, pair.public_len);
	return pair;
}

static bool signs(const struct pair *pair, const void *data, size_t len)
{
	const Reply *reply = driver_sign(&driver, pair->id, pair->algorithm, data, len);

	if (reply->failure)
		return false;
	assert_int_equal(reply->result_case,
			 PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_SIGNATURE);
	assert_int_equal(reply->signature.len, 64);
	return signature_verifies(bytes_of(pair->public_key, pair->public_len), bytes_of(data, len),
				  reply->signature.data);
}

/* Refused as the caller's own fault, after which the signer goes on. */
static void assert_no_such_key(const Reply *reply)
{
	assert_int_equal(reply->failure->class_, FAILURE(CALLER));
	assert_int_equal(reply->failure->ck_rv, 0);
	assert_int_equal(reply->result_case, 0);
}

static void a_pair_is_ed25519_and_openssl_verifies_what_it_signs(void **state)
{
	static const size_t lengths[] = { 0, 1, 32, 63, 64, 65, 1024 };
	static const uint8_t data[1024] = "data";
	struct pair pair = generate("peppermint/live/audit/log/v1");
	(void)state;

	assert_int_equal(pair.algorithm, ALGORITHM(ED25519));
	assert_int_equal(pair.public_len, 32);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		assert_true(signs(&pair, data, lengths[i]));
}

static void without_eddsa_a_pair_is_ecdsa_p256(void **state)
{
	(void)state;
	restart_with("hide-mechanism CKM_EDDSA");
	struct pair pair = generate("peppermint/live/audit/p256/v1");
	assert_int_equal(pair.algorithm, ALGORITHM(ECDSA_P256));
	assert_int_equal(pair.public_len, 91);
	/* Often, because r or s begins with a zero byte now and then. */
	for (int i = 0; i < 600; i++)
		assert_true(signs(&pair, digest, sizeof(digest)));
}

/* The token lists the mechanism, and does not know it, or the curve, when it is asked to use it. */
static void a_token_that_only_feigns_eddsa_makes_ecdsa_p256(void **state)
{
	(void)state;
	restart_with("feign-mechanism CKM_EC_EDWARDS_KEY_PAIR_GEN");
	assert_int_equal(generate("peppermint/live/feigned/mechanism/v1").algorithm,
			 ALGORITHM(ECDSA_P256));
	restart_with("C_GenerateKeyPair times=2 return CKR_CURVE_NOT_SUPPORTED");
	assert_int_equal(generate("peppermint/live/feigned/curve/v1").algorithm,
			 ALGORITHM(ECDSA_P256));
}

static void where_the_curve_has_no_oid_it_is_asked_for_by_name(void **state)
{
	(void)state;
	restart_with("C_GenerateKeyPair times=1 return CKR_DOMAIN_PARAMS_INVALID");
	struct pair pair = generate("peppermint/live/by-name/v1");
	assert_int_equal(pair.algorithm, ALGORITHM(ED25519));
	assert_true(signs(&pair, "data", 4));
}

static void a_token_that_makes_no_pairs_says_so(void **state)
{
	struct pair pair = next_pair();
	(void)state;

	restart_with("C_GenerateKeyPair return CKR_FUNCTION_NOT_SUPPORTED");
	const Reply *reply = driver_generate_pair(&driver, pair.id, "peppermint/live/none/v1");
	assert_int_equal(reply->failure->class_, FAILURE(CALLER));
	assert_int_equal(reply->failure->ck_rv, CKR_FUNCTION_NOT_SUPPORTED);
}

static void the_private_half_cannot_leave_the_token(void **state)
{
	struct pair pair = generate("peppermint/live/audit/private/v1");
	const char *const extract[] = { IMPORT_KEY, token.label, pair.hex, NULL };
	const char *const show[] = {
		"--list-objects", "--type", "privkey", "--id", pair.hex, NULL
	};
	char out[2048];
	(void)state;

	assert_int_equal(soft_token_tool(&token, show, out, sizeof(out)), 0);
	assert_non_null(strstr(out, "sensitive, always sensitive, never extractable, local"));
	assert_int_equal(soft_token_run(&token, extract, out, sizeof(out)), 0);
	assert_string_equal(out, "0x11 0x10 0x10 0x10 0x10 "); /* SENSITIVE, READ_ONLY … */
}

/* Not ours, to see that what the test above tries does succeed where a key is not protected. */
static void a_private_key_that_is_not_protected_can_leave(void **state)
{
	struct pair pair = next_pair();
	const char *const make[] = { "--keypairgen", "--key-type",    "EC:edwards25519",
				     "--id",         pair.hex,        "--label",
				     "unprotected",  "--extractable", NULL };
	const char *const extract[] = { IMPORT_KEY, token.label, pair.hex, NULL };
	char out[2048];
	(void)state;

	assert_int_equal(soft_token_tool(&token, make, out, sizeof(out)), 0);
	assert_int_equal(soft_token_run(&token, extract, out, sizeof(out)), 1);
}

static void a_pair_survives_a_restart_and_is_listed_with_its_public_half(void **state)
{
	struct pair pair = generate("peppermint/live/listed/v1");
	uint8_t secret[16] = { 0xa9 };
	(void)state;

	assert_null(driver_generate(&driver, secret, "peppermint/live/listed/secret/v1")->failure);
	restart_with(NULL);
	assert_true(signs(&pair, "data", 4));
	const Reply *reply = driver_list(&driver, "peppermint/live/listed/");
	assert_int_equal(reply->list->n_objects, 2);
	const Peppermint__Signer__V1__Object *hmac = reply->list->objects[0];
	const Peppermint__Signer__V1__Object *listed = reply->list->objects[1];
	assert_int_equal(hmac->algorithm, ALGORITHM(HMAC_SHA256));
	assert_int_equal(hmac->public_key.len, 0);
	assert_sound(&pair, listed);
	assert_string_equal(listed->label, "peppermint/live/listed/v1");
	assert_int_equal(listed->algorithm, ALGORITHM(ED25519));
	assert_int_equal(listed->public_key.len, pair.public_len);
	assert_memory_equal(listed->public_key.data, pair.public_key, pair.public_len);
}

/* What an administrator does to the public half is seen, and does not stop the private one. */
static void without_its_public_half_a_pair_is_listed_without(void **state)
{
	struct pair pair = generate("peppermint/live/half/v1");
	const char *const remove[] = {
		"--delete-object", "--type", "pubkey", "--id", pair.hex, NULL
	};
	char out[1024];
	(void)state;

	assert_int_equal(soft_token_tool(&token, remove, out, sizeof(out)), 0);
	restart_with(NULL);
	const Reply *reply = driver_list(&driver, "peppermint/live/half/");
	assert_int_equal(reply->list->n_objects, 1);
	assert_int_equal(reply->list->objects[0]->algorithm, ALGORITHM(ED25519));
	assert_int_equal(reply->list->objects[0]->public_key.len, 0);
	assert_true(signs(&pair, "data", 4));
}

static void a_public_key_of_another_algorithm_is_not_its_half(void **state)
{
	static const char label[] = "peppermint/live/mixed/v1";
	struct pair pair = generate(label);
	const char *const remove[] = {
		"--delete-object", "--type", "pubkey", "--id", pair.hex, NULL
	};
	const char *const make[] = { "--keypairgen", "--key-type", "EC:prime256v1", "--id",
				     pair.hex,       "--label",    label,           NULL };
	size_t seen = 0;
	char out[1024];
	(void)state;

	assert_int_equal(soft_token_tool(&token, remove, out, sizeof(out)), 0);
	assert_int_equal(soft_token_tool(&token, make, out, sizeof(out)), 0);
	restart_with(NULL);
	const Reply *reply = driver_list(&driver, label);
	assert_int_equal(reply->list->n_objects, 2);
	for (size_t i = 0; i < 2; i++) {
		const Peppermint__Signer__V1__Object *object = reply->list->objects[i];
		bool ours = object->algorithm == ALGORITHM(ED25519);

		seen += ours;
		assert_int_equal(object->public_key.len, ours ? 0 : 91);
	}
	assert_int_equal(seen, 1);
	/* And two keys have that id now: neither is used. */
	assert_no_such_key(driver_sign(&driver, pair.id, ALGORITHM(ED25519), "data", 4));
}

static void an_id_that_is_taken_is_refused(void **state)
{
	struct pair pair = generate("peppermint/live/taken/v1");
	(void)state;

	assert_no_such_key(driver_generate_pair(&driver, pair.id, "peppermint/live/taken/v2"));
	assert_no_such_key(driver_generate(&driver, pair.id, "peppermint/live/taken/v3"));
	assert_int_equal(driver_list(&driver, "peppermint/live/taken/")->list->n_objects, 1);
}

static void a_label_outside_the_environment_is_refused(void **state)
{
	struct pair pair = next_pair();
	(void)state;

	const Reply *reply = driver_generate_pair(&driver, pair.id, "peppermint/test/audit/v1");
	assert_int_equal(reply->failure->class_, FAILURE(CALLER));
	assert_int_equal(reply->failure->ck_rv, CKR_ATTRIBUTE_VALUE_INVALID);
}

static void a_key_signs_only_as_what_it_is(void **state)
{
	struct pair pair = generate("peppermint/live/only/v1");
	uint8_t secret[16] = { 0xaa }, unknown[16] = { 0xab };
	(void)state;

	assert_null(driver_generate(&driver, secret, "peppermint/live/only/secret/v1")->failure);
	/* Twice: not from the table of keys in use either. */
	for (int i = 0; i < 2; i++) {
		assert_null(driver_hmac(&driver, pair.id, "data", 4));
		assert_no_such_key(driver_sign(&driver, secret, ALGORITHM(ED25519), "data", 4));
		assert_no_such_key(driver_sign(&driver, pair.id, ALGORITHM(ECDSA_P256), digest,
					       sizeof(digest)));
		assert_no_such_key(driver_sign(&driver, unknown, ALGORITHM(ED25519), "data", 4));
		assert_true(signs(&pair, "data", 4));
		assert_non_null(driver_hmac(&driver, secret, "data", 4));
	}
}

static void what_cannot_be_signed_is_refused(void **state)
{
	static const uint8_t data[1025];
	static const struct {
		int algorithm;
		size_t len;
	} asked[] = {
		{ ALGORITHM(ED25519), 1025 },
		{ ALGORITHM(ECDSA_P256), 31 },
		{ ALGORITHM(ECDSA_P256), 33 },
		{ ALGORITHM(ECDSA_P256), 0 },
		{ ALGORITHM(HMAC_SHA256), 32 },
		{ ALGORITHM(OTHER), 32 },
		{ ALGORITHM(NONE), 32 },
		{ 5, 32 },
		{ 1000000, 32 },
		{ -1, 32 },
	};
	struct pair pair = generate("peppermint/live/lengths/v1");
	(void)state;

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		const Reply *reply = driver_sign(
			&driver, pair.id, (Peppermint__Signer__V1__Algorithm)asked[i].algorithm,
			data, asked[i].len);
		assert_int_equal(reply->failure->class_, FAILURE(CALLER));
		assert_int_equal(reply->failure->ck_rv, CKR_DATA_LEN_RANGE);
	}
	assert_true(signs(&pair, data, 1024));
}

static void a_pair_of_another_environment_does_not_sign(void **state)
{
	static const char *const labels[] = { "peppermint/test/audit/log/v1", "audit" };
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		struct pair pair = next_pair();
		const char *const make[] = { "--keypairgen", "--key-type", "EC:edwards25519",
					     "--id",         pair.hex,     "--label",
					     labels[i],      NULL };
		char out[1024];

		if (soft_token_tool(&token, make, out, sizeof(out)) != 0)
			fail_msg("%s", out);
		restart_with(NULL);
		assert_no_such_key(driver_sign(&driver, pair.id, ALGORITHM(ED25519), "data", 4));
	}
}

static void a_curve_that_is_not_ours_is_listed_as_other_and_does_not_sign(void **state)
{
	struct pair pair = next_pair();
	const char *const make[] = { "--keypairgen", "--key-type", "EC:secp384r1",         "--id",
				     pair.hex,       "--label",    "peppermint/live/p384", NULL };
	char out[1024];
	(void)state;

	if (soft_token_tool(&token, make, out, sizeof(out)) != 0)
		fail_msg("%s", out);
	restart_with(NULL);
	const Reply *reply = driver_list(&driver, "peppermint/live/p384");
	assert_int_equal(reply->list->n_objects, 1);
	assert_int_equal(reply->list->objects[0]->algorithm, ALGORITHM(OTHER));
	assert_int_equal(reply->list->objects[0]->public_key.len, 0);
	assert_no_such_key(
		driver_sign(&driver, pair.id, ALGORITHM(ECDSA_P256), digest, sizeof(digest)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_signer, end_signer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pair_is_ed25519_and_openssl_verifies_what_it_signs),
		TEST(without_eddsa_a_pair_is_ecdsa_p256),
		TEST(a_token_that_only_feigns_eddsa_makes_ecdsa_p256),
		TEST(where_the_curve_has_no_oid_it_is_asked_for_by_name),
		TEST(a_token_that_makes_no_pairs_says_so),
		TEST(the_private_half_cannot_leave_the_token),
		TEST(a_private_key_that_is_not_protected_can_leave),
		TEST(a_pair_survives_a_restart_and_is_listed_with_its_public_half),
		TEST(without_its_public_half_a_pair_is_listed_without),
		TEST(a_public_key_of_another_algorithm_is_not_its_half),
		TEST(an_id_that_is_taken_is_refused),
		TEST(a_label_outside_the_environment_is_refused),
		TEST(a_key_signs_only_as_what_it_is),
		TEST(what_cannot_be_signed_is_refused),
		TEST(a_pair_of_another_environment_does_not_sign),
		TEST(a_curve_that_is_not_ours_is_listed_as_other_and_does_not_sign),
	};

	return cmocka_run_group_tests(tests, make_token, remove_token);
}
