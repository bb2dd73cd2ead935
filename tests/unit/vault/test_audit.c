/* The audit log's beginning and end, and what happens when it takes no entries for a while. */
#include "log_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "domain.h"

/* No file takes another byte: writes fail, reads do not. */
static void fill_disk(bool full)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = full ? 0 : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* It is tried again a moment after it failed, by whoever asks. */
static void wait_until_admitted(struct fixture *f)
{
	const struct timespec moment = { .tv_nsec = 10 * NS_PER_MS };
	int64_t deadline = deadline_in_ms(60000);

	while (audit_admit(log_audit(f)) != PM_OK) {
		assert_true(clock_now() < deadline);
		nanosleep(&moment, NULL);
	}
}

/* Not even undoing a commit can be written: that one's outcome is unknown, and it is the last. */
static void assert_mint_fails(struct fixture *f)
{
	enum pm_err err = log_try_mint(f);

	assert_true(err == PM_OUTCOME_UNKNOWN || err == PM_AUDIT_BLOCKED);
	assert_int_equal(log_try_mint(f), PM_AUDIT_BLOCKED);
}

static bool was_clean(struct fixture *f)
{
	json_t *entry = fixture_newest_entry(f, "vault.start");
	bool clean = json_is_true(json_object_get(entry, "clean"));

	assert_string_equal(entry_text(entry, "program"), "unit");
	json_decref(entry);
	return clean;
}

/* The disk fails for good, and the process ends. */
static void crash(struct fixture *f)
{
	fill_disk(true);
	log_close(f);
	fill_disk(false);
	fixture_reopen(f);
}

static void a_log_begins_with_its_opening_and_the_start(void **state)
{
	struct fixture *f = *state;
	json_t *entries = fixture_entries(f, "");

	assert_string_equal(entry_text(json_array_get(entries, 0), "type"), "log.open");
	assert_string_equal(entry_text(json_array_get(entries, 0), "origin"),
			    "vault.example/audit/1");
	assert_string_equal(entry_text(json_array_get(entries, 1), "type"), "vault.start");
	json_decref(entries);
	assert_true(was_clean(f));
}

static void a_stop_is_told_and_the_next_start_knows_it(void **state)
{
	struct fixture *f = *state;

	fixture_reopen(f);
	assert_int_equal(fixture_count_entries(f, "vault.stop"), 1);
	assert_true(was_clean(f));
	/* As after a crash: the entry of the stop is not there. */
	fixture_reopen(f);
	log_mint(f);
	crash(f);
	assert_false(was_clean(f));
}

static void the_configuration_that_was_read_is_told_and_named_from_then_on(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(vault_audit_config_read(f->vault, "/etc/p.conf", "policy-2", true), PM_OK);
	assert_int_equal(vault_audit_config_read(f->vault, "/etc/p.conf", "policy-3", false),
			 PM_OK);
	json_t *entry = fixture_newest_entry(f, "config.read");
	assert_string_equal(entry_text(entry, "revision"), "policy-3");
	assert_string_equal(entry_text(entry, "policy"), "policy-2");
	assert_string_equal(entry_text(entry, "err"), "CONFIG");
	json_decref(entry);
}

static void when_the_disk_fails_everything_is_refused_until_it_works(void **state)
{
	struct fixture *f = *state;
	uint64_t entries = log_status(f).entries;
	struct key_page *page CLEANUP(free_ptr) = calloc(1, sizeof(*page));
	const struct list_params params = { .environment = "live",
					    .account = "",
					    .product = "",
					    .page_token = "",
					    .page_size = 1 };

	fill_disk(true);
	assert_mint_fails(f);
	log_assert_state(f, AUDIT_STUCK, "disk");
	assert_int_equal(vault_list(f->vault, fixture_actor(f), &params, page), PM_AUDIT_BLOCKED);
	assert_int_equal(vault_tend(f->vault), PM_AUDIT_BLOCKED);
	fill_disk(false);
	wait_until_admitted(f);
	log_assert_state(f, AUDIT_GOOD, "");
	assert_int_equal(fixture_count_entries(f, "log.resume"), 1);
	assert_int_equal(fixture_count_entries(f, "key.mint"), 0);
	assert_int_equal(log_status(f).entries, entries + 1);
	log_mint(f);
	log_sign(f);
}

/* Also with nobody but callers to try. */
static void a_caller_finds_out_that_it_works_again(void **state)
{
	struct fixture *f = *state;

	fill_disk(true);
	assert_mint_fails(f);
	fill_disk(false);
	wait_until_admitted(f);
	log_mint(f);
	assert_int_equal(fixture_count_entries(f, "log.resume"), 1);
}

/* The first entry after such a time is the one that says so. */
static void a_configuration_that_is_read_then_is_told_after_the_resumption(void **state)
{
	struct fixture *f = *state;
	const struct timespec moment = { .tv_nsec = 10 * NS_PER_MS };

	fill_disk(true);
	assert_mint_fails(f);
	fill_disk(false);
	while (vault_audit_config_read(f->vault, "/etc/p.conf", "policy-2", true) != PM_OK)
		nanosleep(&moment, NULL);
	log_assert_state(f, AUDIT_GOOD, "");
	json_t *resumed = fixture_newest_entry(f, "log.resume");
	json_t *entry = fixture_newest_entry(f, "config.read");
	assert_true(entry_number(resumed, "seq") < entry_number(entry, "seq"));
	json_decref(resumed);
	json_decref(entry);
}

/* However many call meanwhile, it is tried at most five times a second. */
static void a_full_disk_is_not_tried_again_by_every_caller(void **state)
{
	struct fixture *f = *state;
	int64_t begun = clock_now();

	fill_disk(true);
	assert_mint_fails(f);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(audit_admit(log_audit(f)), PM_AUDIT_BLOCKED);
	assert_true(clock_now() - begun < 5 * NS_PER_SECOND);
	fill_disk(false);
}

/* The store opens, and from then on nothing can be written. */
static void open_on_a_full_disk(struct fixture *f)
{
	const struct store_config config = {
		.dir = f->dir, .queue = 64, .batch = 64, .readers = 4, .keep_executed_days = 7
	};
	const struct vault_environment environments[] = {
		{ .name = "test",
		  .prefix = "ak_test_",
		  .hsm = f->hsm[TEST_ENV],
		  .policy = f->policy[TEST_ENV] },
		{ .name = "live",
		  .prefix = "ak_live_",
		  .hsm = f->hsm[LIVE_ENV],
		  .policy = f->policy[LIVE_ENV] },
	};

	assert_int_equal(store_open(&config, &f->store), PM_OK);
	fill_disk(true);
	assert_int_equal(vault_open(f->store, environments, ENVS, &f->audit, &f->vault), PM_OK);
}

static void a_vault_that_starts_on_a_full_disk_begins_its_log_later(void **state)
{
	struct fixture *f = *state;

	log_close(f);
	open_on_a_full_disk(f);
	log_assert_state(f, AUDIT_STUCK, "disk");
	assert_int_equal(vault_tend(f->vault), PM_AUDIT_BLOCKED);
	fill_disk(false);
	wait_until_admitted(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	log_mint(f);
	assert_int_equal(fixture_count_entries(f, "vault.start"), 2);
}

static void what_happens_to_an_hsm_is_told_once(void **state)
{
	static const struct {
		enum hsm_state state;
		bool restart;
		const char *type;
	} steps[] = {
		{ HSM_STARTING, false, "hsm.fault" }, { HSM_SERVING, true, "hsm.recover" },
		{ HSM_SEALED, false, "hsm.pin" },     { HSM_SERVING, true, "hsm.unseal" },
		{ HSM_STARTING, false, "hsm.fault" }, { HSM_SEALED, false, "hsm.pin" },
		{ HSM_SERVING, true, "hsm.unseal" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		size_t before = fixture_count_entries(f, steps[i].type);
		uint64_t all = log_status(f).entries;

		fake_hsm_set_state(f->hsm[LIVE_ENV], steps[i].state);
		for (int again = 0; again < 3; again++) {
			enum pm_err err = vault_tend(f->vault);
			assert_true(err == PM_OK || err == PM_SEALED || err == PM_HSM_UNAVAILABLE);
		}
		assert_int_equal(fixture_count_entries(f, steps[i].type), before + 1);
		assert_int_equal(log_status(f).entries, all + 1);
		json_t *entry = fixture_newest_entry(f, steps[i].type);
		assert_string_equal(entry_text(entry, "env"), "live");
		json_decref(entry);
	}
}

static void a_restart_between_two_looks_is_told_by_its_count(void **state)
{
	struct fixture *f = *state;

	fake_hsm_restart(f->hsm[LIVE_ENV]);
	fake_hsm_restart(f->hsm[LIVE_ENV]);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(fixture_count_entries(f, "hsm.fault"), 1);
	assert_int_equal(fixture_count_entries(f, "hsm.recover"), 1);
	json_t *entry = fixture_newest_entry(f, "hsm.fault");
	assert_int_equal(entry_number(entry, "restarts"), 2);
	json_decref(entry);
	assert_int_equal(fixture_count_entries(f, "env.serve"), 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, teardown)

static int teardown(void **state)
{
	fill_disk(false);
	return fixture_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_log_begins_with_its_opening_and_the_start),
		TEST(a_stop_is_told_and_the_next_start_knows_it),
		TEST(the_configuration_that_was_read_is_told_and_named_from_then_on),
		TEST(when_the_disk_fails_everything_is_refused_until_it_works),
		TEST(a_caller_finds_out_that_it_works_again),
		TEST(a_configuration_that_is_read_then_is_told_after_the_resumption),
		TEST(a_full_disk_is_not_tried_again_by_every_caller),
		TEST(a_vault_that_starts_on_a_full_disk_begins_its_log_later),
		TEST(what_happens_to_an_hsm_is_told_once),
		TEST(a_restart_between_two_looks_is_told_by_its_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
