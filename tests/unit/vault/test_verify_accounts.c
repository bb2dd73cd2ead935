/* An account's state as the next verify sees it, and an account's row that somebody has been at. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "fault.h"
#include "fault_vfs.h"
#include "sealed.h"
#include "verify_fixture.h"

static void open_and_mint(struct fixture *f, struct key_info *info, struct key_text *text)
{
	verify_open_account(f, "acme", "pay");
	fixture_mint(f, info, text);
}

static void what_becomes_of_an_account_is_seen_by_the_next_verify(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	open_and_mint(f, &info, &text);
	assert_text(f, text.text, PM_REASON_NONE);
	verify_set_status(f, "acme", VAULT_ACCOUNT_SUSPENDED);
	assert_text(f, text.text, PM_REASON_ACCOUNT_INACTIVE);
	verify_set_status(f, "acme", VAULT_ACCOUNT_APPROVED);
	assert_text(f, text.text, PM_REASON_NONE);
	verify_set_product(f, "acme", "pay", false);
	assert_text(f, text.text, PM_REASON_PRODUCT_DISABLED);
	verify_set_product(f, "acme", "pay", true);
	assert_text(f, text.text, PM_REASON_NONE);
	verify_set_status(f, "acme", VAULT_ACCOUNT_CLOSED);
	struct verdict verdict = fixture_verify(f, "live", text.text);
	assert_false(verdict.valid); /* and soon the key is revoked */
	assert_true(verdict.reason == PM_REASON_ACCOUNT_IS_CLOSED ||
		    verdict.reason == PM_REASON_REVOKED);
}

static void a_key_of_an_account_that_nobody_registered_needs_none(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	assert_text(f, text.text, PM_REASON_NONE);
	verify_open_account(f, "acme", "pay");
	assert_text(f, text.text, PM_REASON_NONE);
	verify_set_status(f, "acme", VAULT_ACCOUNT_SUSPENDED);
	assert_text(f, text.text, PM_REASON_ACCOUNT_INACTIVE);
}

/* Rows that somebody changed in the file, also after they were found good. */
static void an_accounts_row_that_is_not_the_vaults_stops_its_keys(void **state)
{
	static const char *const edits[] = {
		"UPDATE account SET status = 3",
		"UPDATE account SET products = '+pay' || char(10) || '+payout' || char(10)",
		"UPDATE account SET merchant = 'evil'",
		"UPDATE account SET name = 'evil'",
		"UPDATE account SET changed_at = changed_at + 1",
		"UPDATE account SET revision = revision + 1",
		"UPDATE account SET seal_mac = zeroblob(32)",
		"UPDATE account SET seal_version = seal_version + 1",
		"PRAGMA ignore_check_constraints = ON; UPDATE account SET status = 77",
		"DELETE FROM account",
	};
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		open_and_mint(f, &info, &text);
		assert_text(f, text.text, PM_REASON_NONE);
		verify_set_status(f, "acme", VAULT_ACCOUNT_SUSPENDED);
		assert_text(f, text.text, PM_REASON_ACCOUNT_INACTIVE);
		fixture_sql(f, edits[i]);
		assert_text(f, text.text, PM_REASON_QUARANTINED);
		assert_int_equal(verify_uses(f, info.id), 1);
		fixture_sql(f, "DELETE FROM api_key");
		if (i + 1 < sizeof(edits) / sizeof(edits[0]))
			fixture_sql(f, "DELETE FROM account");
	}
	struct environment_info status;
	assert_int_equal(vault_environment_status(f->vault, LIVE_ENV, &status), PM_OK);
	assert_true(status.quarantined >= sizeof(edits) / sizeof(edits[0]));
	assert_true(fixture_count_entries(f, "key.quarantine") > 0);
}

static uint64_t cost_of(struct fixture *f, const char *text)
{
	uint64_t before = fake_hsm_macs(f->hsm[LIVE_ENV]);

	fixture_verify(f, "live", text);
	return fake_hsm_macs(f->hsm[LIVE_ENV]) - before;
}

/* One seal and one secret; the account's seal is computed once, and for the wrong never. */
static void an_account_costs_the_token_once(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text, wrong, unknown;

	open_and_mint(f, &info, &text);
	fixture_craft(&wrong, info.id);
	fixture_craft(&unknown, "0000000000000000");
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	cost_of(f, unknown.text); /* the log's hidden texts are known from here on */
	assert_int_equal(cost_of(f, wrong.text), cost_of(f, unknown.text));
	assert_int_equal(cost_of(f, text.text), 3);
	assert_int_equal(cost_of(f, text.text), 2);
	assert_int_equal(cost_of(f, wrong.text), cost_of(f, unknown.text));
	verify_set_status(f, "acme", VAULT_ACCOUNT_SUSPENDED);
	assert_text(f, text.text, PM_REASON_ACCOUNT_INACTIVE);
	verify_set_status(f, "acme", VAULT_ACCOUNT_APPROVED);
	assert_int_equal(cost_of(f, text.text), 3); /* another revision is another row */
	fake_hsm_restart(f->hsm[LIVE_ENV]);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(cost_of(f, text.text), 3);
}

/* Keys of many accounts in one request: one frame for those that are not known yet. */
static void accounts_of_one_request_are_looked_at_together(void **state)
{
	enum { ACCOUNTS = 20, KEYS = 100 };
	struct fixture *f = *state;
	struct key_text texts[ACCOUNTS];
	struct presented presented[KEYS] = { { .address = NULL } };
	struct verdict verdicts[KEYS];
	char names[ACCOUNTS][8];

	for (int i = 0; i < ACCOUNTS; i++) {
		struct key_info info;

		snprintf(names[i], sizeof(names[i]), "a%d", i);
		const struct mint_params params = {
			.environment = "live", .account = names[i], .product = "pay", .name = ""
		};
		verify_open_account(f, names[i], "pay");
		verify_mint(f, &params, &info, &texts[i]);
	}
	verify_set_status(f, "a3", VAULT_ACCOUNT_SUSPENDED);
	for (size_t i = 0; i < KEYS; i++)
		presented[i].key = bytes_str(texts[i % ACCOUNTS].text);
	assert_int_equal(
		vault_verify(f->vault, fixture_actor(f), "live", presented, KEYS, verdicts, NULL),
		PM_OK);
	for (size_t i = 0; i < KEYS; i++) {
		bool suspended = i % ACCOUNTS == 3;

		assert_verdict(verdicts[i],
			       suspended ? PM_REASON_ACCOUNT_INACTIVE : PM_REASON_NONE);
		if (!suspended)
			assert_string_equal(verdicts[i].account, names[i % ACCOUNTS]);
	}
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

/* Whatever fails on the way to the account, its key is good or there is no verdict. */
static void no_failing_call_refuses_a_good_key(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	open_and_mint(f, &info, &text);
	const struct presented presented = { .key = bytes_str(text.text) };
	for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
		bool fired = true;
		int nth = 0;

		for (; fired; nth++) {
			struct verdict verdict = { .valid = false };

			fixture_until_admitted(f);
			sealed_forget(verify_environment(f)->sealed);
			kinds[kind].arm(nth);
			enum pm_err err = vault_verify(f->vault, fixture_actor(f), "live",
						       &presented, 1, &verdict, NULL);
			fired = kinds[kind].fired();
			kinds[kind].disarm();
			assert_true(err != PM_OK || verdict.valid || verdict.error != PM_OK);
			assert_true(fired || (err == PM_OK && verdict.valid));
		}
		/* What writes nothing knows of no full disk. */
		assert_true(nth > 1 || kinds[kind].arm == fault_vfs_arm_full);
	}
	assert_int_equal(atomic_load(&verify_environment(f)->quarantined), 0);
}

struct race {
	struct fixture *f;
	const char *text;
	atomic_bool stop;
	atomic_uint turns; /* odd: between a suspension's return and the end of it */
	atomic_uint verified, wrong;
};

/* What began after the suspension returned must not find it good. */
static void *verify_all_the_time(void *arg)
{
	struct race *race = arg;

	while (!atomic_load(&race->stop)) {
		const unsigned int turn = atomic_load(&race->turns);
		const struct presented presented = { .key = bytes_str(race->text) };
		struct actor actor = {
			.uid = 1,
			.caller = "unit",
			.operator_name = "",
			.request_id = "",
			.deadline = deadline_in_ms(60000),
		};
		struct verdict verdict;

		if (vault_verify(race->f->vault, &actor, "live", &presented, 1, &verdict, NULL) !=
		    PM_OK)
			continue;
		race->wrong += verdict.valid && turn % 2 == 1 && atomic_load(&race->turns) == turn;
		race->verified += verdict.valid;
	}
	return NULL;
}

static void no_verify_succeeds_that_began_after_a_suspension_returned(void **state)
{
	enum { THREADS = 3, ROUNDS = 40 };
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;
	pthread_t threads[THREADS];
	struct race race = { .f = f };

	open_and_mint(f, &info, &text);
	race.text = text.text;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, verify_all_the_time, &race), 0);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int before = atomic_load(&race.verified);

		while (atomic_load(&race.verified) == before)
			sched_yield();
		verify_set_status(f, "acme", VAULT_ACCOUNT_SUSPENDED);
		atomic_fetch_add(&race.turns, 1);
		assert_text(f, text.text, PM_REASON_ACCOUNT_INACTIVE);
		atomic_fetch_add(&race.turns, 1);
		verify_set_status(f, "acme", VAULT_ACCOUNT_APPROVED);
	}
	atomic_store(&race.stop, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&race.wrong), 0);
	assert_true(atomic_load(&race.verified) >= ROUNDS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, verify_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_becomes_of_an_account_is_seen_by_the_next_verify),
		TEST(a_key_of_an_account_that_nobody_registered_needs_none),
		TEST(an_accounts_row_that_is_not_the_vaults_stops_its_keys),
		TEST(an_account_costs_the_token_once),
		TEST(accounts_of_one_request_are_looked_at_together),
		TEST(no_failing_call_refuses_a_good_key),
		TEST(no_verify_succeeds_that_began_after_a_suspension_returned),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
