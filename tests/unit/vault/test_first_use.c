/* A secret that takes over when it is first used: the old one lives until then, and the overlap after. */
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "fake_clock.h"
#include "fault.h"
#include "fault_vfs.h"
#include "verify_fixture.h"

#define OVERLAP 600

struct pair {
	struct key_info info;
	struct key_text old, new;
};

static void rotate_later(struct fixture *f, int64_t expires_at, int64_t overlap, struct pair *pair)
{
	const struct mint_params mint = { .environment = "live",
					  .account = "acme",
					  .product = "pay",
					  .name = "",
					  .expires_at = expires_at };

	verify_mint(f, &mint, &pair->info, &pair->old);
	const struct rotate_params rotate = { .environment = "live",
					      .key_id = pair->info.id,
					      .overlap = overlap,
					      .first_use = true };
	assert_int_equal(
		fixture_rotate_text(f->vault, fixture_actor(f), &rotate, &pair->info, &pair->new),
		PM_OK);
}

static void the_overlap_begins_with_the_first_use(void **state)
{
	struct fixture *f = *state;
	struct pair pair;

	rotate_later(f, 0, OVERLAP, &pair);
	fake_clock_advance(INT64_C(100) * OVERLAP);
	assert_text(f, pair.old.text, PM_REASON_NONE);
	assert_int_equal(fixture_verify(f, "live", pair.old.text).secret_expires_at, 0);
	assert_int_equal(fixture_count_entries(f, "key.first-use"), 0);
	assert_text(f, pair.new.text, PM_REASON_NONE);
	assert_int_equal(fixture_count_entries(f, "key.first-use"), 1);
	assert_int_equal(fixture_verify(f, "live", pair.old.text).secret_expires_at,
			 clock_unix() + OVERLAP);
	fake_clock_advance(OVERLAP);
	assert_text(f, pair.old.text, PM_REASON_SUPERSEDED);
	assert_text(f, pair.new.text, PM_REASON_NONE);
	assert_int_equal(fixture_count_entries(f, "key.first-use"), 1);
}

static void without_an_overlap_the_first_use_ends_the_old_secret(void **state)
{
	struct fixture *f = *state;
	struct pair pair;

	rotate_later(f, 0, 0, &pair);
	assert_text(f, pair.old.text, PM_REASON_NONE);
	assert_text(f, pair.new.text, PM_REASON_NONE);
	assert_text(f, pair.old.text, PM_REASON_SUPERSEDED);
}

static void an_overlap_that_begins_later_does_not_outlive_the_key(void **state)
{
	struct fixture *f = *state;
	const int64_t end = clock_unix() + 100;
	struct pair pair;

	rotate_later(f, end, OVERLAP, &pair);
	assert_text(f, pair.new.text, PM_REASON_NONE);
	assert_int_equal(fixture_verify(f, "live", pair.old.text).secret_expires_at, end);
}

/* What is refused for another reason is no use. */
static void a_refused_new_secret_is_not_used(void **state)
{
	struct fixture *f = *state;
	struct pair pair;

	rotate_later(f, 0, OVERLAP, &pair);
	const struct presented elsewhere = { .key = bytes_str(pair.new.text), .product = "other" };
	assert_request(f, &elsewhere, PM_REASON_WRONG_PRODUCT);
	assert_int_equal(fixture_count_entries(f, "key.first-use"), 0);
	assert_int_equal(fixture_verify(f, "live", pair.old.text).secret_expires_at, 0);
}

/* The same new secret many times in one request, among the old one. */
static void one_request_uses_it_once(void **state)
{
	enum { COUNT = 70 };
	struct fixture *f = *state;
	struct presented presented[COUNT] = { { .address = NULL } };
	struct verdict verdicts[COUNT];
	struct pair pair;

	rotate_later(f, 0, OVERLAP, &pair);
	for (size_t i = 0; i < COUNT; i++)
		presented[i].key = bytes_str(i % 2 == 0 ? pair.new.text : pair.old.text);
	assert_int_equal(
		vault_verify(f->vault, fixture_actor(f), "live", presented, COUNT, verdicts, NULL),
		PM_OK);
	for (size_t i = 0; i < COUNT; i++)
		assert_verdict(verdicts[i], PM_REASON_NONE);
	assert_int_equal(fixture_count_entries(f, "key.first-use"), 1);
	assert_int_equal(verify_uses(f, pair.info.id), COUNT);
}

static struct key_record stored(struct fixture *f, const char *id)
{
	struct key_record record;

	assert_int_equal(store_get_key(f->store, "live", id, &record), PM_OK);
	return record;
}

static const struct fault_kind {
	void (*arm)(int nth);
	void (*disarm)(void);
	bool (*fired)(void);
} kinds[] = {
	{ fault_arm, fault_disarm, fault_fired },
	{ fault_vfs_arm, fault_vfs_disarm, fault_vfs_fired },
	{ fault_vfs_arm_full, fault_vfs_disarm, fault_vfs_fired },
};

/* Valid, and then the old secret has an end; or an error, and then nobody was told that it is valid. */
static void whichever_call_fails_it_is_never_valid_before_the_old_one_has_an_end(void **state)
{
	struct fixture *f = *state;

	for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
		bool fired = true;
		int nth = 0;

		for (; fired; nth++) {
			struct verdict verdict = { .valid = false };
			struct pair pair;

			fixture_until_admitted(f);
			rotate_later(f, 0, OVERLAP, &pair);
			const struct presented presented = { .key = bytes_str(pair.new.text) };
			kinds[kind].arm(nth);
			enum pm_err err = vault_verify(f->vault, fixture_actor(f), "live",
						       &presented, 1, &verdict, NULL);
			fired = kinds[kind].fired();
			kinds[kind].disarm();
			const struct key_record record = stored(f, pair.info.id);
			const int64_t end = record.secrets[SECRET_PREVIOUS].not_after;
			if (err == PM_OK && verdict.valid)
				assert_true(!record.first_use && end != 0);
			else
				assert_true(err != PM_OK || verdict.error != PM_OK);
			assert_int_equal(record.first_use, end == 0);
			fixture_until_admitted(f);
			assert_text(f, pair.new.text, PM_REASON_NONE);
			assert_false(stored(f, pair.info.id).first_use);
		}
		assert_true(nth > 2); /* the sweep really injected something */
	}
}

enum { USERS = 4 };

struct race {
	struct fixture *f;
	const char *text;
	pthread_barrier_t start;
};

static void *use(void *arg)
{
	struct race *race = arg;
	const struct presented presented = { .key = bytes_str(race->text) };
	struct actor actor = {
		.uid = 1,
		.caller = "unit",
		.operator_name = "",
		.request_id = "",
		.deadline = deadline_in_ms(60000),
	};
	struct verdict verdict = { .valid = false };

	pthread_barrier_wait(&race->start);
	enum pm_err err =
		vault_verify(race->f->vault, &actor, "live", &presented, 1, &verdict, NULL);
	return err == PM_OK && verdict.valid ? race : NULL;
}

static void of_many_first_uses_one_is_the_first(void **state)
{
	enum { ROUNDS = 20 };
	struct fixture *f = *state;

	for (size_t round = 0; round < ROUNDS; round++) {
		struct race race = { .f = f };
		pthread_t threads[USERS];
		struct pair pair;

		rotate_later(f, 0, OVERLAP, &pair);
		race.text = pair.new.text;
		pthread_barrier_init(&race.start, NULL, USERS);
		for (int i = 0; i < USERS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, use, &race), 0);
		for (int i = 0; i < USERS; i++) {
			void *valid = NULL;

			pthread_join(threads[i], &valid);
			assert_non_null(valid);
		}
		pthread_barrier_destroy(&race.start);
		assert_int_equal(fixture_count_entries(f, "key.first-use"), round + 1);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, verify_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_overlap_begins_with_the_first_use),
		TEST(without_an_overlap_the_first_use_ends_the_old_secret),
		TEST(an_overlap_that_begins_later_does_not_outlive_the_key),
		TEST(a_refused_new_secret_is_not_used),
		TEST(one_request_uses_it_once),
		TEST(whichever_call_fails_it_is_never_valid_before_the_old_one_has_an_end),
		TEST(of_many_first_uses_one_is_the_first),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
