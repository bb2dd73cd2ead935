#include "audit_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { WRITERS = 8, PER_WRITER = 150, READERS = 3 };

struct writer {
	pthread_t thread;
	struct fixture *f;
	unsigned base;
	struct store_receipt receipts[PER_WRITER];
	unsigned failures;
};

static void *write_leaves(void *arg)
{
	struct writer *writer = arg;

	for (unsigned i = 0; i < PER_WRITER; i++) {
		unsigned number = writer->base + i;
		enum pm_err err = commit_audited(writer->f, number, &writer->receipts[i]);
		writer->failures += err != PM_OK;
		if (i % 10 == 0) /* and one that fails: its leaf must leave no trace */
			writer->failures +=
				commit_audited(writer->f, number, NULL) != PM_ALREADY_DONE;
	}
	return NULL;
}

struct reader {
	pthread_t thread;
	struct fixture *f;
	atomic_bool *done;
	unsigned failures, readings;
};

static bool count_entry(void *arg, uint64_t index, struct bytes entry, const struct tlog_hash *leaf)
{
	uint64_t *next = arg;

	(void)entry;
	(void)leaf;
	return index == (*next)++;
}

/* Whatever tree is told, all its entries are there, and its rows make it. */
static bool tree_holds(struct fixture *f)
{
	struct store_rows rows = { .store = f->store };
	struct tlog_tree tree, loaded;
	uint64_t next = 0, size = 0;

	if (store_get_tree(f->store, &rows.log, &tree) != PM_OK ||
	    tlog_tree_load(tree.size, store_read_row, &rows, &loaded) != PM_OK ||
	    store_read_leaves(f->store, rows.log, 0, tree.size, count_entry, &next) != PM_OK ||
	    store_log_size(f->store, rows.log, &size) != PM_OK)
		return false;
	return same_tree(&tree, &loaded) && next == tree.size && size >= tree.size;
}

static void *read_trees(void *arg)
{
	struct reader *reader = arg;

	while (!atomic_load(reader->done)) {
		reader->failures += !tree_holds(reader->f);
		reader->readings++;
	}
	return NULL;
}

/* Puts checkpoints and opens logs, as the notary does. */
static void *notarize(void *arg)
{
	struct reader *reader = arg;
	uint32_t log = 2;

	while (!atomic_load(reader->done)) {
		struct checkpoint_record checkpoint = { .at = 1, .note = "signed" };
		struct tlog_tree tree;
		if (store_get_tree(reader->f->store, &checkpoint.log, &tree) != PM_OK)
			reader->failures++;
		checkpoint.size = tree.size;
		checkpoint.root = root_of(&tree);
		enum pm_err err = commit_one(reader->f, put_checkpoint(&checkpoint));
		reader->failures += err != PM_OK;
		if (++reader->readings % 20 == 0 && log < 20)
			reader->failures += commit_log(reader->f, log++) != PM_OK;
	}
	return NULL;
}

static void assert_receipt(struct fixture *f, unsigned number, const struct store_receipt *receipt)
{
	struct reading reading = { 0 };
	struct tlog_hash leaf;
	char id[32];

	assert_int_equal(read_leaves(f, receipt->log, receipt->index, 1, &reading), PM_OK);
	tlog_leaf_hash(bytes_str(reading.last), &leaf);
	assert_true(tlog_hash_equal(&leaf, &receipt->leaf));
	snprintf(id, sizeof(id), "%016u", number);
	assert_non_null(strstr(reading.last, id));
}

static void every_thread_finds_its_leaf_where_its_receipt_says(void **state)
{
	struct fixture *f = *state;
	static struct writer writers[WRITERS];
	struct reader readers[READERS] = { 0 };
	atomic_bool done = false;

	for (unsigned i = 0; i < READERS; i++) {
		readers[i] = (struct reader){ .f = f, .done = &done };
		assert_int_equal(pthread_create(&readers[i].thread, NULL,
						i == 0 ? notarize : read_trees, &readers[i]),
				 0);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){ .f = f, .base = 1 + i * PER_WRITER };
		assert_int_equal(
			pthread_create(&writers[i].thread, NULL, write_leaves, &writers[i]), 0);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		pthread_join(writers[i].thread, NULL);
		assert_int_equal(writers[i].failures, 0);
	}
	atomic_store(&done, true);
	for (unsigned i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		assert_int_equal(readers[i].failures, 0);
		assert_true(readers[i].readings > 0);
	}
	fixture_reopen(f);
	assert_tree_is_of_rows(f);
	for (unsigned i = 0; i < WRITERS; i++) {
		for (unsigned n = 0; n < PER_WRITER; n++)
			assert_receipt(f, writers[i].base + n, &writers[i].receipts[n]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_thread_finds_its_leaf_where_its_receipt_says,
						fixture_setup_log, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
