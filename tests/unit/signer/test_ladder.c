/*
 * The error ladder in one signer process: at the n-th call of each function, for every n, goes wrong
 * what goes wrong in modules. What the answers say is right, or there is no answer; and where it can
 * be mended in place the process lives on.
 */
#include <p11-kit/pkcs11.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "driver.h"
#include "verify_signature.h"

#define KEYS 3
#define ITEMS 24 /* of a batch: each key several times */

static struct soft_token token;
static struct driver driver;
static const uint8_t PAIR[16] = "pair of the test";
static uint8_t public_key[32]; /* PAIR's */
static uint8_t right[ITEMS][32];

/* Where a fault strikes: when it serves already, or from the start on. */
enum phase { SERVING, STARTING };

/* Every function that a signer calls; of those called most often, some calls. */
static const struct {
	const char *name;
	unsigned step;
	enum phase phase; /* STARTING: then only */
} functions[] = {
	{ "C_SignInit", 19, SERVING },
	{ "C_Sign", 19, SERVING },
	{ "C_FindObjectsInit", 4, SERVING },
	{ "C_FindObjects", 7, SERVING },
	{ "C_FindObjectsFinal", 4, SERVING },
	{ "C_CopyObject", 2, SERVING },
	{ "C_GetAttributeValue", 101, SERVING },
	{ "C_GetSessionInfo", 7, SERVING },
	{ "C_DestroyObject", 1, SERVING },
	{ "C_GenerateKey", 1, SERVING },
	{ "C_GenerateKeyPair", 1, STARTING },
	{ "C_GenerateRandom", 1, SERVING },
	{ "C_OpenSession", 1, STARTING },
	{ "C_CloseSession", 1, STARTING },
	{ "C_Login", 1, STARTING },
	{ "C_GetTokenInfo", 1, STARTING },
	{ "C_CreateObject", 1, STARTING },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void key_id(size_t i, uint8_t id[16])
{
	memset(id, 0, 16);
	id[0] = 0xe0;
	id[1] = (uint8_t)(i % KEYS);
}

static const Reply *ask_batch(void)
{
	static uint8_t ids[ITEMS][16];
	static uint8_t data[ITEMS];
	HmacItem items[ITEMS];

	for (size_t i = 0; i < ITEMS; i++) {
		key_id(i, ids[i]);
		data[i] = (uint8_t)i;
		peppermint__signer__v1__hmac_item__init(&items[i]);
		items[i].key_id = (ProtobufCBinaryData){ .len = 16, .data = ids[i] };
		items[i].data = (ProtobufCBinaryData){ .len = 1, .data = &data[i] };
	}
	return driver_hmac_batch(&driver, items, ITEMS);
}

static int end_signer(void **state)
{
	(void)state;
	driver_end(&driver);
	return 0;
}

static int make_token(void **state)
{
	uint8_t id[16];
	char label[64];

	soft_token_make(&token, "one");
	driver_serve(&driver, &token, NULL);
	for (size_t i = 0; i < KEYS; i++) {
		key_id(i, id);
		snprintf(label, sizeof(label), "peppermint/live/pepper/x/v%zu", i + 1);
		assert_null(driver_generate(&driver, id, label)->failure);
	}
	const Reply *reply = driver_generate_pair(&driver, PAIR, "peppermint/live/audit/log/v1");
	assert_null(reply->failure);
	memcpy(public_key, reply->object->public_key.data, sizeof(public_key));
	reply = ask_batch();
	for (size_t i = 0; i < ITEMS; i++)
		memcpy(right[i], reply->hmac->macs[i]->mac.data, 32);
	return end_signer(state);
}

static int remove_token(void **state)
{
	(void)state;
	soft_token_remove(&token);
	return 0;
}

/* What may come of a request. */
enum outcome { DONE, REFUSED, FAILED };

static enum outcome outcome_of(const Reply *reply)
{
	if (!reply->failure)
		return DONE;
	return reply->failure->class_ == FAILURE(CALLER) ? REFUSED : FAILED;
}

/* `may_lie`: the module may give a wrong MAC of itself, which nobody here can notice. */
static enum outcome use_batch(bool may_lie)
{
	const Reply *reply = ask_batch();
	enum outcome outcome = outcome_of(reply);

	for (size_t i = 0; outcome == DONE && i < ITEMS; i++) {
		if (reply->hmac->macs[i]->mac.len == 0)
			outcome = REFUSED;
		else if (!may_lie)
			assert_memory_equal(reply->hmac->macs[i]->mac.data, right[i], 32);
	}
	return outcome;
}

static enum outcome use_signature(bool may_lie)
{
	const Reply *reply = driver_sign(&driver, PAIR, ALGORITHM(ED25519), "data", 4);

	if (!reply->failure && !may_lie)
		assert_true(signature_verifies(bytes_of(public_key, sizeof(public_key)),
					       bytes_str("data"), reply->signature.data));
	return outcome_of(reply);
}

static enum outcome use_list(bool may_lie)
{
	const Reply *reply = driver_list(&driver, "peppermint/live/pepper/x/");

	if (!reply->failure && !may_lie)
		assert_int_equal(reply->list->n_objects, KEYS);
	return outcome_of(reply);
}

static enum outcome use_random(bool may_lie)
{
	(void)may_lie;
	return outcome_of(driver_random(&driver, 32));
}

/* A key is made and destroyed, or it is not, as the answers say. */
static enum outcome use_new_key(bool may_lie)
{
	static uint32_t count;
	uint8_t id[16] = { 0xf0 };
	char label[64];
	enum outcome outcome;
	(void)may_lie;

	memcpy(id + 1, &count, sizeof(count));
	snprintf(label, sizeof(label), "peppermint/live/ladder/%u/", count++);
	outcome = outcome_of(driver_generate(&driver, id, label));
	if (outcome != DONE)
		return outcome;
	const Reply *reply = driver_destroy(&driver, id, label);
	outcome = outcome_of(reply);
	if (outcome == DONE) {
		assert_int_equal(reply->destroyed->objects, 1);
	}
	return outcome;
}

typedef enum outcome (*use)(bool may_lie);

static const struct {
	const char *name;
	use use;
} uses[] = {
	{ "hmac", use_batch },    { "sign", use_signature }, { "list", use_list },
	{ "random", use_random }, { "key", use_new_key },
};

struct tally {
	unsigned fired, done, refused, failed, crashed;
};

static bool serve_until(const char *rule, enum phase phase, uint32_t sessions, struct tally *tally)
{
	driver_spawn(&driver, &token, phase == STARTING ? rule : NULL, NO_PIN_FD);
	const Reply *reply =
		driver_start(&driver, &token, (struct driver_start){ .sessions = sessions });
	if (phase == SERVING) {
		assert_null(reply->failure);
		module_faults_set(&driver.faults, rule);
		return true;
	}
	if (!reply->failure)
		return true;
	tally->failed++;
	assert_true(driver_hung_up(&driver));
	return false;
}

/* In a child's place: the requests of one process, and what became of the fault. */
static void run_uses(bool may_lie, bool must_mend, const char *rule, struct tally *tally)
{
	for (size_t i = 0; i < COUNT(uses); i++) {
		enum outcome outcome = uses[i].use(may_lie);

		if (outcome == FAILED) {
			if (must_mend)
				fail_msg("%s: %s ended the signer: %s", rule, uses[i].name,
					 driver.reply->failure->detail);
			tally->failed++;
			assert_true(driver_hung_up(&driver));
			return;
		}
		if (outcome == REFUSED && must_mend)
			fail_msg("%s: %s was refused", rule, uses[i].name);
		if (outcome == REFUSED)
			tally->refused++;
		else
			tally->done++;
	}
}

/* Returns false when the fault did not come any more. */
static bool sweep_once(const char *function, unsigned nth, const char *what, enum phase phase,
		       bool must_mend, struct tally *tally)
{
	const bool may_lie = strncmp(what, "flip", 4) == 0 && strcmp(function, "C_Sign") == 0;
	char rule[128];

	snprintf(rule, sizeof(rule), "%s nth=%u %s", function, nth, what);
	if (serve_until(rule, phase, 2, tally))
		run_uses(may_lie, must_mend, rule, tally);
	driver_end(&driver);
	const bool fired = module_faults_fired(&driver.faults, 1) > 0;
	tally->fired += fired;
	return fired;
}

/*
 * WELL: some calls of every function. FEW, of what is treated as another fault is: the first call of
 * every third function, of others each time. With PM_SWEEP_ALL in the environment it is every call
 * of every function with every fault, which takes some ten minutes.
 */
enum density { WELL, FEW };

static void sweep_function(size_t i, const char *what, enum phase phase, enum density density,
			   bool must_mend, struct tally *tally)
{
	const bool every = getenv("PM_SWEEP_ALL") != NULL;
	static size_t turn;
	unsigned nth = 1;

	if (!every && phase < functions[i].phase)
		return;
	if (!every && density == FEW && turn++ % 3 != 0)
		return;
	while (sweep_once(functions[i].name, nth, what, phase, must_mend, tally) &&
	       (every || density == WELL))
		nth += every ? 1 : functions[i].step;
}

static void sweep(const char *what, enum phase phase, enum density density, bool must_mend)
{
	struct tally all = { 0 };

	for (size_t i = 0; i < COUNT(functions); i++)
		sweep_function(i, what, phase, density, must_mend, &all);
	printf("%-40s %s fired %4u: done %5u, refused %3u, ended %3u\n", what,
	       phase == STARTING ? "start" : "serve", all.fired, all.done, all.refused, all.failed);
	assert_true(all.fired >= 3);
}

struct fault {
	const char *what;
	enum density density;
};

static void what_is_lost_is_mended_in_place(void **state)
{
	static const struct fault lost[] = {
		{ "return CKR_SESSION_HANDLE_INVALID", WELL },
		{ "return CKR_SESSION_CLOSED", FEW },
		{ "return CKR_OPERATION_ACTIVE", FEW },
		{ "return CKR_OPERATION_NOT_INITIALIZED", FEW },
		{ "return CKR_USER_NOT_LOGGED_IN", FEW },
		{ "return CKR_OBJECT_HANDLE_INVALID", WELL },
		{ "return CKR_KEY_HANDLE_INVALID", FEW },
		{ "drop-sessions", WELL },
		{ "forget-sessions", FEW },
		{ "drop-login", WELL },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(lost); i++)
		sweep(lost[i].what, SERVING, lost[i].density, true);
}

static void after_other_failures_no_answer_is_wrong(void **state)
{
	static const struct fault failures[] = {
		{ "return CKR_DEVICE_ERROR", WELL },
		{ "return CKR_DEVICE_REMOVED", FEW },
		{ "return CKR_TOKEN_NOT_PRESENT", FEW },
		{ "return CKR_GENERAL_ERROR", FEW },
		{ "return CKR_HOST_MEMORY", FEW },
		{ "return CKR_FUNCTION_NOT_SUPPORTED", FEW },
		{ "after return CKR_DEVICE_ERROR", FEW },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(failures); i++)
		sweep(failures[i].what, SERVING, failures[i].density, false);
}

static void a_flipped_bit_makes_no_wrong_answer(void **state)
{
	static const struct fault flips[] = { { "flip", WELL },
					      { "flip bit=9", FEW },
					      { "flip bit=131", FEW } };
	(void)state;

	for (size_t i = 0; i < COUNT(flips); i++)
		sweep(flips[i].what, SERVING, flips[i].density, false);
}

static void a_start_that_meets_a_fault_serves_rightly_or_not_at_all(void **state)
{
	static const char *const faults[] = {
		"return CKR_SESSION_HANDLE_INVALID", "return CKR_USER_NOT_LOGGED_IN",
		"return CKR_OBJECT_HANDLE_INVALID",  "return CKR_DEVICE_ERROR",
		"return CKR_GENERAL_ERROR",          "flip bit=3",
	};
	(void)state;

	for (size_t i = 0; i < COUNT(faults); i++)
		sweep(faults[i], STARTING, FEW, false);
}

/* Each remedy once in a call: then it is answered, and ends. */
static void what_mending_does_not_mend_is_answered(void **state)
{
	static const struct {
		const char *rv;
		Peppermint__Signer__V1__FailureClass class;
	} lasting[] = {
		{ "CKR_SESSION_HANDLE_INVALID", FAILURE(SESSION) },
		{ "CKR_USER_NOT_LOGGED_IN", FAILURE(LOGIN) },
		{ "CKR_KEY_HANDLE_INVALID", FAILURE(HANDLE) },
		{ "CKR_GENERAL_ERROR", FAILURE(MODULE) },
		{ "CKR_DEVICE_MEMORY", FAILURE(CAPACITY) },
	};
	char rule[96];
	(void)state;

	for (size_t i = 0; i < COUNT(lasting); i++) {
		driver_serve(&driver, &token, NULL);
		snprintf(rule, sizeof(rule), "C_SignInit return %s", lasting[i].rv);
		module_faults_set(&driver.faults, rule);
		const Reply *reply = driver_sign(&driver, PAIR, ALGORITHM(ED25519), "data", 4);
		assert_int_equal(reply->failure->class_, lasting[i].class);
		assert_true(driver_hung_up(&driver));
		assert_int_equal(module_faults_fired(&driver.faults, 1), 2);
		driver_end(&driver);
	}
}

/* The token made it and says otherwise: it is looked for, not made again. */
static void a_key_whose_making_is_denied_is_found(void **state)
{
	static const char *const codes[] = { "CKR_DEVICE_ERROR", "CKR_GENERAL_ERROR",
					     "CKR_SESSION_CLOSED", "CKR_USER_NOT_LOGGED_IN" };
	uint8_t id[16] = { 0xfa };
	char rule[96];
	(void)state;

	for (uint8_t i = 0; i < COUNT(codes); i++) {
		driver_serve(&driver, &token, NULL);
		snprintf(rule, sizeof(rule), "C_GenerateKey nth=1 after return %s", codes[i]);
		module_faults_set(&driver.faults, rule);
		module_faults_forget(&driver.faults);
		id[1] = i;
		const Reply *reply = driver_generate(&driver, id, "peppermint/live/denied/v1");
		assert_null(reply->failure);
		assert_true(reply->object->never_extractable);
		assert_int_equal(module_faults_calls(&driver.faults, "C_GenerateKey"), 1);
		assert_non_null(driver_hmac(&driver, id, "data", 4));
		driver_end(&driver);
	}
}

static void a_key_that_was_not_made_is_made_once_the_session_is_mended(void **state)
{
	const uint8_t id[16] = "after all";
	(void)state;

	driver_serve(&driver, &token, NULL);
	module_faults_set(&driver.faults, "C_GenerateKey nth=1 return CKR_SESSION_CLOSED");
	assert_null(driver_generate(&driver, id, "peppermint/live/after/all/v1")->failure);
	assert_int_equal(driver_list(&driver, "peppermint/live/after/all/")->list->n_objects, 1);
}

static void a_device_that_failed_is_not_asked_to_make_a_key_again(void **state)
{
	static const char *const codes[] = { "CKR_DEVICE_ERROR", "CKR_GENERAL_ERROR" };
	const uint8_t id[16] = "not again";
	char rule[96];
	(void)state;

	for (size_t i = 0; i < COUNT(codes); i++) {
		driver_serve(&driver, &token, NULL);
		snprintf(rule, sizeof(rule), "C_GenerateKey return %s", codes[i]);
		module_faults_set(&driver.faults, rule);
		assert_int_equal(driver_generate(&driver, id, "peppermint/live/not/again/v1")
					 ->failure->class_,
				 FAILURE(MODULE));
		assert_true(driver_hung_up(&driver));
		assert_int_equal(module_faults_fired(&driver.faults, 1), 1);
		driver_end(&driver);
	}
}

#define TEST(name) cmocka_unit_test_teardown(name, end_signer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_lost_is_mended_in_place),
		TEST(after_other_failures_no_answer_is_wrong),
		TEST(a_flipped_bit_makes_no_wrong_answer),
		TEST(a_start_that_meets_a_fault_serves_rightly_or_not_at_all),
		TEST(what_mending_does_not_mend_is_answered),
		TEST(a_key_whose_making_is_denied_is_found),
		TEST(a_key_that_was_not_made_is_made_once_the_session_is_mended),
		TEST(a_device_that_failed_is_not_asked_to_make_a_key_again),
	};

	return cmocka_run_group_tests(tests, make_token, remove_token);
}
