#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "fault_vfs.h"

/* A store_commit on a thread of its own, so that several can wait at once. */
struct call {
	pthread_t thread;
	struct fixture *f;
	struct store_change changes[STORE_CHANGES_MAX];
	size_t count;
	enum pm_err err;
};

static void *call_main(void *arg)
{
	struct call *call = arg;

	do /* a probe of wait_until_full may hold the last place for a moment */
		call->err = store_commit(call->f->store, call->changes, call->count, later());
	while (call->err == PM_BUSY);
	return NULL;
}

static void call_start(struct fixture *f, struct call *call)
{
	call->f = f;
	assert_int_equal(pthread_create(&call->thread, NULL, call_main, call), 0);
}

static enum pm_err call_join(struct call *call)
{
	pthread_join(call->thread, NULL);
	return call->err;
}

static void call_start_insert(struct fixture *f, struct call *call, const struct key_record *key)
{
	call->changes[0] = insert_key(key);
	call->count = 1;
	call_start(f, call);
}

/* The writer waits at the disk with `first` in its hands; whatever comes now stays queued. */
static void occupy_writer(struct fixture *f, struct call *first, const struct key_record *key)
{
	fault_vfs_hold();
	call_start_insert(f, first, key);
	fault_vfs_wait_held();
}

static void wait_until_full(struct fixture *f)
{
	struct key_record key = make_key(999);
	struct store_change change = insert_key(&key);
	enum pm_err err = PM_OK;

	do {
		err = store_commit(f->store, &change, 1, deadline_in_ms(1));
		assert_true(err == PM_BUSY || err == PM_DEADLINE_EXCEEDED);
	} while (err != PM_BUSY);
}

static int setup_with_queue_of_three(void **state)
{
	fixture_setup_unopened(state);
	struct fixture *f = *state;
	f->config.queue = 3;
	fixture_open(f);
	return 0;
}

static void a_refused_commit_leaves_its_neighbours_in_the_same_transaction_alone(void **state)
{
	struct fixture *f = *state;
	struct key_record first = make_key(1), left = make_key(2), right = make_key(3), out;
	struct key_record new_key = make_key(4), missing = make_key(5);
	struct call calls[4] = { 0 };

	occupy_writer(f, &calls[0], &first);
	call_start_insert(f, &calls[1], &left);
	calls[2].changes[0] = insert_key(&new_key);
	calls[2].changes[1] = update_key(&missing);
	calls[2].count = 2;
	call_start(f, &calls[2]);
	call_start_insert(f, &calls[3], &right);
	wait_until_full(f);
	fault_vfs_release();

	assert_int_equal(call_join(&calls[0]), PM_OK);
	assert_int_equal(call_join(&calls[1]), PM_OK);
	assert_int_equal(call_join(&calls[2]), PM_CONFLICT);
	assert_int_equal(call_join(&calls[3]), PM_OK);
	fixture_reopen(f);
	assert_int_equal(get_key(f, 1, &out), PM_OK);
	assert_int_equal(get_key(f, 2, &out), PM_OK);
	assert_int_equal(get_key(f, 3, &out), PM_OK);
	assert_int_equal(get_key(f, 4, &out), PM_NOT_FOUND);
	assert_int_equal(get_key(f, 999, &out), PM_NOT_FOUND);
}

static void of_commits_that_want_the_same_key_one_gets_it(void **state)
{
	struct fixture *f = *state;
	struct key_record first = make_key(1), wanted = make_key(2);
	struct call calls[4] = { 0 };
	int done = 0, refused = 0;

	occupy_writer(f, &calls[0], &first);
	for (int i = 1; i < 4; i++)
		call_start_insert(f, &calls[i], &wanted);
	wait_until_full(f);
	fault_vfs_release();
	assert_int_equal(call_join(&calls[0]), PM_OK);
	for (int i = 1; i < 4; i++) {
		enum pm_err err = call_join(&calls[i]);
		done += err == PM_OK;
		refused += err == PM_ALREADY_EXISTS;
	}
	assert_int_equal(done, 1);
	assert_int_equal(refused, 2);
}

static void a_commit_still_queued_at_its_deadline_is_not_done(void **state)
{
	struct fixture *f = *state;
	struct key_record first = make_key(1), late = make_key(2), out;
	struct store_change change = insert_key(&late);
	struct call call = { 0 };

	occupy_writer(f, &call, &first);
	assert_int_equal(store_commit(f->store, &change, 1, deadline_in_ms(5)),
			 PM_DEADLINE_EXCEEDED);
	assert_int_equal(store_commit(f->store, &change, 1, clock_now()), PM_DEADLINE_EXCEEDED);
	fault_vfs_release();
	assert_int_equal(call_join(&call), PM_OK);
	fixture_reopen(f);
	assert_int_equal(get_key(f, 1, &out), PM_OK);
	assert_int_equal(get_key(f, 2, &out), PM_NOT_FOUND);
}

static void a_commit_that_was_begun_is_answered_after_its_deadline(void **state)
{
	struct fixture *f = *state;
	struct key_record key = make_key(1), out;
	struct call call = { 0 };
	int64_t soon = deadline_in_ms(20);

	fault_vfs_hold();
	call.changes[0] = insert_key(&key);
	call.count = 1;
	call_start(f, &call);
	fault_vfs_wait_held();
	while (clock_now() < soon)
		;
	assert_int_equal(get_key(f, 1, &out), PM_NOT_FOUND); /* readers do not wait, nor see it */
	fault_vfs_release();
	assert_int_equal(call_join(&call), PM_OK);
	assert_int_equal(get_key(f, 1, &out), PM_OK);
}

static void what_was_committed_is_there_after_each_reopening(void **state)
{
	struct fixture *f = *state;
	struct key_record out[8];
	size_t count = 0;
	uint64_t total = 0;

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(commit_key(f, i), PM_OK);
		fixture_reopen(f);
	}
	assert_int_equal(store_scan_keys(f->store, "live", "", out, 8, &count), PM_OK);
	assert_int_equal(store_count_keys(f->store, "live", &total), PM_OK);
	assert_int_equal(count, 3);
	assert_int_equal(total, 3);
}

enum { THREADS = 8, PER_THREAD = 100 };

struct worker {
	pthread_t thread;
	struct fixture *f;
	unsigned base;
	unsigned failures;
};

/* Each mints its own keys and reads them back, and all count up one shared key by compare-and-set.
 */
static void count_up(struct worker *worker)
{
	struct key_record shared;
	enum pm_err err = PM_CONFLICT;

	while (err == PM_CONFLICT) {
		if (get_key(worker->f, 0, &shared) != PM_OK)
			break;
		shared.revision++;
		shared.expires_at++;
		err = commit_one(worker->f, update_key(&shared));
	}
	worker->failures += err != PM_OK;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;

	for (unsigned i = 0; i < PER_THREAD; i++) {
		unsigned number = worker->base + i;
		struct key_record want = make_key(number), have;
		worker->failures += commit_key(worker->f, number) != PM_OK;
		worker->failures += get_key(worker->f, number, &have) != PM_OK ||
				    memcmp(have.seal.mac, want.seal.mac, STORE_MAC_LEN) != 0;
		if (i % 10 == 0)
			count_up(worker);
	}
	return NULL;
}

static void what_eight_threads_committed_is_all_there_after_reopening(void **state)
{
	struct fixture *f = *state;
	struct worker workers[THREADS] = { 0 };
	struct key_record out;

	assert_int_equal(commit_key(f, 0), PM_OK);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].f = f;
		workers[i].base = 1 + i * PER_THREAD;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]),
				 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].failures, 0);
	}
	fixture_reopen(f);
	for (unsigned number = 1; number <= THREADS * PER_THREAD; number++) {
		struct executed_record executed;
		struct key_record want = make_key(number);
		assert_int_equal(get_key(f, number, &out), PM_OK);
		assert_same_key(&out, &want);
		assert_int_equal(get_executed(f, number, &executed), PM_OK);
	}
	assert_int_equal(get_key(f, 0, &out), PM_OK);
	assert_int_equal(out.revision, 1 + THREADS * PER_THREAD / 10); /* no update was lost */
	assert_int_equal(out.expires_at, THREADS * PER_THREAD / 10);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define TEST_OF_THREE(name)                                                                        \
	cmocka_unit_test_setup_teardown(name, setup_with_queue_of_three, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST_OF_THREE(a_refused_commit_leaves_its_neighbours_in_the_same_transaction_alone),
		TEST_OF_THREE(of_commits_that_want_the_same_key_one_gets_it),
		TEST(a_commit_still_queued_at_its_deadline_is_not_done),
		TEST(a_commit_that_was_begun_is_answered_after_its_deadline),
		TEST(what_was_committed_is_there_after_each_reopening),
		TEST(what_eight_threads_committed_is_all_there_after_reopening),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
