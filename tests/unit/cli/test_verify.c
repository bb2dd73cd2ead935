/* The files of an exported log: whatever was done to them is found, and named. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "verify_fixture.h"

#define FILES_MAX 64

/* All files below the folder, by their paths in it. */
struct names {
	char names[FILES_MAX][TLOG_PATH_MAX + 16];
	size_t count;
};

static void list(const struct fixture *f, const char *folder, struct names *names)
{
	DIR *listing = opendir(path_of(f, folder));

	assert_non_null(listing);
	for (struct dirent *file; (file = readdir(listing));) {
		char *name = names->names[names->count];

		if (file->d_name[0] == '.')
			continue;
		assert_true(names->count + 1 < FILES_MAX);
		assert_true((size_t)snprintf(name, sizeof(names->names[0]), "%s/%.63s", folder,
					     file->d_name) < sizeof(names->names[0]));
		if (file->d_type == DT_DIR) {
			char below[sizeof(names->names[0])];

			strcpy(below, name);
			list(f, below, names);
		} else {
			names->count++;
		}
	}
	closedir(listing);
}

static void whole_exports_of_all_sizes_are_good(void **state)
{
	static const uint64_t sizes[] = { 1, 2, 255, 256, 257, 511, 512, 300, 65535, 65536, 65537 };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(sizes); i++) {
		write_first(f, sizes[i]);
		assert_good(f);
		assert_int_equal(f->report.count, 1);
		assert_int_equal(f->report.entries, sizes[i]);
		assert_int_equal(f->report.logs[0].log, 1);
		assert_int_equal(f->report.logs[0].size, sizes[i]);
		assert_int_equal(f->report.logs[0].minimum, 0);
		assert_int_equal(f->report.logs[0].end, VERIFIED_OPEN);
		assert_string_equal(f->report.logs[0].origin, NAME "1");
		restart(f);
	}
}

static void a_changed_byte_in_any_file_is_found(void **state)
{
	struct fixture *f = *state;
	struct names names = { 0 };
	size_t flips = 0;

	write_first(f, 300);
	list(f, "1", &names);
	assert_int_equal(names.count, 7); /* checkpoint, vkey, two bundles, two tiles, one above */
	for (size_t i = 0; i < names.count; i++) {
		struct content whole = get(f, names.names[i]);
		int fd CLEANUP(close_fd) = open(path_of(f, names.names[i]), O_RDWR | O_CLOEXEC);

		for (size_t at = 0; at < whole.len; at++, flips++) {
			uint8_t changed = whole.data[at] ^ (uint8_t)(1 << at % 8);

			assert_int_equal(pwrite(fd, &changed, 1, (off_t)at), 1);
			if (check(f))
				fail_msg("%s: byte %zu", names.names[i], at);
			assert_true(f->report.fault[0]);
			assert_int_equal(pwrite(fd, &whole.data[at], 1, (off_t)at), 1);
		}
	}
	assert_true(flips > 300 * (50 + 32));
	assert_good(f);
}

static void a_missing_file_is_named(void **state)
{
	struct fixture *f = *state;
	struct names names = { 0 };

	write_first(f, 300);
	list(f, "1", &names);
	for (size_t i = 0; i < names.count; i++) {
		struct content whole = get(f, names.names[i]);

		assert_int_equal(unlink(path_of(f, names.names[i])), 0);
		assert_fault_has(f, names.names[i] + strlen("1/"));
		assert_fault_has(f, "missing");
		put(f, names.names[i], whole.data, whole.len);
	}
	assert_good(f);
}

static void a_file_that_is_cut_or_longer_is_named(void **state)
{
	struct fixture *f = *state;
	struct names names = { 0 };

	write_first(f, 300);
	list(f, "1", &names);
	for (size_t i = 0; i < names.count; i++) {
		struct content whole = get(f, names.names[i]);

		put(f, names.names[i], whole.data, whole.len - 1);
		assert_false(check(f));
		put(f, names.names[i], whole.data, 0);
		assert_false(check(f));
		whole.data[whole.len] = '\n';
		put(f, names.names[i], whole.data, whole.len + 1);
		assert_false(check(f));
		put(f, names.names[i], whole.data, whole.len);
	}
	assert_good(f);
}

/* Where the entry begins in its bundle, with its length before it. */
static size_t find_entry(const struct content *bundle, size_t skip)
{
	size_t at = 0;

	while (skip-- > 0)
		at += 2 + (size_t)(bundle->data[at] << 8 | bundle->data[at + 1]);
	return at;
}

static void a_missing_last_leaf_is_named(void **state)
{
	struct fixture *f = *state;

	write_first(f, 300);
	struct content bundle = get(f, "1/tile/entries/001.p/44");
	put(f, "1/tile/entries/001.p/44", bundle.data, find_entry(&bundle, 43));
	assert_fault(f, "log 1: the last leaf is missing: the checkpoint says 300, the bundles "
			"hold 299");
}

static void a_missing_leaf_in_the_middle_is_named(void **state)
{
	struct fixture *f = *state;

	write_first(f, 600);
	struct content bundle = get(f, "1/tile/entries/001");
	put(f, "1/tile/entries/001", bundle.data, find_entry(&bundle, 200));
	assert_fault(f, "leaf 456 of log 1: it is missing at the end of tile/entries/001");
}

static void leaves_that_changed_places_are_named(void **state)
{
	struct fixture *f = *state;

	write_first(f, 300);
	struct content bundle = get(f, "1/tile/entries/000"), tile = get(f, "1/tile/0/000");
	size_t at = find_entry(&bundle, 17), next = find_entry(&bundle, 18);
	size_t len = next - at;
	uint8_t kept[256];

	memcpy(kept, bundle.data + at, len);
	memcpy(bundle.data + at, bundle.data + next, len);
	memcpy(bundle.data + next, kept, len);
	put(f, "1/tile/entries/000", bundle.data, bundle.len);
	assert_fault(f, "leaf 17 of log 1 is out of order: another one stands in its place");
	memcpy(kept, tile.data + 17 * 32, 32);
	memcpy(tile.data + 17 * 32, tile.data + 18 * 32, 32);
	memcpy(tile.data + 18 * 32, kept, 32);
	put(f, "1/tile/0/000", tile.data, tile.len);
	assert_fault_has(f, "leaf 17 of log 1 is out of order");
}

static void an_altered_leaf_is_named(void **state)
{
	struct fixture *f = *state;

	write_first(f, 300);
	struct content bundle = get(f, "1/tile/entries/001.p/44");
	bundle.data[find_entry(&bundle, 4) - 4] = 'X';
	put(f, "1/tile/entries/001.p/44", bundle.data, bundle.len);
	assert_fault(f, "leaf 259 of log 1: its bytes do not match tile/0/001.p/44");
}

/* Whoever alters the tiles along with a leaf gets as far as the root. */
static void a_leaf_altered_with_all_its_hashes_is_found_by_the_root(void **state)
{
	struct fixture *f = *state;

	write_first(f, 300);
	struct content checkpoint = get(f, "1/checkpoint");
	struct log_export forged = first_log(f, 300);
	forged.odd_index = 100;
	forged.odd = "{\"v\":1,\"seq\":100,\"type\":\"nothing.happened\"}";
	log_export_write(&forged, NULL);
	put(f, "1/checkpoint", checkpoint.data, checkpoint.len);
	assert_fault(f, "log 1: its entries make another root than the checkpoint's");
}

static void higher_tiles_must_follow_from_lower_ones(void **state)
{
	struct fixture *f = *state;

	write_first(f, 65536 + 300);
	struct content tile = get(f, "1/tile/1/000");
	tile.data[77 * 32] ^= 1;
	put(f, "1/tile/1/000", tile.data, tile.len);
	assert_fault(f, "log 1: tile/1/000 does not match the tiles below it, at hash 77");
	tile.data[77 * 32] ^= 1;
	put(f, "1/tile/1/000", tile.data, tile.len);
	tile = get(f, "1/tile/2/000.p/1");
	tile.data[0] ^= 1;
	put(f, "1/tile/2/000.p/1", tile.data, tile.len);
	assert_fault(f, "log 1: tile/2/000.p/1 does not match the tiles below it, at hash 0");
}

static void yesterdays_checkpoint_with_todays_tiles_is_refused(void **state)
{
	struct fixture *f = *state;
	struct log_export yesterday = first_log(f, 290);
	struct note note = log_export_note(&yesterday);

	write_first(f, 300);
	put_note(f, "1/checkpoint", &note);
	assert_fault_has(f, "does not belong to a log of 290 entries");
}

static void todays_checkpoint_with_yesterdays_tiles_is_refused(void **state)
{
	struct fixture *f = *state;
	struct log_export today = first_log(f, 310);
	struct note note = log_export_note(&today);

	write_first(f, 300);
	put_note(f, "1/checkpoint", &note);
	assert_fault_has(f, "1.p/54: it is missing");
}

static void an_extra_leaf_is_named(void **state)
{
	struct fixture *f = *state;

	write_first(f, 300);
	struct content bundle = get(f, "1/tile/entries/001.p/44");
	static const char extra[] = "\0\x12{\"v\":1,\"seq\":300,}";
	memcpy(bundle.data + bundle.len, extra, sizeof(extra) - 1);
	put(f, "1/tile/entries/001.p/44", bundle.data, bundle.len + sizeof(extra) - 1);
	assert_fault(f, "leaf 300 of log 1: there is no such leaf, but bytes for it in "
			"tile/entries/001.p/44");
}

static void files_that_do_not_belong_are_named(void **state)
{
	static const char *const strays[] = {
		"1/x",
		"1/tile/x",
		"1/tile/6",
		"1/tile/entries/x",
		"1/tile/entries/002",
		"1/tile/0/001",
		"1/tile/0/0000",
		"1/tile/0/00",
		"1/tile/0/000.q",
		"1/tile/0/-01",
		"1/tile/0/001.p/45",
		"1/tile/0/001.p/044",
		"1/tile/0/001.p/x",
		"1/tile/entries/x0000",
		"1/tile/0/001.p/44x",
		"1/tile/1/000",
		"1/checkpoint.old",
	};
	struct fixture *f = *state;

	write_first(f, 300);
	for (size_t i = 0; i < COUNT(strays); i++) {
		put(f, strays[i], "x", 1);
		assert_fault_has(f, strays[i] + strlen("1/"));
		assert_fault_has(f, "does not belong to a log of 300 entries");
		assert_fault_has(f, "was an older checkpoint put back, or something copied here?");
		assert_int_equal(unlink(path_of(f, strays[i])), 0);
	}
	put(f, "README", "x", 1);
	assert_fault(f, "README does not belong into an export");
	unlink(path_of(f, "README"));
	for (const char *const *name = (const char *const[]){ "0", "01", "257", "1x", NULL }; *name;
	     name++) {
		assert_int_equal(mkdir(path_of(f, *name), 0700), 0);
		assert_fault_has(f, "does not belong into an export");
		assert_int_equal(rmdir(path_of(f, *name)), 0);
	}
	assert_good(f);
}

static void half_a_file_of_an_ended_export_is_no_fault(void **state)
{
	struct fixture *f = *state;

	write_first(f, 300);
	assert_good(f);
	assert_false(f->report.logs[0].unfinished);
	put(f, "1/.unfinished", "x", 1);
	assert_good(f);
	assert_true(f->report.logs[0].unfinished);
}

/* Log 1 of 600 entries at its checkpoint of 300, with the signed one that it was on its way to. */
static void write_ended(struct fixture *f, struct log_export *goal)
{
	struct log_export now = first_log(f, 300);
	struct note note = log_export_note(&now);

	*goal = first_log(f, 600);
	log_export_write(goal, NULL);
	put_note(f, "1/checkpoint", &note);
	note = log_export_note(goal);
	put_note(f, "1/.goal", &note);
}

/* The partial tiles of 300 are gone already: the full ones stand for them. */
static void an_ended_export_is_good_up_to_its_checkpoint(void **state)
{
	static const char *const grown[] = { "1/tile/entries/001", "1/tile/0/001",
					     "1/tile/1/000.p/1" };
	struct fixture *f = *state;
	struct log_export goal;

	write_ended(f, &goal);
	struct content above = get(f, "1/tile/1/000.p/2");
	put(f, grown[2], above.data, 32);
	assert_good(f);
	assert_int_equal(f->report.entries, 300);
	assert_true(f->report.logs[0].unfinished);
	for (size_t i = 0; i < COUNT(grown); i++) {
		struct content whole = get(f, grown[i]);

		whole.data[7] ^= 1;
		put(f, grown[i], whole.data, whole.len);
		assert_false(check(f));
		whole.data[7] ^= 1;
		put(f, grown[i], whole.data, whole.len);
		if (i < 2) {
			put(f, grown[i], whole.data, 100);
			assert_false(check(f));
			put(f, grown[i], whole.data, whole.len);
		}
	}
	assert_good(f);
	put(f, "1/tile/entries/002.p/89", "x", 1);
	assert_fault_has(f, "entries/002.p/89 does not belong");
}

static void a_goal_must_be_a_later_checkpoint_of_the_log(void **state)
{
	struct fixture *f = *state;
	struct log_export goal;

	write_ended(f, &goal);
	goal.signer = f->logs[3]; /* of the same name */
	struct note forged = log_export_note(&goal);
	goal.signer = f->logs[0];
	goal.size = 299;
	struct note older = log_export_note(&goal);
	put_note(f, "1/.goal", &forged);
	assert_fault(f, "log 1: .goal is not a later checkpoint of this log");
	put_note(f, "1/.goal", &older);
	assert_fault(f, "log 1: .goal is not a later checkpoint of this log");
	put(f, "1/.goal", "x", 1);
	assert_fault(f, "log 1: .goal is not a later checkpoint of this log");
}

/* The format lets partial tiles of earlier checkpoints stay: these are of one at 270 entries. */
static void partial_tiles_of_earlier_checkpoints_may_stay_if_they_match(void **state)
{
	static const char *const older[] = { "1/tile/0/001.p/14", "1/tile/entries/001.p/14",
					     "1/tile/1/000.p/1" };
	struct fixture *f = *state;
	size_t flips = 0;

	write_first(f, 270);
	struct content kept[] = { get(f, older[0]), get(f, older[1]), get(f, older[2]) };
	write_first(f, 600);
	assert_good(f);
	for (size_t i = 0; i < COUNT(older); i++) {
		for (size_t at = 0; at < kept[i].len; at++, flips++) {
			kept[i].data[at] ^= 4;
			put(f, older[i], kept[i].data, kept[i].len);
			assert_false(check(f));
			kept[i].data[at] ^= 4;
		}
		put(f, older[i], kept[i].data, kept[i].len - 1);
		assert_false(check(f));
		put(f, older[i], kept[i].data, kept[i].len);
		assert_good(f);
	}
	assert_true(flips > 15 * 32 + 14 * 40);
}

static void folders_that_do_not_belong_are_named(void **state)
{
	static const char *const strays[] = { "1/tile/0/x000/001", "1/tile/0/x001/000",
					      "1/tile/3/000", "1/tile/0/000.p/256" };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(strays); i++) {
		char folder[64];

		write_first(f, 300);
		strcpy(folder, strays[i]);
		*strrchr(folder, '/') = '\0';
		assert_int_equal(mkdir(path_of(f, folder), 0700), 0);
		put(f, strays[i], "x", 1);
		assert_fault_has(f, strays[i] + strlen("1/"));
		restart(f);
	}
}

static void names_from_the_folder_cannot_steer_a_terminal(void **state)
{
	struct fixture *f = *state;

	write_first(f, 3);
	put(f, "1/\033[2J\xff", "x", 1);
	assert_fault_has(f, "log 1: ?[2J? does not belong to a log of 3 entries");
	restart(f);
	put(f, "\xc2\x9b", "x", 1);
	assert_fault(f, "?? does not belong into an export");
}

/* Groups of a path without end neither overflow nor recurse for ever. */
static void deep_folders_are_refused(void **state)
{
	struct fixture *f = *state;
	char path[512] = "1/tile/0";

	write_first(f, 300);
	for (int i = 0; i < 40; i++) {
		strcat(path, "/x999");
		assert_int_equal(mkdir(path_of(f, path), 0700), 0);
	}
	assert_fault_has(f, "does not belong");
}

static void pipes_links_and_folders_in_place_of_files_are_refused(void **state)
{
	struct fixture *f = *state;
	struct names names = { 0 };

	write_first(f, 300);
	list(f, "1", &names);
	for (size_t i = 0; i < names.count; i++) {
		struct content whole = get(f, names.names[i]);
		char path[512], aside[512];

		strcpy(path, path_of(f, names.names[i]));
		snprintf(aside, sizeof(aside), "%s.aside", f->folder);
		assert_int_equal(rename(path, aside), 0);
		assert_int_equal(mkfifo(path, 0600), 0);
		assert_fault_has(f, "is not a file");
		assert_int_equal(unlink(path), 0);
		assert_int_equal(mkdir(path, 0700), 0);
		assert_fault_has(f, "is not a file");
		assert_int_equal(rmdir(path), 0);
		assert_int_equal(symlink(aside, path), 0);
		assert_fault_has(f, names.names[i] + strlen("1/"));
		assert_int_equal(unlink(path), 0);
		put(f, names.names[i], whole.data, whole.len);
		assert_int_equal(unlink(aside), 0);
	}
	assert_good(f);
}

static void oversized_files_are_refused_unread(void **state)
{
	struct fixture *f = *state;
	struct names names = { 0 };

	write_first(f, 300);
	list(f, "1", &names);
	for (size_t i = 0; i < names.count; i++) {
		struct content whole = get(f, names.names[i]);

		assert_int_equal(truncate(path_of(f, names.names[i]), INT64_C(1) << 40), 0);
		assert_fault_has(f, "bytes long");
		put(f, names.names[i], whole.data, whole.len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whole_exports_of_all_sizes_are_good),
		TEST(a_changed_byte_in_any_file_is_found),
		TEST(a_missing_file_is_named),
		TEST(a_file_that_is_cut_or_longer_is_named),
		TEST(a_missing_last_leaf_is_named),
		TEST(a_missing_leaf_in_the_middle_is_named),
		TEST(leaves_that_changed_places_are_named),
		TEST(an_altered_leaf_is_named),
		TEST(a_leaf_altered_with_all_its_hashes_is_found_by_the_root),
		TEST(higher_tiles_must_follow_from_lower_ones),
		TEST(yesterdays_checkpoint_with_todays_tiles_is_refused),
		TEST(todays_checkpoint_with_yesterdays_tiles_is_refused),
		TEST(an_extra_leaf_is_named),
		TEST(files_that_do_not_belong_are_named),
		TEST(half_a_file_of_an_ended_export_is_no_fault),
		TEST(an_ended_export_is_good_up_to_its_checkpoint),
		TEST(a_goal_must_be_a_later_checkpoint_of_the_log),
		TEST(partial_tiles_of_earlier_checkpoints_may_stay_if_they_match),
		TEST(folders_that_do_not_belong_are_named),
		TEST(names_from_the_folder_cannot_steer_a_terminal),
		TEST(deep_folders_are_refused),
		TEST(pipes_links_and_folders_in_place_of_files_are_refused),
		TEST(oversized_files_are_refused_unread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
