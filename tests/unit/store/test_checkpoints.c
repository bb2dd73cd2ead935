#include "audit_fixture.h"

#include <stdio.h>
#include <string.h>

enum { ENTRIES = 1500, KEPT = 1000 };

static int setup_entries(void **state)
{
	fixture_setup_log(state);
	commit_leaves(*state, ENTRIES);
	return 0;
}

static void assert_checkpoint(struct fixture *f, enum store_which which,
			      const struct checkpoint_record *want)
{
	struct checkpoint_record have;

	assert_int_equal(store_get_checkpoint(f->store, 1, which, &have), PM_OK);
	assert_int_equal(have.log, want->log);
	assert_int_equal(have.size, want->size);
	assert_true(tlog_hash_equal(&have.root, &want->root));
	assert_int_equal(have.at, want->at);
	assert_int_equal(have.cosigned, want->cosigned);
	assert_string_equal(have.note, want->note);
}

static enum pm_err newest(struct fixture *f, enum store_which which)
{
	struct checkpoint_record out;

	return store_get_checkpoint(f->store, 0, which, &out);
}

static enum pm_err commit(struct fixture *f, const struct checkpoint_record *record)
{
	return commit_one(f, put_checkpoint(record));
}

static int64_t count_rows(struct fixture *f, const char *condition)
{
	sqlite3 *db = raw_open(f->dir);
	sqlite3_stmt *stmt = NULL;
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM audit_checkpoint WHERE %s", condition);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t count = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return count;
}

static void a_checkpoint_is_put_before_it_is_signed_and_after(void **state)
{
	struct fixture *f = *state;
	struct checkpoint_record first = make_checkpoint(f, 10, ""), next;

	assert_int_equal(newest(f, STORE_NEWEST), PM_NOT_FOUND);
	assert_int_equal(commit(f, &first), PM_OK);
	assert_checkpoint(f, STORE_NEWEST, &first);
	assert_int_equal(newest(f, STORE_NEWEST_SIGNED), PM_NOT_FOUND);
	snprintf(first.note, sizeof(first.note), "signed");
	first.at++;
	assert_int_equal(commit(f, &first), PM_OK);
	assert_checkpoint(f, STORE_NEWEST, &first);
	assert_checkpoint(f, STORE_NEWEST_SIGNED, &first);
	assert_int_equal(newest(f, STORE_NEWEST_COSIGNED), PM_NOT_FOUND);
	next = make_checkpoint(f, 11, "");
	assert_int_equal(commit(f, &next), PM_OK);
	assert_checkpoint(f, STORE_NEWEST, &next);
	assert_checkpoint(f, STORE_NEWEST_SIGNED, &first);
	fixture_reopen(f);
	assert_checkpoint(f, STORE_NEWEST, &next);
	assert_checkpoint(f, STORE_NEWEST_SIGNED, &first);
}

static void a_cosigned_checkpoint_is_found_behind_newer_ones(void **state)
{
	struct fixture *f = *state;
	struct checkpoint_record cosigned = make_checkpoint(f, 10, "signed");

	assert_int_equal(commit(f, &cosigned), PM_OK);
	cosigned.cosigned = 2;
	snprintf(cosigned.note, sizeof(cosigned.note), "signed by three");
	for (uint64_t size = 11; size < 20; size++)
		assert_int_equal(commit_checkpoint(f, size, "signed"), PM_OK);
	assert_int_equal(commit(f, &cosigned), PM_OK); /* the witnesses' answers came late */
	assert_checkpoint(f, STORE_NEWEST_COSIGNED, &cosigned);
	assert_int_equal(count_rows(f, "1"), 10);
}

static void another_root_of_the_same_size_is_refused(void **state)
{
	struct fixture *f = *state;
	struct checkpoint_record good = make_checkpoint(f, 10, "signed"), bad = good;

	assert_int_equal(commit(f, &good), PM_OK);
	bad.root.bytes[31] ^= 1;
	snprintf(bad.note, sizeof(bad.note), "forged");
	assert_int_equal(commit(f, &bad), PM_CONFLICT);
	assert_checkpoint(f, STORE_NEWEST, &good);
}

static void a_smaller_checkpoint_is_refused(void **state)
{
	struct fixture *f = *state;
	struct checkpoint_record good = make_checkpoint(f, 10, "signed");

	assert_int_equal(commit(f, &good), PM_OK);
	assert_int_equal(commit_checkpoint(f, 9, "signed"), PM_CONFLICT);
	assert_int_equal(commit_checkpoint(f, 0, "signed"), PM_CONFLICT);
	assert_int_equal(commit_checkpoint(f, 12, "signed"), PM_OK);
	assert_int_equal(commit_checkpoint(f, 11, "signed"), PM_CONFLICT);
	assert_int_equal(count_rows(f, "1"), 2);
}

static void a_checkpoint_of_entries_that_are_not_there_is_refused(void **state)
{
	struct fixture *f = *state;
	struct checkpoint_record record = make_checkpoint(f, ENTRIES, "signed");

	record.size++;
	assert_int_equal(commit(f, &record), PM_CONFLICT);
	record.size--;
	assert_int_equal(commit(f, &record), PM_OK);
	record.log = 2;
	assert_int_equal(commit(f, &record), PM_CONFLICT);
}

static void a_checkpoint_of_a_closed_log_can_still_be_put(void **state)
{
	struct fixture *f = *state;
	struct checkpoint_record record = make_checkpoint(f, ENTRIES, "signed");
	struct reading reading = { 0 };
	struct tlog_tree tree = get_tree(f);
	struct tlog_hash leaf, nodes[TLOG_ROWS_MAX];

	assert_int_equal(commit_log(f, 2), PM_OK);
	assert_int_equal(read_leaves(f, 1, ENTRIES, 1, &reading), PM_OK);
	tlog_leaf_hash(bytes_str(reading.last), &leaf);
	tlog_tree_append(&tree, &leaf, nodes);
	record.size = ENTRIES + 1;
	record.root = root_of(&tree);
	assert_int_equal(commit(f, &record), PM_OK);
	assert_checkpoint(f, STORE_NEWEST, &record);
	assert_int_equal(newest(f, STORE_NEWEST), PM_NOT_FOUND); /* of log 2 */
}

static void a_checkpoint_and_what_is_committed_with_it_are_one(void **state)
{
	struct fixture *f = *state;
	struct checkpoint_record good = make_checkpoint(f, 10, "signed"), bad = good;
	struct leaf leaf;
	struct tlog_tree before = get_tree(f), after;

	assert_int_equal(commit(f, &good), PM_OK);
	bad.root.bytes[0] ^= 1;
	leaf_make(&leaf, 1, NULL);
	struct store_change changes[] = { append_leaf(&leaf), put_checkpoint(&bad) };
	assert_int_equal(store_commit(f->store, changes, 2, later()), PM_CONFLICT);
	after = get_tree(f);
	assert_true(same_tree(&before, &after));
	assert_tree_is_of_rows(f);
}

static void old_ones_that_nobody_cosigned_are_removed(void **state)
{
	struct fixture *f = *state;
	struct checkpoint_record record, cosigned = { 0 };

	for (uint64_t size = 1; size <= KEPT + 100; size++) {
		record = make_checkpoint(f, size, "signed");
		record.cosigned = size % 10 == 5;
		assert_int_equal(commit(f, &record), PM_OK);
		if (record.cosigned)
			cosigned = record;
	}
	assert_int_equal(count_rows(f, "cosigned = 0"), 990); /* not enough to remove any */
	assert_int_equal(count_rows(f, "cosigned = 1"), 110);
	for (uint64_t size = KEPT + 101; size <= ENTRIES; size++)
		assert_int_equal(commit_checkpoint(f, size, "signed"), PM_OK);
	assert_int_equal(count_rows(f, "cosigned = 0"), KEPT);
	assert_int_equal(count_rows(f, "cosigned = 1"), 110);
	assert_int_equal(count_rows(f, "size = 5"), 1);
	assert_int_equal(count_rows(f, "size = 4"), 0);
	assert_checkpoint(f, STORE_NEWEST_COSIGNED, &cosigned);
}

/* While the token is away, nothing is signed: what was signed last must stay. */
static void the_newest_signed_one_stays_however_many_are_not(void **state)
{
	struct fixture *f = *state;
	struct checkpoint_record is_signed = make_checkpoint(f, 2, "signed");

	assert_int_equal(commit_checkpoint(f, 1, "signed"), PM_OK);
	assert_int_equal(commit(f, &is_signed), PM_OK);
	for (uint64_t size = 3; size <= KEPT + 100; size++)
		assert_int_equal(commit_checkpoint(f, size, ""), PM_OK);
	assert_checkpoint(f, STORE_NEWEST_SIGNED, &is_signed);
	assert_int_equal(count_rows(f, "size < 2"), 0);
	assert_int_equal(commit_checkpoint(f, KEPT + 100, "signed"), PM_OK);
	assert_int_equal(count_rows(f, "1"), KEPT);
}

static void the_longest_note_is_kept_as_it_is(void **state)
{
	struct fixture *f = *state;
	struct checkpoint_record record = make_checkpoint(f, 10, "");

	for (size_t i = 0; i < TLOG_NOTE_MAX; i++)
		record.note[i] = (char)(i % 70 == 69 ? '\n' : 'a' + i % 26);
	assert_int_equal(commit(f, &record), PM_OK);
	fixture_reopen(f);
	assert_checkpoint(f, STORE_NEWEST_SIGNED, &record);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_entries, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_checkpoint_is_put_before_it_is_signed_and_after),
		TEST(a_cosigned_checkpoint_is_found_behind_newer_ones),
		TEST(another_root_of_the_same_size_is_refused),
		TEST(a_smaller_checkpoint_is_refused),
		TEST(a_checkpoint_of_entries_that_are_not_there_is_refused),
		TEST(a_checkpoint_of_a_closed_log_can_still_be_put),
		TEST(a_checkpoint_and_what_is_committed_with_it_are_one),
		TEST(old_ones_that_nobody_cosigned_are_removed),
		TEST(the_newest_signed_one_stays_however_many_are_not),
		TEST(the_longest_note_is_kept_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
