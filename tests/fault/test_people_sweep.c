/*
 * Whichever call to the HSM or to the disk fails while an account is approved, an operator made or a PIN
 * tried: it is done whole, with its entries, or not at all, and nobody gets a try for nothing.
 */
#include "people_fixture.h"

#include <stdio.h>
#include <string.h>

#include "fault.h"
#include "fault_vfs.h"

struct fault_kind {
	void (*arm)(int nth);
	void (*disarm)(void);
	bool (*fired)(void);
};

static const struct fault_kind kinds[] = {
	{ fault_arm, fault_disarm, fault_fired },
	{ fault_vfs_arm, fault_vfs_disarm, fault_vfs_fired },
	{ fault_vfs_arm_full, fault_vfs_disarm, fault_vfs_fired },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
#define CALLS_MAX 2000

struct trial {
	struct fixture *f;
	char name[32]; /* of what it makes: another one in each trial */
	struct actor *actor;
	struct key_secret secret;
	uint64_t keys;
	size_t minted, wrong;
};

static uint64_t count_keys(struct fixture *f)
{
	uint64_t total = 0;

	assert_int_equal(store_count_keys(f->store, "live", &total), PM_OK);
	return total;
}

static void begin(struct trial *trial, struct fixture *f, int nth)
{
	fixture_until_admitted(f);
	*trial = (struct trial){ .f = f };
	snprintf(trial->name, sizeof(trial->name), "trial-%d", nth);
	trial->keys = count_keys(f);
	trial->minted = fixture_count_entries(f, "key.mint");
	trial->wrong = fixture_count_entries(f, "pin.wrong");
}

/* Runs it with the n-th call failing. */
static enum pm_err run(const struct fault_kind *kind, int nth, bool *fired, struct trial *trial,
		       enum pm_err (*operation)(struct trial *trial))
{
	kind->arm(nth);
	enum pm_err err = operation(trial);
	*fired = kind->fired();
	kind->disarm();
	fixture_until_admitted(trial->f);
	if (err == PM_OK || err == PM_PIN_WRONG)
		return err;
	assert_true(*fired);
	if (err != PM_HSM_UNAVAILABLE && err != PM_AUDIT_BLOCKED && err != PM_STORE_UNAVAILABLE &&
	    err != PM_OUTCOME_UNKNOWN)
		fail_msg("call %d: %s", nth, peppermint_error_name(err));
	return err;
}

static enum pm_err approve(struct trial *trial)
{
	static const struct product_info pay[] = { { "pay", true } };
	const struct account_params params = {
		.environment = "live",
		.id = trial->name,
		.first_product = "pay",
		.products = pay,
		.product_count = 1,
		.status = VAULT_ACCOUNT_APPROVED,
	};
	struct account_info info;

	return vault_create_account(trial->f->vault, trial->actor, &params, &info, &trial->secret);
}

static void an_account_and_its_first_key_are_both_there_or_neither(void **state)
{
	struct fixture *f = *state;

	for (size_t kind = 0; kind < KINDS; kind++) {
		bool fired = true;
		int nth = 0;

		for (; fired; nth++) {
			struct account_info info;
			struct trial trial;

			assert_true(nth < CALLS_MAX);
			begin(&trial, f, (int)kind * CALLS_MAX + nth);
			trial.actor = fixture_actor(f);
			enum pm_err err = run(&kinds[kind], nth, &fired, &trial, approve);
			bool there = err == PM_OK;
			assert_int_equal(count_keys(f), trial.keys + there);
			assert_int_equal(fixture_count_entries(f, "key.mint"),
					 trial.minted + there);
			assert_int_equal(strlen(trial.secret.text.text) > 0, there);
			assert_int_equal(vault_get_account(f->vault, fixture_actor(f), "live",
							   trial.name, &info),
					 there ? PM_OK : PM_NOT_FOUND);
			trial.actor = fixture_actor(f);
			if (!there)
				assert_int_equal(approve(&trial), PM_OK);
			assert_true(fixture_verify(f, "live", trial.secret.text.text).valid);
		}
		assert_true(nth > 1);
	}
}

static enum pm_err mint(struct trial *trial)
{
	struct key_info info;
	struct key_text text;

	return people_mint(trial->f, trial->actor, "acme", &info, &text);
}

/* A right PIN: what it is for is done, or not; it was perhaps counted, and the next one is right again. */
static void a_right_pin_is_never_lost(void **state)
{
	struct fixture *f = *state;

	people_all(f);
	for (size_t kind = 0; kind < KINDS; kind++) {
		bool fired = true;
		int nth = 0;

		for (; fired; nth++) {
			struct trial trial;

			assert_true(nth < CALLS_MAX);
			begin(&trial, f, nth);
			trial.actor = people_stepped_up(f, ADMIN, ACT_MINT, "acme/pay", PIN);
			enum pm_err err = run(&kinds[kind], nth, &fired, &trial, mint);
			assert_int_not_equal(err, PM_PIN_WRONG);
			assert_int_equal(count_keys(f), trial.keys + (err == PM_OK));
			assert_true(people_find(f, ADMIN).failures <= 1);
			trial.actor = people_stepped_up(f, ADMIN, ACT_MINT, "acme/pay", PIN);
			assert_int_equal(mint(&trial), PM_OK);
			assert_int_equal(people_find(f, ADMIN).failures, 0);
		}
		assert_true(nth > 1);
	}
}

/* A wrong PIN: nobody hears that it is wrong unless it is counted, and in the log. */
static void a_wrong_pin_is_told_only_when_it_was_counted(void **state)
{
	struct fixture *f = *state;

	people_all(f);
	for (size_t kind = 0; kind < KINDS; kind++) {
		bool fired = true;
		int nth = 0;

		for (; fired; nth++) {
			struct trial trial;

			assert_true(nth < CALLS_MAX);
			begin(&trial, f, nth);
			trial.actor = people_stepped_up(f, ADMIN, ACT_MINT, "acme/pay", "0000");
			enum pm_err err = run(&kinds[kind], nth, &fired, &trial, mint);
			bool told = err == PM_PIN_WRONG;
			assert_int_not_equal(err, PM_OK);
			assert_int_equal(count_keys(f), trial.keys);
			uint32_t failures = people_find(f, ADMIN).failures;
			assert_true(told ? failures == 1 : failures <= 1);
			assert_int_equal(fixture_count_entries(f, "pin.wrong"), trial.wrong + told);
			trial.actor = people_stepped_up(f, ADMIN, ACT_MINT, "acme/pay", PIN);
			assert_int_equal(mint(&trial), PM_OK);
		}
		assert_true(nth > 1);
	}
}

static enum pm_err make_operator(struct trial *trial)
{
	const struct grant grant = { "acme", OPERATOR_ADMIN };
	const struct operator_params params = {
		.environment = "live",
		.id = trial->name,
		.name = "",
		.grants = &grant,
		.grant_count = 1,
		.new_pin = bytes_str(PIN),
	};
	struct operator_info info;

	return vault_create_operator(trial->f->vault, trial->actor, &params, &info);
}

static void an_operator_is_made_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;

	for (size_t kind = 0; kind < KINDS; kind++) {
		bool fired = true;
		int nth = 0;

		for (; fired; nth++) {
			struct trial trial;
			char id[33];

			assert_true(nth < CALLS_MAX);
			begin(&trial, f, (int)kind * CALLS_MAX + nth);
			size_t made = fixture_count_entries(f, "operator.create");
			trial.actor = fixture_actor(f);
			strcpy(id, f->request_id);
			enum pm_err err = run(&kinds[kind], nth, &fired, &trial, make_operator);
			assert_int_equal(fixture_count_entries(f, "operator.create"),
					 made + (err == PM_OK));
			trial.actor = fixture_actor(f);
			trial.actor->request_id = id;
			assert_int_equal(make_operator(&trial),
					 err == PM_OK ? PM_ALREADY_DONE : PM_OK);
			struct actor *portal = people_portal(f, trial.name);
			portal->pin = bytes_str(PIN);
			assert_int_equal(vault_change_operator_pin(f->vault, portal, "live",
								   bytes_str("8888")),
					 PM_OK);
		}
		assert_true(nth > 1);
	}
}

static int setup(void **state)
{
	fault_vfs_register();
	return people_setup(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_account_and_its_first_key_are_both_there_or_neither),
		TEST(a_right_pin_is_never_lost),
		TEST(a_wrong_pin_is_told_only_when_it_was_counted),
		TEST(an_operator_is_made_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
