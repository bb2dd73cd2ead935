/* Minting, signing, rotating, reading and following at once, with the vault's own threads. */
#include "log_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define MINTERS 4
#define MINTS 150
#define ROTATIONS 3

struct crowd {
	struct fixture *f;
	atomic_int ids, failures, running;
	uint64_t followed;
};

static struct actor crowd_actor(struct crowd *crowd, char id[32])
{
	snprintf(id, 32, "crowd-%d", atomic_fetch_add(&crowd->ids, 1));
	return (struct actor){ .uid = 1,
			       .caller = "crowd",
			       .operator_name = "",
			       .request_id = id,
			       .deadline = deadline_in_ms(60000) };
}

static void *mint(void *arg)
{
	const struct mint_params params = {
		.environment = "live", .account = "acme", .product = "", .name = ""
	};
	struct crowd *crowd = arg;

	for (int i = 0; i < MINTS; i++) {
		char id[32];
		struct actor actor = crowd_actor(crowd, id);
		struct key_info info;
		struct key_text text;

		if (fixture_mint_text(crowd->f->vault, &actor, &params, &info, &text) != PM_OK ||
		    actor.receipt.log == 0)
			atomic_fetch_add(&crowd->failures, 1);
	}
	atomic_fetch_sub(&crowd->running, 1);
	return NULL;
}

static void *rotate(void *arg)
{
	struct crowd *crowd = arg;

	for (int i = 0; i < ROTATIONS; i++) {
		char id[32];
		struct actor actor = crowd_actor(crowd, id);
		struct vault_log log;
		struct vault_audit_status status;

		vault_audit_status(crowd->f->vault, &status);
		if (vault_log_rotate(crowd->f->vault, &actor, &log) != PM_OK ||
		    vault_tend(crowd->f->vault) != PM_OK ||
		    vault_audit_tend(crowd->f->vault, deadline_in_ms(60000)) != PM_OK ||
		    status.state == AUDIT_ALTERED)
			atomic_fetch_add(&crowd->failures, 1);
	}
	atomic_fetch_sub(&crowd->running, 1);
	return NULL;
}

static bool count(void *arg, uint64_t index, struct bytes entry)
{
	struct crowd *crowd = arg;

	(void)index;
	(void)entry;
	crowd->followed++;
	return true;
}

/* From the very first entry. */
static void *follow(void *arg)
{
	struct crowd *crowd = arg;
	uint32_t log = 1;
	uint64_t next = 0, before;

	do {
		before = crowd->followed;
		if (vault_log_follow(crowd->f->vault, &log, &next, 64, count, crowd) != PM_OK)
			atomic_fetch_add(&crowd->failures, 1);
	} while (atomic_load(&crowd->running) > 0 || crowd->followed > before);
	return NULL;
}

static uint64_t all_entries(struct fixture *f)
{
	uint64_t all = 0, size = 0;

	for (uint32_t log = 1; log <= ROTATIONS + 1; log++) {
		assert_int_equal(store_log_size(f->store, log, &size), PM_OK);
		all += size;
	}
	return all;
}

static void everything_at_once_leaves_one_log_that_is_signed_throughout(void **state)
{
	struct fixture *f = *state;
	struct crowd crowd = { .f = f, .running = MINTERS + 1 };
	pthread_t threads[MINTERS + 2];

	f->audit.background = true;
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	for (size_t i = 0; i < MINTERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, mint, &crowd), 0);
	assert_int_equal(pthread_create(&threads[MINTERS], NULL, rotate, &crowd), 0);
	assert_int_equal(pthread_create(&threads[MINTERS + 1], NULL, follow, &crowd), 0);
	for (size_t i = 0; i < MINTERS + 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(crowd.failures, 0);
	assert_int_equal(fixture_count_entries(f, "key.mint"), MINTERS * MINTS);
	assert_int_equal(fixture_count_entries(f, "log.rotate"), ROTATIONS);
	/* The follower has seen what there was when it ended, each entry once. */
	assert_true(crowd.followed <= all_entries(f));
	assert_true(crowd.followed >= MINTERS * MINTS);
	f->audit.background = false;
	fixture_reopen(f);
	log_assert_state(f, AUDIT_GOOD, "");
	for (uint32_t log = 1; log <= ROTATIONS; log++) {
		uint64_t size = 0;

		assert_int_equal(store_log_size(f->store, log, &size), PM_OK);
		assert_int_equal(log_newest(f, log).size, size);
	}
	assert_true(log_assert_no_fork() > ROTATIONS);
}

static int setup(void **state)
{
	log_forget_signed();
	return fixture_setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			everything_at_once_leaves_one_log_that_is_signed_throughout, setup,
			fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
