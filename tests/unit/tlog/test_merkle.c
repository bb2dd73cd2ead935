#include "tlog/merkle.h"

#include <openssl/sha.h>
#include <pthread.h>

#include "base/text.h"
#include "test.h"
#include "trees.h"

static void assert_hash_hex(const struct tlog_hash *hash, const char *hex)
{
	char text[2 * TLOG_HASH_LEN + 1];

	hex_encode(bytes_of(hash->bytes, TLOG_HASH_LEN), text);
	assert_string_equal(text, hex);
}

static void hashes_are_those_of_rfc_6962(void **state)
{
	uint8_t node[65] = { 1 }, expected[32];
	struct tlog_hash left, right, leaf, out;

	(void)state;
	tlog_leaf_hash(bytes_str(""), &leaf);
	assert_hash_hex(&leaf, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
	tlog_leaf_hash(bytes_str("L"), &left);
	tlog_leaf_hash(bytes_str("R"), &right);
	memcpy(node + 1, left.bytes, 32);
	memcpy(node + 33, right.bytes, 32);
	SHA256(node, sizeof(node), expected);
	tlog_node_hash(&left, &right, &out);
	assert_memory_equal(out.bytes, expected, 32);
	/* A leaf that looks like a node is not that node. */
	tlog_leaf_hash(bytes_of(node + 1, 64), &leaf);
	assert_false(tlog_hash_equal(&leaf, &out));
}

static void a_result_may_lie_where_an_input_lay(void **state)
{
	struct tlog_hash left = numbered_leaf(1), right = numbered_leaf(2), fresh, node;

	(void)state;
	tlog_node_hash(&left, &right, &fresh);
	node = left;
	tlog_node_hash(&node, &right, &node);
	assert_true(tlog_hash_equal(&node, &fresh));
	node = right;
	tlog_node_hash(&left, &node, &node);
	assert_true(tlog_hash_equal(&node, &fresh));
}

/* The leaves and roots that certificate-transparency's own tests go by. */
static void the_roots_of_the_reference_leaves_are_those_of_certificate_transparency(void **state)
{
	static const struct {
		const char *leaf;
		size_t len;
		const char *root;
	} steps[] = {
		{ "", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" },
		{ "\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" },
		{ "\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77" },
		{ "\x20\x21", 2,
		  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" },
		{ "\x30\x31", 2,
		  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4" },
		{ "\x40\x41\x42\x43", 4,
		  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef" },
		{ "\x50\x51\x52\x53\x54\x55\x56\x57", 8,
		  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c" },
		{ "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16,
		  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328" },
	};
	struct tlog_hash above[TLOG_ROWS_MAX], root;
	struct tlog_tree tree = { 0 };

	(void)state;
	tlog_tree_root(&tree, &root);
	assert_hash_hex(&root, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	for (size_t i = 0; i < COUNT(steps); i++) {
		struct tlog_hash leaf;

		tlog_leaf_hash(bytes_of(steps[i].leaf, steps[i].len), &leaf);
		assert_int_equal(tlog_tree_append(&tree, &leaf, above), 0);
		tlog_tree_root(&tree, &root);
		assert_hash_hex(&root, steps[i].root);
	}
}

static void appending_gives_the_defined_root_at_every_size(void **state)
{
	struct rows rows CLEANUP(rows_free);
	struct tlog_tree tree = { 0 };
	struct tlog_hash above[TLOG_ROWS_MAX], root;

	(void)state;
	rows_make(&rows, 600);
	for (uint64_t size = 1; size <= 600; size++) {
		struct tlog_hash expected = naive_root(&rows, 0, size);

		tlog_tree_append(&tree, &rows.nodes[0][size - 1], above);
		assert_int_equal(tree.size, size);
		tlog_tree_root(&tree, &root);
		assert_true(tlog_hash_equal(&root, &expected));
	}
}

static void appending_tells_every_node_of_the_higher_rows_once(void **state)
{
	const uint64_t size = 65536 + 600;
	struct rows rows CLEANUP(rows_free);
	struct tlog_tree tree = { 0 };
	size_t told[TLOG_ROWS_MAX] = { 0 };

	(void)state;
	rows_make(&rows, size);
	for (uint64_t i = 0; i < size; i++) {
		struct tlog_hash above[TLOG_ROWS_MAX];
		size_t count = tlog_tree_append(&tree, &rows.nodes[0][i], above);

		for (size_t row = 0; row < count; row++) {
			uint64_t at = (tree.size >> (8 * (row + 1))) - 1;

			assert_int_equal(at, told[row]++);
			assert_true(tlog_hash_equal(&above[row], &rows.nodes[row + 1][at]));
		}
	}
	for (size_t row = 0; row < TLOG_ROWS_MAX; row++)
		assert_int_equal(told[row], rows.counts[row + 1]);
}

/* Each node that a tree has at 2^40 leaves joins two that are alike: too many leaves to append. */
static void the_largest_tree_is_complete(void **state)
{
	struct tlog_tree tree = { .size = TLOG_SIZE_MAX - 1 };
	struct tlog_hash above[TLOG_ROWS_MAX], leaf = numbered_leaf(0), node = leaf, root;

	(void)state;
	for (unsigned level = 0; level < 40; level++) {
		tree.peaks[level] = node;
		tlog_node_hash(&node, &node, &node);
	}
	assert_int_equal(tlog_tree_append(&tree, &leaf, above), TLOG_ROWS_MAX);
	assert_int_equal(tree.size, TLOG_SIZE_MAX);
	tlog_tree_root(&tree, &root);
	assert_true(tlog_hash_equal(&root, &node));
	assert_true(tlog_hash_equal(&above[TLOG_ROWS_MAX - 1], &node));
}

static void assert_same_tree(const struct tlog_tree *a, const struct tlog_tree *b)
{
	assert_int_equal(a->size, b->size);
	for (unsigned level = 0; level < COUNT(a->peaks); level++) {
		if (a->size >> level & 1)
			assert_true(tlog_hash_equal(&a->peaks[level], &b->peaks[level]));
	}
}

static void a_tree_loads_as_it_was_appended(void **state)
{
	static const uint64_t sizes[] = { 0,   1,   2,     3,     254,   255,   256,        257,
					  511, 512, 65535, 65536, 65537, 65793, 65536 + 600 };
	struct rows rows CLEANUP(rows_free);
	struct tlog_tree appended = { 0 }, loaded;
	struct tlog_hash above[TLOG_ROWS_MAX];

	(void)state;
	rows_make(&rows, sizes[COUNT(sizes) - 1]);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		while (appended.size < sizes[i])
			tlog_tree_append(&appended, &rows.nodes[0][appended.size], above);
		assert_ok(tlog_tree_load(sizes[i], rows_read, &rows, &loaded));
		assert_same_tree(&loaded, &appended);
	}
}

static void a_loaded_tree_goes_on_growing(void **state)
{
	struct rows rows CLEANUP(rows_free);
	struct tlog_tree tree;
	struct tlog_hash above[TLOG_ROWS_MAX], root, expected;

	(void)state;
	rows_make(&rows, 1000);
	assert_ok(tlog_tree_load(300, rows_read, &rows, &tree));
	while (tree.size < 1000)
		tlog_tree_append(&tree, &rows.nodes[0][tree.size], above);
	tlog_tree_root(&tree, &root);
	expected = naive_root(&rows, 0, 1000);
	assert_true(tlog_hash_equal(&root, &expected));
}

static void loading_fails_as_its_reader_does(void **state)
{
	struct rows rows CLEANUP(rows_free);
	struct tlog_tree tree;
	size_t reads = 0;

	(void)state;
	rows_make(&rows, 65536 + 256 + 1);
	for (;; reads++) {
		rows.fail_at = reads;
		enum pm_err err = tlog_tree_load(65536 + 256 + 1, rows_read, &rows, &tree);

		if (err == PM_OK)
			break;
		assert_int_equal(err, PM_STORE_DAMAGED);
	}
	assert_int_equal(reads, 3);
	rows.fail_at = SIZE_MAX;
	assert_int_equal(tlog_tree_load(65536 + 256 + 2, rows_read, &rows, &tree), PM_NOT_FOUND);
	assert_int_equal(tlog_tree_load(TLOG_SIZE_MAX + 1, rows_read, &rows, &tree), PM_TOO_LARGE);
}

static void *hash_many(void *arg)
{
	uint64_t *wrong = arg;

	for (uint64_t i = 0; i < 2000; i++) {
		uint8_t entry[9] = { 0, 0, 0, 0, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i };
		struct tlog_hash leaf = numbered_leaf(i), expected;

		SHA256(entry, sizeof(entry), expected.bytes);
		*wrong += !tlog_hash_equal(&leaf, &expected);
	}
	return NULL;
}

static void threads_hash_beside_each_other(void **state)
{
	pthread_t threads[8];
	uint64_t wrong[COUNT(threads)] = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hash_many, &wrong[i]), 0);
	for (size_t i = 0; i < COUNT(threads); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(wrong[i], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_are_those_of_rfc_6962),
		cmocka_unit_test(a_result_may_lie_where_an_input_lay),
		cmocka_unit_test(
			the_roots_of_the_reference_leaves_are_those_of_certificate_transparency),
		cmocka_unit_test(appending_gives_the_defined_root_at_every_size),
		cmocka_unit_test(appending_tells_every_node_of_the_higher_rows_once),
		cmocka_unit_test(the_largest_tree_is_complete),
		cmocka_unit_test(a_tree_loads_as_it_was_appended),
		cmocka_unit_test(a_loaded_tree_goes_on_growing),
		cmocka_unit_test(loading_fails_as_its_reader_does),
		cmocka_unit_test(threads_hash_beside_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
