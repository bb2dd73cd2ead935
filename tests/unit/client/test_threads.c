/* One handle, many threads. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"

#define THREADS 8
#define ROUNDS 100

struct worker {
	struct peppermint *vault;
	size_t number;
	size_t wrong;
	enum pm_err err;
};

/* Each asks for hashes of its own values: an answer that went to another thread would show. */
static void *hash_own_values(void *arg)
{
	struct worker *worker = arg;

	for (size_t round = 0; round < ROUNDS && worker->err == PM_OK; round++) {
		char data[2] = { (char)worker->number, 0 };
		const struct peppermint_value value = { data, 1 + round % 2 };
		struct peppermint_value_hash hash;
		char expected[16];

		worker->err = peppermint_hash_values(worker->vault, "test", "email", &value, 1,
						     &hash, NULL);
		snprintf(expected, sizeof(expected), "v2:%zu-%02zx", value.len, worker->number);
		worker->wrong += strcmp(hash.text, expected) != 0;
	}
	return NULL;
}

static void run_threads(struct peppermint *vault)
{
	pthread_t threads[THREADS];
	struct worker workers[THREADS] = { 0 };

	for (size_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .vault = vault, .number = i + 1 };
		assert_int_equal(pthread_create(&threads[i], NULL, hash_own_values, &workers[i]),
				 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_ok(workers[i].err);
		assert_int_equal(workers[i].wrong, 0);
	}
}

static void each_of_eight_threads_gets_its_own_answers(void **state)
{
	struct fixture *f = *state;

	run_threads(f->vault);
	assert_int_equal(canned_count(f->canned), THREADS * ROUNDS);
}

static void eight_threads_share_two_connections(void **state)
{
	struct fixture *f = *state;
	struct peppermint *vault = fixture_open(f, PEPPERMINT_TIMEOUT_MS_MAX, 2);

	run_threads(vault);
	assert_int_equal(canned_count(f->canned), THREADS * ROUNDS);
	peppermint_close(vault);
}

static void *ask_in_vain(void *arg)
{
	struct peppermint_status status;
	struct worker *worker = arg;
	struct peppermint_call call = { .timeout_ms = 2000 };

	worker->err = peppermint_get_status(worker->vault, &status, &call);
	return NULL;
}

static void a_call_that_finds_no_free_connection_in_time_is_busy(void **state)
{
	struct fixture *f = *state;
	struct worker holder = { .vault = fixture_open(f, 0, 1) };
	struct peppermint_call call = { .timeout_ms = 20 };
	struct peppermint_status status;
	pthread_t thread;

	canned_behave(f->canned, CANNED_SILENCE);
	assert_int_equal(pthread_create(&thread, NULL, ask_in_vain, &holder), 0);
	while (canned_count(f->canned) == 0)
		sched_yield(); /* until the only connection is in use */
	assert_int_equal(peppermint_get_status(holder.vault, &status, &call), PM_BUSY);
	assert_mentions(call.message, "all 1 connections");
	pthread_join(thread, NULL);
	assert_int_equal(holder.err, PM_DEADLINE_EXCEEDED);
	peppermint_close(holder.vault);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_of_eight_threads_gets_its_own_answers),
		TEST(eight_threads_share_two_connections),
		TEST(a_call_that_finds_no_free_connection_in_time_is_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
