/* Closing an account revokes its keys, all of them, whatever comes between. */
#include "people_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "domain.h"
#include "fake_clock.h"
#include "fault.h"
#include "fault_vfs.h"

#define MANY 100
#define IDS ((size_t)2 * MANY)
#define SETTLED 60 /* seconds */

static int setup(void **state)
{
	fault_vfs_register();
	return people_setup(state);
}

static void mint_many(struct fixture *f, const char *account, int count)
{
	struct key_info info;
	struct key_text text;

	for (int i = 0; i < count; i++)
		assert_int_equal(people_mint(f, fixture_actor(f), account, &info, &text), PM_OK);
}

static size_t unrevoked(struct fixture *f, const char *account)
{
	char ids[IDS][STORE_ID_LEN + 1];
	size_t count = 0;

	assert_int_equal(store_unrevoked_keys(f->store, "live", account, ids, IDS, &count), PM_OK);
	return count;
}

static bool is_closing(struct fixture *f, const char *account)
{
	struct account_record record;

	assert_int_equal(store_get_account(f->store, "live", account, &record), PM_OK);
	return record.closing;
}

static void close_it(struct fixture *f, const char *account)
{
	assert_int_equal(people_status(f, account, VAULT_ACCOUNT_CLOSED), PM_OK);
	assert_true(is_closing(f, account));
}

static void tend(struct fixture *f)
{
	assert_int_equal(vault_tend(f->vault), PM_OK);
}

/* Until no more than so many are left: a round takes a second at most. */
static void tend_until(struct fixture *f, const char *account, size_t left)
{
	for (int round = 0; round < 100 && unrevoked(f, account) > left; round++)
		tend(f);
	assert_int_equal(unrevoked(f, account), left);
}

static void a_closed_accounts_keys_are_revoked_and_no_others(void **state)
{
	struct fixture *f = *state;

	people_account(f, "acme");
	people_account(f, "other");
	mint_many(f, "acme", MANY);
	mint_many(f, "other", 3);
	close_it(f, "acme");
	assert_int_equal(unrevoked(f, "acme"), MANY);
	tend_until(f, "acme", 0);
	assert_int_equal(unrevoked(f, "other"), 3);

	json_t *entries = fixture_entries(f, "account.revoke");
	int64_t count = 0;
	size_t i = 0;
	json_t *entry = NULL;
	json_array_foreach(entries, i, entry)
	{
		assert_string_equal(entry_text(entry, "caller"), "peppermintd");
		assert_int_equal(strlen(entry_text(entry, "first")), VAULT_ID_LEN);
		count += entry_number(entry, "count");
	}
	assert_int_equal(count, MANY);
	json_decref(entries);
}

/* A mint that began before the account was closed could still come. */
static void the_vault_looks_again_until_no_mint_can_be_under_way(void **state)
{
	struct fixture *f = *state;

	people_account(f, "acme");
	mint_many(f, "acme", 1);
	close_it(f, "acme");
	tend_until(f, "acme", 0);
	assert_true(is_closing(f, "acme"));
	fake_clock_advance(SETTLED - 2);
	tend(f);
	assert_true(is_closing(f, "acme"));
	fake_clock_advance(2);
	tend(f);
	assert_false(is_closing(f, "acme"));
	json_t *entry = fixture_newest_entry(f, "account.revoke");
	assert_int_equal(entry_number(entry, "count"), 0);
	json_decref(entry);
	tend(f);
	assert_int_equal(fixture_count_entries(f, "account.revoke"), 2);
}

static void a_revoked_keys_text_cannot_be_shown_again(void **state)
{
	struct fixture *f = *state;
	struct value_record value;
	struct key_info info;
	struct key_secret secret;

	f->policy[LIVE_ENV].recoverable = true;
	fixture_reopen(f);
	tend(f);
	people_account(f, "acme");
	const struct mint_params params = { .environment = "live",
					    .account = "acme",
					    .product = "pay",
					    .name = "",
					    .recoverable = true };
	assert_int_equal(vault_mint(f->vault, fixture_actor(f), &params, &info, &secret), PM_OK);
	assert_int_equal(store_get_value(f->store, "live", info.id, &value), PM_OK);
	close_it(f, "acme");
	tend_until(f, "acme", 0);
	assert_int_equal(store_get_value(f->store, "live", info.id, &value), PM_NOT_FOUND);
	assert_int_equal(vault_get(f->vault, fixture_actor(f), "live", info.id, &info), PM_OK);
	assert_int_equal(info.state, KEY_REVOKED);
}

static void keys_that_do_not_bear_their_seal_do_not_keep_the_others(void **state)
{
	struct fixture *f = *state;

	people_account(f, "acme");
	mint_many(f, "acme", MANY);
	fixture_sql(f, "UPDATE api_key SET name = 'edited' WHERE id IN "
		       "(SELECT id FROM api_key ORDER BY id LIMIT 40)");
	close_it(f, "acme");
	tend_until(f, "acme", 40);
	fake_clock_advance(SETTLED);
	tend(f);
	assert_false(is_closing(f, "acme"));
	assert_int_equal(unrevoked(f, "acme"), 40);
}

static void accounts_that_were_altered_do_not_keep_the_others(void **state)
{
	enum { ALTERED = 20 };
	struct fixture *f = *state;
	char id[16];

	for (int i = 0; i < ALTERED; i++) {
		snprintf(id, sizeof(id), "altered-%02d", i);
		people_account(f, id);
		mint_many(f, id, 1);
		close_it(f, id);
	}
	fixture_sql(f, "UPDATE account SET name = 'edited' WHERE id LIKE 'altered-%'");
	people_account(f, "zenith");
	mint_many(f, "zenith", 1);
	close_it(f, "zenith");
	tend_until(f, "zenith", 0);
	assert_int_equal(unrevoked(f, "altered-00"), 1);
}

static void what_was_altered_is_not_said_each_second(void **state)
{
	struct fixture *f = *state;
	struct environment *env = &f->vault->environments[LIVE_ENV];

	people_account(f, "acme");
	close_it(f, "acme");
	fixture_sql(f, "UPDATE account SET name = 'edited'");
	for (int i = 0; i < 5; i++)
		tend(f);
	assert_int_equal(atomic_load(&env->quarantined), 1);
}

static void a_restart_in_the_middle_goes_on(void **state)
{
	struct fixture *f = *state;
	size_t left = MANY, interrupted = 0;

	people_account(f, "acme");
	mint_many(f, "acme", MANY);
	close_it(f, "acme");
	/* The disk goes away, each time somewhat later, and with it the vault. */
	for (int nth = 0; left > 0; nth += 3) {
		assert_true(nth < 10000);
		fault_vfs_arm_from(nth);
		(void)!vault_tend(f->vault);
		fault_vfs_disarm();
		fixture_reopen(f);
		left = unrevoked(f, "acme");
		interrupted += left > 0 && left < MANY;
	}
	assert_true(interrupted > 0);
	tend(f);
	json_t *entries = fixture_entries(f, "account.revoke");
	int64_t count = 0;
	size_t i = 0;
	json_t *entry = NULL;
	json_array_foreach(entries, i, entry) count += entry_number(entry, "count");
	assert_int_equal(count, MANY);
	json_decref(entries);
}

/* Whichever call fails: keys are revoked with their entries, or are not, and the next round goes on. */
static void any_failure_of_hsm_or_disk_is_made_up_for_by_the_next_round(void **state)
{
	struct fixture *f = *state;
	int fired = 0;

	for (int nth = 0; nth < 200; nth++) {
		char account[32];

		snprintf(account, sizeof(account), "acme-%d", nth);
		people_account(f, account);
		mint_many(f, account, 2);
		close_it(f, account);
		bool disk = nth % 2 == 1;
		(disk ? fault_vfs_arm : fault_arm)(nth / 2);
		(void)!vault_tend(f->vault);
		bool hit = disk ? fault_vfs_fired() : fault_fired();
		fault_disarm();
		fault_vfs_disarm();
		fixture_until_admitted(f);
		fired += hit;
		tend_until(f, account, 0);
		fake_clock_advance(SETTLED);
		tend(f);
		assert_false(is_closing(f, account));
	}
	assert_true(fired > 20);
}

struct busy {
	struct fixture *f;
	char ids[MANY][VAULT_ID_LEN + 1];
	atomic_bool stop;
	atomic_int requests, done;
};

static void *update_and_rotate(void *arg)
{
	struct busy *busy = arg;

	for (int i = 0; !atomic_load(&busy->stop); i++) {
		const char *id = busy->ids[i % MANY];
		const struct rotate_params rotate = { .environment = "live", .key_id = id };
		const struct update_params update = {
			.environment = "live", .key_id = id, .set_name = true, .name = "busy"
		};
		struct key_info info;
		struct key_secret secret;
		char request[32];

		snprintf(request, sizeof(request), "busy-%d", atomic_fetch_add(&busy->requests, 1));
		struct actor actor = {
			.caller = "busy",
			.operator_name = "",
			.request_id = request,
			.deadline = deadline_in_ms(10000),
		};
		enum pm_err err =
			i % 2 ? vault_rotate(busy->f->vault, &actor, &rotate, &info, &secret)
			      : vault_update(busy->f->vault, &actor, &update, &info);
		if (err == PM_OK)
			atomic_fetch_add(&busy->done, 1);
	}
	return NULL;
}

static void keys_that_others_change_meanwhile_are_revoked_all_the_same(void **state)
{
	enum { THREADS = 3 };
	struct fixture *f = *state;
	struct busy busy = { .f = f };
	pthread_t threads[THREADS];
	struct key_info info;
	struct key_text text;

	people_account(f, "acme");
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(people_mint(f, fixture_actor(f), "acme", &info, &text), PM_OK);
		strcpy(busy.ids[i], info.id);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, update_and_rotate, &busy), 0);
	while (atomic_load(&busy.done) < THREADS)
		sched_yield();
	close_it(f, "acme");
	tend_until(f, "acme", 0);
	atomic_store(&busy.stop, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(unrevoked(f, "acme"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_closed_accounts_keys_are_revoked_and_no_others),
		TEST(the_vault_looks_again_until_no_mint_can_be_under_way),
		TEST(a_revoked_keys_text_cannot_be_shown_again),
		TEST(keys_that_do_not_bear_their_seal_do_not_keep_the_others),
		TEST(accounts_that_were_altered_do_not_keep_the_others),
		TEST(what_was_altered_is_not_said_each_second),
		TEST(a_restart_in_the_middle_goes_on),
		TEST(any_failure_of_hsm_or_disk_is_made_up_for_by_the_next_round),
		TEST(keys_that_others_change_meanwhile_are_revoked_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
