#include <p11-kit/pkcs11.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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

struct key {
	uint8_t id[16];
	char label[64];
};

/* With a fresh CKA_ID and label. */
static struct key make_key(bool pair)
{
	static uint8_t count;
	struct key key = { .id = { 0xd0, ++count } };

	snprintf(key.label, sizeof(key.label), "peppermint/live/doomed/%u", count);
	assert_null((pair ? driver_generate_pair : driver_generate)(&driver, key.id, key.label)
			    ->failure);
	return key;
}

static bool is_there(const struct key *key)
{
	const Reply *reply = driver_list(&driver, key->label);

	assert_null(reply->failure);
	return reply->list->n_objects > 0;
}

static void assert_destroyed(const Reply *reply, uint32_t objects)
{
	assert_null(reply->failure);
	assert_int_equal(reply->result_case,
			 PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_DESTROYED);
	assert_int_equal(reply->destroyed->objects, objects);
}

static void a_key_in_use_is_destroyed_and_computes_nothing_more(void **state)
{
	struct key key = make_key(false);
	(void)state;

	assert_non_null(driver_hmac(&driver, key.id, "data", 4)); /* so it has a copy */
	assert_destroyed(driver_destroy(&driver, key.id, key.label), 1);
	assert_null(driver_hmac(&driver, key.id, "data", 4));
	assert_false(is_there(&key));
}

static void both_halves_of_a_pair_are_destroyed(void **state)
{
	struct key key = make_key(true);
	char hex[33], out[512];
	const char *const argv[] = { "--list-objects", "--id", hex, NULL };
	(void)state;

	hex_encode(bytes_of(key.id, 16), hex);
	assert_int_equal(soft_token_tool(&token, argv, out, sizeof(out)), 0);
	assert_non_null(strstr(out, "Public Key Object"));
	assert_destroyed(driver_destroy(&driver, key.id, key.label), 2);
	assert_int_equal(soft_token_tool(&token, argv, out, sizeof(out)), 0);
	assert_null(strstr(out, "Object"));
}

static void what_is_not_there_is_destroyed_already(void **state)
{
	const uint8_t id[16] = "never was";
	struct key key = make_key(false);
	(void)state;

	assert_destroyed(driver_destroy(&driver, id, "peppermint/live/any"), 0);
	assert_destroyed(driver_destroy(&driver, key.id, key.label), 1);
	assert_destroyed(driver_destroy(&driver, key.id, key.label), 0);
}

static void what_bears_another_label_is_left_alone(void **state)
{
	static const bool pairs[] = { false, true };
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		struct key key = make_key(pairs[i]);
		const Reply *reply = driver_destroy(&driver, key.id, "peppermint/live/another");

		assert_int_equal(reply->failure->class_, FAILURE(CALLER));
		assert_int_equal(reply->failure->ck_rv, CKR_ACTION_PROHIBITED);
		assert_true(is_there(&key));
	}
}

static void what_is_not_this_environments_is_left_alone(void **state)
{
	struct key key = make_key(false);
	static const char *const labels[] = { "peppermint/test/doomed", "", "other" };
	(void)state;

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(driver_destroy(&driver, key.id, labels[i])->failure->class_,
				 FAILURE(CALLER));
	assert_true(is_there(&key));
}

static void an_id_of_another_length_is_refused(void **state)
{
	static uint8_t id[17];
	static const size_t lengths[] = { 0, 15, 17 };
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		Peppermint__Signer__V1__Destroy destroy = PEPPERMINT__SIGNER__V1__DESTROY__INIT;
		Request request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

		destroy.key_id = (ProtobufCBinaryData){ .len = lengths[i], .data = id };
		destroy.label = (char *)"peppermint/live/any";
		request.op_case = OP(DESTROY);
		request.destroy = &destroy;
		assert_int_equal(driver_ask(&driver, &request)->failure->class_, FAILURE(CALLER));
	}
}

static void a_key_that_the_token_keeps_is_said_to_be_there(void **state)
{
	struct key key = make_key(false);
	(void)state;

	module_faults_set(&driver.faults, "C_DestroyObject return CKR_ACTION_PROHIBITED");
	assert_int_equal(driver_destroy(&driver, key.id, key.label)->failure->ck_rv,
			 CKR_ACTION_PROHIBITED);
	/* One that says it did, and did not. */
	module_faults_set(&driver.faults, "C_DestroyObject return CKR_OK");
	const Reply *reply = driver_destroy(&driver, key.id, key.label);
	assert_int_equal(reply->failure->class_, FAILURE(CALLER));
	assert_int_not_equal(reply->failure->ck_rv, 0);
	module_faults_set(&driver.faults, "");
	assert_true(is_there(&key));
	assert_destroyed(driver_destroy(&driver, key.id, key.label), 1);
}

/* The token did it and says otherwise: what counts is what is there. */
static void a_destruction_that_is_denied_is_seen_to_be_done(void **state)
{
	static const char *const codes[] = { "CKR_DEVICE_ERROR", "CKR_GENERAL_ERROR",
					     "CKR_SESSION_CLOSED", "CKR_FUNCTION_NOT_SUPPORTED" };
	(void)state;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct key key = make_key(true);
		char rule[96];

		snprintf(rule, sizeof(rule), "C_DestroyObject nth=2 after return %s", codes[i]);
		module_faults_set(&driver.faults, rule);
		assert_destroyed(driver_destroy(&driver, key.id, key.label), 2);
		assert_int_equal(module_faults_fired(&driver.faults, 1), 1);
		assert_false(is_there(&key));
		module_faults_set(&driver.faults, "");
	}
}

/* Without the login private keys cannot be found, which is not the same as gone. */
static void a_key_is_not_gone_because_the_login_is(void **state)
{
	(void)state;
	for (unsigned nth = 1; nth <= 3; nth++) {
		struct key key = make_key(false);
		char rule[96];

		snprintf(rule, sizeof(rule), "C_FindObjectsInit nth=%u drop-login", nth);
		module_faults_set(&driver.faults, rule);
		assert_destroyed(driver_destroy(&driver, key.id, key.label), 1);
		module_faults_set(&driver.faults, "");
		assert_false(is_there(&key));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_signer, end_signer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_in_use_is_destroyed_and_computes_nothing_more),
		TEST(both_halves_of_a_pair_are_destroyed),
		TEST(what_is_not_there_is_destroyed_already),
		TEST(what_bears_another_label_is_left_alone),
		TEST(what_is_not_this_environments_is_left_alone),
		TEST(an_id_of_another_length_is_refused),
		TEST(a_key_that_the_token_keeps_is_said_to_be_there),
		TEST(a_destruction_that_is_denied_is_seen_to_be_done),
		TEST(a_key_is_not_gone_because_the_login_is),
	};

	return cmocka_run_group_tests(tests, make_token, remove_token);
}
