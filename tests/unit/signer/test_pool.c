/*
 * The pool over a module made up of two functions, of which the session's number says who calls. A
 * job's MAC is its key and its data.
 */
#include "pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define WORKERS 4
#define JOBS 500

static struct {
	CK_ULONG keys[WORKERS + 1]; /* of the operation that a session has under way; 0: none */
	atomic_int calls[WORKERS + 1];
	atomic_int mixed; /* uses of a session that was in use, or had nothing under way */
	pthread_barrier_t *together;
	CK_SESSION_HANDLE stuck; /* has an operation that nobody knows of; 0: none */
	CK_ULONG bad_key;        /* C_Sign with it answers this */
	CK_RV bad_rv;
	atomic_int bad_times;
} module;

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	(void)mechanism;
	if (session == module.stuck)
		return CKR_OPERATION_ACTIVE;
	if (module.keys[session] != 0)
		module.mixed++;
	module.keys[session] = key;
	return CKR_OK;
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *mac,
		  CK_ULONG *len)
{
	const CK_ULONG key = module.keys[session];

	if (key == 0)
		module.mixed++;
	module.calls[session]++;
	if (module.together)
		pthread_barrier_wait(module.together);
	if (key == module.bad_key && module.bad_times-- > 0)
		return module.bad_rv; /* and the operation stays active */
	memset(mac, 0, *len);
	memcpy(mac, &key, sizeof(key));
	memcpy(mac + sizeof(key), data, data_len);
	module.keys[session] = 0;
	return CKR_OK;
}

static CK_FUNCTION_LIST functions = { .C_SignInit = sign_init, .C_Sign = sign };

/* One pool for all tests: its threads stay. */
static struct token token = { .p11 = &functions };
static struct pool pool;
static struct job jobs[JOBS];
static uint8_t macs[JOBS][SIGN_MAC_LEN];
static uint32_t data[JOBS];

static int make_pool(void **state)
{
	(void)state;
	for (size_t i = 0; i < WORKERS; i++)
		token.work[i] = i + 1;
	token.workers = WORKERS;
	pool_start(&pool, &token);
	return token.workers == WORKERS ? 0 : -1;
}

static int make_jobs(void **state)
{
	(void)state;
	memset(&module, 0, sizeof(module));
	memset(token.suspect, 0, sizeof(token.suspect));
	memset(macs, 0, sizeof(macs));
	token.workers = WORKERS;
	for (uint32_t i = 0; i < JOBS; i++) {
		data[i] = i;
		jobs[i] = (struct job){
			.data = bytes_of(&data[i], sizeof(data[i])),
			.key = 100 + i % 7,
			.mac = macs[i],
		};
	}
	return 0;
}

static void assert_right(const struct job *job)
{
	assert_int_equal(job->state, JOB_DONE);
	assert_memory_equal(job->mac, &job->key, sizeof(job->key));
	assert_memory_equal(job->mac + sizeof(job->key), job->data.data, job->data.len);
}

static void all_sessions_compute_at_the_same_time(void **state)
{
	pthread_barrier_t together; /* that lets nobody go on before all are there */
	struct failure failure;
	(void)state;

	pthread_barrier_init(&together, NULL, WORKERS);
	module.together = &together;
	assert_int_equal(pool_run(&pool, jobs, WORKERS, &failure), PM_OK);
	for (size_t i = 0; i < WORKERS; i++) {
		assert_right(&jobs[i]);
		assert_int_equal(module.calls[i + 1], 1);
	}
	pthread_barrier_destroy(&together);
}

static void every_job_gets_its_own_mac(void **state)
{
	struct failure failure;

	for (int round = 0; round < 50; round++) {
		make_jobs(state);
		assert_int_equal(pool_run(&pool, jobs, JOBS, &failure), PM_OK);
		for (size_t i = 0; i < JOBS; i++)
			assert_right(&jobs[i]);
		assert_int_equal(module.mixed, 0);
	}
}

static void one_job_is_computed_by_the_main_thread(void **state)
{
	struct failure failure;
	(void)state;

	assert_int_equal(pool_run(&pool, jobs, 1, &failure), PM_OK);
	assert_right(&jobs[0]);
	assert_int_equal(module.calls[1], 1);
}

static void sessions_that_were_taken_away_compute_no_more(void **state)
{
	struct failure failure;
	(void)state;

	token.workers = 2;
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < JOBS; i++)
			jobs[i].state = JOB_OPEN;
		assert_int_equal(pool_run(&pool, jobs, JOBS, &failure), PM_OK);
	}
	assert_int_equal(module.calls[3] + module.calls[4], 0);
	assert_int_equal(module.calls[1] + module.calls[2], 20 * JOBS);
}

static size_t count(enum job_state wanted)
{
	size_t found = 0;

	for (size_t i = 0; i < JOBS; i++) {
		if (jobs[i].state == wanted)
			found++;
		if (jobs[i].state == JOB_DONE)
			assert_right(&jobs[i]);
	}
	return found;
}

static size_t suspects(void)
{
	size_t found = 0;

	for (size_t i = 0; i < WORKERS; i++)
		found += token.suspect[i];
	return found;
}

static void a_refused_job_is_refused_alone_and_its_session_rests(void **state)
{
	struct failure failure;
	(void)state;

	jobs[20].key = module.bad_key = 999;
	module.bad_rv = CKR_DATA_LEN_RANGE;
	module.bad_times = 1;
	assert_int_equal(pool_run(&pool, jobs, JOBS, &failure), PM_OK);
	assert_int_equal(jobs[20].state, JOB_REFUSED);
	assert_int_equal(count(JOB_REFUSED), 1);
	assert_int_equal(count(JOB_DONE) + count(JOB_OPEN), JOBS - 1);
	assert_int_equal(suspects(), 1);
	assert_int_equal(module.mixed, 0);
}

static void a_failure_of_a_session_leaves_its_job_open(void **state)
{
	struct failure failure;
	(void)state;

	jobs[20].key = module.bad_key = 999;
	module.bad_rv = CKR_SESSION_CLOSED;
	module.bad_times = 1;
	assert_int_equal(pool_run(&pool, jobs, JOBS, &failure), PM_HSM_UNAVAILABLE);
	assert_int_equal(failure.rv, CKR_SESSION_CLOSED);
	assert_int_equal(jobs[20].state, JOB_OPEN);
	assert_int_equal(count(JOB_REFUSED), 0);
	assert_int_equal(suspects(), 1);
	/* The session is a new one: what is open is computed, and nothing else. */
	for (size_t i = 0; i < WORKERS; i++) {
		token.suspect[i] = false;
		module.keys[i + 1] = 0;
	}
	assert_int_equal(pool_run(&pool, jobs, JOBS, &failure), PM_OK);
	assert_int_equal(count(JOB_DONE), JOBS);
	assert_int_equal(module.mixed, 0);
	assert_int_equal(module.calls[1] + module.calls[2] + module.calls[3] + module.calls[4],
			 JOBS + 1);
}

/* So that it is replaced, whichever it is, and not only the first. */
static void a_session_that_cannot_begin_is_suspect(void **state)
{
	struct failure failure;
	(void)state;

	do {
		make_jobs(state);
		module.stuck = 3;
	} while (pool_run(&pool, jobs, JOBS, &failure) == PM_OK); /* until it had a job */
	assert_int_equal(failure.rv, CKR_OPERATION_ACTIVE);
	assert_int_equal(suspects(), 1);
	assert_true(token.suspect[2]);
}

#define TEST(name) cmocka_unit_test_setup(name, make_jobs)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_sessions_compute_at_the_same_time),
		TEST(every_job_gets_its_own_mac),
		TEST(one_job_is_computed_by_the_main_thread),
		TEST(sessions_that_were_taken_away_compute_no_more),
		TEST(a_refused_job_is_refused_alone_and_its_session_rests),
		TEST(a_failure_of_a_session_leaves_its_job_open),
		TEST(a_session_that_cannot_begin_is_suspect),
	};

	return cmocka_run_group_tests(tests, make_pool, NULL);
}
