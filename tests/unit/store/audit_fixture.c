#include "audit_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void leaf_make(struct leaf *leaf, unsigned number, struct store_receipt *receipt)
{
	snprintf(leaf->text, sizeof(leaf->text),
		 "\"ts\":\"2026-01-01T00:00:00Z\",\"op\":\"key.create\",\"key\":\"%016u\"}",
		 number);
	leaf->record = (struct leaf_record){ .text = bytes_str(leaf->text), .receipt = receipt };
}

struct log_record make_log(uint32_t log)
{
	struct log_record record = {
		.log = log,
		.state = LOG_OPEN,
		.opened_at = 1700000000 + log,
		.revision = 1,
	};

	snprintf(record.origin, sizeof(record.origin), "vault.example/audit/%" PRIu32, log);
	return record;
}

struct store_change append_leaf(const struct leaf *leaf)
{
	return (struct store_change){ .op = STORE_APPEND_LEAF, .leaf = &leaf->record };
}

struct store_change open_log(const struct log_opening *opening)
{
	return (struct store_change){ .op = STORE_OPEN_LOG, .opening = opening };
}

struct store_change update_log(const struct log_record *log)
{
	return (struct store_change){ .op = STORE_UPDATE_LOG, .log = log };
}

struct store_change put_checkpoint(const struct checkpoint_record *checkpoint)
{
	return (struct store_change){ .op = STORE_PUT_CHECKPOINT, .checkpoint = checkpoint };
}

enum pm_err commit_log(struct fixture *f, uint32_t log)
{
	struct log_record record = make_log(log);
	struct log_opening opening = {
		.record = &record,
		.close_text = bytes_str("\"op\":\"log.close\"}"),
		.open_text = bytes_str("\"op\":\"log.open\"}"),
	};

	return commit_one(f, open_log(&opening));
}

int fixture_setup_log(void **state)
{
	fixture_setup(state);
	assert_int_equal(commit_log(*state, 1), PM_OK);
	return 0;
}

enum pm_err commit_leaf(struct fixture *f, unsigned number, struct store_receipt *receipt)
{
	struct leaf leaf;

	leaf_make(&leaf, number, receipt);
	return commit_one(f, append_leaf(&leaf));
}

void commit_leaves(struct fixture *f, uint64_t until_size)
{
	struct store_change changes[STORE_CHANGES_MAX];
	struct leaf leaves[STORE_CHANGES_MAX];
	uint64_t size = get_tree(f).size;

	while (size < until_size) {
		size_t count = 0;
		for (; count < STORE_CHANGES_MAX && size < until_size; count++, size++) {
			leaf_make(&leaves[count], (unsigned)size, NULL);
			changes[count] = append_leaf(&leaves[count]);
		}
		assert_int_equal(store_commit(f->store, changes, count, later()), PM_OK);
	}
}

enum pm_err commit_audited(struct fixture *f, unsigned number, struct store_receipt *receipt)
{
	struct key_record key = make_key(number);
	struct executed_record executed = make_executed(number);
	struct leaf leaf;

	leaf_make(&leaf, number, receipt);
	struct store_change changes[] = { insert_executed(&executed), append_leaf(&leaf),
					  insert_key(&key) };
	return store_commit(f->store, changes, 3, later());
}

struct tlog_tree get_tree(struct fixture *f)
{
	struct tlog_tree tree = { 0 };
	uint32_t log = 0;
	enum pm_err err = store_get_tree(f->store, &log, &tree);

	assert_true(err == PM_OK || err == PM_NOT_FOUND);
	return tree;
}

struct tlog_hash root_of(const struct tlog_tree *tree)
{
	struct tlog_hash root;

	tlog_tree_root(tree, &root);
	return root;
}

bool same_tree(const struct tlog_tree *a, const struct tlog_tree *b)
{
	if (a->size != b->size)
		return false;
	for (unsigned level = 0; level < 41; level++) {
		if ((a->size >> level & 1) && !tlog_hash_equal(&a->peaks[level], &b->peaks[level]))
			return false;
	}
	return true;
}

static struct tlog_tree load_tree(struct fixture *f, uint32_t log, uint64_t size)
{
	struct store_rows rows = { .store = f->store, .log = log };
	struct tlog_tree tree;

	assert_int_equal(tlog_tree_load(size, store_read_row, &rows, &tree), PM_OK);
	return tree;
}

struct checkpoint_record make_checkpoint(struct fixture *f, uint64_t size, const char *note)
{
	struct checkpoint_record record = { .size = size, .at = 1700000000 + (int64_t)size };
	struct tlog_tree tree;

	assert_int_equal(store_get_tree(f->store, &record.log, &tree), PM_OK);
	tree = load_tree(f, record.log, size);
	record.root = root_of(&tree);
	snprintf(record.note, sizeof(record.note), "%s", note);
	return record;
}

enum pm_err commit_checkpoint(struct fixture *f, uint64_t size, const char *note)
{
	struct checkpoint_record record = make_checkpoint(f, size, note);

	return commit_one(f, put_checkpoint(&record));
}

static bool note_entry(void *arg, uint64_t index, struct bytes entry, const struct tlog_hash *leaf)
{
	struct reading *reading = arg;
	struct tlog_hash hash;

	assert_int_equal(index, reading->next);
	tlog_leaf_hash(entry, &hash);
	assert_true(tlog_hash_equal(&hash, leaf));
	assert_true(entry.len < sizeof(reading->last));
	memcpy(reading->last, entry.data, entry.len);
	reading->last[entry.len] = '\0';
	reading->next++;
	reading->found++;
	return reading->found != reading->stop_after;
}

enum pm_err read_leaves(struct fixture *f, uint32_t log, uint64_t first, size_t max,
			struct reading *out)
{
	out->next = first;
	out->found = 0;
	return store_read_leaves(f->store, log, first, max, note_entry, out);
}

/* A tree made again of the entries, each new node of which must be stored. */
struct rebuilding {
	struct store_rows rows;
	struct tlog_tree tree;
	uint64_t nodes[TLOG_ROWS_MAX + 1];
};

static bool rebuild_one(void *arg, uint64_t index, struct bytes entry, const struct tlog_hash *leaf)
{
	struct rebuilding *r = arg;
	struct tlog_hash nodes[TLOG_ROWS_MAX], stored;

	assert_int_equal(index, r->tree.size);
	assert_true(entry.len > 0);
	size_t rows = tlog_tree_append(&r->tree, leaf, nodes);
	for (unsigned i = 0; i < rows; i++) {
		assert_int_equal(store_read_row(&r->rows, i + 1, r->nodes[i + 1], 1, &stored),
				 PM_OK);
		assert_true(tlog_hash_equal(&stored, &nodes[i]));
		r->nodes[i + 1]++;
	}
	return true;
}

void assert_tree_is_of_rows(struct fixture *f)
{
	struct rebuilding r = { .rows.store = f->store };
	struct tlog_tree tree = get_tree(f), loaded;
	struct tlog_hash beyond;
	uint64_t size = 0;

	if (tree.size == 0)
		return;
	assert_int_equal(store_get_tree(f->store, &r.rows.log, &tree), PM_OK);
	assert_int_equal(store_log_size(f->store, r.rows.log, &size), PM_OK);
	assert_int_equal(size, tree.size);
	assert_int_equal(store_read_leaves(f->store, r.rows.log, 0, SIZE_MAX, rebuild_one, &r),
			 PM_OK);
	assert_true(same_tree(&r.tree, &tree));
	loaded = load_tree(f, r.rows.log, size);
	assert_true(same_tree(&loaded, &tree));
	for (unsigned row = 0; row <= TLOG_ROWS_MAX; row++)
		assert_int_equal(
			store_read_row(&r.rows, row, row == 0 ? size : r.nodes[row], 1, &beyond),
			PM_NOT_FOUND);
}
