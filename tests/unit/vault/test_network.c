/* Address lists: what is taken, what it becomes, and which addresses are inside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "network.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static enum pm_err parse_one(const char *entry, char out[NETWORK_LIST_MAX + 1])
{
	return network_list_parse(&entry, 1, out);
}

static void an_entry_becomes_one_canonical_range(void **state)
{
	static const struct {
		const char *entry, *list;
	} cases[] = {
		{ "192.0.2.7", "192.0.2.7/32" },
		{ "10.0.0.0/8", "10.0.0.0/8" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "192.0.2.128/25", "192.0.2.128/25" },
		{ "2001:DB8::/32", "2001:db8::/32" },
		{ "2001:0db8:0:0:0:0:0:1", "2001:db8::1/128" },
		{ "::/0", "::/0" },
		{ "2001:db8:8000::/33", "2001:db8:8000::/33" },
		{ "::ffff:192.0.2.7", "192.0.2.7/32" },
		{ "::ffff:10.0.0.0/104", "10.0.0.0/8" },
		{ "::ffff:a00:0/104", "10.0.0.0/8" },
		{ "::ffff:0.0.0.0/96", "0.0.0.0/0" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char list[NETWORK_LIST_MAX + 1], again[NETWORK_LIST_MAX + 1];
		const char *text = list;

		assert_int_equal(parse_one(cases[i].entry, list), PM_OK);
		assert_string_equal(list, cases[i].list);
		assert_int_equal(network_list_parse(&text, 1, again), PM_OK);
		assert_string_equal(again, list);
	}
}

static void what_is_no_range_is_refused(void **state)
{
	static const char *const entries[] = {
		"",
		" ",
		"/",
		"/8",
		"10",
		"10.0.0",
		"10.0.0.0.0",
		"10.0.0.256",
		"localhost",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/+8",
		"10.0.0.0/8 ",
		" 10.0.0.0/8",
		"10.0.0.0 /8",
		"10.0.0.0/8/8",
		"10.0.0.0/255.0.0.0",
		"10.0.0.0/4294967304",
		"10.0.0.0/8,11.0.0.0/8",
		"10.0.0.0/8 11.0.0.0/8",
		"10.0.0.0/8\n",
		/* leading zeros: octal to some readers */
		"010.0.0.0/8",
		"10.00.0.0/8",
		"10.0.0.0/08",
		"10.0.0.0/00",
		"0x0a.0.0.0/8",
		/* bits behind the prefix */
		"10.0.0.1/8",
		"192.0.2.7/31",
		"0.0.0.1/0",
		"2001:db8::1/32",
		"2001:db8::/28",
		"::ffff:10.0.0.1/104",
		"::ffff:0.0.0.0/90",
		"2001:db8::/129",
		"2001:db8::/128/",
		/* zones and other decorations */
		"fe80::1%eth0",
		"fe80::%1/64",
		"[2001:db8::1]",
		"[::1]/128",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"1::2::3",
		":::",
		"12345::",
		"2001:00db8::",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(entries); i++) {
		char list[NETWORK_LIST_MAX + 1] = "x";

		if (parse_one(entries[i], list) != PM_BAD_REQUEST)
			fail_msg("taken: '%s'", entries[i]);
		assert_string_equal(list, "");
	}
}

static void a_list_is_sorted_and_has_each_range_once(void **state)
{
	static const char *const entries[] = { "2001:db8::/32",  "192.0.2.7",        "10.0.0.0/16",
					       "10.0.0.0/8",     "9.0.0.0/8",        "192.0.2.7/32",
					       "::/0",           "::ffff:192.0.2.7", "100.0.0.0/8",
					       "2001:db8:0::/32" };
	char list[NETWORK_LIST_MAX + 1];

	(void)state;
	assert_int_equal(network_list_parse(entries, COUNT(entries), list), PM_OK);
	assert_string_equal(list, "9.0.0.0/8 10.0.0.0/8 10.0.0.0/16 100.0.0.0/8 192.0.2.7/32 ::/0 "
				  "2001:db8::/32");
	assert_int_equal(network_list_parse(entries, 0, list), PM_OK);
	assert_string_equal(list, "");
}

/* `count` different addresses that begin so. */
static enum pm_err parse_many(size_t count, const char *start, char list[NETWORK_LIST_MAX + 1])
{
	char texts[NETWORK_ENTRIES_MAX + 1][64];
	const char *entries[NETWORK_ENTRIES_MAX + 1];

	for (size_t i = 0; i < count; i++) {
		snprintf(texts[i], sizeof(texts[i]), "%s%zu", start, i + 16);
		entries[i] = texts[i];
	}
	return network_list_parse(entries, count, list);
}

static void a_list_that_does_not_fit_is_too_large(void **state)
{
	char list[NETWORK_LIST_MAX + 1];
	const char *long_form = "1111:2222:3333:4444:5555:6666:7777:88";

	(void)state;
	/* 14 bytes and a space each: the number is the limit. */
	assert_int_equal(parse_many(32, "10.10.10.", list), PM_OK);
	assert_int_equal(strlen(list), 32 * 15 - 1);
	assert_true(network_list_allows(list, "10.10.10.47"));
	assert_int_equal(parse_many(33, "10.10.10.", list), PM_TOO_LARGE);
	assert_string_equal(list, "");
	/* 43 and a space: 11 fit. */
	assert_int_equal(parse_many(11, long_form, list), PM_OK);
	assert_int_equal(strlen(list), 11 * 44 - 1);
	assert_int_equal(parse_many(12, long_form, list), PM_TOO_LARGE);
	assert_string_equal(list, "");
}

static void an_address_is_in_a_range_by_its_bits(void **state)
{
	static const struct {
		const char *list, *address;
		bool allowed;
	} cases[] = {
		{ "10.0.0.0/8", "10.0.0.0", true },
		{ "10.0.0.0/8", "10.255.255.255", true },
		{ "10.0.0.0/8", "11.0.0.0", false },
		{ "10.0.0.0/8", "9.255.255.255", false },
		{ "10.0.0.0/8", "100.0.0.1", false },
		{ "192.0.2.0/31", "192.0.2.1", true },
		{ "192.0.2.0/31", "192.0.2.2", false },
		{ "192.0.2.7/32", "192.0.2.7", true },
		{ "192.0.2.7/32", "192.0.2.70", false },
		{ "172.16.0.0/12", "172.31.255.255", true },
		{ "172.16.0.0/12", "172.32.0.0", false },
		{ "128.0.0.0/1", "128.0.0.0", true },
		{ "128.0.0.0/1", "127.255.255.255", false },
		{ "0.0.0.0/0", "255.255.255.255", true },
		{ "0.0.0.0/0", "::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "192.0.2.7", false },
		{ "::/0", "::ffff:192.0.2.7", false },
		{ "10.0.0.0/8", "::ffff:10.1.2.3", true },
		{ "10.0.0.0/8", "::ffff:a01:203", true },
		{ "10.0.0.0/8", "::10.1.2.3", false },
		{ "10.0.0.0/8", "a01:203::", false },
		{ "2001:db8::/32", "2001:DB8:ffff:ffff:ffff:ffff:ffff:ffff", true },
		{ "2001:db8::/32", "2001:db9::", false },
		{ "2001:db8:8000::/33", "2001:db8:8000::1", true },
		{ "2001:db8:8000::/33", "2001:db8:7fff::1", false },
		{ "2001:db8::1/128", "2001:0db8:0000::0001", true },
		{ "2001:db8::1/128", "2001:db8::2", false },
		{ "10.0.0.0/8 192.0.2.0/24 2001:db8::/32", "192.0.2.200", true },
		{ "10.0.0.0/8 192.0.2.0/24 2001:db8::/32", "2001:db8::", true },
		{ "10.0.0.0/8 192.0.2.0/24 2001:db8::/32", "192.0.3.0", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (network_list_allows(cases[i].list, cases[i].address) != cases[i].allowed)
			fail_msg("'%s' in '%s'", cases[i].address, cases[i].list);
	}
}

/* Every prefix length, against arithmetic of its own. */
static void every_prefix_length_covers_what_it_says(void **state)
{
	(void)state;
	for (unsigned prefix = 0; prefix <= 32; prefix++) {
		uint32_t mask = prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
		uint32_t network = UINT32_C(0xc9a5c3e7) & mask;
		char list[64];

		snprintf(list, sizeof(list), "%u.%u.%u.%u/%u", network >> 24, network >> 16 & 255,
			 network >> 8 & 255, network & 255, prefix);
		for (unsigned bit = 0; bit < 32; bit++) {
			uint32_t address = UINT32_C(0xc9a5c3e7) ^ UINT32_C(1) << bit;
			char text[32];

			snprintf(text, sizeof(text), "%u.%u.%u.%u", address >> 24,
				 address >> 16 & 255, address >> 8 & 255, address & 255);
			assert_int_equal(network_list_allows(list, text),
					 (address & mask) == network);
		}
	}
}

static void an_empty_list_allows_everything(void **state)
{
	(void)state;
	assert_true(network_list_allows("", "192.0.2.7"));
	assert_true(network_list_allows("", "2001:db8::1"));
	assert_true(network_list_allows("", ""));
	assert_true(network_list_allows("", NULL));
}

static void what_is_no_address_is_in_no_range(void **state)
{
	static const char *const addresses[] = {
		"",
		" ",
		"unknown",
		"192.0.2",
		"192.0.2.07",
		"192.0.2.7 ",
		" 192.0.2.7",
		"192.0.2.7/32",
		"192.0.2.7:80",
		"[::1]",
		"fe80::1%lo",
		"::ffff:1.2.3",
		"3221225991",
		"0xc0000207",
		"192.0.2.7, 10.0.0.1",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(addresses); i++) {
		if (network_list_allows("0.0.0.0/0 ::/0", addresses[i]))
			fail_msg("allowed: '%s'", addresses[i]);
	}
	assert_false(network_list_allows("0.0.0.0/0 ::/0", NULL));
}

static void a_damaged_list_allows_nothing(void **state)
{
	static const char *const lists[] = {
		" ",
		" 0.0.0.0/0",
		"0.0.0.0/0 ",
		"0.0.0.0/0  10.0.0.0/8",
		"0.0.0.0/0 10.0.0.1/8",
		"0.0.0.0/0 10.0.0.0/33",
		"0.0.0.0/0\n10.0.0.0/8",
		"0.0.0.0/0 x",
		"0.0.0.0/0,10.0.0.0/8",
	};
	char list[2 * NETWORK_LIST_MAX] = "0.0.0.0/0";

	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++) {
		if (network_list_allows(lists[i], "10.1.2.3"))
			fail_msg("allowed: '%s'", lists[i]);
	}
	for (size_t i = 1; i < NETWORK_ENTRIES_MAX; i++)
		strcat(list, " 0.0.0.0/0");
	assert_true(network_list_allows(list, "10.1.2.3"));
	strcat(list, " 0.0.0.0/0"); /* one too many */
	assert_false(network_list_allows(list, "10.1.2.3"));
	list[0] = '\0';
	for (size_t i = 0; i < 28; i++)
		strcat(list, "100.100.100.100/32 ");
	strcat(list, "10.1.2.3/32"); /* few enough, but too long */
	assert_true(strlen(list) > NETWORK_LIST_MAX);
	assert_false(network_list_allows(list, "10.1.2.3"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_becomes_one_canonical_range),
		cmocka_unit_test(what_is_no_range_is_refused),
		cmocka_unit_test(a_list_is_sorted_and_has_each_range_once),
		cmocka_unit_test(a_list_that_does_not_fit_is_too_large),
		cmocka_unit_test(an_address_is_in_a_range_by_its_bits),
		cmocka_unit_test(every_prefix_length_covers_what_it_says),
		cmocka_unit_test(an_empty_list_allows_everything),
		cmocka_unit_test(what_is_no_address_is_in_no_range),
		cmocka_unit_test(a_damaged_list_allows_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
