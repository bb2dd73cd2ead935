#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <p11-kit/pkcs11.h>

#include "driver.h"
#include "verify_signature.h"

static const uint8_t KEY[16] = "key of the tests";

static struct soft_token token;
static struct driver driver;
static uint8_t healthy[32]; /* the mac of "data" under KEY */
static const uint8_t PAIR[16] = "pair of the test";
static uint8_t public_key[32]; /* PAIR's */

static int end_signer(void **state)
{
	(void)state;
	driver_end(&driver);
	return 0;
}

static int make_token(void **state)
{
	soft_token_make(&token, "one");
	driver_serve(&driver, &token, NULL);
	assert_null(driver_generate(&driver, KEY, "peppermint/live/pepper/x/v1")->failure);
	memcpy(healthy, driver_hmac(&driver, KEY, "data", 4), sizeof(healthy));
	const Reply *reply = driver_generate_pair(&driver, PAIR, "peppermint/live/audit/log/v1");
	assert_null(reply->failure);
	assert_int_equal(reply->object->public_key.len, sizeof(public_key));
	memcpy(public_key, reply->object->public_key.data, sizeof(public_key));
	return end_signer(state);
}

static int remove_token(void **state)
{
	(void)state;
	soft_token_remove(&token);
	return 0;
}

static void serve_with(const char *call, const char *what, const char *times)
{
	char call_env[64], do_env[32], times_env[32];
	const char *const settings[] = { call_env, do_env, times_env, NULL };

	snprintf(call_env, sizeof(call_env), "FAULTY_CALL=%s", call);
	snprintf(do_env, sizeof(do_env), "FAULTY_DO=%s", what);
	snprintf(times_env, sizeof(times_env), "FAULTY_TIMES=%s", times);
	driver_serve(&driver, &token, settings);
}

static const Reply *ask_hmac(void)
{
	HmacItem item = PEPPERMINT__SIGNER__V1__HMAC_ITEM__INIT;

	item.key_id = (ProtobufCBinaryData){ .len = sizeof(KEY), .data = (uint8_t *)KEY };
	item.data = (ProtobufCBinaryData){ .len = 4, .data = (uint8_t *)"data" };
	return driver_hmac_batch(&driver, &item, 1);
}

static void assert_last_answer(const Reply *reply, Peppermint__Signer__V1__FailureClass class)
{
	assert_non_null(reply->failure);
	assert_int_equal(reply->failure->class_, class);
	assert_int_equal(reply->result_case, 0);
	assert_true(driver_hung_up(&driver));
	assert_int_equal(driver_wait(&driver), 1);
}

static void after_a_failure_of_more_than_the_request_it_answers_and_ends(void **state)
{
	static const struct {
		const char *rv;
		Peppermint__Signer__V1__FailureClass class;
	} faults[] = {
		{ "0xb3", FAILURE(SESSION) },  /* SESSION_HANDLE_INVALID */
		{ "0x90", FAILURE(SESSION) },  /* OPERATION_ACTIVE */
		{ "0x101", FAILURE(LOGIN) },   /* USER_NOT_LOGGED_IN */
		{ "0x60", FAILURE(HANDLE) },   /* KEY_HANDLE_INVALID */
		{ "0x30", FAILURE(MODULE) },   /* DEVICE_ERROR */
		{ "0x32", FAILURE(MODULE) },   /* DEVICE_REMOVED */
		{ "0x31", FAILURE(CAPACITY) }, /* DEVICE_MEMORY */
	};
	static const char *const calls[] = { "C_SignInit", "C_Sign", "C_FindObjectsInit" };
	(void)state;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		for (size_t j = 0; j < sizeof(calls) / sizeof(calls[0]); j++) {
			serve_with(calls[j], faults[i].rv, "1");
			assert_last_answer(ask_hmac(), faults[i].class);
			driver_end(&driver);
		}
	}
}

static bool signs_well(void)
{
	const Reply *reply = driver_sign(&driver, PAIR, ALGORITHM(ED25519), "data", 4);

	return !reply->failure && signature_verifies(bytes_of(public_key, sizeof(public_key)),
						     bytes_str("data"), reply->signature.data);
}

/* A sweep: the n-th call to the module fails, for each n behind those of the start. */

static size_t calls_logged(void)
{
	char path[128];
	size_t lines = 0;
	int c;

	snprintf(path, sizeof(path), "%s/calls", token.dir);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	while ((c = getc(file)) != EOF)
		lines += c == '\n';
	fclose(file);
	return lines;
}

static void unlink_log(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/calls", token.dir);
	unlink(path);
}

static void serve_with_nth(size_t nth, const char *what, int times)
{
	char log_env[160], nth_env[32], do_env[32], times_env[32];
	const char *const settings[] = { log_env,           nth_env,   do_env,
					 "FAULTY_CALL=any", times_env, NULL };

	snprintf(log_env, sizeof(log_env), "FAULTY_LOG=%s/calls", token.dir);
	snprintf(nth_env, sizeof(nth_env), "FAULTY_NTH=%zu", nth);
	snprintf(do_env, sizeof(do_env), "FAULTY_DO=%s", what);
	snprintf(times_env, sizeof(times_env), "FAULTY_TIMES=%d", times);
	driver_serve(&driver, &token, settings);
}

static size_t calls_of_start(void)
{
	serve_with_nth(1000000, "0x30", 1);
	size_t calls = calls_logged();
	driver_end(&driver);
	unlink_log();
	return calls;
}

/* One that ends the signer, and one that is the request's own. */
static const char *const sweep_faults[] = {
	"0x30", /* DEVICE_ERROR */
	"0x54", /* FUNCTION_NOT_SUPPORTED */
};
#define SWEEPS (sizeof(sweep_faults) / sizeof(sweep_faults[0]))

/* Of a signer that goes on: the pair is there, whole, or not even a half of it has the id. */
static void assert_whole_or_nothing(const uint8_t id[16], const char *label, bool made)
{
	const Reply *reply = driver_list(&driver, label);

	assert_int_equal(reply->list->n_objects, made);
	if (made)
		assert_int_equal(reply->list->objects[0]->public_key.len,
				 reply->list->objects[0]->algorithm == ALGORITHM(ED25519) ? 32
											  : 91);
	assert_int_equal(driver_generate_pair(&driver, id, label)->failure == NULL, !made);
}

/* Returns whether the fault came at all. */
static bool generate_pair_with_nth(size_t nth, const char *what, uint8_t sweep)
{
	const uint8_t id[16] = { 0xc0, sweep, (uint8_t)nth, (uint8_t)(nth >> 8) };
	char label[64];

	snprintf(label, sizeof(label), "peppermint/live/sweep/%u/%zu/", sweep, nth);
	serve_with_nth(nth, what, 1);
	const Reply *reply = driver_generate_pair(&driver, id, label);
	const bool made = !reply->failure, fired = calls_logged() >= nth;
	if (fired && (made || reply->failure->class_ == FAILURE(CALLER)))
		assert_whole_or_nothing(id, label, made);
	else if (fired)
		assert_last_answer(reply, reply->failure->class_);
	driver_end(&driver);
	unlink_log();
	return fired;
}

static void whichever_call_fails_a_pair_is_made_whole_or_not_at_all(void **state)
{
	size_t first = calls_of_start() + 1;
	(void)state;

	for (size_t i = 0; i < SWEEPS; i++) {
		size_t nth = first;

		while (generate_pair_with_nth(nth, sweep_faults[i], (uint8_t)i))
			nth++;
		assert_true(nth > first + 20); /* it really injected something */
	}
}

/*
 * A refusal promises that the signer is sound: asked again, it signs, and rightly, or refuses again,
 * as often as there are faults. Otherwise it says that it ends.
 */
static void sign_in_the_end(int faults)
{
	const Reply *reply = driver_sign(&driver, PAIR, ALGORITHM(ED25519), "data", 4);

	if (reply->failure && reply->failure->class_ != FAILURE(CALLER)) {
		assert_last_answer(reply, reply->failure->class_);
		return;
	}
	for (; reply->failure && faults > 0; faults--) {
		assert_int_equal(reply->failure->class_, FAILURE(CALLER));
		reply = driver_sign(&driver, PAIR, ALGORITHM(ED25519), "data", 4);
	}
	assert_null(reply->failure);
	assert_true(signature_verifies(bytes_of(public_key, sizeof(public_key)), bytes_str("data"),
				       reply->signature.data));
}

static bool sign_with_nth(size_t nth, const char *what, int times)
{
	serve_with_nth(nth, what, times);
	sign_in_the_end(times);
	driver_end(&driver);
	bool fired = calls_logged() >= nth;
	unlink_log();
	return fired;
}

/* Two in a row, because what follows a refusal can fail as well. */
static void whichever_calls_fail_what_is_signed_later_is_right(void **state)
{
	size_t first = calls_of_start() + 1;
	(void)state;

	for (size_t i = 0; i < 2 * SWEEPS; i++) {
		size_t nth = first;

		while (sign_with_nth(nth, sweep_faults[i / 2], 1 + (int)i % 2))
			nth++;
		assert_true(nth > first + 10);
	}
}

static void a_pair_that_does_not_verify_is_destroyed(void **state)
{
	static const char *const calls[] = { "C_Verify", "C_VerifyInit", "C_SignInit", "C_Sign" };
	const uint8_t id[16] = "does not verify";
	(void)state;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		serve_with(calls[i], "0xc0", "1"); /* SIGNATURE_INVALID */
		const Reply *reply =
			driver_generate_pair(&driver, id, "peppermint/live/audit/bad/v1");
		assert_int_equal(reply->failure->class_, FAILURE(CALLER));
		assert_int_equal(reply->failure->ck_rv, CKR_TEMPLATE_INCONSISTENT);
		assert_non_null(strstr(reply->failure->detail, "it was destroyed"));
		assert_int_equal(
			driver_list(&driver, "peppermint/live/audit/bad/")->list->n_objects, 0);
		driver_end(&driver);
	}
	/* Both halves are gone: the id is free. */
	driver_serve(&driver, &token, NULL);
	assert_null(driver_generate_pair(&driver, id, "peppermint/live/audit/good/v1")->failure);
}

static void a_pair_that_is_not_as_asked_is_destroyed(void **state)
{
	/* ALWAYS_SENSITIVE, LOCAL, EC_PARAMS, EC_POINT */
	static const char *const untold[] = { "0x165", "0x163", "0x180", "0x181" };
	const uint8_t id[16] = "pair not asked";
	char setting[32];
	const char *const settings[] = { setting, NULL };
	(void)state;

	for (size_t i = 0; i < sizeof(untold) / sizeof(untold[0]); i++) {
		snprintf(setting, sizeof(setting), "FAULTY_UNTOLD=%s", untold[i]);
		driver_serve(&driver, &token, settings);
		const Reply *reply =
			driver_generate_pair(&driver, id, "peppermint/live/audit/odd/v1");
		assert_int_equal(reply->failure->ck_rv, CKR_TEMPLATE_INCONSISTENT);
		assert_non_null(strstr(reply->failure->detail, "it was destroyed"));
		driver_end(&driver);
	}
	driver_serve(&driver, &token, NULL);
	assert_null(driver_generate_pair(&driver, id, "peppermint/live/audit/fine/v1")->failure);
}

static void half_a_pair_that_cannot_be_destroyed_is_said_to_be_left(void **state)
{
	static const char *const nth[] = { "FAULTY_NTH=3", "FAULTY_NTH=4" }; /* two at start */
	(void)state;

	for (uint8_t i = 0; i < 2; i++) {
		const char *const settings[] = {
			"FAULTY_UNTOLD=0x163", "FAULTY_CALL=C_DestroyObject",
			"FAULTY_DO=0x1b",      nth[i],
			"FAULTY_TIMES=1",      NULL
		};
		const uint8_t id[16] = { 0xee, i };

		driver_serve(&driver, &token, settings);
		const Reply *reply =
			driver_generate_pair(&driver, id, "peppermint/live/audit/stuck/v1");
		assert_int_equal(reply->failure->ck_rv, CKR_TEMPLATE_INCONSISTENT);
		assert_non_null(strstr(reply->failure->detail, "could NOT be destroyed"));
		driver_end(&driver);
	}
}

static void a_pair_is_made_without_what_the_token_refuses_to_be_told(void **state)
{
	const uint8_t id[16] = "asked for less";
	(void)state;

	serve_with("C_GenerateKeyPair", "0xd1", "1"); /* TEMPLATE_INCONSISTENT */
	const Reply *reply = driver_generate_pair(&driver, id, "peppermint/live/audit/less/v1");
	assert_null(reply->failure);
	assert_int_equal(reply->object->algorithm, ALGORITHM(ED25519));
	assert_true(reply->object->never_extractable);
}

static void data_that_the_token_refuses_harms_nothing_after_it(void **state)
{
	(void)state;
	/* The module never saw the call: its operation is really still active. */
	serve_with("C_Sign", "0x21", "1"); /* DATA_LEN_RANGE */
	assert_null(driver_hmac(&driver, KEY, "data", 4));
	assert_memory_equal(driver_hmac(&driver, KEY, "data", 4), healthy, 32);
	assert_true(signs_well());
}

static void a_key_that_may_not_sign_harms_nothing_after_it(void **state)
{
	(void)state;
	serve_with("C_SignInit", "0x68", "1"); /* KEY_FUNCTION_NOT_PERMITTED */
	assert_null(driver_hmac(&driver, KEY, "data", 4));
	assert_memory_equal(driver_hmac(&driver, KEY, "data", 4), healthy, 32);
}

static void without_copies_keys_are_used_where_they_are(void **state)
{
	const char *const settings[] = { "FAULTY_CALL=C_CopyObject", "FAULTY_DO=0x54", NULL };
	(void)state;

	driver_spawn(&driver, &token, settings, NO_PIN_FD);
	const Reply *reply = driver_start(&driver, &token, (struct driver_start){ 0 });
	assert_null(reply->failure);
	assert_false(reply->started->session_copies);
	assert_memory_equal(driver_hmac(&driver, KEY, "data", 4), healthy, 32);
	assert_true(signs_well());
}

static void generation_leaves_off_what_the_token_refuses_to_be_told(void **state)
{
	static const char *const times[] = { "1", "2" };
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		/* The first generation is of the passing key at start. */
		char times_env[32];
		const char *const settings[] = { "FAULTY_CALL=C_GenerateKey", "FAULTY_NTH=2",
						 "FAULTY_DO=0xd1", times_env, NULL };
		uint8_t id[16] = { (uint8_t)i };

		snprintf(times_env, sizeof(times_env), "FAULTY_TIMES=%s", times[i]);
		driver_serve(&driver, &token, settings);
		const Reply *reply = driver_generate(&driver, id, "peppermint/live/pepper/y/v1");
		/* SoftHSM makes keys extractable if it is not told otherwise: then it must go. */
		assert_int_equal(reply->failure != NULL, i == 1);
		assert_int_equal(driver_list(&driver, "peppermint/live/pepper/y/")->list->n_objects,
				 1);
		driver_end(&driver);
	}
}

static void a_key_that_is_not_as_asked_is_destroyed(void **state)
{
	const char *const settings[] = { "FAULTY_UNTOLD=0x163", NULL }; /* CKA_LOCAL */
	const uint8_t id[16] = "not as asked";
	(void)state;

	driver_serve(&driver, &token, settings);
	const Reply *reply = driver_generate(&driver, id, "peppermint/live/pepper/z/v1");
	assert_int_equal(reply->failure->class_, FAILURE(CALLER));
	assert_int_equal(reply->failure->ck_rv, CKR_TEMPLATE_INCONSISTENT);
	assert_non_null(strstr(reply->failure->detail, "it was destroyed"));
	assert_int_equal(driver_list(&driver, "peppermint/live/pepper/z/")->list->n_objects, 0);
}

static void a_key_that_cannot_be_destroyed_is_said_to_be_left(void **state)
{
	const char *const settings[] = { "FAULTY_UNTOLD=0x163", "FAULTY_CALL=C_DestroyObject",
					 "FAULTY_DO=0x1b", NULL }; /* ACTION_PROHIBITED */
	const uint8_t id[16] = "left behind";
	(void)state;

	driver_serve(&driver, &token, settings);
	const Reply *reply = driver_generate(&driver, id, "peppermint/live/pepper/left/v1");
	assert_int_equal(reply->failure->ck_rv, CKR_TEMPLATE_INCONSISTENT);
	assert_non_null(strstr(reply->failure->detail, "could NOT be destroyed"));
}

static void a_failed_random_is_the_modules_failure(void **state)
{
	(void)state;
	serve_with("C_GenerateRandom", "0x5", "1");
	assert_last_answer(driver_random(&driver, 32), FAILURE(MODULE));
}

static void a_crash_in_the_module_ends_only_the_signer(void **state)
{
	const uint8_t request[] = { 0x08, 0x09, 0x32, 0x02, 0x08, 0x20 }; /* random of 32 */
	(void)state;

	serve_with("C_GenerateRandom", "crash", "1");
	driver_send(&driver, request, sizeof(request));
	assert_true(driver_hung_up(&driver));
	assert_true(driver_wait(&driver) < 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, end_signer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(after_a_failure_of_more_than_the_request_it_answers_and_ends),
		TEST(whichever_call_fails_a_pair_is_made_whole_or_not_at_all),
		TEST(whichever_calls_fail_what_is_signed_later_is_right),
		TEST(a_pair_that_does_not_verify_is_destroyed),
		TEST(a_pair_that_is_not_as_asked_is_destroyed),
		TEST(half_a_pair_that_cannot_be_destroyed_is_said_to_be_left),
		TEST(a_pair_is_made_without_what_the_token_refuses_to_be_told),
		TEST(data_that_the_token_refuses_harms_nothing_after_it),
		TEST(a_key_that_may_not_sign_harms_nothing_after_it),
		TEST(without_copies_keys_are_used_where_they_are),
		TEST(generation_leaves_off_what_the_token_refuses_to_be_told),
		TEST(a_key_that_is_not_as_asked_is_destroyed),
		TEST(a_key_that_cannot_be_destroyed_is_said_to_be_left),
		TEST(a_failed_random_is_the_modules_failure),
		TEST(a_crash_in_the_module_ends_only_the_signer),
	};

	return cmocka_run_group_tests(tests, make_token, remove_token);
}
