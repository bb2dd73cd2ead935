/* What is remembered of rows is that very row and no other; how often it may be asked about a key. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "quota.h"
#include "sealed.h"
#include "verify_fixture.h"

static struct account_record an_account(void)
{
	struct account_record account = {
		.environment = "live",
		.id = "acme",
		.status = ACCOUNT_APPROVED,
		.products = "+pay\n",
		.revision = 3,
		.seal = { .version = 2 },
	};

	memset(account.seal.mac, 0x5a, sizeof(account.seal.mac));
	return account;
}

static bool knows(struct sealed *sealed, struct account_record account)
{
	struct seal_task task;

	seal_cover_account(&task, &account);
	return sealed_knows(sealed, &task);
}

static void learn(struct sealed *sealed, struct account_record account)
{
	struct seal_task task;

	seal_cover_account(&task, &account);
	sealed_learn(sealed, &task);
}

static void only_the_row_itself_is_known(void **state)
{
	struct account_record changed = an_account();
	struct sealed *sealed = NULL;

	(void)state;
	assert_int_equal(sealed_new(&sealed), PM_OK);
	assert_false(knows(sealed, an_account()));
	learn(sealed, an_account());
	assert_true(knows(sealed, an_account()));
	changed.status = ACCOUNT_SUSPENDED;
	assert_false(knows(sealed, changed));
	changed = an_account();
	changed.seal.mac[31] ^= 1;
	assert_false(knows(sealed, changed));
	changed = an_account();
	changed.seal.version++;
	assert_false(knows(sealed, changed));
	sealed_forget(sealed);
	assert_false(knows(sealed, an_account()));
	sealed_free(sealed);
}

/* It is bounded: with ten times as many rows as it has room for, the newest are known. */
static void it_forgets_rather_than_grows(void **state)
{
	enum { ROWS = 650000, NEWEST = 1000 };
	struct account_record account = an_account();
	struct sealed *sealed = NULL;
	size_t known = 0;

	(void)state;
	assert_int_equal(sealed_new(&sealed), PM_OK);
	for (uint64_t i = 0; i < ROWS; i++) {
		account.revision = i;
		learn(sealed, account);
	}
	for (uint64_t i = 0; i < NEWEST; i++) {
		account.revision = ROWS - 1 - i;
		known += knows(sealed, account);
	}
	assert_true(known > NEWEST * 9 / 10);
	known = 0;
	for (uint64_t i = 0; i < NEWEST; i++) {
		account.revision = i;
		known += knows(sealed, account);
	}
	assert_true(known < NEWEST / 10);
	sealed_free(sealed);
}

/* A version that vouches for nothing now vouches for no account that is known from before. */
static void a_suspended_integrity_version_is_believed_for_no_known_account(void **state)
{
	struct fixture *f = *state;
	struct environment *env = verify_environment(f);
	struct master_record master;
	struct key_info info;
	struct key_text text;

	verify_open_account(f, "acme", "pay");
	fixture_mint(f, &info, &text);
	assert_text(f, text.text, PM_REASON_NONE);
	struct account_record account;
	struct seal_task task;
	assert_int_equal(store_get_account(f->store, "live", "acme", &account), PM_OK);
	seal_cover_account(&task, &account);
	assert_int_equal(seal_check_known(env, &task, 1, deadline_in_ms(60000)), PM_OK);
	assert_true(task.holds);
	assert_int_equal(environment_master(env, PURPOSE_INTEGRITY, INTEGRITY_NAME, 0, &master),
			 PM_OK);
	pthread_rwlock_wrlock(&env->lock); /* without what forgets: the state itself is looked at */
	for (size_t i = 0; i < env->master_count; i++) {
		if (memcmp(env->masters[i].key_id, master.key_id, sizeof(master.key_id)) == 0)
			env->masters[i].state = MASTER_SUSPENDED;
	}
	pthread_rwlock_unlock(&env->lock);
	assert_true(sealed_knows(env->sealed, &task));
	assert_int_equal(seal_check_known(env, &task, 1, deadline_in_ms(60000)), PM_OK);
	assert_false(task.holds);
}

#define MINUTE (60 * NS_PER_SECOND)

static size_t take_all(struct quota *quota, const char *id, int64_t now)
{
	size_t taken = 0;

	while (quota_take(quota, id, now))
		taken++;
	return taken;
}

static void a_key_is_asked_for_ten_times_and_then_six_times_a_minute(void **state)
{
	struct quota *quota = NULL;
	int64_t now = 77 * MINUTE;

	(void)state;
	assert_int_equal(quota_new(&quota), PM_OK);
	assert_int_equal(take_all(quota, "0123456789abcdef", now), 10);
	assert_int_equal(take_all(quota, "0123456789abcdef", now + MINUTE), 6);
	assert_int_equal(take_all(quota, "0123456789abcdef", now + MINUTE + MINUTE / 6 - 1), 0);
	assert_int_equal(take_all(quota, "0123456789abcdef", now + MINUTE + MINUTE / 6), 1);
	assert_int_equal(take_all(quota, "0123456789abcdef", now + 10 * MINUTE), 10);
	quota_free(quota);
}

static void a_key_has_its_quota_whatever_else_is_asked_for(void **state)
{
	enum { OTHERS = 20000 };
	struct quota *quota = NULL;
	size_t allowed = 0;
	char id[VAULT_ID_LEN + 1];

	(void)state;
	assert_int_equal(quota_new(&quota), PM_OK);
	assert_int_equal(take_all(quota, "victim0000000000", MINUTE), QUOTA_BURST);
	/* Others' ids push nothing out, and none of them is held up by another. */
	for (size_t i = 0; i < OTHERS; i++) {
		snprintf(id, sizeof(id), "%016zu", i);
		allowed += quota_take(quota, id, MINUTE);
	}
	assert_int_equal(allowed, OTHERS);
	assert_false(quota_take(quota, "victim0000000000", MINUTE));
	quota_free(quota);
}

struct crowd {
	struct quota *quota;
	atomic_uint taken;
};

static void *take_many(void *arg)
{
	struct crowd *crowd = arg;

	for (int i = 0; i < 100; i++)
		crowd->taken += quota_take(crowd->quota, "0123456789abcdef", MINUTE);
	return NULL;
}

static void many_threads_get_no_more_than_one(void **state)
{
	enum { THREADS = 4 };
	pthread_t threads[THREADS];
	struct crowd crowd = { .taken = 0 };

	(void)state;
	assert_int_equal(quota_new(&crowd.quota), PM_OK);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_many, &crowd), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&crowd.taken), QUOTA_BURST);
	quota_free(crowd.quota);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_row_itself_is_known),
		cmocka_unit_test(it_forgets_rather_than_grows),
		cmocka_unit_test_setup_teardown(
			a_suspended_integrity_version_is_believed_for_no_known_account,
			verify_setup, fixture_teardown),
		cmocka_unit_test(a_key_is_asked_for_ten_times_and_then_six_times_a_minute),
		cmocka_unit_test(a_key_has_its_quota_whatever_else_is_asked_for),
		cmocka_unit_test(many_threads_get_no_more_than_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
