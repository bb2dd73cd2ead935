/* Old entries: read again and again, and pruned when they are old enough. */
#include "log_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "fake_clock.h"

#define MONTH INT64_C(2678400) /* seconds: 31 days */

static void fill(struct fixture *f, uint64_t entries)
{
	while (log_status(f).entries < entries)
		log_mint(f);
	log_sign(f);
}

static enum pm_err tend(struct fixture *f)
{
	return vault_audit_tend(f->vault, deadline_in_ms(60000));
}

static void assert_found(struct fixture *f, const char *sql, const char *word)
{
	fill(f, 600);
	assert_int_equal(tend(f), PM_OK);
	fixture_sql(f, sql);
	uint64_t entries = log_status(f).entries;
	assert_int_equal(scrub_some(log_audit(f)), PM_OK);
	log_assert_state(f, AUDIT_ALTERED, word);
	assert_int_equal(log_status(f).entries, entries + 1); /* log.damage */
	/* It serves on, and tells of it once. */
	log_mint(f);
	for (int i = 0; i < 3; i++)
		assert_int_equal(scrub_some(log_audit(f)), PM_OK);
	assert_int_equal(log_status(f).entries, entries + 2);
	assert_int_equal(log_round(f), PM_STORE_DAMAGED);
}

static void an_edited_entry_is_found_by_name(void **state)
{
	assert_found(*state,
		     "UPDATE audit_leaf SET entry = CAST(replace(CAST(entry AS TEXT), 'live', "
		     "'test') AS BLOB) WHERE position & 0xffffff = 301",
		     "entry 301 ");
}

/* Whoever edits an entry and computes its hash anew meets the tree over it. */
static void an_entry_with_another_and_its_hash_is_found_by_its_block(void **state)
{
	assert_found(*state,
		     "UPDATE audit_leaf SET (entry, hash) = (SELECT entry, hash FROM audit_leaf "
		     "WHERE position & 0xffffff = 11) WHERE position & 0xffffff = 310",
		     "entry 310 ");
}

static void an_entry_that_is_gone_is_found_by_name(void **state)
{
	assert_found(*state, "DELETE FROM audit_leaf WHERE position & 0xffffff = 302",
		     "entry 302 ");
}

static void an_altered_node_is_found(void **state)
{
	assert_found(*state, "UPDATE audit_node SET hash = randomblob(32) WHERE row = 1 AND n = 0",
		     "up to 255 ");
}

static void a_good_log_is_read_through_and_through(void **state)
{
	struct fixture *f = *state;

	fill(f, 600);
	for (int i = 0; i < 5; i++)
		assert_int_equal(tend(f), PM_OK);
	log_assert_state(f, AUDIT_GOOD, "");
}

static uint64_t minimum(struct fixture *f)
{
	struct log_record log;

	assert_int_equal(store_get_log(f->store, 1, &log), PM_OK);
	return log.minimum;
}

static void entries_are_pruned_when_they_are_old_enough(void **state)
{
	struct fixture *f = *state;
	struct vault_log_proof proof;

	f->audit.keep_months = 1; /* not taken at its word */
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	fill(f, 600);
	log_audit(f)->prune_at = 0;
	fake_clock_advance(11 * MONTH);
	assert_int_equal(tend(f), PM_OK);
	assert_int_equal(minimum(f), 0);
	fake_clock_advance(2 * MONTH);
	log_mint(f);
	assert_int_equal(tend(f), PM_OK); /* not yet: once an hour */
	assert_int_equal(minimum(f), 0);
	log_audit(f)->prune_at = 0;
	assert_int_equal(tend(f), PM_OK);
	assert_int_equal(minimum(f), 512);
	assert_int_equal(vault_log_prove(f->vault, fixture_actor(f), 1, 511, &proof), PM_NOT_FOUND);
	assert_int_equal(vault_log_prove(f->vault, fixture_actor(f), 1, 512, &proof), PM_OK);
	log_sign(f);
	/* The rest goes on as if nothing were missing. */
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	for (int i = 0; i < 4; i++)
		assert_int_equal(tend(f), PM_OK);
	log_mint(f);
	log_sign(f);
	log_assert_state(f, AUDIT_GOOD, "");
	log_assert_no_fork();
}

/* Reports say how far back the log reaches: never less than it was told to keep. */
static void one_that_is_old_enough_stays(void **state)
{
	struct fixture *f = *state;

	f->audit.keep_months = 12;
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	fill(f, 512);
	assert_int_equal(log_status(f).entries, 512);
	fake_clock_advance(13 * MONTH);
	log_mint(f);
	log_sign(f);
	log_audit(f)->prune_at = 0;
	assert_int_equal(tend(f), PM_OK);
	assert_int_equal(minimum(f), 256);
}

/* A round takes so many, and the next one does not wait for an hour while there is more. */
static void what_one_round_cannot_prune_the_next_one_does(void **state)
{
	struct fixture *f = *state;

	f->audit.keep_months = 12;
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	fill(f, STORE_PRUNE_LEAVES_MAX + 300);
	fake_clock_advance(13 * MONTH);
	log_audit(f)->prune_at = 0;
	assert_int_equal(tend(f), PM_OK);
	assert_int_equal(minimum(f), STORE_PRUNE_LEAVES_MAX);
	assert_true(log_audit(f)->prune_at <= deadline_in_ms(60000));
	log_audit(f)->prune_at = 0;
	assert_int_equal(tend(f), PM_OK);
	assert_int_equal(minimum(f), STORE_PRUNE_LEAVES_MAX + 256);
	assert_true(log_audit(f)->prune_at > deadline_in_ms(60000));
}

/* An entry is not terminated, and may be anything that somebody wrote into the database. */
static void a_pruning_is_heard_to_the_entrys_end_and_no_further(void **state)
{
	static const struct {
		const char *text, *behind;
		uint64_t said;
	} cases[] = {
		{ "{\"type\":\"log.prune\",\"origin\":\"a/1\",\"minimum\":512}", "", 512 },
		{ "{\"type\":\"log.prune\",\"origin\":\"a/1\",\"minimum\":5", "12", 5 },
		{ "{\"type\":\"log.prune\",\"origin\":\"a/1\",\"minimum\":", "512", 0 },
		{ "{\"type\":\"log.prune\",\"origin\":\"a/1\",\"minimum\":-512}", "", 0 },
		{ "{\"type\":\"log.prune\",\"origin\":\"a/11\",\"minimum\":512}", "", 0 },
		{ "{\"type\":\"log.read\",\"origin\":\"a/1\",\"minimum\":512}", "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pruned pruned = { .log = 1, .origin = "a/1" };
		char entry[128];

		snprintf(entry, sizeof(entry), "%s%s", cases[i].text, cases[i].behind);
		pruned_hear(&pruned, bytes_of(entry, strlen(cases[i].text)));
		assert_int_equal(pruned.said, cases[i].said);
	}
}

static void nothing_is_pruned_that_is_not_signed_or_not_to_be(void **state)
{
	struct fixture *f = *state;

	while (log_status(f).entries < 600)
		log_mint(f);
	fake_clock_advance(20 * MONTH);
	assert_int_equal(tend(f), PM_OK); /* keeps for ever */
	assert_int_equal(minimum(f), 0);
	f->audit.keep_months = 12;
	fake_hsm_set_state(f->hsm[TEST_ENV], HSM_STARTING);
	fixture_sql(f, "DELETE FROM audit_checkpoint");
	f->audit.anchor = NULL;
	fixture_reopen(f);
	assert_int_not_equal(tend(f), PM_OK);
	assert_int_equal(minimum(f), 0);
}

static int setup(void **state)
{
	fake_clock_reset();
	log_forget_signed();
	return fixture_setup(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_edited_entry_is_found_by_name),
		TEST(an_entry_with_another_and_its_hash_is_found_by_its_block),
		TEST(an_entry_that_is_gone_is_found_by_name),
		TEST(an_altered_node_is_found),
		TEST(a_good_log_is_read_through_and_through),
		TEST(entries_are_pruned_when_they_are_old_enough),
		TEST(one_that_is_old_enough_stays),
		TEST(what_one_round_cannot_prune_the_next_one_does),
		cmocka_unit_test(a_pruning_is_heard_to_the_entrys_end_and_no_further),
		TEST(nothing_is_pruned_that_is_not_signed_or_not_to_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
