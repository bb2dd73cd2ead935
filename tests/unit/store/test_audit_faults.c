#include "audit_fixture.h"

#include <stdio.h>
#include <string.h>

#include "fault_vfs.h"

enum { BASE = 1000000, SWEEP_MAX = 2000 };

/* What the change is of, and the log's size before it. */
struct step {
	struct fixture *f;
	unsigned number;
	struct tlog_tree before;
	uint32_t log_before;
};

static struct step step_begin(struct fixture *f, unsigned number)
{
	struct step step = { .f = f, .number = number };

	assert_int_equal(store_get_tree(f->store, &step.log_before, &step.before), PM_OK);
	return step;
}

/* The key, its request id and the leaf are there together or not at all, and so is the tree. */
static void assert_audited(const struct step *step, struct fixture *f, enum pm_err err)
{
	struct key_record key;
	struct executed_record executed;
	struct reading reading = { 0 };
	struct tlog_tree tree = get_tree(f);
	enum pm_err want = err == PM_OK ? PM_OK : PM_NOT_FOUND;
	char id[32];

	assert_int_equal(get_key(f, step->number, &key), want);
	assert_int_equal(get_executed(f, step->number, &executed), want);
	assert_int_equal(tree.size, step->before.size + (err == PM_OK));
	if (err != PM_OK)
		assert_true(same_tree(&tree, &step->before));
	assert_int_equal(read_leaves(f, step->log_before, step->before.size, 9, &reading), PM_OK);
	assert_int_equal(reading.found, err == PM_OK);
	snprintf(id, sizeof(id), "%016u", step->number);
	if (err == PM_OK)
		assert_non_null(strstr(reading.last, id));
	assert_tree_is_of_rows(f);
}

/* The writer does things of its own right after a start; the second commit comes after them. */
static void settle_down(struct fixture *f)
{
	assert_int_equal(commit_audited(f, 1, NULL), PM_OK);
	assert_int_equal(commit_audited(f, 2, NULL), PM_OK);
}

/* So that the next leaf completes a node of the row above. */
static void fill_row(struct fixture *f)
{
	commit_leaves(f, get_tree(f).size / TLOG_ROW * TLOG_ROW + TLOG_ROW - 1);
}

static enum pm_err commit_under_fault(struct step *step, void (*arm)(int), int nth, bool *fired)
{
	arm(nth);
	enum pm_err err = commit_audited(step->f, step->number, NULL);
	*fired = fault_vfs_fired();
	fault_vfs_disarm();
	return err;
}

static void sweep_commits(struct fixture *f, void (*arm)(int))
{
	int nth = 0, failed = 0;

	settle_down(f);
	for (bool fired = true; fired && nth < SWEEP_MAX; nth++) {
		fill_row(f);
		struct step step = step_begin(f, BASE + (unsigned)nth);
		enum pm_err err = commit_under_fault(&step, arm, nth, &fired);
		assert_true(err == PM_OK || err == PM_STORE_UNAVAILABLE);
		assert_audited(&step, f, err);
		fixture_reopen(f);
		assert_audited(&step, f, err);
		assert_int_equal(commit_audited(f, 2 * BASE + 2 * (unsigned)nth, NULL), PM_OK);
		assert_int_equal(commit_audited(f, 2 * BASE + 2 * (unsigned)nth + 1, NULL), PM_OK);
		assert_tree_is_of_rows(f);
		failed += err != PM_OK;
	}
	assert_true(failed > 5 && nth < SWEEP_MAX);
	fixture_close(f);
	assert_integrity(f->dir);
}

static void a_change_and_its_leaf_survive_every_io_error(void **state)
{
	sweep_commits(*state, fault_vfs_arm);
}

static void a_change_and_its_leaf_survive_a_disk_that_is_full_at_any_write(void **state)
{
	sweep_commits(*state, fault_vfs_arm_full);
}

static void assert_after_crash(const struct step *step, enum pm_err err)
{
	void *crashed = NULL;

	fixture_setup_unopened(&crashed);
	struct fixture *copy = crashed;
	copy_as_crashed(step->f->dir, copy->dir);
	fixture_open(copy);
	assert_audited(step, copy, err);
	fixture_teardown(&crashed);
}

/*
 * The disk fails for good, so a commit may be left in the WAL that cannot be overwritten. The tree
 * is then the one without it: the next commit takes its place.
 */
static void the_next_leaf_takes_the_place_of_one_whose_outcome_is_unknown(void **state)
{
	struct fixture *f = *state;
	int nth = 0, unknown = 0;

	settle_down(f);
	for (bool fired = true; fired && nth < SWEEP_MAX; nth++) {
		fill_row(f);
		struct step step = step_begin(f, BASE + (unsigned)nth);
		enum pm_err err = commit_under_fault(&step, fault_vfs_arm_from, nth, &fired);
		assert_audited(&step, f, err);
		if (err == PM_OUTCOME_UNKNOWN)
			unknown++;
		else
			assert_after_crash(&step, err);
		struct step next = step_begin(f, 2 * BASE + (unsigned)nth);
		assert_int_equal(commit_audited(f, next.number, NULL), PM_OK);
		assert_audited(&next, f, PM_OK);
		assert_after_crash(&next, PM_OK);
	}
	assert_true(unknown > 0 && nth < SWEEP_MAX);
}

/* What a commit that may have been left in the WAL becomes, if the crash comes at once. */
static void a_leaf_that_comes_back_after_a_crash_comes_with_its_change(void **state)
{
	struct fixture *f = *state;
	int nth = 0, back = 0;

	settle_down(f);
	for (bool fired = true; fired && nth < SWEEP_MAX; nth++) {
		struct step step = step_begin(f, BASE + (unsigned)nth);
		struct key_record key;
		void *crashed = NULL;
		commit_under_fault(&step, fault_vfs_arm_from, nth, &fired);
		fixture_setup_unopened(&crashed);
		struct fixture *copy = crashed;
		copy_as_crashed(f->dir, copy->dir);
		fixture_open(copy);
		enum pm_err found = get_key(copy, step.number, &key);
		assert_audited(&step, copy, found);
		back += found == PM_OK;
		fixture_teardown(&crashed);
		assert_int_equal(commit_audited(f, 2 * BASE + (unsigned)nth, NULL), PM_OK);
	}
	assert_true(back > 0 && nth < SWEEP_MAX);
}

/* The open log's number and its row agree with the tree, whichever log is open. */
static void assert_opened(struct fixture *f, uint32_t log, const struct tlog_tree *before,
			  enum pm_err err)
{
	struct log_record record;
	struct tlog_tree tree = get_tree(f);
	uint64_t old_size = 0;

	assert_int_equal(store_get_log(f->store, 0, &record), PM_OK);
	assert_int_equal(record.log, err == PM_OK ? log : log - 1);
	assert_int_equal(record.state, LOG_OPEN);
	assert_int_equal(store_log_size(f->store, log - 1, &old_size), PM_OK);
	assert_int_equal(old_size, before->size + (err == PM_OK));
	assert_int_equal(tree.size, err == PM_OK ? 1 : before->size);
	assert_tree_is_of_rows(f);
}

static void opening_a_log_survives_every_io_error(void **state)
{
	struct fixture *f = *state;
	uint32_t log = 2;
	int nth = 0, failed = 0;

	settle_down(f);
	for (bool fired = true; fired && log < STORE_LOGS_MAX; nth++) {
		fill_row(f);
		struct tlog_tree before = get_tree(f);
		fault_vfs_arm(nth);
		enum pm_err err = commit_log(f, log);
		fired = fault_vfs_fired();
		fault_vfs_disarm();
		assert_true(err == PM_OK || err == PM_STORE_UNAVAILABLE);
		assert_opened(f, log, &before, err);
		fixture_reopen(f);
		assert_opened(f, log, &before, err);
		log += err == PM_OK;
		failed += err != PM_OK;
		assert_int_equal(commit_leaf(f, 1, NULL), PM_OK);
		assert_int_equal(commit_leaf(f, 2, NULL), PM_OK);
	}
	assert_true(failed > 5 && log < STORE_LOGS_MAX);
}

static void assert_pruned(struct fixture *f, uint64_t minimum)
{
	struct log_record log;
	struct checkpoint_record checkpoint;
	struct reading reading = { 0 };
	uint64_t size = get_tree(f).size;
	enum pm_err err = store_get_checkpoint(f->store, 1, STORE_NEWEST, &checkpoint);

	assert_int_equal(err, minimum > 0 ? PM_OK : PM_NOT_FOUND);
	if (minimum > 0)
		assert_int_equal(checkpoint.size, minimum + 1);
	assert_int_equal(store_get_log(f->store, 1, &log), PM_OK);
	assert_int_equal(log.minimum, minimum);
	assert_int_equal(read_leaves(f, 1, minimum, SIZE_MAX, &reading), PM_OK);
	assert_int_equal(reading.found, size - minimum);
}

/* A checkpoint is put and the log is pruned up to it, in one commit. */
static void pruning_survives_every_io_error(void **state)
{
	struct fixture *f = *state;
	struct log_record log;
	uint64_t minimum = 0;
	int nth = 0;

	for (bool fired = true; fired && nth < SWEEP_MAX; nth++) {
		commit_leaves(f, minimum + 2 * TLOG_ROW);
		assert_int_equal(commit_leaf(f, 1, NULL), PM_OK);
		struct checkpoint_record checkpoint =
			make_checkpoint(f, minimum + TLOG_ROW + 1, "a note");
		assert_int_equal(store_get_log(f->store, 1, &log), PM_OK);
		log.minimum = minimum + TLOG_ROW;
		log.revision++;
		struct store_change changes[] = { put_checkpoint(&checkpoint), update_log(&log) };
		fault_vfs_arm(nth);
		enum pm_err err = store_commit(f->store, changes, 2, later());
		fired = fault_vfs_fired();
		fault_vfs_disarm();
		assert_true(err == PM_OK || err == PM_STORE_UNAVAILABLE);
		minimum += err == PM_OK ? TLOG_ROW : 0;
		assert_pruned(f, minimum);
		fixture_reopen(f);
		assert_pruned(f, minimum);
		assert_int_equal(commit_leaf(f, 2, NULL), PM_OK);
	}
	assert_true(nth > 5 && nth < SWEEP_MAX);
	fixture_close(f);
	assert_integrity(f->dir);
}

/* A disk that does not answer at the start must not pass for a log that is damaged. */
static void opening_with_a_log_survives_every_io_error(void **state)
{
	struct fixture *f = *state;
	int nth = 0, failed = 0;

	commit_leaves(f, 700);
	assert_int_equal(commit_checkpoint(f, 600, "a note"), PM_OK);
	struct tlog_tree before = get_tree(f);
	fixture_close(f);
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
		struct tlog_tree after = get_tree(f);
		assert_true(same_tree(&before, &after));
		fixture_close(f);
	}
	assert_true(failed > 0 && nth < SWEEP_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_log, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_change_and_its_leaf_survive_every_io_error),
		TEST(a_change_and_its_leaf_survive_a_disk_that_is_full_at_any_write),
		TEST(the_next_leaf_takes_the_place_of_one_whose_outcome_is_unknown),
		TEST(a_leaf_that_comes_back_after_a_crash_comes_with_its_change),
		TEST(opening_a_log_survives_every_io_error),
		TEST(pruning_survives_every_io_error),
		TEST(opening_with_a_log_survives_every_io_error),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
