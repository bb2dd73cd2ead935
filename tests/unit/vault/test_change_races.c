/* Master keys change while requests are answered: no answer is wrong, and none is served twice. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "change_fixture.h"

#define ROUNDS 12
#define VERIFIERS 3

struct race {
	struct fixture *f;
	atomic_bool over;
	atomic_uint answered;
	char old_hash[VAULT_HASH_TEXT_MAX + 1];
};

/* Not the fixture's, which is of one thread. */
static struct actor actor_named(const char *request_id)
{
	return (struct actor){
		.uid = 1000,
		.caller = "unit",
		.operator_name = "alice",
		.request_id = request_id,
		.deadline = deadline_in_ms(60000),
	};
}

/* What was hashed before or just now matches whatever version is the active one meanwhile. */
static void *verify(void *arg)
{
	struct race *race = arg;
	struct vault *vault = race->f->vault;
	const struct bytes value = bytes_str("value");

	while (!atomic_load(&race->over)) {
		struct actor actor = actor_named("");
		struct value_hash fresh;
		struct hash_verdict verdicts[2];

		enum pm_err err = vault_hash(vault, &actor, "live", "pan", &value, 1, &fresh);
		assert_int_equal(err, PM_OK);
		const struct hash_claim claims[] = {
			{ .value = value, .hash = bytes_str(fresh.text) },
			{ .value = value, .hash = bytes_str(race->old_hash) },
		};
		actor = actor_named("");
		assert_int_equal(
			vault_verify_hash(vault, &actor, "live", "pan", claims, 2, verdicts),
			PM_OK);
		/* Some versions are suspended again, which a slow thread may see. */
		assert_true(verdicts[0].match || verdicts[0].reason == PM_REASON_PEPPER_SUSPENDED);
		assert_true(verdicts[1].match);
		atomic_fetch_add(&race->answered, 1);
	}
	return NULL;
}

static void *tend(void *arg)
{
	struct race *race = arg;

	while (!atomic_load(&race->over)) {
		struct environment_info info;

		assert_int_equal(change_tend(race->f), PM_OK);
		assert_int_equal(vault_environment_status(race->f->vault, LIVE_ENV, &info), PM_OK);
		assert_int_equal(info.state, ENV_SERVING);
	}
	return NULL;
}

static void *look(void *arg)
{
	struct race *race = arg;
	struct master_info infos[128];
	size_t count = 0;

	while (!atomic_load(&race->over)) {
		struct actor actor = actor_named("");
		size_t active = 0;

		assert_int_equal(vault_list_masters(race->f->vault, &actor, "live", "pepper", "pan",
						    infos, 128, &count),
				 PM_OK);
		for (size_t i = 0; i < count; i++)
			active += infos[i].state == PEPPER_ACTIVE;
		assert_int_equal(active, 1);
	}
	return NULL;
}

static void change_one(struct race *race, uint32_t version, enum master_verb verb)
{
	static unsigned int counter;
	char id[32];
	const struct master_params params = {
		.environment = "live",
		.purpose = PURPOSE_PEPPER,
		.name = "pan",
		.version = version,
		.verb = verb,
		.force = true,
	};
	struct master_outcome out;

	snprintf(id, sizeof(id), "race-%u", counter++);
	struct actor actor = actor_named(id);
	assert_int_equal(vault_change_master(race->f->vault, &actor, &params, &out), PM_OK);
}

static void answers_stay_right_while_versions_come_and_go(void **state)
{
	struct race race = { .f = *state };
	pthread_t threads[VERIFIERS + 2];
	const struct bytes value = bytes_str("value");
	struct value_hash old;

	change_make_pan(race.f, 1);
	assert_int_equal(
		vault_hash(race.f->vault, fixture_actor(race.f), "live", "pan", &value, 1, &old),
		PM_OK);
	snprintf(race.old_hash, sizeof(race.old_hash), "%s", old.text);
	for (size_t i = 0; i < VERIFIERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, verify, &race), 0);
	assert_int_equal(pthread_create(&threads[VERIFIERS], NULL, tend, &race), 0);
	assert_int_equal(pthread_create(&threads[VERIFIERS + 1], NULL, look, &race), 0);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		change_one(&race, 0, MASTER_VERB_ROTATE);
		/* Version 1 has made the old hash; the others go again, but for the newest two. */
		if (i < 3)
			continue;
		change_one(&race, i - 1, MASTER_VERB_SUSPEND);
		change_one(&race, i - 1, MASTER_VERB_DESTROY);
		change_one(&race, i - 1, MASTER_VERB_CANCEL);
	}
	while (atomic_load(&race.answered) < 20)
		sched_yield();
	atomic_store(&race.over, true);
	for (size_t i = 0; i < VERIFIERS + 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(master_get(race.f, PAN, 0).version, ROUNDS + 1);
}

/* Of many who ask for the same, with an id each, one after the other gets a version of his own. */
struct rotation {
	struct fixture *f;
	unsigned int number;
	uint32_t version;
};

static void *rotate(void *arg)
{
	struct rotation *rotation = arg;
	const struct master_params params = { .environment = "live",
					      .purpose = PURPOSE_PEPPER,
					      .name = "pan",
					      .verb = MASTER_VERB_ROTATE };
	struct master_outcome out;
	char id[32];

	snprintf(id, sizeof(id), "rotation-%u", rotation->number);
	struct actor actor = actor_named(id);
	assert_int_equal(vault_change_master(rotation->f->vault, &actor, &params, &out), PM_OK);
	rotation->version = out.after.version;
	return NULL;
}

static void rotations_at_the_same_time_make_a_version_each(void **state)
{
	struct rotation rotations[8];
	pthread_t threads[8];

	change_make_pan(*state, 1);
	for (unsigned int i = 0; i < 8; i++) {
		rotations[i] = (struct rotation){ .f = *state, .number = i };
		assert_int_equal(pthread_create(&threads[i], NULL, rotate, &rotations[i]), 0);
	}
	for (unsigned int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	for (unsigned int i = 0; i < 8; i++) {
		for (unsigned int j = 0; j < i; j++)
			assert_int_not_equal(rotations[i].version, rotations[j].version);
	}
	assert_int_equal(master_get(*state, PAN, 0).version, 9);
}

struct failing_over {
	struct fixture *f;
	atomic_bool over;
	atomic_uint valid, refused;
	const char *text;
};

/* A verdict is right, or there is none. */
static void *verify_key(void *arg)
{
	struct failing_over *race = arg;
	const struct bytes text = bytes_str(race->text);

	while (!atomic_load(&race->over)) {
		struct actor actor = actor_named("");
		struct verdict verdict;

		enum pm_err err =
			fixture_verify_texts(race->f->vault, &actor, "live", &text, 1, &verdict);
		if (err == PM_OK)
			err = verdict.error;
		assert_true(err == PM_OK || err == PM_HSM_UNAVAILABLE || err == PM_TOKEN_MISMATCH);
		if (err == PM_OK)
			assert_true(verdict.valid);
		atomic_fetch_add(err == PM_OK ? &race->valid : &race->refused, 1);
	}
	return NULL;
}

static void wait_for(atomic_uint *counter, unsigned int more)
{
	unsigned int until = atomic_load(counter) + more;

	while (atomic_load(counter) < until)
		sched_yield();
}

/* The standby has another key under the pepper's id: its answer would be a wrong verdict. */
static void no_verdict_is_wrong_while_a_wrong_token_takes_over(void **state)
{
	struct failing_over race = { .f = *state };
	struct hsm *hsm = race.f->hsm[LIVE_ENV];
	pthread_t threads[VERIFIERS];
	struct key_info info;
	struct key_text text;

	fixture_mint(race.f, &info, &text);
	race.text = text.text;
	fake_hsm_add_standby(hsm, "2223");
	fake_hsm_clone(hsm);
	fake_hsm_swap_key(hsm_member(hsm, 1), 1);
	for (size_t i = 0; i < VERIFIERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, verify_key, &race), 0);
	for (int i = 0; i < ROUNDS; i++) {
		wait_for(&race.valid, 5);
		fake_hsm_fall(hsm_member(hsm, 0), HSM_CAUSE_DEVICE);
		wait_for(&race.refused, 5);
		fake_hsm_restart(hsm_member(hsm, 0));
		while (vault_tend(race.f->vault) != PM_OK)
			sched_yield();
	}
	atomic_store(&race.over, true);
	for (size_t i = 0; i < VERIFIERS; i++)
		pthread_join(threads[i], NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_stay_right_while_versions_come_and_go),
		TEST(no_verdict_is_wrong_while_a_wrong_token_takes_over),
		TEST(rotations_at_the_same_time_make_a_version_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
