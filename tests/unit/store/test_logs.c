#include "audit_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tlog/note.h"

static void assert_same_log(const struct log_record *have, const struct log_record *want)
{
	assert_int_equal(have->log, want->log);
	assert_string_equal(have->origin, want->origin);
	assert_int_equal(have->state, want->state);
	assert_int_equal(have->key_version, want->key_version);
	assert_string_equal(have->vkey, want->vkey);
	assert_int_equal(have->opened_at, want->opened_at);
	assert_int_equal(have->closed_at, want->closed_at);
	assert_int_equal(have->minimum, want->minimum);
	assert_int_equal(have->revision, want->revision);
}

static void assert_log(struct fixture *f, const struct log_record *want)
{
	struct log_record have;

	assert_int_equal(store_get_log(f->store, want->log, &have), PM_OK);
	assert_same_log(&have, want);
}

/* What `"prev"` must say of a log that ended with this tree. */
static void format_prev(const struct tlog_tree *tree, const char *origin, char out[512])
{
	struct tlog_checkpoint checkpoint = { .size = tree->size, .root = root_of(tree) };
	char text[TLOG_TEXT_MAX];

	snprintf(checkpoint.origin, sizeof(checkpoint.origin), "%s", origin);
	text[tlog_checkpoint_format(&checkpoint, text)] = '\0';
	char *size = strchr(text, '\n') + 1, *root = strchr(size, '\n') + 1;
	*strchr(root, '\n') = '\0';
	snprintf(out, 512,
		 "{\"v\":1,\"seq\":0,\"prev\":{\"origin\":\"%s\",\"size\":%" PRIu64
		 ",\"root\":\"%s\"},\"op\":\"log.open\"}",
		 origin, tree->size, root);
}

static void the_first_log_has_none_before_it(void **state)
{
	struct fixture *f = *state;
	struct log_record want = make_log(1), have;

	want.key_version = 7;
	snprintf(want.vkey, sizeof(want.vkey), "a key");
	struct log_opening opening = { .record = &want, .open_text = bytes_str("\"a\":1}") };
	assert_int_equal(commit_one(f, open_log(&opening)), PM_OK);
	assert_log(f, &want);
	assert_int_equal(store_get_log(f->store, 0, &have), PM_OK);
	assert_same_log(&have, &want);
	assert_int_equal(store_get_log(f->store, 2, &have), PM_NOT_FOUND);
	fixture_reopen(f);
	assert_log(f, &want);
}

static void a_log_that_follows_says_where_the_one_before_ended(void **state)
{
	struct fixture *f = *state;
	struct reading reading = { 0 };
	struct log_record old = make_log(1);
	struct tlog_tree ended;
	char want[512];

	commit_leaves(f, 300);
	ended = get_tree(f);
	assert_int_equal(commit_log(f, 2), PM_OK);
	assert_int_equal(read_leaves(f, 1, 300, 9, &reading), PM_OK);
	assert_int_equal(reading.found, 1);
	assert_string_equal(reading.last, "{\"v\":1,\"seq\":300,\"op\":\"log.close\"}");

	struct tlog_hash leaf, nodes[TLOG_ROWS_MAX];
	tlog_leaf_hash(bytes_str(reading.last), &leaf);
	tlog_tree_append(&ended, &leaf, nodes);
	format_prev(&ended, "vault.example/audit/1", want);
	assert_int_equal(read_leaves(f, 2, 0, 9, &reading), PM_OK);
	assert_int_equal(reading.found, 1);
	assert_string_equal(reading.last, want);

	old.state = LOG_CLOSED;
	old.closed_at = make_log(2).opened_at;
	old.revision = 2;
	assert_log(f, &old);
	assert_tree_is_of_rows(f);
	fixture_reopen(f);
	assert_log(f, &old);
	assert_int_equal(get_tree(f).size, 1);
	commit_leaves(f, 300);
	assert_tree_is_of_rows(f);
}

static void a_log_without_a_last_entry_is_abandoned(void **state)
{
	struct fixture *f = *state;
	struct log_record old = make_log(1), record = make_log(2);
	struct log_opening opening = { .record = &record,
				       .open_text = bytes_str("\"op\":\"log.open\"}") };
	struct reading reading = { 0 };
	struct tlog_tree ended;
	uint64_t size = 0;
	char want[512];

	commit_leaves(f, 5);
	ended = get_tree(f);
	assert_int_equal(commit_one(f, open_log(&opening)), PM_OK);
	assert_int_equal(store_log_size(f->store, 1, &size), PM_OK);
	assert_int_equal(size, 5);
	format_prev(&ended, "vault.example/audit/1", want);
	assert_int_equal(read_leaves(f, 2, 0, 1, &reading), PM_OK);
	assert_string_equal(reading.last, want);
	old.state = LOG_ABANDONED;
	old.closed_at = record.opened_at;
	old.revision = 2;
	assert_log(f, &old);
}

static void what_follows_the_opening_in_a_commit_goes_to_the_new_log(void **state)
{
	struct fixture *f = *state;
	struct store_receipt receipts[2];
	struct log_record record = make_log(2);
	struct log_opening opening = { .record = &record,
				       .close_text = bytes_str("\"op\":\"log.close\"}"),
				       .open_text = bytes_str("\"op\":\"log.open\"}") };
	struct leaf leaves[2];

	for (unsigned i = 0; i < 2; i++)
		leaf_make(&leaves[i], i, &receipts[i]);
	struct store_change changes[] = { append_leaf(&leaves[0]), open_log(&opening),
					  append_leaf(&leaves[1]) };
	assert_int_equal(store_commit(f->store, changes, 3, later()), PM_OK);
	assert_int_equal(receipts[0].log, 1);
	assert_int_equal(receipts[0].index, 1);
	assert_int_equal(receipts[1].log, 2);
	assert_int_equal(receipts[1].index, 1);
	assert_tree_is_of_rows(f);
}

static void a_refused_opening_leaves_the_old_log_open(void **state)
{
	struct fixture *f = *state;
	struct key_record missing = make_key(9);
	struct log_record record = make_log(2), old = make_log(1);
	struct log_opening opening = { .record = &record,
				       .close_text = bytes_str("\"op\":\"log.close\"}"),
				       .open_text = bytes_str("\"op\":\"log.open\"}") };
	struct store_change changes[] = { open_log(&opening), update_key(&missing) };
	struct tlog_tree before, after;

	commit_leaves(f, 255); /* the close would complete a node */
	before = get_tree(f);
	assert_int_equal(store_commit(f->store, changes, 2, later()), PM_CONFLICT);
	opening.open_text = bytes_str("not a leaf");
	assert_int_equal(commit_one(f, open_log(&opening)), PM_INTERNAL);
	after = get_tree(f);
	assert_true(same_tree(&before, &after));
	assert_log(f, &old);
	assert_tree_is_of_rows(f);
	assert_int_equal(commit_leaf(f, 1, NULL), PM_OK);
}

static void a_log_of_another_number_or_a_bad_name_is_refused(void **state)
{
	static const char *const names[] = { "", "a b", "a+b", "a\"b", "a\\b", "a\nb", "\"}" };
	struct fixture *f = *state;
	struct log_record record = make_log(2);
	struct log_opening opening = { .record = &record,
				       .close_text = bytes_str("\"op\":\"log.close\"}"),
				       .open_text = bytes_str("\"op\":\"log.open\"}") };

	assert_int_equal(commit_log(f, 1), PM_CONFLICT);
	assert_int_equal(commit_log(f, 3), PM_CONFLICT);
	assert_int_equal(commit_log(f, 0), PM_CONFLICT);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(record.origin, sizeof(record.origin), "%s", names[i]);
		assert_int_equal(commit_one(f, open_log(&opening)), PM_INTERNAL);
	}
	record = make_log(2);
	record.state = LOG_CLOSED;
	assert_int_equal(commit_one(f, open_log(&opening)), PM_INTERNAL);
	assert_int_equal(get_tree(f).size, 1);
}

static void there_are_at_most_256_logs(void **state)
{
	struct fixture *f = *state;
	struct reading reading = { 0 };

	for (uint32_t log = 2; log <= STORE_LOGS_MAX; log++)
		assert_int_equal(commit_log(f, log), PM_OK);
	assert_int_equal(commit_log(f, STORE_LOGS_MAX + 1), PM_TOO_LARGE);
	fixture_reopen(f);
	assert_int_equal(commit_leaf(f, 1, NULL), PM_OK);
	assert_tree_is_of_rows(f);
	assert_int_equal(read_leaves(f, 255, 0, SIZE_MAX, &reading), PM_OK);
	assert_int_equal(reading.found, 2);
}

static void an_update_changes_the_key_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct log_record want = make_log(1), update;

	update = want;
	update.key_version = want.key_version = 3;
	snprintf(want.vkey, sizeof(want.vkey), "name+0badcafe+AQID");
	snprintf(update.vkey, sizeof(update.vkey), "name+0badcafe+AQID");
	update.revision = want.revision = 2;
	snprintf(update.origin, sizeof(update.origin), "another");
	update.state = LOG_CLOSED;
	update.opened_at = update.closed_at = 5;
	assert_int_equal(commit_one(f, update_log(&update)), PM_OK);
	assert_log(f, &want);
	assert_int_equal(commit_one(f, update_log(&update)), PM_CONFLICT); /* revision */
	update.log = 2;
	update.revision = 3;
	assert_int_equal(commit_one(f, update_log(&update)), PM_CONFLICT); /* not there */
	assert_log(f, &want);
}

/* With 2,000 entries, of which the first 1,536 are signed for. */
static int setup_signed(void **state)
{
	fixture_setup_log(state);
	struct fixture *f = *state;
	commit_leaves(f, 2000);
	assert_int_equal(commit_checkpoint(f, 1536, "a note"), PM_OK);
	assert_int_equal(commit_checkpoint(f, 1900, ""), PM_OK);
	return 0;
}

static enum pm_err prune(struct fixture *f, uint64_t minimum)
{
	struct log_record log;

	assert_int_equal(store_get_log(f->store, 1, &log), PM_OK);
	log.minimum = minimum;
	log.revision++;
	return commit_one(f, update_log(&log));
}

static void assert_pruned(struct fixture *f, uint64_t minimum, uint64_t size)
{
	struct store_rows rows = { .store = f->store, .log = 1 };
	struct tlog_hash hash;
	struct tlog_tree tree, want = get_tree(f);
	struct reading reading = { 0 };
	uint64_t have = 0;

	assert_int_equal(store_log_size(f->store, 1, &have), PM_OK);
	assert_int_equal(have, size);
	assert_int_equal(read_leaves(f, 1, minimum, SIZE_MAX, &reading), PM_OK);
	assert_int_equal(reading.found, size - minimum);
	if (minimum > 0) {
		assert_int_equal(read_leaves(f, 1, minimum - 1, 1, &reading), PM_NOT_FOUND);
		assert_int_equal(read_leaves(f, 1, 0, 1, &reading), PM_NOT_FOUND);
		assert_int_equal(store_read_row(&rows, 0, minimum - 1, 1, &hash), PM_NOT_FOUND);
	}
	for (uint64_t n = 0; n < size / TLOG_ROW; n++)
		assert_int_equal(store_read_row(&rows, 1, n, 1, &hash), PM_OK);
	assert_int_equal(tlog_tree_load(size, store_read_row, &rows, &tree), PM_OK);
	assert_true(same_tree(&tree, &want));
}

static void pruning_removes_the_entries_below_and_keeps_the_tree(void **state)
{
	static const uint64_t minimums[] = { 0, 256, 256, 768, 1536 };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(minimums) / sizeof(minimums[0]); i++) {
		assert_int_equal(prune(f, minimums[i]), PM_OK);
		assert_pruned(f, minimums[i], 2000);
		fixture_reopen(f);
		assert_pruned(f, minimums[i], 2000);
	}
	assert_int_equal(commit_leaf(f, 1, NULL), PM_OK);
	assert_pruned(f, 1536, 2001);
}

static void pruning_stops_where_it_must(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(prune(f, 255), PM_INTERNAL);
	assert_int_equal(prune(f, 257), PM_INTERNAL);
	assert_int_equal(prune(f, 1792), PM_CONFLICT); /* its checkpoint is not signed yet */
	assert_int_equal(prune(f, 512), PM_OK);
	assert_int_equal(prune(f, 256), PM_CONFLICT); /* what is gone does not come back */
	assert_pruned(f, 512, 2000);
}

static void pruning_takes_so_many_entries_at_once(void **state)
{
	struct fixture *f = *state;

	commit_leaves(f, 2 * STORE_PRUNE_LEAVES_MAX);
	assert_int_equal(commit_checkpoint(f, 2 * STORE_PRUNE_LEAVES_MAX, "a note"), PM_OK);
	assert_int_equal(prune(f, STORE_PRUNE_LEAVES_MAX + 256), PM_TOO_LARGE);
	assert_pruned(f, 0, 2 * STORE_PRUNE_LEAVES_MAX);
	assert_int_equal(prune(f, STORE_PRUNE_LEAVES_MAX), PM_OK);
	assert_int_equal(prune(f, 2 * STORE_PRUNE_LEAVES_MAX), PM_OK);
	assert_pruned(f, 2 * STORE_PRUNE_LEAVES_MAX, 2 * STORE_PRUNE_LEAVES_MAX);
	fixture_reopen(f); /* no entry is left, and the log goes on */
	assert_pruned(f, 2 * STORE_PRUNE_LEAVES_MAX, 2 * STORE_PRUNE_LEAVES_MAX);
	assert_int_equal(commit_checkpoint(f, 2 * STORE_PRUNE_LEAVES_MAX, "cosigned"), PM_OK);
	assert_int_equal(commit_leaf(f, 1, NULL), PM_OK);
	fixture_reopen(f);
	assert_pruned(f, 2 * STORE_PRUNE_LEAVES_MAX, 2 * STORE_PRUNE_LEAVES_MAX + 1);
	assert_int_equal(commit_checkpoint(f, 2 * STORE_PRUNE_LEAVES_MAX + 1, "a note"), PM_OK);
}

static void an_empty_stretch_is_still_measured_by_its_log(void **state)
{
	struct fixture *f = *state;
	uint64_t size = 0;

	commit_leaves(f, 255);
	assert_int_equal(commit_log(f, 2), PM_OK); /* its close is entry 255 */
	assert_int_equal(store_log_size(f->store, 1, &size), PM_OK);
	assert_int_equal(size, 256);
	assert_int_equal(store_log_size(f->store, 2, &size), PM_OK);
	assert_int_equal(size, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_log, fixture_teardown)
#define TEST_SIGNED(name) cmocka_unit_test_setup_teardown(name, setup_signed, fixture_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_log_has_none_before_it, fixture_setup,
						fixture_teardown),
		TEST(a_log_that_follows_says_where_the_one_before_ended),
		TEST(a_log_without_a_last_entry_is_abandoned),
		TEST(what_follows_the_opening_in_a_commit_goes_to_the_new_log),
		TEST(a_refused_opening_leaves_the_old_log_open),
		TEST(a_log_of_another_number_or_a_bad_name_is_refused),
		TEST(there_are_at_most_256_logs),
		TEST(an_update_changes_the_key_and_nothing_else),
		TEST_SIGNED(pruning_removes_the_entries_below_and_keeps_the_tree),
		TEST_SIGNED(pruning_stops_where_it_must),
		TEST_SIGNED(pruning_takes_so_many_entries_at_once),
		TEST(an_empty_stretch_is_still_measured_by_its_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
