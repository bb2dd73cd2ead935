#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_vfs.h"
#include "schema.h"

static void assert_outcome(struct fixture *f, unsigned number, enum pm_err err)
{
	struct key_record key;
	struct executed_record executed;
	enum pm_err want = err == PM_OK ? PM_OK : PM_NOT_FOUND;

	assert_int_equal(get_key(f, number, &key), want);
	assert_int_equal(get_executed(f, number, &executed), want);
}

/* The writer does things of its own right after a start; the second commit comes after them. */
static void settle_down(struct fixture *f, unsigned number)
{
	assert_int_equal(commit_key(f, number), PM_OK);
	assert_int_equal(commit_key(f, number + 1), PM_OK);
}

enum { SWEEP_BASE = 1000000, SWEEP_MAX = 2000 };

/* The keys of the n-th round: two under the fault, with a checkpoint between them, and one after.
 */
enum { FIRST, SECOND, AFTER, KEYS_PER_ROUND };

static unsigned key_number(int nth, int which)
{
	return SWEEP_BASE + (unsigned)nth * KEYS_PER_ROUND + (unsigned)which;
}

static bool commit_under_fault(struct fixture *f, int nth, enum pm_err outcomes[])
{
	for (int which = FIRST; which <= SECOND; which++)
		outcomes[which] = commit_key(f, key_number(nth, which));
	bool fired = fault_vfs_fired();
	fault_vfs_disarm();
	outcomes[AFTER] = commit_key(f, key_number(nth, AFTER));
	assert_int_equal(outcomes[AFTER], PM_OK);
	return fired;
}

/*
 * Fails the n-th call during two commits, for every n. `prepare` brings the file into the state to
 * be swept. A commit says what it did, and the store goes on serving. Returns how many calls there
 * were.
 */
static int sweep_commits(struct fixture *f, void (*arm)(int),
			 void (*prepare)(struct fixture *, int))
{
	static enum pm_err outcomes[SWEEP_MAX][KEYS_PER_ROUND];
	int nth = 0, failed = 0;
	bool fired = true;

	settle_down(f, SWEEP_BASE - 2);
	for (; fired && nth < SWEEP_MAX; nth++) {
		prepare(f, nth);
		arm(nth);
		fired = commit_under_fault(f, nth, outcomes[nth]);
		for (int which = FIRST; which <= SECOND; which++) {
			enum pm_err err = outcomes[nth][which];
			assert_true(err == PM_OK || err == PM_STORE_UNAVAILABLE);
			assert_outcome(f, key_number(nth, which), err);
			failed += err != PM_OK;
		}
	}
	assert_false(fired);
	assert_true(failed > 0); /* the sweep really broke something */
	fixture_reopen(f);
	for (int i = 0; i < nth; i++) {
		for (int which = FIRST; which < KEYS_PER_ROUND; which++)
			assert_outcome(f, key_number(i, which), outcomes[i][which]);
	}
	fixture_close(f);
	assert_integrity(f->dir);
	return nth - 1;
}

static void prepare_nothing(struct fixture *f, int nth)
{
	(void)f;
	(void)nth;
}

/* So many small transactions in the WAL that the store's next commit makes it worth moving. */
enum { WAL_PAGES = 8192 };

static void prepare_checkpoint(struct fixture *f, int nth)
{
	sqlite3 *db = raw_open(f->dir);
	sqlite3_stmt *stmt = NULL;
	char sql[64];

	(void)nth;
	raw_exec(db, "PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF");
	snprintf(sql, sizeof(sql), "PRAGMA user_version = %zu", schema_version);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	for (int i = 0; i < WAL_PAGES; i++) {
		assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
		sqlite3_reset(stmt);
	}
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

static void a_commit_survives_every_io_error(void **state)
{
	assert_true(sweep_commits(*state, fault_vfs_arm, prepare_nothing) > 20);
}

static void a_commit_survives_a_disk_that_is_full_at_any_write(void **state)
{
	assert_true(sweep_commits(*state, fault_vfs_arm_full, prepare_nothing) > 20);
}

static void a_commit_survives_every_io_error_of_the_checkpoint_after_it(void **state)
{
	assert_true(sweep_commits(*state, fault_vfs_arm, prepare_checkpoint) > 40);
}

static void opening_survives_every_io_error(void **state)
{
	struct fixture *f = *state;
	int nth = 0, failed = 0;

	for (bool fired = true; fired && nth < SWEEP_MAX; nth++) {
		fault_vfs_arm(nth);
		enum pm_err err = store_open(&f->config, &f->store);
		fired = fault_vfs_fired();
		fault_vfs_disarm();
		failed += err != PM_OK;
		/* A page that the integrity check cannot read is one of its findings. */
		assert_true(err == PM_OK || err == PM_STORE_UNAVAILABLE || err == PM_STORE_DAMAGED);
		if (err != PM_OK)
			fixture_open(f);
		assert_int_equal(commit_key(f, (unsigned)nth), PM_OK);
		for (unsigned i = 0; i <= (unsigned)nth; i++)
			assert_outcome(f, i, PM_OK);
		fixture_close(f);
	}
	assert_true(failed > 0);
	assert_true(nth < SWEEP_MAX);
	assert_integrity(f->dir);
}

/* The first start, over and over: each leaves a directory that the next one can use. */
static void a_first_start_survives_every_io_error(void **state)
{
	bool fired = true;
	int nth = 0;

	(void)state;
	for (; fired && nth < SWEEP_MAX; nth++) {
		void *each = NULL;
		fixture_setup_unopened(&each);
		struct fixture *f = each;
		fault_vfs_arm(nth);
		enum pm_err err = store_open(&f->config, &f->store);
		fired = fault_vfs_fired();
		fault_vfs_disarm();
		assert_true(err == PM_OK || err == PM_STORE_UNAVAILABLE);
		if (err != PM_OK)
			fixture_open(f);
		assert_int_equal(commit_key(f, 1), PM_OK);
		assert_outcome(f, 1, PM_OK);
		fixture_teardown(&each);
	}
	assert_true(nth > 10 && nth < SWEEP_MAX);
}

static void a_disk_that_stays_broken_is_served_again_when_it_is_mended(void **state)
{
	struct fixture *f = *state;
	struct key_record key;

	settle_down(f, 1);
	fault_vfs_arm_from(0);
	for (unsigned i = 10; i < 20; i++) {
		enum pm_err err = commit_key(f, i);
		assert_true(err == PM_STORE_UNAVAILABLE || err == PM_OUTCOME_UNKNOWN);
	}
	fault_vfs_disarm();
	assert_int_equal(commit_key(f, 20), PM_OK);
	assert_int_equal(get_key(f, 1, &key), PM_OK);
	for (unsigned i = 10; i < 20; i++)
		assert_outcome(f, i, PM_NOT_FOUND);
	fixture_reopen(f);
	assert_outcome(f, 20, PM_OK);
	for (unsigned i = 10; i < 20; i++)
		assert_outcome(f, i, PM_NOT_FOUND);
}

static void assert_after_crash(struct fixture *f, unsigned number, enum pm_err err)
{
	void *crashed = NULL;

	fixture_setup_unopened(&crashed);
	struct fixture *copy = crashed;
	copy_as_crashed(f->dir, copy->dir);
	fixture_open(copy);
	assert_outcome(copy, number, err);
	fixture_teardown(&crashed);
}

/* A whole commit is in the WAL when its sync fails: recovery must not find it. */
static void a_commit_that_failed_does_not_come_back_after_a_crash(void **state)
{
	struct fixture *f = *state;
	bool fired = true;
	int nth = 0;

	settle_down(f, 1);
	for (; fired && nth < SWEEP_MAX; nth++) {
		unsigned number = SWEEP_BASE + (unsigned)nth;
		fault_vfs_arm(nth);
		enum pm_err err = commit_key(f, number);
		fired = fault_vfs_fired();
		fault_vfs_disarm();
		assert_after_crash(f, number, err);
	}
	assert_true(nth > 5 && nth < SWEEP_MAX);
}

/* The disk fails for good, so what is in the WAL cannot be overwritten either. */
static void a_commit_that_may_come_back_after_a_crash_says_so(void **state)
{
	struct fixture *f = *state;
	int nth = 0, unknown = 0;

	settle_down(f, 1);
	for (bool fired = true; fired && nth < SWEEP_MAX; nth++) {
		unsigned number = SWEEP_BASE + (unsigned)nth;
		fault_vfs_arm_from(nth);
		enum pm_err err = commit_key(f, number);
		fired = fault_vfs_fired();
		fault_vfs_disarm();
		if (err == PM_OUTCOME_UNKNOWN)
			unknown++;
		else
			assert_after_crash(f, number, err);
		assert_int_equal(commit_key(f, 2 * SWEEP_BASE + (unsigned)nth), PM_OK);
		assert_after_crash(f, number, err); /* now it cannot */
	}
	assert_true(unknown > 0 && nth < SWEEP_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define TEST_UNOPENED(name)                                                                        \
	cmocka_unit_test_setup_teardown(name, fixture_setup_unopened, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_commit_survives_every_io_error),
		TEST(a_commit_survives_a_disk_that_is_full_at_any_write),
		TEST(a_commit_survives_every_io_error_of_the_checkpoint_after_it),
		TEST_UNOPENED(opening_survives_every_io_error),
		cmocka_unit_test(a_first_start_survives_every_io_error),
		TEST(a_disk_that_stays_broken_is_served_again_when_it_is_mended),
		TEST(a_commit_that_failed_does_not_come_back_after_a_crash),
		TEST(a_commit_that_may_come_back_after_a_crash_says_so),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
