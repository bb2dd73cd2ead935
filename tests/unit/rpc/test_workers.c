#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "workers.h"

enum { JOBS = 8 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool held;
static struct job jobs[JOBS];
static enum pm_err results[JOBS];
static int entered, runs[JOBS];

static void run(struct job *job, enum pm_err err)
{
	size_t which = (size_t)(job - jobs);

	pthread_mutex_lock(&lock);
	if (err == PM_OK) {
		entered++;
		pthread_cond_broadcast(&changed);
		while (held)
			pthread_cond_wait(&changed, &lock);
	}
	results[which] = err;
	runs[which]++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void hold(bool hold_them)
{
	pthread_mutex_lock(&lock);
	held = hold_them;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void await_entered(int count)
{
	pthread_mutex_lock(&lock);
	while (entered < count)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void await_run(size_t which)
{
	pthread_mutex_lock(&lock);
	while (runs[which] == 0)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void jobs_run_once_each_and_in_time(void **state)
{
	struct workers *workers = NULL;

	(void)state;
	assert_int_equal(workers_new(3, JOBS, run, &workers), PM_OK);
	for (size_t i = 0; i < JOBS; i++)
		assert_int_equal(workers_submit(workers, &jobs[i]), PM_OK);
	for (size_t i = 0; i < JOBS; i++)
		await_run(i);
	workers_free(workers);
	for (size_t i = 0; i < JOBS; i++) {
		assert_int_equal(runs[i], 1);
		assert_int_equal(results[i], PM_OK);
	}
}

static void a_full_queue_is_busy(void **state)
{
	struct workers *workers = NULL;

	(void)state;
	assert_int_equal(workers_new(1, 2, run, &workers), PM_OK);
	hold(true);
	assert_int_equal(workers_submit(workers, &jobs[0]), PM_OK);
	await_entered(1);
	assert_int_equal(workers_submit(workers, &jobs[1]), PM_OK);
	assert_int_equal(workers_submit(workers, &jobs[2]), PM_OK);
	assert_int_equal(workers_submit(workers, &jobs[3]), PM_BUSY);
	hold(false);
	await_run(2);
	workers_free(workers);
	assert_int_equal(runs[3], 0);
}

static void a_job_whose_deadline_has_passed_is_not_begun(void **state)
{
	struct workers *workers = NULL;

	(void)state;
	assert_int_equal(workers_new(1, JOBS, run, &workers), PM_OK);
	jobs[0].deadline = clock_now() - 1;
	assert_int_equal(workers_submit(workers, &jobs[0]), PM_OK);
	await_run(0);
	workers_free(workers);
	assert_int_equal(results[0], PM_DEADLINE_EXCEEDED);
}

static void expired_jobs_end_while_no_worker_is_free_and_others_keep_their_order(void **state)
{
	struct workers *workers = NULL;
	int64_t now = clock_now();

	(void)state;
	assert_int_equal(workers_new(1, JOBS, run, &workers), PM_OK);
	hold(true);
	assert_int_equal(workers_submit(workers, &jobs[0]), PM_OK);
	await_entered(1);
	jobs[2].deadline = jobs[4].deadline = now;
	for (size_t i = 1; i <= 4; i++)
		assert_int_equal(workers_submit(workers, &jobs[i]), PM_OK);
	workers_expire(workers, now);
	assert_int_equal(results[2], PM_DEADLINE_EXCEEDED);
	assert_int_equal(results[4], PM_DEADLINE_EXCEEDED);
	assert_int_equal(runs[1] + runs[3], 0);
	assert_int_equal(workers_submit(workers, &jobs[5]), PM_OK); /* the list is still whole */
	hold(false);
	await_run(5);
	workers_free(workers);
	for (size_t i = 0; i <= 5; i++)
		assert_int_equal(runs[i], 1);
	assert_int_equal(results[1], PM_OK);
	assert_int_equal(results[3], PM_OK);
	assert_int_equal(results[5], PM_OK);
}

static void *stop(void *workers)
{
	workers_stop(workers);
	return NULL;
}

static void stopping_waits_for_what_runs_and_does_not_begin_what_waits(void **state)
{
	struct workers *workers = NULL;
	pthread_t thread;

	(void)state;
	assert_int_equal(workers_new(1, 1, run, &workers), PM_OK);
	hold(true);
	assert_int_equal(workers_submit(workers, &jobs[0]), PM_OK);
	await_entered(1);
	assert_int_equal(workers_submit(workers, &jobs[1]), PM_OK);
	assert_int_equal(pthread_create(&thread, NULL, stop, workers), 0);
	enum pm_err err = PM_BUSY;
	while (err == PM_BUSY) /* until the other thread is there */
		err = workers_submit(workers, &jobs[2]);
	assert_int_equal(err, PM_SHUTTING_DOWN);
	hold(false);
	pthread_join(thread, NULL);
	assert_int_equal(results[0], PM_OK);
	assert_int_equal(results[1], PM_SHUTTING_DOWN);
	assert_int_equal(entered, 1);
	workers_free(workers);
}

static int reset(void **state)
{
	(void)state;
	held = false;
	entered = 0;
	for (size_t i = 0; i < JOBS; i++) {
		jobs[i] = (struct job){ .deadline = deadline_in_ms(3600 * 1000) };
		results[i] = PM_INTERNAL;
		runs[i] = 0;
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(jobs_run_once_each_and_in_time, reset),
		cmocka_unit_test_setup(a_full_queue_is_busy, reset),
		cmocka_unit_test_setup(a_job_whose_deadline_has_passed_is_not_begun, reset),
		cmocka_unit_test_setup(
			expired_jobs_end_while_no_worker_is_free_and_others_keep_their_order,
			reset),
		cmocka_unit_test_setup(stopping_waits_for_what_runs_and_does_not_begin_what_waits,
				       reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
