/* Several threads at one key: what a disable promises, and changes that meet. */
#include "key_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define THREADS 4
#define ROUNDS 30
#define SECRETS_MAX (1 + THREADS * ROUNDS)

struct given {
	uint32_t version;
	struct key_text text;
};

struct race {
	struct fixture *f;
	char id[VAULT_ID_LEN + 1];
	atomic_int ids, broken;

	/* Every secret that was shown, and its version. */
	pthread_mutex_t lock;
	struct given given[SECRETS_MAX];
	size_t count;

	/* For the verifiers. */
	atomic_bool stop;
	atomic_uint disabled; /* odd: a disable has returned, and no enable has begun */
	atomic_int valid, contradictions;
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

static void keep(struct race *race, const struct key_info *info, const struct key_secret *secret)
{
	pthread_mutex_lock(&race->lock);
	race->given[race->count].version = info->secret_version;
	race->given[race->count++].text = secret->text;
	pthread_mutex_unlock(&race->lock);
}

static int setup(void **state)
{
	struct race *race = calloc(1, sizeof(*race));
	struct key_secret secret;
	struct key_info info;

	keys_setup((void **)&race->f);
	pthread_mutex_init(&race->lock, NULL);
	keys_mint(race->f, &info, &secret);
	strcpy(race->id, info.id);
	keep(race, &info, &secret);
	*state = race;
	return 0;
}

static int teardown(void **state)
{
	struct race *race = *state;

	fixture_teardown((void **)&race->f);
	pthread_mutex_destroy(&race->lock);
	free(race);
	return 0;
}

static void run_threads(struct race *race, void *(*const runs[THREADS])(void *))
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, runs[i], race), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

/* Others may have been faster; what it may not be is any other failure. */
static void expect(struct race *race, enum pm_err err)
{
	if (err != PM_OK && err != PM_CONFLICT)
		atomic_fetch_add(&race->broken, 1);
}

static void rotate_once(struct race *race, bool first_use)
{
	const struct rotate_params params = { .environment = "live",
					      .key_id = race->id,
					      .overlap = 60,
					      .force = true,
					      .first_use = first_use };
	struct key_secret secret;
	struct key_info info;
	char id[32];
	struct actor actor = race_actor(race, id);

	enum pm_err err = vault_rotate(race->f->vault, &actor, &params, &info, &secret);
	expect(race, err);
	if (err == PM_OK)
		keep(race, &info, &secret);
}

static void *rotate(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
		rotate_once(arg, false);
	return NULL;
}

static void *rotate_and_roll_back(void *arg)
{
	struct race *race = arg;

	for (int i = 0; i < ROUNDS; i++) {
		struct key_info info;
		char id[32];

		rotate_once(race, true);
		struct actor actor = race_actor(race, id);
		expect(race, vault_rollback(race->f->vault, &actor, "live", race->id, &info));
	}
	return NULL;
}

static enum pm_err set_disabled(struct race *race, bool disabled, struct key_info *info)
{
	const struct update_params params = { .environment = "live",
					      .key_id = race->id,
					      .set_disabled = true,
					      .disabled = disabled };
	char id[32];
	struct actor actor = race_actor(race, id);

	return vault_update(race->f->vault, &actor, &params, info);
}

static void *update(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct key_info info;

		expect(arg, set_disabled(arg, i % 2 == 0, &info));
	}
	return NULL;
}

static int compare_versions(const void *a, const void *b)
{
	const struct given *one = a, *other = b;

	return (one->version > other->version) - (one->version < other->version);
}

static size_t count_live(struct race *race)
{
	size_t live = 0;

	for (size_t i = 0; i < race->count; i++)
		live += fixture_verify(race->f, "live", race->given[i].text.text).valid;
	return live;
}

static void versions_are_never_given_twice_and_two_secrets_live(void **state)
{
	void *(*const runs[THREADS])(void *) = { rotate, rotate_and_roll_back, rotate, update };
	struct race *race = *state;
	struct key_info info;

	run_threads(race, runs);
	assert_int_equal(atomic_load(&race->broken), 0);
	assert_true(race->count > ROUNDS);
	qsort(race->given, race->count, sizeof(race->given[0]), compare_versions);
	for (size_t i = 1; i < race->count; i++)
		assert_true(race->given[i].version > race->given[i - 1].version);
	assert_int_equal(set_disabled(race, false, &info), PM_OK);
	size_t live = count_live(race);
	assert_true(live == 1 || live == 2);
}

static void *revoke(void *arg)
{
	struct race *race = arg;
	struct key_info info;
	char id[32];

	for (int i = 0; i < ROUNDS / 3; i++)
		sched_yield();
	struct actor actor = race_actor(race, id);
	expect(race, vault_revoke(race->f->vault, &actor, "live", race->id, &info));
	return NULL;
}

static void a_revoke_among_other_changes_is_final(void **state)
{
	void *(*const runs[THREADS])(void *) = { rotate, rotate_and_roll_back, update, revoke };
	struct race *race = *state;
	struct key_info info;

	run_threads(race, runs);
	assert_int_equal(atomic_load(&race->broken), 0);
	keys_revoke(race->f, race->id); /* if it lost against the others every time */
	assert_int_equal(count_live(race), 0);
	keys_get(race->f, race->id, &info);
	assert_int_equal(info.state, KEY_REVOKED);
}

static void *verify(void *arg)
{
	struct race *race = arg;
	const struct presented presented = { .key = bytes_str(race->given[0].text.text) };

	while (!atomic_load(&race->stop)) {
		char id[32];
		struct actor actor = race_actor(race, id);
		struct verdict verdict;
		unsigned before = atomic_load(&race->disabled);

		if (vault_verify(race->f->vault, &actor, "live", &presented, 1, &verdict, NULL) !=
		    PM_OK)
			atomic_fetch_add(&race->broken, 1);
		bool still = atomic_load(&race->disabled) == before;
		if (verdict.valid)
			atomic_fetch_add(&race->valid, 1);
		if (verdict.valid && before % 2 == 1 && still)
			atomic_fetch_add(&race->contradictions, 1);
	}
	return NULL;
}

static void *disable_and_enable(void *arg)
{
	struct race *race = arg;

	for (int i = 0; i < ROUNDS; i++) {
		struct key_info info;
		int valid = atomic_load(&race->valid);

		while (atomic_load(&race->valid) == valid)
			sched_yield();
		expect(race, set_disabled(race, true, &info));
		atomic_fetch_add(&race->disabled, 1);
		for (int wait = 0; wait < 50; wait++)
			sched_yield();
		atomic_fetch_add(&race->disabled, 1);
		expect(race, set_disabled(race, false, &info));
	}
	atomic_store(&race->stop, true);
	return NULL;
}

static void no_verify_that_starts_after_a_disable_returned_succeeds(void **state)
{
	void *(*const runs[THREADS])(void *) = { verify, verify, verify, disable_and_enable };
	struct race *race = *state;

	run_threads(race, runs);
	assert_int_equal(atomic_load(&race->contradictions), 0);
	assert_int_equal(atomic_load(&race->broken), 0);
	assert_true(atomic_load(&race->valid) > ROUNDS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(versions_are_never_given_twice_and_two_secrets_live),
		TEST(a_revoke_among_other_changes_is_final),
		TEST(no_verify_that_starts_after_a_disable_returned_succeeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
