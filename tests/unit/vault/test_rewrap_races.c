/*
 * Rewrapping while keys are verified, rotated, revoked and minted: whoever changes a key wins, no key is
 * refused that is good, and none comes back to life.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "layer.h"
#include "master_fixture.h"
#include "rewrap.h"
#include "usage.h"

#define KEYS 120
#define ROTATIONS 3

enum work { VERIFY, ROTATE, REVOKE, MINT, WORKS };

/* A key belongs to the thread that changes it, and its text with it; the verifier's never change. */
struct race {
	struct fixture *f;
	enum work work;
	struct key_info info[KEYS];
	struct key_text text[KEYS];
	atomic_bool stop;
	atomic_int broken, done;
	pthread_t thread;
};

static atomic_int request_ids;

static struct actor race_actor(char id[32])
{
	snprintf(id, 32, "race-%d", atomic_fetch_add(&request_ids, 1));
	return (struct actor){ .uid = 1,
			       .caller = "race",
			       .operator_name = "",
			       .request_id = id,
			       .deadline = deadline_in_ms(60000) };
}

static bool verify(struct race *race, size_t i, bool expected)
{
	const struct bytes text = bytes_str(race->text[i].text);
	struct verdict verdict;
	char id[32];
	struct actor actor = race_actor(id);

	return fixture_verify_texts(race->f->vault, &actor, "live", &text, 1, &verdict) == PM_OK &&
	       verdict.error == PM_OK && verdict.valid == expected;
}

static bool rotate(struct race *race, size_t i)
{
	const struct rotate_params params = { .environment = "live", .key_id = race->info[i].id };
	char id[32];
	struct actor actor = race_actor(id);

	return fixture_rotate_text(race->f->vault, &actor, &params, &race->info[i],
				   &race->text[i]) == PM_OK &&
	       verify(race, i, true);
}

static bool revoke(struct race *race, size_t i)
{
	char id[32];
	struct actor actor = race_actor(id);

	return vault_revoke(race->f->vault, &actor, "live", race->info[i].id, &race->info[i]) ==
		       PM_OK &&
	       verify(race, i, false);
}

static bool mint(struct race *race, size_t i)
{
	const struct mint_params params = {
		.environment = "live", .account = "race", .product = "", .name = ""
	};
	char id[32];
	struct actor actor = race_actor(id);

	return fixture_mint_text(race->f->vault, &actor, &params, &race->info[i], &race->text[i]) ==
		       PM_OK &&
	       verify(race, i, true);
}

static bool act(struct race *race, size_t i)
{
	switch (race->work) {
	case ROTATE:
		return rotate(race, i);
	case REVOKE:
		return revoke(race, i);
	case MINT:
		return mint(race, i);
	default:
		return verify(race, i, true);
	}
}

/* Every key once at least; the verifier goes on until all is over. */
static void *run(void *arg)
{
	struct race *race = arg;
	bool again = true;

	for (; again; again = race->work == VERIFY && !atomic_load(&race->stop)) {
		for (size_t i = 0; i < KEYS; i++) {
			if (!act(race, i))
				atomic_fetch_add(&race->broken, 1);
			atomic_fetch_add(&race->done, 1);
		}
	}
	return NULL;
}

static struct race *race_new(struct fixture *f, enum work work)
{
	struct race *race = calloc(1, sizeof(*race));

	race->f = f;
	race->work = work;
	for (size_t i = 0; work != MINT && i < KEYS; i++)
		fixture_mint(f, &race->info[i], &race->text[i]);
	return race;
}

/* Under each version, until the other threads are through. */
static void rewrap_meanwhile(struct fixture *f, struct race **races)
{
	for (int rotation = 0; rotation < ROTATIONS; rotation++) {
		struct pepper_info info;

		assert_int_equal(vault_rotate_pepper(f->vault, fixture_actor(f), "live",
						     VAULT_API_KEYS_PEPPER, &info),
				 PM_OK);
		rewrap_all(f, PEPPER);
	}
	atomic_store(&races[VERIFY]->stop, true);
}

static void assert_as_it_should_be(struct race *race)
{
	assert_int_equal(atomic_load(&race->broken), 0);
	assert_true(atomic_load(&race->done) >= KEYS);
	for (size_t i = 0; i < KEYS; i++)
		assert_true(verify(race, i, race->work != REVOKE));
}

static void whoever_changes_a_key_wins_and_every_key_verifies_after(void **state)
{
	struct fixture *f = *state;
	struct race *races[WORKS];

	for (enum work work = 0; work < WORKS; work++)
		races[work] = race_new(f, work);
	for (enum work work = 0; work < WORKS; work++)
		assert_int_equal(pthread_create(&races[work]->thread, NULL, run, races[work]), 0);
	rewrap_meanwhile(f, races);
	for (enum work work = 0; work < WORKS; work++)
		pthread_join(races[work]->thread, NULL);
	rewrap_all(f, PEPPER);
	for (enum work work = 0; work < WORKS; work++) {
		assert_as_it_should_be(races[work]);
		free(races[work]);
	}
	assert_int_equal(atomic_load(&live(f)->quarantined), 0);
}

static void its_own_thread_does_it_and_stops_with_the_vault(void **state)
{
	struct fixture *f = *state;
	struct race *race = race_new(f, VERIFY);
	struct usage lines[16];
	size_t count = 0;

	f->audit.background = true;
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	master_rotate(f, PEPPER);
	rewrap_begin(f, PEPPER);
	int64_t until = deadline_in_ms(60000);
	while (master_get(f, PEPPER, 0).rewrap && clock_now() < until)
		sched_yield();
	assert_false(master_get(f, PEPPER, 0).rewrap);
	assert_int_equal(usage_count(live(f), PEPPER, lines, 16, &count), PM_OK);
	assert_int_equal(usage_of(lines, count, 1).wrapped, KEYS);
	for (size_t i = 0; i < KEYS; i++)
		assert_true(verify(race, i, true));
	/* Closed in the middle of it. */
	master_rotate(f, PEPPER);
	rewrap_begin(f, PEPPER);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	for (size_t i = 0; i < KEYS; i++)
		assert_true(verify(race, i, true));
	free(race);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whoever_changes_a_key_wins_and_every_key_verifies_after),
		TEST(its_own_thread_does_it_and_stops_with_the_vault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
