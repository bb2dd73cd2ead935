/* The real peppermint-signer with a SoftHSM token of its own. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs what is above. */
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "hsm/hsm.h"
#include "soft_token.h"
#include "verify_signature.h"

#define PATIENCE_MS 60000

struct fixture {
	struct soft_token token;
	struct hsm_config config;
	struct hsm *hsm;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	soft_token_make(&f->token, "hsm-test");
	f->config = (struct hsm_config){
		.environment = "live",
		.signer = REAL_SIGNER,
		.module = SOFT_TOKEN_MODULE,
		.token_uri = f->token.uri,
		.pin_file = f->token.pin_file,
		.pin_fd = -1,
		.module_env = f->token.env,
		.call_timeout_ms = PATIENCE_MS,
	};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	hsm_close(f->hsm);
	soft_token_remove(&f->token);
	free(f);
	return 0;
}

static int64_t soon(void)
{
	return deadline_in_ms(PATIENCE_MS);
}

static void keys_made_in_the_token_survive_a_killed_signer(void **state)
{
	struct fixture *f = *state;
	const struct hsm_id id = { { 1, 2, 3 } };
	struct hsm_job before = { .key = id, .data = bytes_str("data") }, after = before;
	struct hsm_object made, found[HSM_OBJECTS_MAX];
	struct hsm_status status;
	size_t count = 0;

	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_OK);
	assert_int_equal(hsm_generate(f->hsm, &id, "peppermint/live/pepper/x/v1", &made, soon()),
			 PM_OK);
	assert_true(made.sensitive && made.always_sensitive && !made.extractable &&
		    made.never_extractable && made.local && made.sign);
	assert_int_equal(hsm_generate(f->hsm, &id, "peppermint/live/pepper/x/v1", &made, soon()),
			 PM_ALREADY_EXISTS);
	assert_int_equal(hsm_hmac(f->hsm, &before, 1, soon()), PM_OK);
	assert_int_equal(before.err, PM_OK);

	hsm_status(f->hsm, &status);
	assert_int_equal(status.state, HSM_SERVING);
	assert_string_equal(status.label, f->token.label);
	assert_string_equal(status.serial, f->token.serial);
	kill(status.pid, SIGKILL);
	const int64_t give_up = soon();
	while (status.generation < 2 || status.state != HSM_SERVING) {
		assert_true(clock_now() < give_up);
		usleep(2000);
		hsm_status(f->hsm, &status);
	}
	assert_int_equal(hsm_hmac(f->hsm, &after, 1, soon()), PM_OK);
	assert_int_equal(after.err, PM_OK);
	assert_memory_equal(before.mac, after.mac, HSM_MAC_LEN);
	assert_int_equal(hsm_list(f->hsm, "peppermint/live/", found, &count, soon()), PM_OK);
	assert_int_equal(count, 1);
	assert_memory_equal(&found[0].id, &id, sizeof(id));
}

static void *open_hsm(void *arg)
{
	struct fixture *f = arg;

	return hsm_open(&f->config, &f->hsm) == PM_OK ? f : NULL;
}

/* The signer asks the kernel to end it with the thread that started it: that is not the opener. */
static void the_signer_outlives_the_thread_that_opened_it(void **state)
{
	struct fixture *f = *state;
	uint8_t random[16];
	struct hsm_status status;
	pthread_t thread;
	void *opened = NULL;

	assert_int_equal(pthread_create(&thread, NULL, open_hsm, f), 0);
	pthread_join(thread, &opened);
	assert_ptr_equal(opened, f);
	assert_int_equal(hsm_random(f->hsm, random, sizeof(random), soon()), PM_OK);
	hsm_status(f->hsm, &status);
	assert_int_equal(status.generation, 1);
	assert_int_equal(status.restarts, 0);
}

static void an_unknown_key_is_not_found_and_random_bytes_come(void **state)
{
	struct fixture *f = *state;
	struct hsm_job job = { .key = { { 9 } }, .data = bytes_str("data") };
	uint8_t random[HSM_RANDOM_MAX] = { 0 }, zeros[HSM_RANDOM_MAX] = { 0 };

	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_OK);
	assert_int_equal(hsm_hmac(f->hsm, &job, 1, soon()), PM_OK);
	assert_int_equal(job.err, PM_NOT_FOUND);
	assert_int_equal(hsm_random(f->hsm, random, sizeof(random), soon()), PM_OK);
	assert_memory_not_equal(random, zeros, sizeof(random));
}

/* More items, and more bytes, than one frame of either end's could hold. */
static void a_long_batch_is_computed_in_full(void **state)
{
	struct fixture *f = *state;
	const struct hsm_id id = { { 1 } };
	const size_t count = 2500;
	struct hsm_job *jobs = calloc(count, sizeof(*jobs));
	uint8_t *data = calloc(1, HSM_DATA_MAX);
	struct hsm_object made;

	assert_non_null(jobs);
	assert_non_null(data);
	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_OK);
	assert_int_equal(hsm_generate(f->hsm, &id, "peppermint/live/x", &made, soon()), PM_OK);
	for (size_t i = 0; i < count; i++)
		jobs[i] = (struct hsm_job){ .key = id,
					    .data = bytes_of(data, i % 2 == 0 ? 5
								   : i % 250  ? 7
									      : 32768) };
	assert_int_equal(hsm_hmac(f->hsm, jobs, count, soon()), PM_OK);
	for (size_t i = 2; i < count; i++) {
		assert_int_equal(jobs[i].err, PM_OK);
		if (jobs[i].data.len == jobs[i - 2].data.len)
			assert_memory_equal(jobs[i].mac, jobs[i - 2].mac, HSM_MAC_LEN);
	}
	free(jobs);
	free(data);
}

static bool is_signed(const struct hsm_object *pair, struct bytes data, const uint8_t *signature)
{
	return signature_verifies(bytes_of(pair->public_key, pair->public_len), data, signature);
}

static void a_pair_signs_also_after_its_signer_was_killed(void **state)
{
	struct fixture *f = *state;
	const struct hsm_id id = { { 4, 5, 6 } };
	struct hsm_object made, found[HSM_OBJECTS_MAX];
	uint8_t signature[HSM_SIGNATURE_LEN];
	struct hsm_status status;
	size_t count = 0;

	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_OK);
	assert_int_equal(
		hsm_generate_pair(f->hsm, &id, "peppermint/live/audit/log/v1", &made, soon()),
		PM_OK);
	assert_int_equal(made.algorithm, HSM_ED25519);
	assert_int_equal(hsm_sign(f->hsm, &id, HSM_ED25519, bytes_str("data"), signature, soon()),
			 PM_OK);
	assert_true(is_signed(&made, bytes_str("data"), signature));
	assert_int_equal(
		hsm_generate_pair(f->hsm, &id, "peppermint/live/audit/log/v2", &made, soon()),
		PM_ALREADY_EXISTS);
	hsm_status(f->hsm, &status);
	assert_string_equal(status.firmware, "2.6");
	kill(status.pid, SIGKILL);
	while (status.generation < 2 || status.state != HSM_SERVING) {
		usleep(2000);
		hsm_status(f->hsm, &status);
	}
	assert_int_equal(hsm_list(f->hsm, "peppermint/live/", found, &count, soon()), PM_OK);
	assert_int_equal(count, 1);
	assert_int_equal(found[0].algorithm, HSM_ED25519);
	assert_int_equal(hsm_sign(f->hsm, &id, HSM_ED25519, bytes_str("more"), signature, soon()),
			 PM_OK);
	assert_true(is_signed(&found[0], bytes_str("more"), signature));
}

static void keys_of_one_kind_are_not_found_as_another(void **state)
{
	struct fixture *f = *state;
	const struct hsm_id pair = { { 1 } }, secret = { { 2 } }, none = { { 3 } };
	struct hsm_job job = { .key = pair, .data = bytes_str("data") };
	uint8_t signature[HSM_SIGNATURE_LEN], digest[32] = { 1 };
	struct hsm_object made;

	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_OK);
	assert_int_equal(hsm_generate_pair(f->hsm, &pair, "peppermint/live/a", &made, soon()),
			 PM_OK);
	assert_int_equal(hsm_generate(f->hsm, &secret, "peppermint/live/b", &made, soon()), PM_OK);
	assert_int_equal(hsm_hmac(f->hsm, &job, 1, soon()), PM_OK);
	assert_int_equal(job.err, PM_NOT_FOUND);
	assert_int_equal(hsm_sign(f->hsm, &secret, HSM_ED25519, job.data, signature, soon()),
			 PM_NOT_FOUND);
	assert_int_equal(hsm_sign(f->hsm, &none, HSM_ED25519, job.data, signature, soon()),
			 PM_NOT_FOUND);
	assert_int_equal(hsm_sign(f->hsm, &pair, HSM_ECDSA_P256, bytes_of(digest, sizeof(digest)),
				  signature, soon()),
			 PM_NOT_FOUND);
}

#define THREADS 6
#define ROUNDS 200

struct worker {
	pthread_t thread;
	struct hsm *hsm;
	const struct hsm_object *pair, *secret;
	const uint8_t *mac; /* of "data" */
	uint8_t number;
	int wrong;
};

static void *sign_and_hmac(void *arg)
{
	struct worker *worker = arg;

	for (int i = 0; i < ROUNDS; i++) {
		const uint8_t data[2] = { worker->number, (uint8_t)i };
		struct hsm_job job = { .key = worker->secret->id, .data = bytes_str("data") };
		uint8_t signature[HSM_SIGNATURE_LEN];

		if (hsm_sign(worker->hsm, &worker->pair->id, HSM_ED25519,
			     bytes_of(data, sizeof(data)), signature, soon()) != PM_OK ||
		    !is_signed(worker->pair, bytes_of(data, sizeof(data)), signature))
			worker->wrong++;
		if (hsm_hmac(worker->hsm, &job, 1, soon()) != PM_OK || job.err != PM_OK ||
		    memcmp(job.mac, worker->mac, HSM_MAC_LEN) != 0)
			worker->wrong++;
	}
	return NULL;
}

static void threads_that_sign_and_hmac_at_once_each_get_their_own(void **state)
{
	struct fixture *f = *state;
	struct worker workers[THREADS];
	struct hsm_object pair, secret;
	struct hsm_job job = { .key = { { 2 } }, .data = bytes_str("data") };

	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_OK);
	assert_int_equal(hsm_generate_pair(f->hsm, &(struct hsm_id){ { 1 } }, "peppermint/live/a",
					   &pair, soon()),
			 PM_OK);
	assert_int_equal(hsm_generate(f->hsm, &job.key, "peppermint/live/b", &secret, soon()),
			 PM_OK);
	assert_int_equal(hsm_hmac(f->hsm, &job, 1, soon()), PM_OK);
	for (uint8_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){
			.hsm = f->hsm, .pair = &pair, .secret = &secret, .mac = job.mac, .number = i
		};
		assert_int_equal(
			pthread_create(&workers[i].thread, NULL, sign_and_hmac, &workers[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].wrong, 0);
	}
}

static void a_wrong_token_or_module_is_a_mistake_in_the_config(void **state)
{
	struct fixture *f = *state;

	f->config.token_uri = "pkcs11:token=no-such-token";
	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_CONFIG);
	f->config.token_uri = f->token.uri;
	f->config.module = "/nonexistent.so";
	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_CONFIG);
	assert_null(f->hsm);
}

#define SIGNER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIGNER_TEST(keys_made_in_the_token_survive_a_killed_signer),
		SIGNER_TEST(the_signer_outlives_the_thread_that_opened_it),
		SIGNER_TEST(an_unknown_key_is_not_found_and_random_bytes_come),
		SIGNER_TEST(a_long_batch_is_computed_in_full),
		SIGNER_TEST(a_pair_signs_also_after_its_signer_was_killed),
		SIGNER_TEST(keys_of_one_kind_are_not_found_as_another),
		SIGNER_TEST(threads_that_sign_and_hmac_at_once_each_get_their_own),
		SIGNER_TEST(a_wrong_token_or_module_is_a_mistake_in_the_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
