#define _GNU_SOURCE
#include "audit_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* 600 entries, the first 590 of which are signed for. */
enum { ENTRIES = 600, SIGNED = 590 };

static int setup_entries(void **state)
{
	fixture_setup_log(state);
	commit_leaves(*state, ENTRIES);
	assert_int_equal(commit_checkpoint(*state, SIGNED, "a note"), PM_OK);
	return 0;
}

/* What was logged meanwhile. */
struct capture {
	int file, before;
	char text[65536];
};

static void capture_begin(struct capture *c)
{
	c->file = memfd_create("log", MFD_CLOEXEC);
	c->before = dup(STDERR_FILENO);
	assert_true(c->file >= 0 && c->before >= 0);
	assert_true(dup2(c->file, STDERR_FILENO) >= 0);
}

static const char *capture_end(struct capture *c)
{
	dup2(c->before, STDERR_FILENO);
	ssize_t len = pread(c->file, c->text, sizeof(c->text) - 1, 0);
	assert_true(len >= 0);
	c->text[len] = '\0';
	close(c->file);
	close(c->before);
	return c->text;
}

/* Reading stops before that entry and names it. */
static void assert_read_names(struct fixture *f, uint32_t log, uint64_t index)
{
	struct capture capture;
	struct reading reading = { 0 };
	char name[64];

	capture_begin(&capture);
	enum pm_err err = read_leaves(f, log, 0, SIZE_MAX, &reading);
	capture_end(&capture);
	assert_int_equal(err, PM_STORE_DAMAGED);
	assert_int_equal(reading.found, index);
	snprintf(name, sizeof(name), "entry %u of audit log %u ", (unsigned)index, log);
	assert_non_null(strstr(capture.text, name));
	assert_int_equal(read_leaves(f, log, 0, index, &reading), PM_OK);
}

/* No tree: it is said once, nothing is appended, everything else goes on. */
static void assert_blocked_after_reopening(struct fixture *f)
{
	struct capture capture;
	struct log_record log = make_log(1);
	struct tlog_tree tree;
	struct key_record key;
	uint32_t number = 0;

	fixture_close(f);
	capture_begin(&capture);
	enum pm_err err = store_open(&f->config, &f->store);
	capture_end(&capture);
	assert_int_equal(err, PM_OK);
	const char *line = strstr(capture.text, "audit");
	assert_non_null(line);
	assert_null(strstr(strchr(line, '\n'), "audit")); /* one line */

	log.revision = 2;
	assert_int_equal(store_get_tree(f->store, &number, &tree), PM_STORE_DAMAGED);
	assert_int_equal(commit_audited(f, 1, NULL), PM_STORE_DAMAGED);
	assert_int_equal(get_key(f, 1, &key), PM_NOT_FOUND);
	assert_int_equal(commit_leaf(f, 1, NULL), PM_STORE_DAMAGED);
	assert_int_equal(commit_log(f, 2), PM_STORE_DAMAGED);
	assert_int_equal(commit_one(f, update_log(&log)), PM_STORE_DAMAGED);
	assert_int_equal(commit_key(f, 1), PM_OK);
	assert_int_equal(get_key(f, 1, &key), PM_OK);
}

static void set_blob(sqlite3 *db, const char *column, unsigned index, const void *blob, size_t len)
{
	sqlite3_stmt *stmt = NULL;
	char sql[128];

	snprintf(sql, sizeof(sql), "UPDATE audit_leaf SET %s = ?1 WHERE position = (1 << 40) + %u",
		 column, index);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	sqlite3_bind_blob(stmt, 1, blob, (int)len, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	sqlite3_finalize(stmt);
	assert_int_equal(sqlite3_changes(db), 1);
}

static size_t get_blob(sqlite3 *db, const char *column, unsigned index, uint8_t out[1024])
{
	sqlite3_stmt *stmt = NULL;
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT %s FROM audit_leaf WHERE position = (1 << 40) + %u",
		 column, index);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	size_t len = (size_t)sqlite3_column_bytes(stmt, 0);
	assert_true(len <= 1024);
	memcpy(out, sqlite3_column_blob(stmt, 0), len);
	sqlite3_finalize(stmt);
	return len;
}

static void any_flipped_byte_of_an_entry_or_its_hash_is_noticed(void **state)
{
	static const char *const columns[] = { "entry", "hash" };
	struct fixture *f = *state;
	sqlite3 *db = raw_open(f->dir);
	uint8_t blob[1024];

	raw_exec(db, "PRAGMA synchronous = OFF");
	for (size_t c = 0; c < 2; c++) {
		size_t len = get_blob(db, columns[c], 7, blob);
		assert_true(len >= 32);
		for (size_t i = 0; i < len; i++) {
			blob[i] ^= (uint8_t)(1 << i % 8);
			set_blob(db, columns[c], 7, blob, len);
			assert_read_names(f, 1, 7);
			blob[i] ^= (uint8_t)(1 << i % 8);
		}
		set_blob(db, columns[c], 7, blob, len);
	}
	sqlite3_close(db);
	assert_tree_is_of_rows(f);
}

#define ROW(index) " WHERE position = (1 << 40) + " #index

static void a_leaf_that_is_malformed_missing_or_moved_is_named(void **state)
{
	static const struct {
		const char *sql;
		uint64_t named;
	} edits[] = {
		{ "UPDATE audit_leaf SET hash = zeroblob(31)" ROW(7), 7 },
		{ "UPDATE audit_leaf SET hash = zeroblob(33)" ROW(7), 7 },
		{ "UPDATE audit_leaf SET hash = x''" ROW(7), 7 },
		{ "UPDATE audit_leaf SET entry = x''" ROW(7), 7 },
		{ "UPDATE audit_leaf SET entry = zeroblob(8193)" ROW(7), 7 },
		{ "UPDATE audit_leaf SET entry = zeroblob(2000000)" ROW(7), 7 },
		{ "UPDATE audit_leaf SET hash = zeroblob(2000000)" ROW(7), 7 },
		{ "DELETE FROM audit_leaf" ROW(7), 7 },
		{ "DELETE FROM audit_leaf" ROW(0), 0 },
		{ "DELETE FROM audit_leaf" ROW(599), 599 },
		{ "DELETE FROM audit_leaf WHERE position >= (1 << 40) + 100", 100 },
		{ "DELETE FROM audit_leaf", 0 },
		{ "UPDATE audit_leaf SET position = (1 << 40) + 600" ROW(599), 599 },
		/* Two change places, with their hashes. */
		{ "UPDATE audit_leaf SET position = 1" ROW(
			  7) ";"
			     "UPDATE audit_leaf SET position = (1 << 40) + 7" ROW(
				     8) ";"
					"UPDATE audit_leaf SET position = (1 << 40) + 8 WHERE "
					"position = 1",
		  7 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		void *each = NULL;
		setup_entries(&each);
		struct fixture *f = each;
		raw_edit(f, edits[i].sql);
		assert_read_names(f, 1, edits[i].named);
		fixture_teardown(&each);
	}
}

static void a_leaf_of_another_log_is_named(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(commit_log(f, 2), PM_OK);
	commit_leaves(f, 10);
	raw_edit(f, "DELETE FROM audit_leaf WHERE position = (2 << 40) + 7;"
		    "UPDATE audit_leaf SET position = (2 << 40) + 7" ROW(77));
	assert_read_names(f, 2, 7);
	assert_read_names(f, 1, 77);
}

static void a_closed_log_whose_end_was_cut_is_missed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(commit_log(f, 2), PM_OK);
	raw_edit(f, "DELETE FROM audit_leaf WHERE position >= (1 << 40) + 500 AND"
		    " position < (2 << 40)");
	assert_read_names(f, 1, 500);
	fixture_reopen(f);
	assert_read_names(f, 1, 500);
	assert_int_equal(commit_audited(f, 1, NULL), PM_OK); /* to log 2 */
}

#define NODE(n) " WHERE row = 1 AND n = " #n

static void a_log_whose_tree_cannot_be_made_takes_no_entries(void **state)
{
	static const char *const edits[] = {
		"DELETE FROM audit_leaf WHERE position >= (1 << 40) + 589",
		"DELETE FROM audit_leaf WHERE position >= (1 << 40) + 512",
		"DELETE FROM audit_leaf WHERE position >= (1 << 40) + 511",
		"DELETE FROM audit_leaf WHERE position >= (1 << 40) + 100",
		"DELETE FROM audit_leaf",
		"DELETE FROM audit_leaf" ROW(512),
		"DELETE FROM audit_leaf" ROW(550),
		"UPDATE audit_leaf SET hash = zeroblob(32)" ROW(550),
		"UPDATE audit_leaf SET hash = zeroblob(31)" ROW(599),
		"UPDATE audit_leaf SET entry = zeroblob(2000000)" ROW(599),
		"UPDATE audit_leaf SET entry = CAST(entry || x'20' AS BLOB)" ROW(598),
		"UPDATE audit_leaf SET position = (1 << 40) + 1000" ROW(599),
		"UPDATE audit_leaf SET position = (1 << 40) + (1 << 39)" ROW(3),
		"UPDATE audit_leaf SET position = 3 << 40" ROW(3),
		"DELETE FROM audit_node" NODE(0),
		"DELETE FROM audit_node" NODE(1),
		"DELETE FROM audit_node",
		"UPDATE audit_node SET hash = zeroblob(31)" NODE(1),
		"UPDATE audit_node SET hash = zeroblob(32)" NODE(1), /* the checkpoint's root */
		"UPDATE audit_node SET n = 2" NODE(1),
		"INSERT INTO audit_node VALUES (1, 1, 2, zeroblob(32))",
		"UPDATE audit_log SET state = 2",
		"UPDATE audit_log SET origin = 'a\"b'",
		"UPDATE audit_log SET origin = ''",
		"UPDATE audit_log SET origin = hex(zeroblob(70))",
		"UPDATE audit_log SET revision = -1",
		"UPDATE audit_log SET minimum = 1024",
		"UPDATE audit_log SET log = 2",
		"DELETE FROM audit_log",
		"UPDATE audit_checkpoint SET root = zeroblob(32)",
		"UPDATE audit_checkpoint SET root = zeroblob(33)",
		"UPDATE audit_checkpoint SET size = 601",
		"UPDATE audit_checkpoint SET size = 589",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		void *each = NULL;
		setup_entries(&each);
		struct fixture *f = each;
		raw_edit(f, edits[i]);
		assert_blocked_after_reopening(f);
		fixture_teardown(&each);
	}
}

/* Only who has a checkpoint of them, outside of the database, can miss them. */
static void visit_first(struct fixture *f, uint32_t log, char entry[TLOG_ENTRY_MAX + 1])
{
	struct reading reading = { .stop_after = 1 };

	assert_int_equal(read_leaves(f, log, 0, 1, &reading), PM_OK);
	memcpy(entry, reading.last, sizeof(reading.last));
}

static void a_damaged_log_can_be_given_up_for_the_next(void **state)
{
	struct fixture *f = *state;
	struct log_record record = make_log(2);
	struct log_opening opening = {
		.record = &record,
		.open_text = bytes_str("\"op\":\"log.open\"}"),
	};
	char first[TLOG_ENTRY_MAX + 1];

	raw_edit(f, "DELETE FROM audit_leaf WHERE position >= (1 << 40) + 100");
	assert_blocked_after_reopening(f);
	assert_int_equal(commit_one(f, open_log(&opening)), PM_OK);
	assert_int_equal(commit_leaf(f, 1, NULL), PM_OK);
	fixture_reopen(f);
	assert_int_equal(commit_leaf(f, 2, NULL), PM_OK);
	visit_first(f, 2, first);
	assert_non_null(strstr(first, "\"prev\":null,"));
	assert_tree_is_of_rows(f);
}

static void entries_after_the_newest_checkpoint_can_be_cut_unnoticed(void **state)
{
	struct fixture *f = *state;

	raw_edit(f, "DELETE FROM audit_leaf WHERE position >= (1 << 40) + 590");
	fixture_reopen(f);
	assert_int_equal(get_tree(f).size, SIGNED);
	assert_tree_is_of_rows(f);
}

static void a_row_that_others_put_at_the_end_is_not_overwritten(void **state)
{
	struct fixture *f = *state;
	struct key_record key;
	struct tlog_tree before = get_tree(f), after;

	raw_edit(f, "INSERT INTO audit_leaf VALUES ((1 << 40) + 600, zeroblob(32), x'7b7d')");
	assert_int_equal(commit_audited(f, 1, NULL), PM_STORE_DAMAGED);
	assert_int_equal(get_key(f, 1, &key), PM_NOT_FOUND);
	after = get_tree(f);
	assert_true(same_tree(&before, &after));
	assert_read_names(f, 1, 600);
	assert_blocked_after_reopening(f);
}

static void a_malformed_log_or_checkpoint_is_quarantined(void **state)
{
	struct fixture *f = *state;
	struct log_record log;
	struct checkpoint_record checkpoint;

	raw_edit(f, "UPDATE audit_log SET origin = hex(zeroblob(70))");
	assert_int_equal(store_get_log(f->store, 1, &log), PM_RECORD_QUARANTINED);
	raw_edit(f, "UPDATE audit_checkpoint SET note = hex(zeroblob(5000))");
	assert_int_equal(store_get_checkpoint(f->store, 1, STORE_NEWEST_SIGNED, &checkpoint),
			 PM_RECORD_QUARANTINED);
	raw_edit(f, "UPDATE audit_checkpoint SET note = 'n', at = -1");
	assert_int_equal(store_get_checkpoint(f->store, 1, STORE_NEWEST, &checkpoint),
			 PM_RECORD_QUARANTINED);
}

static void a_malformed_hash_is_not_given(void **state)
{
	struct fixture *f = *state;
	struct store_rows rows = { .store = f->store, .log = 1 };
	struct tlog_hash hashes[8];

	raw_edit(f, "UPDATE audit_leaf SET hash = zeroblob(31)" ROW(7));
	raw_edit(f, "UPDATE audit_node SET hash = zeroblob(33)" NODE(1));
	assert_int_equal(store_read_row(&rows, 0, 0, 7, hashes), PM_OK);
	assert_int_equal(store_read_row(&rows, 0, 0, 8, hashes), PM_STORE_DAMAGED);
	assert_int_equal(store_read_row(&rows, 1, 0, 1, hashes), PM_OK);
	assert_int_equal(store_read_row(&rows, 1, 0, 2, hashes), PM_STORE_DAMAGED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_entries, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(any_flipped_byte_of_an_entry_or_its_hash_is_noticed),
		cmocka_unit_test(a_leaf_that_is_malformed_missing_or_moved_is_named),
		TEST(a_leaf_of_another_log_is_named),
		TEST(a_closed_log_whose_end_was_cut_is_missed),
		cmocka_unit_test(a_log_whose_tree_cannot_be_made_takes_no_entries),
		TEST(a_damaged_log_can_be_given_up_for_the_next),
		TEST(entries_after_the_newest_checkpoint_can_be_cut_unnoticed),
		TEST(a_row_that_others_put_at_the_end_is_not_overwritten),
		TEST(a_malformed_log_or_checkpoint_is_quarantined),
		TEST(a_malformed_hash_is_not_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
