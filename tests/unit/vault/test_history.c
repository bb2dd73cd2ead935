/* A database that was put back, or whose entries were taken away, is not gone on with. */
#include "log_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "domain.h"

/* Everything but Status says no, nothing is signed, and the database stays as it is. */
static void assert_lost(struct fixture *f, const char *word)
{
	uint64_t signatures = fake_hsm_signatures(f->hsm[TEST_ENV]);
	struct key_page *page CLEANUP(free_ptr) = calloc(1, sizeof(*page));
	const struct list_params params = { .environment = "live",
					    .account = "",
					    .product = "",
					    .page_token = "",
					    .page_size = 1 };
	uint64_t before = log_status(f).entries;

	log_assert_state(f, AUDIT_ALTERED, word);
	assert_int_equal(vault_tend(f->vault), PM_AUDIT_BLOCKED);
	assert_int_equal(log_try_mint(f), PM_AUDIT_BLOCKED);
	assert_int_equal(vault_list(f->vault, fixture_actor(f), &params, page), PM_AUDIT_BLOCKED);
	assert_int_equal(vault_audit_config_read(f->vault, "/etc/x", "policy-2", true),
			 PM_AUDIT_BLOCKED);
	assert_int_not_equal(log_round(f), PM_OK);
	assert_int_equal(fake_hsm_signatures(f->hsm[TEST_ENV]), signatures);
	assert_int_equal(log_status(f).entries, before);
}

/* Backs up, goes on by an entry or more, and puts the backup back. */
static void go_on_and_restore(struct fixture *f)
{
	log_mint(f);
	log_backup(f);
	log_mint(f);
	log_mint(f);
	log_sign(f);
	log_restore(f);
}

static void a_restored_backup_is_noticed_by_the_anchor(void **state)
{
	struct fixture *f = *state;

	go_on_and_restore(f);
	fixture_reopen(f);
	assert_lost(f, "the anchor");
	log_assert_state(f, AUDIT_ALTERED, "--new-log");
	/* Also the next time. */
	fixture_reopen(f);
	assert_lost(f, "backup");
	log_assert_no_fork();
}

/* The restored database has grown beyond the anchor's size before the anchor came back. */
static void a_restored_backup_that_has_grown_is_noticed(void **state)
{
	struct fixture *f = *state;
	char aside[TMPDIR_MAX + 16];

	go_on_and_restore(f);
	snprintf(aside, sizeof(aside), "%s/aside", f->dir);
	assert_int_equal(rename(f->anchor, aside), 0);
	fake_hsm_set_state(f->hsm[TEST_ENV], HSM_STARTING);
	fixture_reopen(f);
	fixture_reopen(f);
	for (int i = 0; i < 8; i++)
		assert_int_equal(vault_audit_config_read(f->vault, "/etc/x", "p", true), PM_OK);
	log_close(f);
	assert_int_equal(rename(aside, f->anchor), 0);
	fake_hsm_set_state(f->hsm[TEST_ENV], HSM_SERVING);
	fixture_reopen(f);
	assert_lost(f, "the anchor");
}

static void a_database_that_is_gone_altogether_is_noticed(void **state)
{
	struct fixture *f = *state;
	char path[TMPDIR_MAX + 16];

	log_sign(f);
	log_close(f);
	snprintf(path, sizeof(path), "%s/peppermint.db", f->dir);
	assert_int_equal(unlink(path), 0);
	fixture_reopen(f);
	assert_lost(f, "the anchor");
}

static void a_backup_from_before_a_rotation_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct vault_log log;

	log_mint(f);
	log_backup(f);
	assert_int_equal(vault_log_rotate(f->vault, fixture_actor(f), &log), PM_OK);
	log_sign(f);
	log_restore(f);
	fixture_reopen(f);
	assert_lost(f, "the anchor");
}

static void an_altered_checkpoint_is_noticed(void **state)
{
	static const char *const edits[] = {
		"UPDATE audit_checkpoint SET root = randomblob(32)",
		"UPDATE audit_checkpoint SET note = replace(note, 'vault', 'fault')",
		("UPDATE audit_checkpoint SET size = size - 1 WHERE size = (SELECT max(size) "
		 "FROM audit_checkpoint)"),
		"UPDATE audit_log SET vkey = replace(vkey, '1+', '2+')",
		"UPDATE audit_log SET origin = 'vault.example/other/1'",
	};

	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		struct fixture *f = *state;

		log_sign(f);
		fake_hsm_set_state(f->hsm[TEST_ENV], HSM_STARTING);
		fixture_sql(f, edits[i]);
		fixture_reopen(f);
		assert_lost(f, "altered checkpoint");
		fixture_teardown(state);
		fixture_setup(state);
	}
}

static void entries_taken_off_the_end_are_noticed_without_an_anchor(void **state)
{
	struct fixture *f = *state;

	f->audit.anchor = NULL;
	log_mint(f);
	log_sign(f);
	log_close(f);
	fixture_sql(f, "DELETE FROM audit_leaf WHERE position > (SELECT max(position) - 2 FROM "
		       "audit_leaf)");
	fixture_reopen(f);
	assert_lost(f, "missing");
	f->audit.new_log = true;
	fixture_reopen(f);
	assert_int_equal(log_status(f).log, 2);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	log_mint(f);
	log_sign(f);
	log_assert_state(f, AUDIT_GOOD, "");
}

static void a_newer_checkpoint_from_outside_tells(void **state)
{
	struct fixture *f = *state;
	struct vault_log *logs CLEANUP(free_ptr) = calloc(4, sizeof(*logs));
	size_t count = 0;

	log_mint(f);
	log_sign(f);
	struct checkpoint_record older = log_newest(f, 0);
	log_backup(f);
	log_mint(f);
	log_sign(f);
	struct checkpoint_record known = log_newest(f, 0);
	f->audit.anchor = NULL;
	log_restore(f);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	log_assert_state(f, AUDIT_GOOD, "");
	assert_int_equal(
		vault_logs(f->vault, fixture_actor(f), 0, bytes_str(older.note), logs, 4, &count),
		PM_OK);
	assert_int_equal(count, 1);
	assert_int_equal(
		vault_logs(f->vault, fixture_actor(f), 0, bytes_str(known.note), logs, 4, &count),
		PM_CONFLICT);
	assert_non_null(strstr(f->actor.why, "backup"));
	assert_lost(f, "outside");
}

/* The database does not know the log that is lost, but the token knows its key. */
static void a_checkpoint_of_a_log_that_was_lost_tells(void **state)
{
	struct fixture *f = *state;
	struct vault_log *logs CLEANUP(free_ptr) = calloc(4, sizeof(*logs));
	size_t count = 0;

	log_backup(f);
	assert_int_equal(vault_log_rotate(f->vault, fixture_actor(f), &logs[0]), PM_OK);
	log_sign(f);
	struct checkpoint_record known = log_newest(f, 2);
	f->audit.anchor = NULL;
	log_restore(f);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(
		vault_logs(f->vault, fixture_actor(f), 0, bytes_str(known.note), logs, 4, &count),
		PM_CONFLICT);
	assert_lost(f, "outside");
}

static void a_strangers_checkpoint_tells_nothing(void **state)
{
	static const char *const notes[] = {
		"vault.example/audit/1\n999\nONaPukoSslPHb8BRqjVIc9QnHkF93BB0iGzsuRX4RIw=\n\n"
		"\xe2\x80\x94 vault.example/audit/1 M4jZyMLFyx7joGg42TbpIBLR3Co2SjE5dN2FVyxbV3EfELZ"
		"dnlJ1MAN1PHf5E39Ym1ARAF4zn83WJupeHNJuzf+XLA8=\n",
		"vault.example/audit/7\n999\nONaPukoSslPHb8BRqjVIc9QnHkF93BB0iGzsuRX4RIw=\n\n"
		"\xe2\x80\x94 vault.example/audit/1 M4jZyMLFyx7joGg42TbpIBLR3Co2SjE5dN2FVyxbV3EfELZ"
		"dnlJ1MAN1PHf5E39Ym1ARAF4zn83WJupeHNJuzf+XLA8=\n",
	};
	struct fixture *f = *state;
	struct vault_log *logs CLEANUP(free_ptr) = calloc(4, sizeof(*logs));
	size_t count = 0;

	for (size_t i = 0; i < 2; i++)
		assert_int_equal(vault_logs(f->vault, fixture_actor(f), 0, bytes_str(notes[i]),
					    logs, 4, &count),
				 PM_OK);
	assert_int_equal(
		vault_logs(f->vault, fixture_actor(f), 0, bytes_str("junk"), logs, 4, &count),
		PM_BAD_REQUEST);
	log_assert_state(f, AUDIT_GOOD, "");
}

static void write_anchor(struct fixture *f, const char *text)
{
	FILE *file = fopen(f->anchor, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void an_anchor_of_something_else_is_replaced(void **state)
{
	struct fixture *f = *state;

	log_mint(f);
	log_sign(f);
	write_anchor(f, "junk");
	fixture_reopen(f);
	log_assert_state(f, AUDIT_GOOD, "");
	/* As a checkpoint of ours, but not signed. */
	write_anchor(f, "vault.example/audit/1\n999\n"
			"ONaPukoSslPHb8BRqjVIc9QnHkF93BB0iGzsuRX4RIw=\n");
	fixture_reopen(f);
	log_assert_state(f, AUDIT_GOOD, "");
}

static void a_lost_log_is_given_up_for_a_new_one_that_says_so(void **state)
{
	struct fixture *f = *state;
	struct log_record log;

	go_on_and_restore(f);
	f->audit.new_log = true;
	fixture_reopen(f);
	f->audit.new_log = false;
	assert_int_equal(vault_tend(f->vault), PM_OK);
	log_mint(f);
	log_sign(f);
	log_assert_state(f, AUDIT_GOOD, "");
	assert_int_equal(store_get_log(f->store, 1, &log), PM_OK);
	assert_int_equal(log.state, LOG_ABANDONED);
	assert_int_equal(store_get_log(f->store, 2, &log), PM_OK);
	/* Its name is none that a lost log can have had. */
	assert_int_equal(strncmp(log.origin, "vault.example/audit/2-", 22), 0);
	json_t *entry = fixture_newest_entry(f, "log.open");
	assert_true(json_is_true(json_object_get(entry, "abandoned")));
	assert_true(entry_number(entry, "lost_size") > 0);
	assert_int_equal(strlen(entry_text(entry, "lost_root")), 44);
	json_decref(entry);
	/* From then on it is a log as any other. */
	fixture_reopen(f);
	log_assert_state(f, AUDIT_GOOD, "");
	assert_int_equal(vault_tend(f->vault), PM_OK);
	log_mint(f);
	log_sign(f);
	log_assert_no_fork();
}

/* The token has the key of the log that was lost, under the number that would be next. */
static void a_lost_logs_key_is_not_made_again(void **state)
{
	struct fixture *f = *state;
	struct vault_log log;

	log_backup(f);
	assert_int_equal(vault_log_rotate(f->vault, fixture_actor(f), &log), PM_OK);
	const size_t keys = fake_hsm_key_count(f->hsm[TEST_ENV]);
	log_sign(f);
	log_restore(f);
	f->audit.new_log = true;
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(vault_log_rotate(f->vault, fixture_actor(f), &log), PM_TOKEN_MISMATCH);
	assert_int_equal(log_status(f).log, 2);
	/* Until somebody has removed it. */
	fake_hsm_lose_key(f->hsm[TEST_ENV], keys - 1);
	assert_int_equal(vault_log_rotate(f->vault, fixture_actor(f), &log), PM_OK);
	assert_int_equal(log.log, 3);
	log_sign(f);
	log_assert_no_fork();
}

static void a_log_with_an_altered_entry_is_given_up_when_asked(void **state)
{
	struct fixture *f = *state;

	while (log_status(f).entries < 300)
		log_mint(f);
	log_sign(f);
	fixture_sql(f, "UPDATE audit_leaf SET hash = randomblob(32) WHERE position & 0xffffff = 7");
	fixture_reopen(f);
	f->audit.new_log = true;
	fixture_reopen(f);
	assert_int_equal(log_status(f).log, 2);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(vault_audit_tend(f->vault, deadline_in_ms(60000)), PM_OK);
	log_assert_state(f, AUDIT_GOOD, "");
	log_sign(f);
}

static void a_log_that_lost_nothing_is_not_given_up(void **state)
{
	struct fixture *f = *state;

	log_sign(f);
	f->audit.new_log = true;
	fixture_reopen(f);
	assert_int_equal(log_status(f).log, 1);
	log_assert_state(f, AUDIT_GOOD, "");
}

static int setup(void **state)
{
	log_forget_signed();
	return fixture_setup(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_restored_backup_is_noticed_by_the_anchor),
		TEST(a_restored_backup_that_has_grown_is_noticed),
		TEST(a_database_that_is_gone_altogether_is_noticed),
		TEST(a_backup_from_before_a_rotation_is_noticed),
		TEST(an_altered_checkpoint_is_noticed),
		TEST(entries_taken_off_the_end_are_noticed_without_an_anchor),
		TEST(a_newer_checkpoint_from_outside_tells),
		TEST(a_checkpoint_of_a_log_that_was_lost_tells),
		TEST(a_strangers_checkpoint_tells_nothing),
		TEST(an_anchor_of_something_else_is_replaced),
		TEST(a_lost_log_is_given_up_for_a_new_one_that_says_so),
		TEST(a_lost_logs_key_is_not_made_again),
		TEST(a_log_with_an_altered_entry_is_given_up_when_asked),
		TEST(a_log_that_lost_nothing_is_not_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
