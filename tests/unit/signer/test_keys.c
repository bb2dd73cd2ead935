#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/text.h"
#include "driver.h"

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

/* A fresh CKA_ID for each use. */
struct id {
	uint8_t bytes[16];
	char hex[33];
};

static struct id next_id(void)
{
	static uint8_t count;
	struct id id = { .bytes = { 0xa0, ++count } };

	hex_encode(bytes_of(id.bytes, sizeof(id.bytes)), id.hex);
	return id;
}

static struct id generate(const char *label)
{
	struct id id = next_id();

	assert_null(driver_generate(&driver, id.bytes, label)->failure);
	return id;
}

/* Puts a key of known value into the token, as an administrator's tool would. */
static void import(const struct id *id, const char *label, const uint8_t *value, size_t len,
		   const char *protection)
{
	char hex[2 * 131 + 1], out[256];
	const char *const argv[] = {
		IMPORT_KEY, token.label, id->hex, label, hex, protection, NULL
	};

	hex_encode(bytes_of(value, len), hex);
	if (soft_token_run(&token, argv, out, sizeof(out)) != 0)
		fail_msg("%s", out);
}

static void a_generated_key_cannot_leave_the_token(void **state)
{
	struct id id = next_id();
	const char *const read[] = { "--read-object", "--type", "secrkey", "--id", id.hex, NULL };
	const char *const show[] = { "--list-objects", "--type", "secrkey", "--id", id.hex, NULL };
	char out[2048];
	(void)state;

	const Reply *reply = driver_generate(&driver, id.bytes, "peppermint/live/pepper/a/v1");
	assert_null(reply->failure);
	assert_int_equal(reply->object->key_id.len, 16);
	assert_memory_equal(reply->object->key_id.data, id.bytes, 16);
	assert_string_equal(reply->object->label, "peppermint/live/pepper/a/v1");
	assert_true(reply->object->sensitive && reply->object->always_sensitive);
	assert_true(!reply->object->extractable && reply->object->never_extractable);
	assert_true(reply->object->local && reply->object->sign);

	assert_int_equal(soft_token_tool(&token, show, out, sizeof(out)), 0);
	assert_non_null(strstr(out, "sensitive, always sensitive, never extractable, local"));
	assert_int_not_equal(soft_token_tool(&token, read, out, sizeof(out)), 0);
	assert_non_null(strstr(out, "CKR_ATTRIBUTE_SENSITIVE"));
}

static void the_token_itself_restricts_a_key_to_hmac_sha_256(void **state)
{
	struct id id = generate("peppermint/live/pepper/restricted/v1");
	const char *argv[] = { "--sign", "--mechanism",  "SHA512-HMAC",  "--id",
			       id.hex,   "--input-file", token.pin_file, NULL };
	char out[1024];
	(void)state;

	assert_int_not_equal(soft_token_tool(&token, argv, out, sizeof(out)), 0);
	assert_non_null(strstr(out, "CKR_MECHANISM_INVALID"));
	argv[2] = "SHA256-HMAC";
	assert_int_equal(soft_token_tool(&token, argv, out, sizeof(out)), 0);
}

static void an_id_that_is_taken_is_refused(void **state)
{
	struct id id = generate("peppermint/live/pepper/taken/v1");
	(void)state;

	const Reply *reply = driver_generate(&driver, id.bytes, "peppermint/live/pepper/taken/v2");
	assert_int_equal(reply->failure->class_, FAILURE(CALLER));
	assert_int_equal(reply->failure->ck_rv, 0);
	assert_int_equal(driver_list(&driver, "peppermint/live/pepper/taken/")->list->n_objects, 1);
}

static void a_label_outside_the_environment_is_refused(void **state)
{
	static const char *const labels[] = { "peppermint/test/pepper/a/v1", "peppermint/live", "",
					      "other", "peppermint/live/\n" };
	struct id id = next_id();
	char longer[129] = "peppermint/live/";
	(void)state;

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		assert_int_equal(driver_generate(&driver, id.bytes, labels[i])->failure->class_,
				 FAILURE(CALLER));
	memset(longer + strlen(longer), 'x', sizeof(longer) - 1 - strlen(longer));
	assert_int_equal(driver_generate(&driver, id.bytes, longer)->failure->class_,
			 FAILURE(CALLER));
	longer[127] = '\0';
	assert_null(driver_generate(&driver, id.bytes, longer)->failure);
}

static void the_same_input_has_the_same_mac_and_another_key_another(void **state)
{
	struct id one = generate("peppermint/live/pepper/same/v1");
	struct id other = generate("peppermint/live/pepper/same/v2");
	uint8_t mac[32];
	(void)state;

	memcpy(mac, driver_hmac(&driver, one.bytes, "data", 4), 32);
	assert_memory_equal(driver_hmac(&driver, one.bytes, "data", 4), mac, 32);
	assert_memory_not_equal(driver_hmac(&driver, one.bytes, "date", 4), mac, 32);
	assert_memory_not_equal(driver_hmac(&driver, other.bytes, "data", 4), mac, 32);
	driver_end(&driver);
	driver_serve(&driver, &token, NULL);
	assert_memory_equal(driver_hmac(&driver, one.bytes, "data", 4), mac, 32);
}

static void the_mac_is_rfc_4231s(void **state)
{
	/* Section 4.7: test case 6; the earlier keys are shorter than SoftHSM accepts. */
	static const char data[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	static const uint8_t mac[32] = { 0x60, 0xe4, 0x31, 0x59, 0x1e, 0xe0, 0xb6, 0x7f,
					 0x0d, 0x8a, 0x26, 0xaa, 0xcb, 0xf5, 0xb7, 0x7f,
					 0x8e, 0x0b, 0xc6, 0x21, 0x37, 0x28, 0xc5, 0x14,
					 0x05, 0x46, 0x04, 0x0f, 0x0e, 0xe3, 0x7f, 0x54 };
	struct id id = next_id();
	uint8_t key[131];
	(void)state;

	memset(key, 0xaa, sizeof(key));
	import(&id, "peppermint/live/rfc4231", key, sizeof(key), "sensitive");
	assert_memory_equal(driver_hmac(&driver, id.bytes, data, sizeof(data) - 1), mac, 32);
}

static void the_mac_is_openssls_at_every_kind_of_length(void **state)
{
	static const size_t lengths[] = { 0, 1, 55, 56, 63, 64, 65, 1000, 32767, 32768 };
	static uint8_t data[32768];
	const uint8_t key[32] = "thirty-two bytes, known to test";
	struct id id = next_id();
	uint8_t expected[32];
	(void)state;

	import(&id, "peppermint/live/known", key, sizeof(key), "sensitive");
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		HMAC(EVP_sha256(), key, sizeof(key), data, lengths[i], expected, NULL);
		assert_memory_equal(driver_hmac(&driver, id.bytes, data, lengths[i]), expected, 32);
	}
}

static void a_key_that_is_not_there_fails_only_its_own_item(void **state)
{
	struct id there = generate("peppermint/live/pepper/there/v1"), gone = next_id();
	HmacItem items[3];
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		struct id *id = i == 1 ? &gone : &there;

		peppermint__signer__v1__hmac_item__init(&items[i]);
		items[i].key_id = (ProtobufCBinaryData){ .len = 16, .data = id->bytes };
	}
	const Reply *reply = driver_hmac_batch(&driver, items, 3);
	assert_null(reply->failure);
	assert_int_equal(reply->hmac->n_macs, 3);
	assert_int_equal(reply->hmac->macs[1]->failure, FAILURE(CALLER));
	assert_int_equal(reply->hmac->macs[1]->mac.len, 0);
	assert_int_equal(reply->hmac->macs[2]->mac.len, 32);
	assert_memory_equal(reply->hmac->macs[0]->mac.data, reply->hmac->macs[2]->mac.data, 32);
}

static void a_malformed_item_fails_alone(void **state)
{
	struct id id = generate("peppermint/live/pepper/malformed/v1");
	static uint8_t data[32769];
	uint8_t longer[17] = { 0 };
	HmacItem items[2];
	(void)state;

	assert_null(driver_hmac(&driver, id.bytes, data, sizeof(data)));
	peppermint__signer__v1__hmac_item__init(&items[0]);
	peppermint__signer__v1__hmac_item__init(&items[1]);
	items[0].key_id = (ProtobufCBinaryData){ .len = 17, .data = longer };
	const Reply *reply = driver_hmac_batch(&driver, items, 2);
	assert_null(reply->failure);
	assert_int_equal(reply->hmac->macs[0]->failure, FAILURE(CALLER));
	assert_int_equal(reply->hmac->macs[1]->failure, FAILURE(CALLER));
}

static void a_batch_has_at_most_1024_items(void **state)
{
	struct id id = generate("peppermint/live/pepper/batch/v1");
	HmacItem *items = calloc(1025, sizeof(*items));
	(void)state;

	for (size_t i = 0; i < 1025; i++) {
		peppermint__signer__v1__hmac_item__init(&items[i]);
		items[i].key_id = (ProtobufCBinaryData){ .len = 16, .data = id.bytes };
		items[i].data =
			(ProtobufCBinaryData){ .len = sizeof(i), .data = (uint8_t *)&items[i] };
	}
	assert_int_equal(driver_hmac_batch(&driver, items, 1025)->failure->class_, FAILURE(CALLER));
	const Reply *reply = driver_hmac_batch(&driver, items, 1024);
	assert_null(reply->failure);
	assert_int_equal(reply->hmac->n_macs, 1024);
	for (size_t i = 0; i < 1024; i++)
		assert_int_equal(reply->hmac->macs[i]->mac.len, 32);
	assert_int_equal(driver_hmac_batch(&driver, items, 0)->hmac->n_macs, 0);
	free(items);
}

static void a_key_that_could_leave_the_token_is_not_used(void **state)
{
	const uint8_t value[32] = { 1 };
	struct id id = next_id();
	(void)state;

	import(&id, "peppermint/live/extractable", value, sizeof(value), "extractable");
	assert_null(driver_hmac(&driver, id.bytes, "data", 4));
}

static void a_key_of_another_environment_is_not_used(void **state)
{
	const uint8_t value[32] = { 2 };
	struct id id = next_id();
	(void)state;

	import(&id, "peppermint/test/pepper/a/v1", value, sizeof(value), "sensitive");
	assert_null(driver_hmac(&driver, id.bytes, "data", 4));
}

static void two_keys_of_one_id_are_not_used(void **state)
{
	const uint8_t value[32] = { 3 };
	struct id id = next_id();
	(void)state;

	import(&id, "peppermint/live/twin/v1", value, sizeof(value), "sensitive");
	import(&id, "peppermint/live/twin/v2", value, sizeof(value), "sensitive");
	assert_null(driver_hmac(&driver, id.bytes, "data", 4));
}

static void the_list_has_what_begins_with_the_prefix(void **state)
{
	struct id id = generate("peppermint/live/list/a/v1");
	(void)state;

	generate("peppermint/live/list/b/v1");
	const Reply *reply = driver_list(&driver, "peppermint/live/list/");
	assert_null(reply->failure);
	assert_int_equal(reply->list->n_objects, 2);
	reply = driver_list(&driver, "peppermint/live/list/a/");
	assert_int_equal(reply->list->n_objects, 1);
	assert_memory_equal(reply->list->objects[0]->key_id.data, id.bytes, 16);
	assert_string_equal(reply->list->objects[0]->label, "peppermint/live/list/a/v1");
	assert_true(reply->list->objects[0]->never_extractable);
	assert_int_equal(driver_list(&driver, "nothing")->list->n_objects, 0);
}

static void random_gives_as_many_bytes_as_asked_up_to_1024(void **state)
{
	uint8_t first[1024];
	(void)state;

	const Reply *reply = driver_random(&driver, 1024);
	assert_int_equal(reply->random.len, 1024);
	memcpy(first, reply->random.data, sizeof(first));
	reply = driver_random(&driver, 1024);
	assert_memory_not_equal(reply->random.data, first, sizeof(first));
	assert_int_equal(driver_random(&driver, 1)->random.len, 1);
	assert_int_equal(driver_random(&driver, 1025)->failure->class_, FAILURE(CALLER));
	assert_int_equal(driver_random(&driver, 0)->failure->class_, FAILURE(CALLER));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_signer, end_signer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_generated_key_cannot_leave_the_token),
		TEST(the_token_itself_restricts_a_key_to_hmac_sha_256),
		TEST(an_id_that_is_taken_is_refused),
		TEST(a_label_outside_the_environment_is_refused),
		TEST(the_same_input_has_the_same_mac_and_another_key_another),
		TEST(the_mac_is_rfc_4231s),
		TEST(the_mac_is_openssls_at_every_kind_of_length),
		TEST(a_key_that_is_not_there_fails_only_its_own_item),
		TEST(a_malformed_item_fails_alone),
		TEST(a_batch_has_at_most_1024_items),
		TEST(a_key_that_could_leave_the_token_is_not_used),
		TEST(a_key_of_another_environment_is_not_used),
		TEST(two_keys_of_one_id_are_not_used),
		TEST(the_list_has_what_begins_with_the_prefix),
		TEST(random_gives_as_many_bytes_as_asked_up_to_1024),
	};

	return cmocka_run_group_tests(tests, make_token, remove_token);
}
