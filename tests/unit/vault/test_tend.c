/* A round, and the end: no part of it waits for another, or is left out because another failed. */
#include "log_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "domain.h"
#include "fake_clock.h"
#include "fault.h"
#include "fault_vfs.h"

#define MINUTE 60
#define READS ((size_t)20) /* half in each environment */

/* Counts of the minute before in both environments, each naming an operator for the first time. */
static void count_reads(struct fixture *f)
{
	for (size_t i = 0; i < READS; i++) {
		char operator_name[16];
		const struct fold_act act = { .type = LEAF_KEY_READ,
					      .env = &f->vault->environments[i % ENVS],
					      .count = 1 };

		snprintf(operator_name, sizeof(operator_name), "reader %zu", i);
		fixture_actor(f)->operator_name = operator_name;
		assert_int_equal(audit_acts(log_audit(f), &f->actor, &act, 1), PM_OK);
	}
	fake_clock_advance(MINUTE);
}

static void a_checkpoint_is_signed_before_tokens_are_asked_to_hide_texts(void **state)
{
	struct fixture *f = *state;

	log_sign(f);
	count_reads(f);
	log_mint(f);
	uint64_t entries = log_status(f).entries;
	fault_arm(1); /* the call after the first */
	assert_int_equal(vault_audit_tend(f->vault, deadline_in_ms(60000)), PM_OK);
	assert_true(fault_fired());
	assert_int_equal(log_newest(f, 0).size, entries);
	assert_int_equal(fixture_count_entries(f, "key.read"), READS);
}

static void counts_become_entries_though_the_checkpoint_has_no_time_left(void **state)
{
	struct fixture *f = *state;

	count_reads(f);
	uint64_t entries = log_status(f).entries;
	assert_int_equal(vault_audit_tend(f->vault, clock_now()), PM_DEADLINE_EXCEEDED);
	assert_int_equal(log_status(f).entries, entries + READS);
}

static void counts_that_are_written_together_are_hidden_together(void **state)
{
	struct fixture *f = *state;

	count_reads(f);
	uint64_t macs[ENVS] = { fake_hsm_macs(f->hsm[TEST_ENV]), fake_hsm_macs(f->hsm[LIVE_ENV]) };
	fault_arm(ENVS); /* a call more than one for each environment would fail */
	assert_int_equal(audit_flush(log_audit(f), true, deadline_in_ms(60000)), PM_OK);
	assert_false(fault_fired());
	for (size_t i = 0; i < ENVS; i++)
		assert_int_equal(fake_hsm_macs(f->hsm[i]), macs[i] + 2 * (READS / ENVS)); /* sure */
	json_t *entries = fixture_entries(f, "key.read");
	assert_int_equal(json_array_size(entries), READS);
	for (size_t i = 0; i < READS; i++) {
		const char *name = entry_text(json_array_get(entries, i), "operator");

		assert_true(strncmp(name, "v1:", 3) == 0);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(name,
						entry_text(json_array_get(entries, j), "operator"));
	}
	json_decref(entries);
}

static void a_token_that_is_away_hides_only_its_own_environments_texts(void **state)
{
	struct fixture *f = *state;

	count_reads(f);
	fake_hsm_set_state(f->hsm[LIVE_ENV], HSM_STARTING);
	json_t *entries = fixture_entries(f, "key.read");
	for (size_t i = 0; i < READS; i++) {
		const json_t *entry = json_array_get(entries, i);
		bool live = strcmp(entry_text(entry, "env"), "live") == 0;
		bool unknown = strcmp(entry_text(entry, "operator"), "hidden") == 0;

		assert_int_equal(unknown, live);
	}
	json_decref(entries);
	fake_hsm_set_state(f->hsm[LIVE_ENV], HSM_SERVING);
}

static void a_stop_is_told_and_signed_though_counts_were_not_written(void **state)
{
	struct fixture *f = *state;
	uint64_t size = 0;

	log_sign(f);
	count_reads(f);
	fault_vfs_arm(0);
	fixture_reopen(f);
	assert_true(fault_vfs_fired());
	assert_int_equal(fixture_count_entries(f, "key.read"), 0);
	assert_int_equal(fixture_count_entries(f, "vault.stop"), 1);
	json_t *entry = fixture_newest_entry(f, "vault.start");
	assert_true(json_is_true(json_object_get(entry, "clean")));
	json_decref(entry);
	assert_int_equal(store_log_size(f->store, 1, &size), PM_OK);
	assert_int_equal(log_newest(f, 0).size, size - 1); /* all but the new start */
}

static int setup(void **state)
{
	fake_clock_reset();
	log_forget_signed();
	return fixture_setup(state);
}

static int teardown(void **state)
{
	fault_vfs_disarm();
	return fixture_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_checkpoint_is_signed_before_tokens_are_asked_to_hide_texts),
		TEST(counts_become_entries_though_the_checkpoint_has_no_time_left),
		TEST(counts_that_are_written_together_are_hidden_together),
		TEST(a_token_that_is_away_hides_only_its_own_environments_texts),
		TEST(a_stop_is_told_and_signed_though_counts_were_not_written),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
