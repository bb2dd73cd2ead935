#include "tlog/tile.h"

#include "test.h"
#include "tlog/merkle.h"

static void paths_are_those_of_tlog_tiles(void **state)
{
	static const struct {
		int level;
		uint64_t index;
		unsigned width;
		const char *path;
	} paths[] = {
		{ 0, 0, 256, "tile/0/000" },
		{ 0, 0, 3, "tile/0/000.p/3" },
		{ 0, 999, 255, "tile/0/999.p/255" },
		{ 1, 1000, 256, "tile/1/x001/000" },
		{ 0, 1234067, 256, "tile/0/x001/x234/067" },
		{ TLOG_BUNDLES, 1234067, 256, "tile/entries/x001/x234/067" },
		{ TLOG_BUNDLES, 5, 1, "tile/entries/005.p/1" },
		{ 5, 1000000, 17, "tile/5/x001/x000/000.p/17" },
		{ TLOG_BUNDLES, UINT64_MAX, 255,
		  "tile/entries/x018/x446/x744/x073/x709/x551/615.p/255" },
	};
	char path[TLOG_PATH_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		tlog_tile_path(paths[i].level, paths[i].index, paths[i].width, path);
		assert_string_equal(path, paths[i].path);
	}
}

static void tiles_are_counted_as_tlog_tiles_says(void **state)
{
	static const struct {
		int level;
		uint64_t size, count;
		unsigned last;
	} trees[] = {
		{ 0, 0, 0, 0 },
		{ TLOG_BUNDLES, 0, 0, 0 },
		{ 0, 1, 1, 1 },
		{ 0, 255, 1, 255 },
		{ 0, 256, 1, 256 },
		{ 1, 255, 0, 0 },
		{ 1, 256, 1, 1 },
		{ 0, 257, 2, 1 },
		/* The specification's example. */
		{ 0, 70000, 274, 112 },
		{ TLOG_BUNDLES, 70000, 274, 112 },
		{ 1, 70000, 2, 17 },
		{ 2, 70000, 1, 1 },
		{ 3, 70000, 0, 0 },
		{ 5, TLOG_SIZE_MAX, 1, 1 },
		{ 8, UINT64_MAX, 0, 0 },
		{ 63, UINT64_MAX, 0, 0 },
	};
	unsigned last;

	(void)state;
	for (size_t i = 0; i < COUNT(trees); i++) {
		assert_int_equal(tlog_tile_count(trees[i].level, trees[i].size, &last),
				 trees[i].count);
		assert_int_equal(last, trees[i].last);
	}
}

static void a_bundle_gives_back_what_was_put_in(void **state)
{
	static uint8_t room[TLOG_ENTRY_MAX + 64], large[TLOG_ENTRY_MAX + 1];
	const struct bytes entries[] = { bytes_str("{}"), bytes_of(NULL, 0),
					 bytes_of(large, TLOG_ENTRY_MAX), bytes_str("x") };
	struct buf bundle = BUF(room);
	struct bytes rest, entry;

	(void)state;
	for (size_t i = 0; i < COUNT(entries); i++)
		assert_ok(tlog_bundle_put(&bundle, entries[i]));
	assert_int_equal(bundle.data[1], 2);
	assert_int_equal(bundle.len, 4 * 2 + 2 + TLOG_ENTRY_MAX + 1);
	rest = buf_bytes(&bundle);
	for (size_t i = 0; i < COUNT(entries); i++) {
		assert_ok(tlog_bundle_next(&rest, &entry));
		assert_int_equal(entry.len, entries[i].len);
		if (entry.len > 0)
			assert_memory_equal(entry.data, entries[i].data, entry.len);
	}
	assert_int_equal(tlog_bundle_next(&rest, &entry), PM_NOT_FOUND);
}

static void what_does_not_fit_into_a_bundle_leaves_it_as_it_was(void **state)
{
	static const uint8_t large[TLOG_ENTRY_MAX + 1];
	uint8_t room[8];
	struct buf bundle = BUF(room);

	(void)state;
	assert_ok(tlog_bundle_put(&bundle, bytes_str("abc")));
	assert_int_equal(tlog_bundle_put(&bundle, bytes_str("de")), PM_TOO_LARGE);
	assert_int_equal(tlog_bundle_put(&bundle, bytes_of(large, sizeof(large))), PM_TOO_LARGE);
	assert_int_equal(bundle.len, 5);
	assert_ok(tlog_bundle_put(&bundle, bytes_str("d")));
}

static void a_bundle_that_is_cut_anywhere_is_refused(void **state)
{
	static const uint8_t whole[] = { 0, 2, 'a', 'b', 0, 0, 1, 1 };
	static const size_t ends[] = { 0, 4, 6 };
	struct bytes rest, entry;

	(void)state;
	for (size_t len = 0; len <= sizeof(whole); len++) {
		enum pm_err err, expected = PM_BAD_REQUEST;

		for (size_t i = 0; i < COUNT(ends); i++)
			expected = ends[i] == len ? PM_NOT_FOUND : expected;
		rest = bytes_of(whole, len);
		do
			err = tlog_bundle_next(&rest, &entry);
		while (err == PM_OK);
		assert_int_equal(err, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_those_of_tlog_tiles),
		cmocka_unit_test(tiles_are_counted_as_tlog_tiles_says),
		cmocka_unit_test(a_bundle_gives_back_what_was_put_in),
		cmocka_unit_test(what_does_not_fit_into_a_bundle_leaves_it_as_it_was),
		cmocka_unit_test(a_bundle_that_is_cut_anywhere_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
