#include "audit_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void a_leaf_needs_a_log(void **state)
{
	struct fixture *f = *state;
	struct store_receipt receipt;
	struct key_record key;
	struct tlog_tree tree;
	struct log_record log;
	uint32_t number = 0;
	uint64_t size = 0;

	assert_int_equal(store_get_tree(f->store, &number, &tree), PM_NOT_FOUND);
	assert_int_equal(store_get_log(f->store, 0, &log), PM_NOT_FOUND);
	assert_int_equal(store_log_size(f->store, 0, &size), PM_NOT_FOUND);
	assert_int_equal(commit_audited(f, 1, &receipt), PM_NOT_FOUND);
	assert_int_equal(get_key(f, 1, &key), PM_NOT_FOUND);
}

static void an_entry_is_its_head_and_the_leafs_text(void **state)
{
	struct fixture *f = *state;
	struct reading reading = { 0 };
	struct leaf_record leaf = { .text = bytes_str("\"op\":\"hmac\",\"ok\":true}") };
	struct store_change change = { .op = STORE_APPEND_LEAF, .leaf = &leaf };

	assert_int_equal(read_leaves(f, 1, 0, 9, &reading), PM_OK);
	assert_string_equal(reading.last, "{\"v\":1,\"seq\":0,\"prev\":null,\"op\":\"log.open\"}");
	assert_int_equal(commit_one(f, change), PM_OK);
	assert_int_equal(read_leaves(f, 0, 1, 9, &reading), PM_OK);
	assert_int_equal(reading.found, 1);
	assert_string_equal(reading.last, "{\"v\":1,\"seq\":1,\"op\":\"hmac\",\"ok\":true}");
	assert_int_equal(read_leaves(f, 1, 2, 9, &reading), PM_OK);
	assert_int_equal(reading.found, 0);
	assert_int_equal(read_leaves(f, 2, 0, 9, &reading), PM_NOT_FOUND);
}

static void a_receipt_says_where_the_entry_is(void **state)
{
	struct fixture *f = *state;
	struct store_receipt receipts[3];
	struct leaf leaves[3];
	struct store_change changes[3];
	struct store_rows rows = { .store = f->store, .log = 1 };
	struct tlog_hash hashes[3];

	for (unsigned i = 0; i < 3; i++) {
		leaf_make(&leaves[i], i, &receipts[i]);
		changes[i] = append_leaf(&leaves[i]);
	}
	assert_int_equal(store_commit(f->store, changes, 3, later()), PM_OK);
	assert_int_equal(store_read_row(&rows, 0, 1, 3, hashes), PM_OK);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(receipts[i].log, 1);
		assert_int_equal(receipts[i].index, 1 + i);
		assert_true(tlog_hash_equal(&receipts[i].leaf, &hashes[i]));
	}
}

static void a_leaf_that_is_not_one_is_refused(void **state)
{
	struct fixture *f = *state;
	static char text[STORE_LEAF_TEXT_MAX + 1];
	struct tlog_tree before = get_tree(f), after;
	struct bytes bad[] = { bytes_str(""),           bytes_str("}"),
			       bytes_str("\""),         bytes_str("{\"a\":1}"),
			       bytes_str("\"a\":1"),    bytes_str("\"a\":1}\n"),
			       bytes_str("\"a\":\n1}"), bytes_of(text, STORE_LEAF_TEXT_MAX + 1) };

	memset(text, 'x', sizeof(text));
	text[0] = '"';
	text[STORE_LEAF_TEXT_MAX] = '}';
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct leaf_record leaf = { .text = bad[i] };
		struct store_change change = { .op = STORE_APPEND_LEAF, .leaf = &leaf };
		assert_int_equal(commit_one(f, change), PM_INTERNAL);
	}
	after = get_tree(f);
	assert_true(same_tree(&before, &after));
	text[STORE_LEAF_TEXT_MAX - 1] = '}';
	struct leaf_record longest = { .text = bytes_of(text, STORE_LEAF_TEXT_MAX) };
	struct store_change change = { .op = STORE_APPEND_LEAF, .leaf = &longest };
	assert_int_equal(commit_one(f, change), PM_OK);
	assert_tree_is_of_rows(f);
	fixture_reopen(f);
	assert_tree_is_of_rows(f);
}

static void a_refused_commit_appends_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_receipt receipt;
	struct tlog_tree before, after;
	struct key_record missing = make_key(9);
	struct leaf leaf;

	commit_leaves(f, 255);
	before = get_tree(f);
	leaf_make(&leaf, 1, &receipt);
	struct store_change changes[] = { append_leaf(&leaf), update_key(&missing) };
	assert_int_equal(store_commit(f->store, changes, 2, later()), PM_CONFLICT);
	after = get_tree(f);
	assert_true(same_tree(&before, &after));
	assert_tree_is_of_rows(f);
	assert_int_equal(commit_leaf(f, 2, &receipt), PM_OK);
	assert_int_equal(receipt.index, 255);
	assert_tree_is_of_rows(f);
}

static void the_tree_is_the_same_after_each_reopening(void **state)
{
	static const uint64_t sizes[] = { 1, 2, 3, 255, 256, 257, 511, 512, 513, 1000, 4864 };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		commit_leaves(f, sizes[i]);
		struct tlog_tree before = get_tree(f);
		assert_int_equal(before.size, sizes[i]);
		assert_tree_is_of_rows(f);
		fixture_reopen(f);
		struct tlog_tree after = get_tree(f);
		assert_true(same_tree(&before, &after));
	}
	assert_tree_is_of_rows(f);
}

/* One more than a row of nodes: the second row above the leaves has its first. */
static void the_tree_has_nodes_of_two_rows_above_65536_leaves(void **state)
{
	struct fixture *f = *state;
	struct store_rows rows = { .store = f->store, .log = 1 };
	struct tlog_hash node;

	commit_leaves(f, 65535);
	assert_int_equal(store_read_row(&rows, 2, 0, 1, &node), PM_NOT_FOUND);
	commit_leaves(f, 65537);
	assert_int_equal(store_read_row(&rows, 2, 0, 1, &node), PM_OK);
	assert_tree_is_of_rows(f);
	fixture_reopen(f);
	assert_tree_is_of_rows(f);
}

static void a_visitor_ends_the_reading_and_max_bounds_it(void **state)
{
	struct fixture *f = *state;
	struct reading reading = { .stop_after = 3 };

	commit_leaves(f, 5000);
	assert_int_equal(read_leaves(f, 1, 0, 100, &reading), PM_OK);
	assert_int_equal(reading.found, 3);
	reading.stop_after = 4096;
	assert_int_equal(read_leaves(f, 1, 0, SIZE_MAX, &reading), PM_OK);
	assert_int_equal(reading.found, 4096);
	reading.stop_after = 0;
	assert_int_equal(read_leaves(f, 1, 4000, 500, &reading), PM_OK);
	assert_int_equal(reading.found, 500);
	assert_int_equal(read_leaves(f, 1, 100, SIZE_MAX, &reading), PM_OK);
	assert_int_equal(reading.found, 4900);
	assert_int_equal(read_leaves(f, 1, 0, 0, &reading), PM_OK);
	assert_int_equal(reading.found, 0);
	assert_int_equal(read_leaves(f, 1, UINT64_MAX, SIZE_MAX, &reading), PM_OK);
	assert_int_equal(reading.found, 0);
}

static void reading_a_row_gives_what_is_there_or_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_rows rows = { .store = f->store, .log = 1 };
	struct tlog_hash hashes[256];

	commit_leaves(f, 600);
	assert_int_equal(store_read_row(&rows, 0, 344, 256, hashes), PM_OK);
	assert_int_equal(store_read_row(&rows, 0, 345, 256, hashes), PM_NOT_FOUND);
	assert_int_equal(store_read_row(&rows, 1, 0, 2, hashes), PM_OK);
	assert_int_equal(store_read_row(&rows, 1, 1, 2, hashes), PM_NOT_FOUND);
	assert_int_equal(store_read_row(&rows, 2, 0, 1, hashes), PM_NOT_FOUND);
	assert_int_equal(store_read_row(&rows, 99, 0, 1, hashes), PM_NOT_FOUND);
	assert_int_equal(store_read_row(&rows, 0, UINT64_MAX, 2, hashes), PM_NOT_FOUND);
	assert_int_equal(store_read_row(&rows, 0, TLOG_SIZE_MAX, 1, hashes), PM_NOT_FOUND);
	static const uint32_t none[] = { 0, 2, 257, (1 << 24) + 1, UINT32_MAX };
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		struct reading reading = { 0 };
		uint64_t size = 0;
		rows.log = none[i];
		assert_int_equal(store_read_row(&rows, 0, 0, 1, hashes), PM_NOT_FOUND);
		assert_int_equal(store_read_row(&rows, 1, 0, 1, hashes), PM_NOT_FOUND);
		if (none[i] == 0)
			continue; /* to all but rows, the open log */
		assert_int_equal(read_leaves(f, none[i], 0, 1, &reading), PM_NOT_FOUND);
		assert_int_equal(store_log_size(f->store, none[i], &size), PM_NOT_FOUND);
	}
}

/* Those of one commit, and those of two that meet in one transaction, follow each other. */
static void leaves_of_a_commit_stand_in_its_order(void **state)
{
	struct fixture *f = *state;
	struct reading reading = { 0 };

	commit_leaves(f, 10);
	for (unsigned index = 1; index < 10; index++) {
		char want[64];
		assert_int_equal(read_leaves(f, 1, index, 1, &reading), PM_OK);
		snprintf(want, sizeof(want), "\"key\":\"%016u\"}", index);
		assert_non_null(strstr(reading.last, want));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_log, fixture_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_leaf_needs_a_log, fixture_setup,
						fixture_teardown),
		TEST(an_entry_is_its_head_and_the_leafs_text),
		TEST(a_receipt_says_where_the_entry_is),
		TEST(a_leaf_that_is_not_one_is_refused),
		TEST(a_refused_commit_appends_nothing),
		TEST(the_tree_is_the_same_after_each_reopening),
		TEST(the_tree_has_nodes_of_two_rows_above_65536_leaves),
		TEST(a_visitor_ends_the_reading_and_max_bounds_it),
		TEST(reading_a_row_gives_what_is_there_or_nothing),
		TEST(leaves_of_a_commit_stand_in_its_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
