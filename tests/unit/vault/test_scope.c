/* Scopes and labels: what is taken, what it becomes, and which scopes cover which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "scope.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NAME_OF_64 "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"

static void scopes_are_sorted_and_stand_there_once(void **state)
{
	static const char *const names[] = {
		"refunds:write", "payments.read", "payments.*", "refunds:write", "a",
		"refunds:*",     "0-9_z"
	};
	char list[SCOPE_LIST_MAX + 1];

	(void)state;
	assert_int_equal(scope_list_parse(names, COUNT(names), list), PM_OK);
	assert_string_equal(list, "0-9_z a payments.* payments.read refunds:* refunds:write");
	assert_int_equal(scope_list_parse(names, 0, list), PM_OK);
	assert_string_equal(list, "");
}

static void what_is_no_scope_is_refused(void **state)
{
	static const char *const names[] = {
		"",
		" ",
		"a b",
		"A",
		"a/b",
		"a\n",
		"a=b",
		"caf\xc3\xa9",
		"*",
		"a*",
		"*.a",
		"a.*.b",
		".*x",
		"a.**",
		".*",
		":*",
		"a-*",
		"a_*",
		"a,b",
		"a\x7f",
		NAME_OF_64 "e",
		"a;b",
		NAME_OF_64 ".*",
	};
	char list[SCOPE_LIST_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		const char *both[] = { "a", names[i] };

		strcpy(list, "x");
		if (scope_list_parse(both, 2, list) != PM_BAD_REQUEST)
			fail_msg("taken: '%s'", names[i]);
		assert_string_equal(list, "");
	}
}

static void a_list_of_scopes_over_256_bytes_is_too_large(void **state)
{
	const char *longest = NAME_OF_64;
	char texts[300][8], list[SCOPE_LIST_MAX + 1];
	const char *many[300];

	(void)state;
	assert_int_equal(scope_list_parse(&longest, 1, list), PM_OK);
	for (size_t i = 0; i < COUNT(many); i++) {
		snprintf(texts[i], sizeof(texts[i]), "%03zu", i);
		many[i] = texts[i];
	}
	assert_int_equal(scope_list_parse(many, 64, list), PM_OK); /* 4 bytes each, 255 in all */
	assert_int_equal(strlen(list), 255);
	assert_int_equal(scope_list_parse(many, 65, list), PM_TOO_LARGE);
	assert_string_equal(list, "");
	assert_int_equal(scope_list_parse(many, COUNT(many), list), PM_TOO_LARGE);
	/* However often it is said, it is one. */
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = "same";
	assert_int_equal(scope_list_parse(many, COUNT(many), list), PM_OK);
	assert_string_equal(list, "same");
}

static bool covers(const char *have, const char *want)
{
	return scope_list_covers(have, &want, 1);
}

static void a_scope_is_covered_by_its_name_or_a_wildcard_above_it(void **state)
{
	static const struct {
		const char *have, *want;
		bool covered;
	} cases[] = {
		{ "payments", "payments", true },
		{ "payments", "payment", false },
		{ "payments", "payments.read", false },
		{ "payments.read", "payments", false },
		{ "a payments b", "payments", true },
		{ "a payments b", "a payments", false },
		{ "payments.*", "payments.read", true },
		{ "payments.*", "payments.read.all", true },
		{ "payments.*", "payments", false },
		{ "payments.*", "payments.", false },
		{ "payments.*", "paymentsx", false },
		{ "payments.*", "payments:read", false },
		{ "payments.*", "payments.*", false },
		{ "refunds:*", "refunds:write", true },
		{ "refunds:*", "refunds.write", false },
		{ "a.* refunds:*", "refunds:write", true },
		{ "a.* refunds:*", "a.b", true },
		{ "a.* refunds:*", "b", false },
		{ "", "anything:at.all", true },
		/* never written by scope_list_parse: no wildcards */
		{ "*", "a", false },
		{ "pay*", "payments", false },
		{ ".*", ".a", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (covers(cases[i].have, cases[i].want) != cases[i].covered)
			fail_msg("'%s' in '%s'", cases[i].want, cases[i].have);
	}
}

static void every_wanted_scope_must_be_covered(void **state)
{
	static const char *const want[] = { "a", "b.c", "d" };

	(void)state;
	assert_true(scope_list_covers("a b.* d", want, 3));
	assert_false(scope_list_covers("a b.*", want, 3));
	assert_true(scope_list_covers("a b.*", want, 2));
	assert_true(scope_list_covers("a b.*", want, 0));
	assert_true(scope_list_covers("", want, 3));
}

static void what_is_no_scope_is_never_covered(void **state)
{
	static const char *const names[] = { "", "*", "a.*", "A", "a b", "a\n", NAME_OF_64 "e" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_false(covers("", names[i]));
		assert_false(covers("a a.* b", names[i]));
	}
}

static void labels_are_lines_sorted_by_key(void **state)
{
	static const char *const keys[] = { "team", "cost-centre", "0.x_y", "empty" };
	static const char *const values[] = { "Paiements = caf\xc3\xa9", "4711", "a=b", "" };
	char list[LABEL_LIST_MAX + 1], key[LABEL_KEY_MAX + 1], value[LABEL_VALUE_MAX + 1];
	const char *rest = list;

	(void)state;
	assert_int_equal(label_list_parse(keys, values, 4, list), PM_OK);
	assert_string_equal(list, "0.x_y=a=b\ncost-centre=4711\nempty=\n"
				  "team=Paiements = caf\xc3\xa9\n");
	assert_true(label_list_next(&rest, key, value));
	assert_string_equal(key, "0.x_y");
	assert_string_equal(value, "a=b");
	assert_true(label_list_next(&rest, key, value));
	assert_string_equal(key, "cost-centre");
	assert_true(label_list_next(&rest, key, value));
	assert_string_equal(key, "empty");
	assert_string_equal(value, "");
	assert_true(label_list_next(&rest, key, value));
	assert_string_equal(value, "Paiements = caf\xc3\xa9");
	assert_false(label_list_next(&rest, key, value));
	assert_string_equal(rest, "");
	assert_int_equal(label_list_parse(keys, values, 0, list), PM_OK);
	assert_string_equal(list, "");
}

static void what_is_no_label_is_refused(void **state)
{
	static const char *const labels[][2] = {
		{ "", "v" },
		{ "K", "v" },
		{ "k=", "v" },
		{ "k k", "v" },
		{ "k:k", "v" },
		{ "k\n", "v" },
		{ "k", "a\nb" },
		{ "k", "a\x7f" },
		{ "k", "\xc3" },
		{ "k", "\xed\xa0\x80" },
		{ "k", "\x1b[2J" },
		{ "k", NAME_OF_64 "e" },
		{ "abcdefghijklmnopqrstuvwxyz0123456", "v" }, /* 33 */
		{ "twice", "v" },
	};
	char list[LABEL_LIST_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(labels); i++) {
		const char *keys[] = { "zebra", "twice", labels[i][0] };
		const char *values[] = { "", "", labels[i][1] };

		strcpy(list, "x");
		if (label_list_parse(keys, values, 3, list) != PM_BAD_REQUEST)
			fail_msg("taken: '%s'='%s'", labels[i][0], labels[i][1]);
		assert_string_equal(list, "");
	}
}

static void labels_have_limits(void **state)
{
	char texts[LABELS_MAX + 1][LABEL_KEY_MAX + 1], list[LABEL_LIST_MAX + 1];
	const char *keys[LABELS_MAX + 1], *values[LABELS_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		snprintf(texts[i], sizeof(texts[i]), "abcdefghijklmnopqrstuvwxyz01%04zu", i);
		keys[i] = texts[i];
		values[i] = "";
	}
	assert_int_equal(strlen(texts[0]), LABEL_KEY_MAX);
	/* 32 + 2 bytes each */
	assert_int_equal(label_list_parse(keys, values, 15, list), PM_OK);
	assert_int_equal(strlen(list), 15 * 34);
	assert_int_equal(label_list_parse(keys, values, 16, list), PM_TOO_LARGE);
	assert_string_equal(list, "");
	for (size_t i = 0; i < COUNT(keys); i++)
		keys[i] += 30;
	assert_int_equal(label_list_parse(keys, values, 16, list), PM_OK);
	assert_int_equal(label_list_parse(keys, values, 17, list), PM_TOO_LARGE);
	values[0] = NAME_OF_64;
	assert_int_equal(label_list_parse(keys, values, 1, list), PM_OK);
}

static void a_damaged_list_of_labels_ends_where_it_is_damaged(void **state)
{
	static const char *const lists[] = {
		"k=v",
		"k",
		"=v\n",
		"K=v\n",
		"k\n=v\n",
		"\n",
		"k=\xc3\n",
		"k=" NAME_OF_64 "e\n",
		"abcdefghijklmnopqrstuvwxyz0123456=v\n",
	};
	char key[LABEL_KEY_MAX + 1], value[LABEL_VALUE_MAX + 1], list[128];

	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++) {
		const char *rest = list;

		snprintf(list, sizeof(list), "a=b\n%s", lists[i]);
		assert_true(label_list_next(&rest, key, value));
		if (label_list_next(&rest, key, value))
			fail_msg("taken: '%s'", lists[i]);
		assert_string_equal(rest, lists[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scopes_are_sorted_and_stand_there_once),
		cmocka_unit_test(what_is_no_scope_is_refused),
		cmocka_unit_test(a_list_of_scopes_over_256_bytes_is_too_large),
		cmocka_unit_test(a_scope_is_covered_by_its_name_or_a_wildcard_above_it),
		cmocka_unit_test(every_wanted_scope_must_be_covered),
		cmocka_unit_test(what_is_no_scope_is_never_covered),
		cmocka_unit_test(labels_are_lines_sorted_by_key),
		cmocka_unit_test(what_is_no_label_is_refused),
		cmocka_unit_test(labels_have_limits),
		cmocka_unit_test(a_damaged_list_of_labels_ends_where_it_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
