/* Several threads at once: what a revoke promises, and changes that meet. */
#include "vault_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define VERIFIERS 4
#define ROUNDS 20

struct race {
	struct fixture *f;
	struct key_text text;
	char id[VAULT_ID_LEN + 1];
	atomic_bool revoked, stop;
	atomic_int broken, valid, contradictions;
	atomic_int ids;
};

static struct actor race_actor(struct race *race, char id[32])
{
	snprintf(id, 32, "race-%d", atomic_fetch_add(&race->ids, 1));
	return (struct actor){ .uid = 1,
			       .caller = "race",
			       .operator_name = "",
			       .request_id = id,
			       .deadline = deadline_in_ms(60000) };
}

static void *verify_until_stopped(void *arg)
{
	struct race *race = arg;
	const struct bytes text = bytes_str(race->text.text);

	while (!atomic_load(&race->stop)) {
		char id[32];
		struct actor actor = race_actor(race, id);
		struct verdict verdict;
		bool was_revoked = atomic_load(&race->revoked);

		if (fixture_verify_texts(race->f->vault, &actor, "live", &text, 1, &verdict) !=
		    PM_OK)
			atomic_fetch_add(&race->broken, 1);
		if (verdict.valid)
			atomic_fetch_add(&race->valid, 1);
		if (verdict.valid && was_revoked)
			atomic_fetch_add(&race->contradictions, 1);
	}
	return NULL;
}

static void start(struct race *race, struct fixture *f, pthread_t threads[VERIFIERS],
		  void *(*run)(void *))
{
	struct key_info info;

	memset(race, 0, sizeof(*race));
	race->f = f;
	fixture_mint(f, &info, &race->text);
	strcpy(race->id, info.id);
	for (int i = 0; i < VERIFIERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run, race), 0);
}

static void stop(struct race *race, pthread_t threads[VERIFIERS])
{
	atomic_store(&race->stop, true);
	for (int i = 0; i < VERIFIERS; i++)
		pthread_join(threads[i], NULL);
}

static void no_verify_that_starts_after_a_revoke_returned_succeeds(void **state)
{
	struct fixture *f = *state;

	for (int round = 0; round < ROUNDS; round++) {
		struct race race;
		pthread_t threads[VERIFIERS];
		struct key_info info;
		struct pepper_info pepper;

		start(&race, f, threads, verify_until_stopped);
		/* The verifiers also write now: they move the key to the new pepper. */
		assert_int_equal(vault_rotate_pepper(f->vault, fixture_actor(f), "live", "api-keys",
						     &pepper),
				 PM_OK);
		while (atomic_load(&race.valid) < VERIFIERS)
			sched_yield();
		assert_int_equal(vault_revoke(f->vault, fixture_actor(f), "live", race.id, &info),
				 PM_OK);
		atomic_store(&race.revoked, true);
		assert_false(fixture_verify(f, "live", race.text.text).valid);
		stop(&race, threads);
		assert_int_equal(atomic_load(&race.contradictions), 0);
		assert_int_equal(atomic_load(&race.broken), 0);
	}
}

static void *rotate_a_few_times(void *arg)
{
	struct race *race = arg;

	for (int i = 0; i < 5; i++) {
		char id[32];
		struct actor actor = race_actor(race, id);
		const struct rotate_params params = {
			.environment = "live", .key_id = race->id, .overlap = 60, .force = true
		};
		struct key_info info;
		struct key_text text;

		if (fixture_rotate_text(race->f->vault, &actor, &params, &info, &text) == PM_OK)
			atomic_fetch_add(&race->valid, 1);
		else
			atomic_fetch_add(&race->broken, 1);
	}
	return NULL;
}

static void rotations_that_meet_each_take_a_version_of_their_own(void **state)
{
	struct fixture *f = *state;
	struct race race;
	pthread_t threads[VERIFIERS];
	struct key_info info;

	start(&race, f, threads, rotate_a_few_times);
	stop(&race, threads);
	assert_int_equal(vault_get(f->vault, fixture_actor(f), "live", race.id, &info), PM_OK);
	assert_true(atomic_load(&race.valid) > 0);
	assert_int_equal(info.secret_version, 1 + atomic_load(&race.valid));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_verify_that_starts_after_a_revoke_returned_succeeds),
		TEST(rotations_that_meet_each_take_a_version_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
