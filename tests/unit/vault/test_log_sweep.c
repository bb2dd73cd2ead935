/*
 * Whichever call to the token or to the disk fails while a checkpoint is made or a log is rotated,
 * and even if the process ends there: the token is never given two roots for one size, and after the
 * next start everything is signed.
 */
#include "log_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "fault.h"
#include "fault_vfs.h"

struct fault_kind {
	void (*arm)(int nth);
	void (*disarm)(void);
	bool (*fired)(void);
};

static const struct fault_kind kinds[] = {
	{ fault_arm, fault_disarm, fault_fired },
	{ fault_vfs_arm, fault_vfs_disarm, fault_vfs_fired },
	{ fault_vfs_arm_full, fault_vfs_disarm, fault_vfs_fired },
	/* From there on nothing works any more: the process has as good as ended. */
	{ fault_vfs_arm_from, fault_vfs_disarm, fault_vfs_fired },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void assert_whole_again(struct fixture *f)
{
	enum pm_err err = vault_tend(f->vault);

	assert_int_equal(err, PM_OK);
	log_mint(f);
	log_sign(f);
	log_assert_state(f, AUDIT_GOOD, "");
	log_newest(f, 0);
}

/* The n-th call fails, then the vault starts again; true when there was no n-th call any more. */
static bool swept(struct fixture *f, enum pm_err (*run)(struct fixture *f),
		  const struct fault_kind *kind, int nth)
{
	log_mint(f);
	kind->arm(nth);
	enum pm_err err = run(f);
	bool fired = kind->fired();
	if (nth % 2)
		kind->disarm();
	log_close(f);
	kind->disarm();
	fixture_reopen(f);
	assert_whole_again(f);
	if (!fired)
		assert_int_equal(err, PM_OK);
	return !fired;
}

static void sweep(struct fixture *f, enum pm_err (*run)(struct fixture *f), int most)
{
	for (size_t i = 0; i < KINDS; i++) {
		int nth = 0;

		while (nth < most && !swept(f, run, &kinds[i], nth))
			nth++;
		assert_true(nth > 0); /* the sweep really injected something */
		assert_true(nth < most);
	}
	assert_true(log_assert_no_fork() > 0);
}

static void a_checkpoint_survives_every_failure(void **state)
{
	sweep(*state, log_round, 200);
}

/* Each may make a version of the key, of which there are 64: a fixture for each kind and a few. */
static enum pm_err rotate(struct fixture *f)
{
	struct vault_log log;

	return vault_log_rotate(f->vault, fixture_actor(f), &log);
}

static void a_rotation_survives_every_failure(void **state)
{
	for (size_t i = 0; i < KINDS; i++) {
		bool done = false;

		for (int nth = 0; !done; nth++) {
			done = swept(*state, rotate, &kinds[i], nth);
			assert_true(done || nth < 400);
			if (nth % 16 == 15) {
				log_assert_no_fork();
				fixture_teardown(state);
				log_forget_signed();
				fixture_setup(state);
			}
		}
	}
	log_assert_no_fork();
}

static uint32_t newest_log(struct fixture *f)
{
	struct log_record log;

	assert_int_equal(store_get_log(f->store, 0, &log), PM_OK);
	return log.log;
}

/* Whichever call to the disk fails: who is told that it failed finds the log as it was. */
static void a_rotation_that_failed_is_not_done(void **state)
{
	bool fired = true;

	for (int nth = 0; fired; nth++) {
		struct fixture *f = *state;
		uint32_t before = newest_log(f);

		assert_true(nth < 400);
		fault_vfs_arm(nth);
		enum pm_err err = rotate(f);
		fired = fault_vfs_fired();
		fault_vfs_disarm();
		fixture_until_admitted(f);
		if (err != PM_OUTCOME_UNKNOWN)
			assert_int_equal(newest_log(f), before + (err == PM_OK));
		if (nth % 16 == 15) {
			fixture_teardown(state);
			fixture_setup(state);
		}
	}
}

static int setup(void **state)
{
	log_forget_signed();
	return fixture_setup(state);
}

static int teardown(void **state)
{
	fault_vfs_disarm();
	return fixture_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_checkpoint_survives_every_failure),
		TEST(a_rotation_survives_every_failure),
		TEST(a_rotation_that_failed_is_not_done),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
