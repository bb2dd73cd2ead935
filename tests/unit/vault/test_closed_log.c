/* A log that is closed is altered: each log's first entry tells what the one before has to be. */
#include "log_fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "domain.h"
#include "fake_clock.h"

#define MONTH INT64_C(2678400) /* seconds: 31 days */

static void rotate(struct fixture *f)
{
	struct vault_log log;

	assert_int_equal(vault_log_rotate(f->vault, fixture_actor(f), &log), PM_OK);
}

static void tend(struct fixture *f)
{
	(void)!vault_audit_tend(f->vault, deadline_in_ms(60000));
}

/* Two closed logs and an open one, all signed. */
static void make_logs(struct fixture *f)
{
	for (int i = 0; i < 2; i++) {
		log_mint(f);
		log_sign(f);
		rotate(f);
	}
	log_mint(f);
	log_sign(f);
}

static void start(struct fixture *f, bool new_log)
{
	f->audit.new_log = new_log;
	fixture_reopen(f);
	f->audit.new_log = false;
}

static void assert_good(struct fixture *f)
{
	assert_int_equal(vault_tend(f->vault), PM_OK);
	for (int i = 0; i < 4; i++)
		tend(f);
	log_mint(f);
	log_sign(f);
	log_assert_state(f, AUDIT_GOOD, "");
}

/* At the start or by the scrub; nothing of the altered log is signed; a new log is the way out. */
static void assert_noticed(struct fixture *f, const char *what)
{
	start(f, false);
	(void)!vault_tend(f->vault);
	for (int i = 0; i < 4; i++)
		tend(f);
	if (log_status(f).state != AUDIT_ALTERED)
		fail_msg("not noticed: %s", what);
	const uint64_t signatures = fake_hsm_signatures(f->hsm[TEST_ENV]);
	tend(f);
	assert_int_not_equal(log_round(f), PM_OK);
	assert_int_equal(fake_hsm_signatures(f->hsm[TEST_ENV]), signatures);
	log_assert_no_fork();
	start(f, true);
	assert_good(f);
	start(f, false);
	assert_good(f);
	assert_int_equal(log_status(f).log, 4);
	log_assert_no_fork();
}

static void what_is_done_to_a_closed_log_is_noticed(void **state)
{
	static const char *const edits[] = {
		/* An entry, its hash, the log's end, all of it. */
		("UPDATE audit_leaf SET entry = CAST(replace(CAST(entry AS TEXT), '\"ts\":\"2', "
		 "'\"ts\":\"3') AS BLOB) WHERE position = (1 << 40) + 3"),
		"UPDATE audit_leaf SET hash = randomblob(32) WHERE position = (1 << 40) + 3",
		("DELETE FROM audit_leaf WHERE position = (SELECT max(position) FROM audit_leaf "
		 "WHERE position < (2 << 40))"),
		"DELETE FROM audit_leaf WHERE position < (2 << 40)",
		"DELETE FROM audit_leaf WHERE position >> 40 = 2",
		("INSERT INTO audit_leaf SELECT position + 1, hash, entry FROM audit_leaf WHERE "
		 "position = (SELECT max(position) FROM audit_leaf WHERE position < (2 << 40))"),
		/* With the checkpoints, which would tell. */
		("DELETE FROM audit_checkpoint WHERE log = 1; DELETE FROM audit_leaf WHERE "
		 "position = (SELECT max(position) FROM audit_leaf WHERE position < (2 << 40))"),
		("DELETE FROM audit_checkpoint WHERE log = 1; DELETE FROM audit_leaf WHERE "
		 "position < (2 << 40)"),
		/* Its record. */
		"DELETE FROM audit_log WHERE log = 1",
		"UPDATE audit_log SET state = 3 WHERE log = 1",
		"UPDATE audit_log SET state = 1 WHERE log = 2",
		"UPDATE audit_log SET minimum = 256 WHERE log = 1",
		/* The entry that tells where it ended. */
		("UPDATE audit_leaf SET entry = CAST(replace(CAST(entry AS TEXT), '\"size\":', "
		 "'\"size\":1') AS BLOB) WHERE position = 2 << 40"),
		"DELETE FROM audit_leaf WHERE position = 2 << 40",
	};

	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		struct fixture *f = *state;

		make_logs(f);
		log_close(f);
		fixture_sql(f, edits[i]);
		assert_noticed(f, edits[i]);
		fixture_teardown(state);
		log_forget_signed();
		fixture_setup(state);
	}
}

static void write_entry(sqlite3 *db, int64_t position, struct bytes entry)
{
	struct tlog_hash hash;
	sqlite3_stmt *statement = NULL;

	tlog_leaf_hash(entry, &hash);
	assert_int_equal(sqlite3_prepare_v2(db,
					    "UPDATE audit_leaf SET entry = ?1, hash = ?2 WHERE "
					    "position = ?3",
					    -1, &statement, NULL),
			 SQLITE_OK);
	sqlite3_bind_blob(statement, 1, entry.data, (int)entry.len, SQLITE_STATIC);
	sqlite3_bind_blob(statement, 2, hash.bytes, sizeof(hash.bytes), SQLITE_STATIC);
	sqlite3_bind_int64(statement, 3, position);
	assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
	sqlite3_finalize(statement);
}

static struct bytes read_entry(sqlite3 *db, int64_t position, uint8_t *room)
{
	sqlite3_stmt *statement = NULL;

	assert_int_equal(sqlite3_prepare_v2(db, "SELECT entry FROM audit_leaf WHERE position = ?1",
					    -1, &statement, NULL),
			 SQLITE_OK);
	sqlite3_bind_int64(statement, 1, position);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	const size_t len = (size_t)sqlite3_column_bytes(statement, 0);
	memcpy(room, sqlite3_column_blob(statement, 0), len);
	sqlite3_finalize(statement);
	return bytes_of(room, len);
}

/* Who can write the database writes an entry anew, and its hash. */
static void rewrite_entry(struct fixture *f, int64_t position)
{
	char path[TMPDIR_MAX + 16];
	uint8_t *room CLEANUP(free_ptr) = malloc(STORE_LEAF_TEXT_MAX * 2);
	sqlite3 *db = NULL;

	assert_non_null(room);
	snprintf(path, sizeof(path), "%s/peppermint.db", f->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	struct bytes entry = read_entry(db, position, room);
	room[entry.len - 4] ^= 1;
	write_entry(db, position, entry);
	sqlite3_close(db);
}

static void an_end_that_was_written_anew_is_never_signed(void **state)
{
	struct fixture *f = *state;
	uint64_t size = 0;

	make_logs(f);
	assert_int_equal(store_log_size(f->store, 1, &size), PM_OK);
	log_close(f);
	rewrite_entry(f, (INT64_C(1) << 40) + (int64_t)size - 1);
	fixture_sql(f, "DELETE FROM audit_checkpoint WHERE log = 1");
	start(f, false);
	log_assert_state(f, AUDIT_ALTERED, "log 1 is not what its successor continues");
	assert_noticed(f, "an end that was written anew");
}

/* In a block that is not complete, and so has no node over it: the vault knows the tree by heart. */
static void what_is_written_anew_while_it_runs_is_noticed(void **state)
{
	for (int64_t log = 1; log <= 3; log++) {
		struct fixture *f = *state;

		make_logs(f);
		for (int i = 0; i < 4; i++)
			tend(f);
		log_assert_state(f, AUDIT_GOOD, "");
		rewrite_entry(f, (log << 40) + 1);
		for (int i = 0; i < 4; i++)
			tend(f);
		log_assert_state(f, AUDIT_ALTERED, "an entry up to");
		log_mint(f);
		fixture_teardown(state);
		log_forget_signed();
		fixture_setup(state);
	}
}

static void an_altered_last_entry_does_not_keep_the_vault_from_starting(void **state)
{
	struct fixture *f = *state;

	/* Its hash is in a node, so the tree is what it was. */
	while (log_status(f).entries % 256 != 255)
		log_mint(f);
	log_sign(f);
	log_close(f);
	fixture_sql(f,
		    "UPDATE audit_leaf SET entry = CAST(replace(CAST(entry AS TEXT), "
		    "'\"ts\":\"2', '\"ts\":\"3') AS BLOB) WHERE position = (SELECT max(position) "
		    "FROM audit_leaf)");
	start(f, false);
	for (int i = 0; i < 4; i++)
		tend(f);
	log_assert_state(f, AUDIT_ALTERED, "entry 255 of log 1");
}

/* Entries go when they are old, and an entry says so. */
static void a_raised_minimum_is_no_pruning(void **state)
{
	struct fixture *f = *state;

	while (log_status(f).entries < 600)
		log_mint(f);
	log_sign(f);
	fixture_sql(f, "DELETE FROM audit_leaf WHERE position < (1 << 40) + 256");
	fixture_sql(f, "UPDATE audit_log SET minimum = 256");
	start(f, false);
	for (int i = 0; i < 3; i++)
		tend(f);
	log_assert_state(f, AUDIT_ALTERED, "entry 0 of log 1");
}

/* The same in a log that was pruned before, by another block. */
static void a_minimum_beyond_what_was_pruned_is_noticed(void **state)
{
	struct fixture *f = *state;

	f->audit.keep_months = 12;
	start(f, false);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	while (log_status(f).entries < 300)
		log_mint(f);
	log_sign(f);
	fake_clock_advance(13 * MONTH);
	while (log_status(f).entries < 600)
		log_mint(f);
	log_sign(f);
	log_audit(f)->prune_at = 0;
	tend(f);
	assert_good(f);
	start(f, false);
	assert_good(f);
	log_close(f);
	fixture_sql(f, "DELETE FROM audit_leaf WHERE position < (1 << 40) + 512");
	fixture_sql(f, "UPDATE audit_log SET minimum = 512");
	start(f, false);
	for (int i = 0; i < 3; i++)
		tend(f);
	log_assert_state(f, AUDIT_ALTERED, "entry 256 of log 1");
}

/* The entry that said so may be old enough to go itself: a newer log's tells enough. */
static void logs_that_were_pruned_long_ago_are_good(void **state)
{
	struct fixture *f = *state;

	f->audit.keep_months = 12;
	start(f, false);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	for (int i = 0; i < 3; i++) {
		for (int mints = 0; mints < 520; mints++)
			log_mint(f);
		log_sign(f);
		rotate(f);
		fake_clock_advance(13 * MONTH);
		log_audit(f)->prune_at = 0;
		tend(f);
		start(f, false);
		assert_good(f);
	}
	log_assert_no_fork();
}

/* The entry that said that log 1 was given up is old enough to go, too. */
static void a_log_given_up_long_ago_is_settled(void **state)
{
	struct fixture *f = *state;
	struct log_record log;

	f->audit.keep_months = 12;
	log_mint(f);
	log_sign(f);
	log_close(f);
	fixture_sql(f, "DELETE FROM audit_leaf WHERE position = (SELECT max(position) FROM "
		       "audit_leaf)");
	start(f, true);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	while (log_status(f).entries < 300)
		log_mint(f);
	log_sign(f);
	fake_clock_advance(13 * MONTH);
	log_mint(f);
	log_sign(f);
	log_audit(f)->prune_at = 0;
	tend(f);
	assert_int_equal(store_get_log(f->store, 2, &log), PM_OK);
	assert_int_equal(log.minimum, 256);
	start(f, false);
	assert_good(f);
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
		TEST(what_is_done_to_a_closed_log_is_noticed),
		TEST(an_end_that_was_written_anew_is_never_signed),
		TEST(what_is_written_anew_while_it_runs_is_noticed),
		TEST(an_altered_last_entry_does_not_keep_the_vault_from_starting),
		TEST(a_raised_minimum_is_no_pruning),
		TEST(a_minimum_beyond_what_was_pruned_is_noticed),
		TEST(logs_that_were_pruned_long_ago_are_good),
		TEST(a_log_given_up_long_ago_is_settled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
