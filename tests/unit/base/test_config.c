#include "base/config.h"

#include <stdio.h>
#include <sys/stat.h>

#include "test.h"

struct shop {
	char path[16];
	uint32_t mode;
	uint32_t seats;
};

struct tea {
	struct config_head head;
	char note[300];
	uint32_t grams;
};

struct menu {
	struct shop shop;
	struct tea teas[2];
	size_t tea_count;
};

static const struct config_section sections[] = {
	{ .kind = "shop", .offset = offsetof(struct menu, shop), .size = sizeof(struct shop) },
	{ .kind = "tea",
	  .offset = offsetof(struct menu, teas),
	  .size = sizeof(struct tea),
	  .max = 2,
	  .count = offsetof(struct menu, tea_count),
	  .name_max = 5,
	  .name_chars = "abcdefghijklmnopqrstuvwxyz" },
};

static const struct config_setting settings[] = {
	{ .section = "shop",
	  .name = "path",
	  CONFIG_FIELD(struct shop, path),
	  .read = config_read_path,
	  .must_be = "a path" },
	{ .section = "shop",
	  .name = "mode",
	  CONFIG_FIELD(struct shop, mode),
	  .read = config_read_octal,
	  .max = 0777,
	  .must_be = "octal",
	  .fallback = "0640" },
	{ .section = "shop",
	  .name = "seats",
	  CONFIG_FIELD(struct shop, seats),
	  .read = config_read_number,
	  .min = 2,
	  .max = 4294967295,
	  .fallback = "7" },
	{ .section = "tea",
	  .name = "note",
	  CONFIG_FIELD(struct tea, note),
	  .read = config_read_text,
	  .must_be = "short" },
	{ .section = "tea",
	  .name = "grams",
	  CONFIG_FIELD(struct tea, grams),
	  .read = config_read_number,
	  .max = 100,
	  .required = true },
};

static const struct config_schema schema = { sections, 2, settings, 5 };

static enum pm_err parse(const char *text, struct menu *menu, struct config_fault *fault)
{
	memset(menu, 0, sizeof(*menu));
	memset(fault, 0, sizeof(*fault));
	return config_parse(&schema, bytes_str(text), menu, fault);
}

static void assert_refused(const char *text, unsigned line, const char *why)
{
	struct menu menu;
	struct config_fault fault;

	assert_int_equal(parse(text, &menu, &fault), PM_CONFIG);
	assert_string_equal(fault.text, why);
	assert_int_equal(fault.line, line);
}

static void a_text_fills_its_structs(void **state)
{
	struct menu menu;
	struct config_fault fault;

	(void)state;
	assert_ok(parse("; a comment\n"
			"# another\n"
			"\n"
			"[shop]\n"
			"path = /corner\n"
			"  mode=0755\n"
			"seats:\t12\r\n"
			"[tea mint]\n"
			"note = fresh, not dried\n"
			"grams = 3\n"
			" [tea sage] \n"
			"grams = 0", /* and no newline at the end */
			&menu, &fault));
	assert_string_equal(menu.shop.path, "/corner");
	assert_int_equal(menu.shop.mode, 0755);
	assert_int_equal(menu.shop.seats, 12);
	assert_int_equal(menu.tea_count, 2);
	assert_string_equal(menu.teas[0].head.name, "mint");
	assert_int_equal(menu.teas[0].head.line, 8);
	assert_string_equal(menu.teas[0].note, "fresh, not dried");
	assert_string_equal(menu.teas[1].head.name, "sage");
	assert_string_equal(menu.teas[1].note, "");
}

static void what_is_left_out_has_its_default(void **state)
{
	struct menu menu;
	struct config_fault fault;

	(void)state;
	assert_ok(parse("", &menu, &fault)); /* even when the whole section is left out */
	assert_int_equal(menu.shop.mode, 0640);
	assert_int_equal(menu.shop.seats, 7);
	assert_string_equal(menu.shop.path, "");
	assert_int_equal(menu.tea_count, 0);
	assert_ok(parse("[shop]\nseats = 9\n", &menu, &fault));
	assert_int_equal(menu.shop.mode, 0640);
	assert_int_equal(menu.shop.seats, 9);
}

static void what_is_not_known_is_refused(void **state)
{
	(void)state;
	assert_refused("[shop]\nfoo = 1\n", 2, "setting 'foo' is not known in [shop]");
	assert_refused("[shop]\ngrams = 1\n", 2, "setting 'grams' is not known in [shop]");
	assert_refused("[tea mint]\ngrams = 1\nseats = 2\n", 3,
		       "setting 'seats' is not known in [tea mint]");
	assert_refused("\n[coffee]\n", 2, "section [coffee] is not known");
	assert_refused("[]\n", 1, "section [] is not known");
	assert_refused("[shops]\n", 1, "section [shops] is not known");
	assert_refused("seats = 2\n[shop]\n", 1, "setting 'seats' stands before any section");
}

static void what_is_repeated_is_refused(void **state)
{
	(void)state;
	assert_refused("[shop]\nseats = 3\nmode = 1\nseats = 3\n", 4,
		       "setting 'seats' stands twice in [shop]");
	assert_refused("[shop]\n[tea mint]\ngrams = 1\n[shop]\n", 4, "section [shop] stands twice");
	assert_refused("[tea mint]\ngrams = 1\n[tea  mint]\n", 3,
		       "section [tea  mint] stands twice");
}

static void what_is_missing_is_named_where_it_should_stand(void **state)
{
	(void)state;
	assert_refused("[tea mint]\nnote = x\n\n[tea sage]\ngrams = 1\n", 1,
		       "setting 'grams' is missing in [tea mint]");
	assert_refused("[shop]\n[tea sage]\n", 2, "setting 'grams' is missing in [tea sage]");
	assert_refused("[shop]\nseats =\n", 2, "setting 'seats' in [shop] has no value");
}

static void a_number_is_digits_within_its_range(void **state)
{
	static const char *const wrong[] = { "1",   "4294967296", "99999999999999999999999",
					     "-3",  "+3",         "0x10",
					     "3 4", "3s" };
	struct menu menu;
	struct config_fault fault;
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "[shop]\nseats = %s\n", wrong[i]);
		assert_refused(text, 2,
			       "setting 'seats' in [shop] must be a number from 2 to 4294967295");
	}
	assert_ok(parse("[shop]\nseats = 4294967295\n", &menu, &fault));
	assert_int_equal(menu.shop.seats, 4294967295);
	assert_ok(parse("[shop]\nseats = 010\n", &menu, &fault)); /* decimal all the same */
	assert_int_equal(menu.shop.seats, 10);
}

static void other_values_must_be_what_the_table_says(void **state)
{
	(void)state;
	assert_refused("[shop]\nmode = 0888\n", 2, "setting 'mode' in [shop] must be octal");
	assert_refused("[shop]\nmode = 1777\n", 2, "setting 'mode' in [shop] must be octal");
	assert_refused("[shop]\npath = corner\n", 2, "setting 'path' in [shop] must be a path");
	assert_refused("[shop]\npath = /123456789012345\n", 2,
		       "setting 'path' in [shop] must be a path");
}

static void an_error_does_not_repeat_the_value(void **state)
{
	struct menu menu;
	struct config_fault fault;

	(void)state;
	assert_int_equal(parse("[shop]\nmode = 31415926\n", &menu, &fault), PM_CONFIG);
	assert_null(strstr(fault.text, "31415926"));
	assert_int_equal(parse("[shop]\n31415926\n", &menu, &fault), PM_CONFIG);
	assert_null(strstr(fault.text, "31415926"));
}

static void names_are_held_to_what_they_may_be(void **state)
{
	const char *why = "section [tea NAME] needs a name: 1 to 5 of abcdefghijklmnopqrstuvwxyz";

	(void)state;
	assert_refused("[tea]\n", 1, why);
	assert_refused("[tea longer]\n", 1, why);
	assert_refused("[tea Mint]\n", 1, why);
	assert_refused("[tea a b]\n", 1, why);
	assert_refused("[shop corner]\n", 1, "section [shop] takes no name");
	assert_refused("[tea a]\ngrams=1\n[tea b]\ngrams=1\n[tea c]\n", 5,
		       "more than 2 sections [tea NAME]");
}

/* RFC 7512 URIs have semicolons; inih would cut a value at one that follows a blank. */
static void a_semicolon_does_not_cut_a_value(void **state)
{
	struct menu menu;
	struct config_fault fault;
	const char *why = "a comment must stand on a line of its own";

	(void)state;
	assert_ok(parse("[tea a]\ngrams=1\nnote = pkcs11:serial=abc;token=x#y\n", &menu, &fault));
	assert_string_equal(menu.teas[0].note, "pkcs11:serial=abc;token=x#y");
	assert_refused("[tea a]\ngrams = 1 ; few\n", 2, why);
	assert_refused("[tea a]\ngrams = 1\t# few\n", 2, why);
}

/* inih's own buffer would make two lines of one with more than 197 bytes. */
static void a_long_line_is_whole_or_refused(void **state)
{
	struct menu menu;
	struct config_fault fault;
	char text[2000] = "[tea a]\ngrams = 1\nnote = ";
	size_t at = strlen(text);

	(void)state;
	memset(text + at, 'y', 299);
	assert_ok(parse(text, &menu, &fault));
	assert_int_equal(strlen(menu.teas[0].note), 299);

	memset(text + at, 'y', CONFIG_LINE_MAX - 7); /* the longest line */
	assert_refused(text, 3, "setting 'note' in [tea a] must be short");
	memset(text + at, 'y', CONFIG_LINE_MAX - 6);
	assert_refused(text, 3, "the line is longer than 1021 bytes");
}

/* inih would hand an indented line on as one more value of the setting before. */
static void an_indented_line_is_a_line(void **state)
{
	(void)state;
	assert_refused("[tea a]\ngrams = 1\n  more\n", 3, "neither a [section] nor NAME = VALUE");
	assert_refused("[tea a]\ngrams = 1\n  grams = 2\n", 3,
		       "setting 'grams' stands twice in [tea a]");
}

static void a_line_that_says_nothing_is_refused(void **state)
{
	(void)state;
	assert_refused("[shop]\nseats\n", 2, "neither a [section] nor NAME = VALUE");
	assert_refused("[shop]\n= 3\n", 2, "setting '' is not known in [shop]");
	assert_refused("[shop\n", 1, "a section's line must end with ']'");
	assert_refused("[", 1, "a section's line must end with ']'");
	assert_refused("[shop] seats = 3\n", 1, "a section's line must end with ']'");
	assert_refused("\xef\xbb\xbf[shop]\n", 1, "neither a [section] nor NAME = VALUE");
}

static void bytes_that_are_no_text_are_refused(void **state)
{
	static const char with_nul[] = "[shop]\nseats = 3\0 4\n";
	const char *why = "the line is not UTF-8 or has control characters";
	struct menu menu = { 0 };
	struct config_fault fault;

	(void)state;
	assert_refused("[shop]\n# \x1b[2J\n", 2, why);
	assert_refused("[shop]\n# \xff\n", 2, why);
	assert_int_equal(
		config_parse(&schema, bytes_of(with_nul, sizeof(with_nul) - 1), &menu, &fault),
		PM_CONFIG);
	assert_string_equal(fault.text, why);
}

/* Files: a path of its own for each test, removed with it. */

struct file {
	char path[64];
};

static void file_remove(struct file *file)
{
	unlink(file->path);
}

static void file_make(struct file *file, const char *text, mode_t mode)
{
	snprintf(file->path, sizeof(file->path), "/tmp/peppermint-config-XXXXXX");
	int fd CLEANUP(close_fd) = mkstemp(file->path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
}

static void assert_file_refused(const char *path, const char *why)
{
	static uint8_t room[CONFIG_FILE_MAX + 1];
	struct config_fault fault;
	struct bytes text;

	assert_int_equal(config_read_file(path, room, &text, &fault), PM_CONFIG);
	assert_string_equal(fault.text, why);
	assert_int_equal(fault.line, 0);
}

static void a_file_is_read(void **state)
{
	static uint8_t room[CONFIG_FILE_MAX + 1];
	struct file file CLEANUP(file_remove) = { 0 };
	struct config_fault fault;
	struct bytes text;

	(void)state;
	file_make(&file, "[shop]\nseats = 3\n", 0644);
	assert_ok(config_read_file(file.path, room, &text, &fault));
	assert_int_equal(text.len, strlen("[shop]\nseats = 3\n"));
	assert_memory_equal(text.data, "[shop]\nseats = 3\n", text.len);
}

static void a_file_that_others_may_write_is_refused(void **state)
{
	struct file group CLEANUP(file_remove) = { 0 }, world CLEANUP(file_remove) = { 0 };
	const char *why = "is writable by others than its owner: chmod go-w";

	(void)state;
	file_make(&group, "[shop]\n", 0660);
	file_make(&world, "[shop]\n", 0602);
	assert_file_refused(group.path, why);
	assert_file_refused(world.path, why);
}

static void a_file_of_another_user_is_refused(void **state)
{
	struct file file CLEANUP(file_remove) = { 0 };

	(void)state;
	if (geteuid() != 0)
		skip(); /* only root can give a file away */
	file_make(&file, "[shop]\n", 0644);
	assert_int_equal(chown(file.path, 65534, 65534), 0);
	assert_file_refused(file.path, "belongs to neither root nor this user: chown it");
}

static void what_is_no_file_is_refused_and_not_waited_for(void **state)
{
	struct file fifo CLEANUP(file_remove) = { 0 };

	(void)state;
	file_make(&fifo, "", 0600);
	unlink(fifo.path);
	assert_int_equal(mkfifo(fifo.path, 0600), 0);
	assert_file_refused(fifo.path, "is not a file");
	assert_file_refused("/tmp", "is not a file");
	assert_file_refused("/nonexistent/x", "cannot be read: No such file or directory");
}

static void a_huge_file_is_refused(void **state)
{
	struct file file CLEANUP(file_remove) = { 0 };

	(void)state;
	file_make(&file, "", 0600);
	assert_int_equal(truncate(file.path, (off_t)1 << 40), 0);
	assert_file_refused(file.path, "is larger than 262144 bytes");
}

static void words_are_parted_by_blanks(void **state)
{
	const char *rest = "  one  two ";

	(void)state;
	assert_memory_equal(config_next_word(&rest).data, "one", 3);
	struct bytes two = config_next_word(&rest);
	assert_int_equal(two.len, 3);
	assert_memory_equal(two.data, "two", 3);
	assert_int_equal(config_next_word(&rest).len, 0);
	assert_int_equal(config_next_word(&rest).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_fills_its_structs),
		cmocka_unit_test(what_is_left_out_has_its_default),
		cmocka_unit_test(what_is_not_known_is_refused),
		cmocka_unit_test(what_is_repeated_is_refused),
		cmocka_unit_test(what_is_missing_is_named_where_it_should_stand),
		cmocka_unit_test(a_number_is_digits_within_its_range),
		cmocka_unit_test(other_values_must_be_what_the_table_says),
		cmocka_unit_test(an_error_does_not_repeat_the_value),
		cmocka_unit_test(names_are_held_to_what_they_may_be),
		cmocka_unit_test(a_semicolon_does_not_cut_a_value),
		cmocka_unit_test(a_long_line_is_whole_or_refused),
		cmocka_unit_test(an_indented_line_is_a_line),
		cmocka_unit_test(a_line_that_says_nothing_is_refused),
		cmocka_unit_test(bytes_that_are_no_text_are_refused),
		cmocka_unit_test(a_file_is_read),
		cmocka_unit_test(a_file_that_others_may_write_is_refused),
		cmocka_unit_test(a_file_of_another_user_is_refused),
		cmocka_unit_test(what_is_no_file_is_refused_and_not_waited_for),
		cmocka_unit_test(a_huge_file_is_refused),
		cmocka_unit_test(words_are_parted_by_blanks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
