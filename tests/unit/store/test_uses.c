#include "fixture.h"

#include <pthread.h>
#include <string.h>

#include "fault_vfs.h"

static void assert_same_uses(const struct uses_record *have, const struct uses_record *want)
{
	assert_string_equal(have->environment, want->environment);
	assert_string_equal(have->purpose, want->purpose);
	assert_string_equal(have->name, want->name);
	assert_int_equal(have->version, want->version);
	assert_true(have->uses == want->uses);
	assert_true(have->last_at == want->last_at);
}

/* Adds to version 1 and looks what came of it. */
static void add_and_expect(struct fixture *f, uint64_t add, int64_t at, uint64_t uses, int64_t last)
{
	struct uses_record more = make_uses(1, add, at), want = make_uses(1, uses, last), out;
	size_t count = 0;

	assert_int_equal(commit_one(f, add_uses(&more)), PM_OK);
	assert_int_equal(store_list_uses(f->store, "live", &out, 1, &count), PM_OK);
	assert_int_equal(count, 1);
	assert_same_uses(&out, &want);
}

static void uses_add_up_and_the_later_time_stays(void **state)
{
	struct fixture *f = *state;

	add_and_expect(f, 3, 1700000000, 3, 1700000000);
	add_and_expect(f, 0, 0, 3, 1700000000);
	add_and_expect(f, 4, 1600000000, 7, 1700000000);
	add_and_expect(f, 5, 1800000000, 12, 1800000000);
	fixture_reopen(f);
	add_and_expect(f, 1, 1800000001, 13, 1800000001);
}

static void uses_stop_at_the_greatest_number(void **state)
{
	struct fixture *f = *state;
	struct uses_record more = make_uses(1, (uint64_t)INT64_MAX + 1, 0);

	add_and_expect(f, INT64_MAX - 2, INT64_MAX, INT64_MAX - 2, INT64_MAX);
	add_and_expect(f, 2, 1, INT64_MAX, INT64_MAX);
	add_and_expect(f, 1, 1, INT64_MAX, INT64_MAX);
	add_and_expect(f, INT64_MAX, 1, INT64_MAX, INT64_MAX);
	assert_int_equal(commit_one(f, add_uses(&more)), PM_INTERNAL); /* no number of ours */
	add_and_expect(f, 0, 0, INT64_MAX, INT64_MAX);
}

static void every_version_of_every_master_key_has_uses_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct uses_record all[] = { make_uses(1, 10, 1),          make_uses(2, 20, 2),
				     make_uses(UINT32_MAX, 30, 3), make_uses(1, 40, 4),
				     make_uses(1, 50, 5),          make_uses(1, 60, 6) };
	struct uses_record out[5];
	size_t count = 0;

	strcpy(all[3].name, "other");
	strcpy(all[4].purpose, "signing-purpose."); /* as long as can be */
	strcpy(all[5].environment, "test");
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(commit_one(f, add_uses(&all[i])), PM_OK);
	assert_int_equal(store_list_uses(f->store, "live", out, 4, &count), PM_TOO_LARGE);
	assert_int_equal(store_list_uses(f->store, "live", out, 5, &count), PM_OK);
	assert_int_equal(count, 5);
	for (size_t i = 0; i < 5; i++)
		assert_same_uses(&out[i], &all[i]);
	assert_int_equal(store_list_uses(f->store, "test", out, 5, &count), PM_OK);
	assert_int_equal(count, 1);
	assert_int_equal(out[0].uses, 60);
	assert_int_equal(store_list_uses(f->store, "none", out, 0, &count), PM_OK);
	assert_int_equal(count, 0);
}

static void uses_of_a_commit_that_is_refused_are_not_added(void **state)
{
	struct fixture *f = *state;
	struct uses_record more = make_uses(1, 5, 5);
	struct key_record missing = make_key(1);
	struct store_change changes[] = { add_uses(&more), update_key(&missing) };

	assert_int_equal(store_commit(f->store, changes, 2, later()), PM_CONFLICT);
	add_and_expect(f, 1, 1, 1, 1);
}

static void malformed_uses_are_left_out_and_counted_on_from_nothing(void **state)
{
	static const char *const edits[] = {
		"UPDATE master_use SET uses = -5, last_at = 0",
		"UPDATE master_use SET uses = -9223372036854775808, last_at = 0",
		"UPDATE master_use SET uses = 0, last_at = -1",
	};
	struct fixture *f = *state;
	struct uses_record out;
	size_t count = 0;

	add_and_expect(f, 3, 3, 3, 3);
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		raw_edit(f, edits[i]);
		assert_int_equal(store_list_uses(f->store, "live", &out, 1, &count), PM_OK);
		assert_int_equal(count, 0);
		add_and_expect(f, 7, 7, 7, 7);
	}
	raw_edit(f, "UPDATE master_use SET purpose = 'seventeen letters'");
	assert_int_equal(store_list_uses(f->store, "live", &out, 1, &count), PM_OK);
	assert_int_equal(count, 0);
	raw_edit(f, "UPDATE master_use SET purpose = 'pepper', version = -1");
	assert_int_equal(store_list_uses(f->store, "live", &out, 1, &count), PM_OK);
	assert_int_equal(count, 0);
	add_and_expect(f, 1, 1, 1, 1);
}

static void uses_too_large_to_be_loaded_end_the_listing_with_an_error(void **state)
{
	struct fixture *f = *state;
	struct uses_record out[2];
	size_t count = 0;

	add_and_expect(f, 3, 3, 3, 3);
	raw_edit(f, "UPDATE master_use SET name = hex(zeroblob(2000000))");
	assert_int_equal(store_list_uses(f->store, "live", out, 2, &count), PM_STORE_UNAVAILABLE);
}

enum { THREADS = 4, PER_THREAD = 100 };

static void *count_main(void *arg)
{
	static const enum pm_err failed = PM_INTERNAL;

	for (int i = 1; i <= PER_THREAD; i++) {
		struct uses_record more = make_uses(1, (uint64_t)i, i);
		if (commit_one(arg, add_uses(&more)) != PM_OK)
			return (void *)&failed;
	}
	return NULL;
}

static void no_use_is_lost_that_threads_add_at_once(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[THREADS];
	void *failed = NULL;

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_main, f), 0);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	add_and_expect(f, 0, 0, THREADS * PER_THREAD * (PER_THREAD + 1) / 2, PER_THREAD);
}

/* Uses and an environment's next revision in one commit. */
static enum pm_err commit_both(struct fixture *f, const struct environment_record *environment)
{
	struct uses_record more = make_uses(1, 1, 1);
	struct store_change changes[] = {
		add_uses(&more),
		{ .op = STORE_UPDATE_ENVIRONMENT, .environment = environment },
	};

	return store_commit(f->store, changes, 2, later());
}

static void assert_both(struct fixture *f, const struct environment_record *environment)
{
	struct environment_record out;
	struct uses_record uses;
	size_t count = 0;

	assert_int_equal(store_get_environment(f->store, "live", &out), PM_OK);
	assert_same_environment(&out, environment);
	assert_int_equal(store_list_uses(f->store, "live", &uses, 1, &count), PM_OK);
	assert_int_equal(uses.uses, environment->revision);
}

enum { SWEEP_MAX = 2000 };

static void sweep(struct fixture *f, void (*arm)(int))
{
	struct environment_record now = make_environment("live");
	struct store_change insert = { .op = STORE_INSERT_ENVIRONMENT, .environment = &now };
	int nth = 0, failed = 0;

	assert_int_equal(commit_one(f, insert), PM_OK);
	add_and_expect(f, 1, 1, 1, 1);
	for (bool fired = true; fired && nth < SWEEP_MAX; nth++) {
		struct environment_record next = now;
		next.revision++;
		arm(nth);
		enum pm_err err = commit_both(f, &next);
		fired = fault_vfs_fired();
		fault_vfs_disarm();
		assert_true(err == PM_OK || err == PM_STORE_UNAVAILABLE);
		failed += err != PM_OK;
		if (err == PM_OK)
			now = next;
		assert_both(f, &now);
	}
	assert_true(nth < SWEEP_MAX && failed > 3);
	fixture_reopen(f);
	assert_both(f, &now);
}

static void uses_and_environments_survive_every_io_error(void **state)
{
	sweep(*state, fault_vfs_arm);
}

static void uses_and_environments_survive_a_disk_that_is_full_at_any_write(void **state)
{
	sweep(*state, fault_vfs_arm_full);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(uses_add_up_and_the_later_time_stays),
		TEST(uses_stop_at_the_greatest_number),
		TEST(every_version_of_every_master_key_has_uses_of_its_own),
		TEST(uses_of_a_commit_that_is_refused_are_not_added),
		TEST(malformed_uses_are_left_out_and_counted_on_from_nothing),
		TEST(uses_too_large_to_be_loaded_end_the_listing_with_an_error),
		TEST(no_use_is_lost_that_threads_add_at_once),
		TEST(uses_and_environments_survive_every_io_error),
		TEST(uses_and_environments_survive_a_disk_that_is_full_at_any_write),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
