/* Uses of keys: counted for each valid verdict, written now and then, and none lost but with the host. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fake_clock.h"
#include "fault_vfs.h"
#include "key_uses.h"
#include "verify_fixture.h"

static struct key_use_record stored(struct fixture *f, const char *id)
{
	struct key_use_record use = { .uses = 0 };

	enum pm_err err = store_get_key_use(f->store, "live", id, &use);
	assert_true(err == PM_OK || err == PM_NOT_FOUND);
	return use;
}

static void write_due(struct fixture *f)
{
	assert_int_equal(key_uses_write(verify_environment(f), false, deadline_in_ms(60000)),
			 PM_OK);
}

static void the_first_use_is_written_within_seconds_and_then_one_a_minute(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	assert_text(f, text.text, PM_REASON_NONE);
	int64_t first = clock_unix();
	write_due(f);
	assert_int_equal(stored(f, info.id).uses, 0);
	fake_clock_advance(10);
	write_due(f);
	assert_int_equal(stored(f, info.id).uses, 1);
	assert_in_range(stored(f, info.id).last_at, first - 1, first + 1);
	for (int i = 0; i < 3; i++)
		assert_text(f, text.text, PM_REASON_NONE);
	fake_clock_advance(50);
	write_due(f);
	assert_int_equal(stored(f, info.id).uses, 1);
	assert_int_equal(verify_uses(f, info.id), 4);
	fake_clock_advance(20);
	write_due(f);
	assert_int_equal(stored(f, info.id).uses, 4);
}

static void what_was_counted_is_written_when_the_vault_closes(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	for (int i = 0; i < 5; i++)
		assert_text(f, text.text, PM_REASON_NONE);
	fixture_reopen(f);
	assert_int_equal(stored(f, info.id).uses, 5);
}

static void only_valid_verdicts_are_uses(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text, wrong;

	fixture_mint(f, &info, &text);
	fixture_craft(&wrong, info.id);
	assert_text(f, wrong.text, PM_REASON_WRONG_SECRET);
	assert_text(f, "", PM_REASON_MISSING);
	assert_int_equal(vault_revoke(f->vault, fixture_actor(f), "live", info.id, &info), PM_OK);
	assert_text(f, text.text, PM_REASON_REVOKED);
	assert_int_equal(verify_uses(f, info.id), 0);
	fixture_reopen(f);
	assert_int_equal(stored(f, info.id).uses, 0);
}

static void make_id(size_t i, char id[VAULT_ID_LEN + 1])
{
	snprintf(id, VAULT_ID_LEN + 1, "%016zu", i);
}

static uint64_t sum_of_all(struct fixture *f, size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		char id[VAULT_ID_LEN + 1];

		make_id(i, id);
		sum += stored(f, id).uses;
	}
	return sum;
}

/* More keys than there is room for: some are written before their time, and none is lost. */
static void what_does_not_fit_is_written_early(void **state)
{
	enum { KEYS = 70000 };
	struct fixture *f = *state;
	struct environment *env = verify_environment(f);
	const int64_t now = clock_unix();

	for (size_t i = 0; i < KEYS; i++) {
		char id[VAULT_ID_LEN + 1];

		make_id(i, id);
		key_uses_count(env, id, now);
	}
	uint64_t early = sum_of_all(f, KEYS);
	assert_true(early > 0 && early < KEYS);
	assert_int_equal(key_uses_write(env, true, deadline_in_ms(60000)), PM_OK);
	assert_int_equal(sum_of_all(f, KEYS), KEYS);
}

enum { THREADS = 4, EACH = 5000, SHARED = 97 };

static void *count_many(void *arg)
{
	struct environment *env = arg;

	for (size_t i = 0; i < EACH; i++) {
		char id[VAULT_ID_LEN + 1];

		make_id(i % SHARED, id);
		key_uses_count(env, id, clock_unix());
		if (i % 500 == 0)
			assert_int_equal(key_uses_write(env, true, deadline_in_ms(60000)), PM_OK);
	}
	return NULL;
}

static void uses_counted_while_others_are_written_are_all_there(void **state)
{
	struct fixture *f = *state;
	struct environment *env = verify_environment(f);
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_many, env), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(key_uses_write(env, true, deadline_in_ms(60000)), PM_OK);
	assert_int_equal(sum_of_all(f, SHARED), THREADS * EACH);
}

static void a_failing_disk_delays_uses_and_loses_none(void **state)
{
	struct fixture *f = *state;
	struct environment *env = verify_environment(f);
	struct key_info info;
	struct key_text text;
	uint64_t used = 0;
	bool fired = true;
	int nth = 0;

	fixture_mint(f, &info, &text);
	for (; fired; nth++) {
		key_uses_count(env, info.id, clock_unix());
		used++;
		fault_vfs_arm(nth);
		enum pm_err err = key_uses_write(env, true, deadline_in_ms(60000));
		fired = fault_vfs_fired();
		fault_vfs_disarm();
		assert_true(err == PM_OK || fired);
		assert_int_equal(verify_uses(f, info.id), used);
	}
	assert_true(nth > 1);
	assert_int_equal(stored(f, info.id).uses, used);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, verify_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_use_is_written_within_seconds_and_then_one_a_minute),
		TEST(what_was_counted_is_written_when_the_vault_closes),
		TEST(only_valid_verdicts_are_uses),
		TEST(what_does_not_fit_is_written_early),
		TEST(uses_counted_while_others_are_written_are_all_there),
		TEST(a_failing_disk_delays_uses_and_loses_none),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
