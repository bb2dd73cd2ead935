/* Other tokens and other ways to reach one: what vendors' modules differ in. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "driver.h"
#include "verify_signature.h"

#define PROXY "/usr/lib/x86_64-linux-gnu/p11-kit-proxy.so"
#define CLIENT "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so"

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

static int end_signer(void **state)
{
	(void)state;
	driver_end(&driver);
	driver_env[0] = NULL;
	return 0;
}

/* A fresh CKA_ID for each key. */
static const uint8_t *next_id(void)
{
	static uint8_t id[16] = { 0xab };

	id[1]++;
	return id;
}

static bool hmac_works(void)
{
	const uint8_t *id = next_id();
	uint8_t mac[32];
	const Reply *reply = driver_generate(&driver, id, "peppermint/live/port/key");

	if (reply->failure)
		fail_msg("%s", reply->failure->detail);
	memcpy(mac, driver_hmac(&driver, id, "data", 4), sizeof(mac));
	return memcmp(driver_hmac(&driver, id, "data", 4), mac, sizeof(mac)) == 0 &&
	       memcmp(driver_hmac(&driver, id, "date", 4), mac, sizeof(mac)) != 0;
}

/* Makes a pair and signs with it; returns its algorithm. */
static Peppermint__Signer__V1__Algorithm pair_works(void)
{
	static const uint8_t data[32] = "thirty-two bytes, like a digest";
	const uint8_t *id = next_id();
	const Reply *reply = driver_generate_pair(&driver, id, "peppermint/live/port/pair");
	uint8_t public_key[128];

	if (reply->failure)
		fail_msg("%s", reply->failure->detail);
	const Peppermint__Signer__V1__Algorithm algorithm = reply->object->algorithm;
	const size_t len = reply->object->public_key.len;
	memcpy(public_key, reply->object->public_key.data, len);
	reply = driver_sign(&driver, id, algorithm, data, sizeof(data));
	assert_null(reply->failure);
	assert_true(signature_verifies(bytes_of(public_key, len), bytes_of(data, sizeof(data)),
				       reply->signature.data));
	return algorithm;
}

static const Peppermint__Signer__V1__Started *start(const char *rules, struct driver_start with)
{
	driver_spawn(&driver, &token, rules, NO_PIN_FD);
	const Reply *reply = driver_start(&driver, &token, with);

	if (reply->failure)
		fail_msg("%s", reply->failure->detail);
	return reply->started;
}

static void a_token_with_one_session_serves(void **state)
{
	static const char *const rules[] = { "max-sessions 1\ntell-max-sessions 1\n",
					     "max-sessions 1\n" };
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(start(rules[i], (struct driver_start){ .sessions = 4 })->sessions,
				 1);
		assert_true(hmac_works());
		assert_int_equal(pair_works(), ALGORITHM(ED25519));
		assert_int_equal(module_faults_calls(&driver.faults, "C_Login"), 1);
		driver_end(&driver);
	}
}

/* After a refusal the operation is ended without the session, which carries the login. */
static void with_one_session_a_refusal_costs_no_login(void **state)
{
	const uint8_t *id = next_id();
	(void)state;

	start("max-sessions 1", (struct driver_start){ 0 });
	assert_null(driver_generate(&driver, id, "peppermint/live/port/one")->failure);
	module_faults_set(&driver.faults, "max-sessions 1\nC_Sign nth=1 return CKR_DATA_LEN_RANGE");
	assert_null(driver_hmac(&driver, id, "data", 4));
	assert_int_equal(module_faults_fired(&driver.faults, 1), 1);
	assert_non_null(driver_hmac(&driver, id, "data", 4));
	assert_int_equal(module_faults_calls(&driver.faults, "C_Login"), 1);
}

static void with_one_session_what_is_lost_is_mended(void **state)
{
	static const char *const lost[] = { "return CKR_SESSION_HANDLE_INVALID", "drop-sessions",
					    "drop-login", "return CKR_OPERATION_ACTIVE" };
	const uint8_t *id = next_id();
	char rules[128];
	(void)state;

	start("max-sessions 1", (struct driver_start){ 0 });
	assert_null(driver_generate(&driver, id, "peppermint/live/port/one")->failure);
	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
		snprintf(rules, sizeof(rules), "max-sessions 1\nC_Sign nth=1 %s", lost[i]);
		module_faults_set(&driver.faults, rules);
		assert_non_null(driver_hmac(&driver, id, "data", 4));
		assert_int_equal(module_faults_fired(&driver.faults, 1), 1);
	}
}

static bool log_has(const char *wanted)
{
	FILE *file = fopen(driver.faults.log, "r");
	char line[160];
	bool found = false;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		found = found || strstr(line, wanted);
	fclose(file);
	return found;
}

/* The session that a refusal costs takes all handles with it: their numbers may name other keys. */
static void with_one_session_no_handle_outlives_it(void **state)
{
	const uint8_t *id = next_id();
	uint8_t mac[32];
	HmacItem items[3];
	(void)state;

	start("max-sessions 1", (struct driver_start){ 0 });
	assert_null(driver_generate(&driver, id, "peppermint/live/port/one")->failure);
	memcpy(mac, driver_hmac(&driver, id, "data", 4), sizeof(mac));
	for (size_t i = 0; i < 3; i++) {
		peppermint__signer__v1__hmac_item__init(&items[i]);
		items[i].key_id = (ProtobufCBinaryData){ .len = 16, .data = (uint8_t *)id };
		items[i].data = (ProtobufCBinaryData){ .len = 4, .data = (uint8_t *)"data" };
	}
	module_faults_forget(&driver.faults);
	module_faults_set(&driver.faults, "max-sessions 1\n"
					  "C_Sign nth=1 return CKR_DATA_LEN_RANGE\n"
					  "C_Sign nth=2 return CKR_GENERAL_ERROR\n");
	const Reply *reply = driver_hmac_batch(&driver, items, 3);
	assert_null(reply->failure);
	assert_int_equal(reply->hmac->macs[0]->mac.len, 0);
	assert_memory_equal(reply->hmac->macs[1]->mac.data, mac, sizeof(mac));
	assert_memory_equal(reply->hmac->macs[2]->mac.data, mac, sizeof(mac));
	assert_true(log_has("C_SignInit CKR_OK"));
	assert_false(log_has("C_SignInit CKR_KEY_HANDLE_INVALID"));
	assert_false(log_has("C_SignInit CKR_OBJECT_HANDLE_INVALID"));
}

static void the_pool_has_as_many_sessions_as_the_token_gives(void **state)
{
	(void)state;
	assert_int_equal(start(NULL, (struct driver_start){ .sessions = 4 })->sessions, 4);
	driver_end(&driver);
	assert_int_equal(
		start("tell-max-sessions 3", (struct driver_start){ .sessions = 4 })->sessions, 2);
	driver_end(&driver);
	assert_int_equal(start("max-sessions 4", (struct driver_start){ .sessions = 4 })->sessions,
			 3);
	assert_true(hmac_works());
	driver_end(&driver);
	assert_int_equal(
		start("tell-max-sessions unavailable", (struct driver_start){ .sessions = 100 })
			->sessions,
		16);
	driver_end(&driver);
	assert_int_equal(start("cant-lock", (struct driver_start){ .sessions = 4 })->sessions, 1);
	assert_true(hmac_works());
}

static void sessions_that_the_token_had_no_room_for_are_regained(void **state)
{
	const uint8_t *id = next_id();
	(void)state;

	start(NULL, (struct driver_start){ .sessions = 4 });
	assert_null(driver_generate(&driver, id, "peppermint/live/port/regain")->failure);
	module_faults_set(&driver.faults, "max-sessions 3\nC_SignInit nth=1 drop-sessions\n");
	assert_non_null(driver_hmac(&driver, id, "data", 4)); /* from now on two compute */
	module_faults_set(&driver.faults, "");
	module_faults_forget(&driver.faults);
	for (int i = 0; i < 3; i++)
		assert_non_null(driver_hmac(&driver, id, "data", 4));
	assert_int_equal(module_faults_calls(&driver.faults, "C_OpenSession"), 2);
}

static void a_module_may_want_arguments(void **state)
{
	(void)state;
	assert_true(start("init-args slots=2 dir=/x",
			  (struct driver_start){ .init_args = "slots=2 dir=/x" })
			    ->proven);
	assert_true(hmac_works());
	driver_end(&driver);
	driver_spawn(&driver, &token, "init-args slots=2", NO_PIN_FD);
	assert_int_equal(driver_start(&driver, &token, (struct driver_start){ 0 })->failure->ck_rv,
			 CKR_ARGUMENTS_BAD);
}

static void a_token_may_refuse_attributes(void **state)
{
	static const char *const rules[] = {
		"refuse-attribute CKA_ALLOWED_MECHANISMS",
		"refuse-attribute CKA_ALLOWED_MECHANISMS CKR_TEMPLATE_INCONSISTENT",
		"refuse-attribute CKA_ALLOWED_MECHANISMS CKR_ATTRIBUTE_TYPE_INVALID",
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		start(rules[i], (struct driver_start){ 0 });
		assert_true(hmac_works());
		assert_int_equal(pair_works(), ALGORITHM(ED25519));
		driver_end(&driver);
	}
}

static void points_and_curves_are_read_in_all_their_forms(void **state)
{
	static const char *const rules[] = {
		"ec-point raw",       "ec-point octets",       "ec-point bits",
		"ec-point raw stray", "ec-point octets stray", "ec-point bits stray",
		"ec-params name",
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		start(rules[i], (struct driver_start){ 0 });
		assert_int_equal(pair_works(), ALGORITHM(ED25519));
		driver_end(&driver);
	}
}

static void a_token_without_eddsa_or_copies_serves(void **state)
{
	(void)state;
	const Peppermint__Signer__V1__Started *started =
		start("hide-mechanism CKM_EDDSA\n"
		      "hide-mechanism CKM_EC_EDWARDS_KEY_PAIR_GEN\n"
		      "C_CopyObject return CKR_FUNCTION_NOT_SUPPORTED\n",
		      (struct driver_start){ .sessions = 2 });
	assert_false(started->session_copies);
	assert_true(hmac_works());
	assert_int_equal(pair_works(), ALGORITHM(ECDSA_P256));
}

static void hmac_is_proven_or_said_not_to_be(void **state)
{
	(void)state;
	assert_true(start("C_CreateObject return CKR_FUNCTION_NOT_SUPPORTED",
			  (struct driver_start){ 0 })
			    ->proven);
	driver_end(&driver);
	/* Such keys cannot be put in, nor be read. */
	assert_false(start("C_CreateObject return CKR_FUNCTION_NOT_SUPPORTED\n"
			   "hide-attribute CKA_VALUE\n",
			   (struct driver_start){ 0 })
			     ->proven);
	assert_true(hmac_works());
	driver_end(&driver);
	/* One wrong answer may have been garbled on its way. */
	assert_true(start("C_Sign nth=1 flip", (struct driver_start){ 0 })->proven);
}

static void a_token_that_computes_something_else_never_serves(void **state)
{
	static const char *const rules[] = { "C_Sign flip bit=77", "hide-mechanism CKM_SHA256_HMAC",
					     "feign-mechanism CKM_SHA256_HMAC" };
	(void)state;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		driver_spawn(&driver, &token, rules[i], NO_PIN_FD);
		const Reply *reply = driver_start(&driver, &token, (struct driver_start){ 0 });
		assert_int_equal(reply->failure->class_, FAILURE(SETUP));
		assert_non_null(strstr(reply->failure->detail, "does not compute HMAC-SHA-256"));
		assert_true(driver_hung_up(&driver));
		driver_end(&driver);
	}
}

static void it_serves_through_p11_kits_proxy(void **state)
{
	if (access(PROXY, R_OK) != 0)
		skip();
	(void)state;
	assert_true(start(NULL, (struct driver_start){ .module = PROXY, .sessions = 2 })->proven);
	assert_true(hmac_works());
	assert_int_equal(pair_works(), ALGORITHM(ED25519));
}

/* `p11-kit server` of the token on a socket in its directory; returns its pid. */
static pid_t serve_token(char socket[128])
{
	char *env[] = { token.env, (char *)"PATH=/usr/bin:/bin", NULL };
	char uri[] = "pkcs11:";

	snprintf(socket, 128, "%s/p11", token.dir);
	char *argv[] = { (char *)"p11-kit",
			 (char *)"server",
			 (char *)"--foreground",
			 (char *)"--provider",
			 (char *)SOFT_TOKEN_MODULE,
			 (char *)"--name",
			 socket,
			 uri,
			 NULL };
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		setsid();
		execve("/usr/bin/p11-kit", argv, env);
		_exit(127);
	}
	while (access(socket, F_OK) != 0)
		assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	return pid;
}

static void it_serves_through_a_p11_kit_server(void **state)
{
	char socket[128];
	static char address[192];
	(void)state;

	if (access(CLIENT, R_OK) != 0 || access("/usr/bin/p11-kit", X_OK) != 0)
		skip();
	pid_t server = serve_token(socket);
	snprintf(address, sizeof(address), "P11_KIT_SERVER_ADDRESS=unix:path=%s", socket);
	driver_env[0] = address;
	start(NULL, (struct driver_start){ .module = CLIENT, .sessions = 2 });
	assert_true(hmac_works());
	pair_works();
	driver_end(&driver);
	kill(-server, SIGTERM);
	waitpid(server, NULL, 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, end_signer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_token_with_one_session_serves),
		TEST(with_one_session_a_refusal_costs_no_login),
		TEST(with_one_session_what_is_lost_is_mended),
		TEST(with_one_session_no_handle_outlives_it),
		TEST(the_pool_has_as_many_sessions_as_the_token_gives),
		TEST(sessions_that_the_token_had_no_room_for_are_regained),
		TEST(a_module_may_want_arguments),
		TEST(a_token_may_refuse_attributes),
		TEST(points_and_curves_are_read_in_all_their_forms),
		TEST(a_token_without_eddsa_or_copies_serves),
		TEST(hmac_is_proven_or_said_not_to_be),
		TEST(a_token_that_computes_something_else_never_serves),
		TEST(it_serves_through_p11_kits_proxy),
		TEST(it_serves_through_a_p11_kit_server),
	};

	return cmocka_run_group_tests(tests, make_token, remove_token);
}
