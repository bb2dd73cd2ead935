#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "apikey.h"

#define PREFIX "ak_live_"

static void make(struct apikey *key, struct key_text *text)
{
	assert_int_equal(apikey_new_id(key->id), PM_OK);
	assert_int_equal(apikey_new_secret(key->secret), PM_OK);
	apikey_format(key, PREFIX, text);
}

static enum pm_reason parse(const char *text)
{
	struct apikey out;

	return apikey_parse(bytes_str(text), PREFIX, &out);
}

static void a_formatted_key_parses_into_its_parts(void **state)
{
	struct apikey key, parsed;
	struct key_text text;

	(void)state;
	make(&key, &text);
	assert_int_equal(strlen(text.text), 8 + 16 + 1 + 43 + 6);
	assert_int_equal(apikey_parse(bytes_str(text.text), PREFIX, &parsed), PM_REASON_NONE);
	assert_string_equal(parsed.id, key.id);
	assert_string_equal(parsed.secret, key.secret);
}

/* Made with Python's zlib.crc32 and base62 0-9A-Za-z, left-padded to six. */
static void the_check_is_crc32_in_base62_over_all_before_it(void **state)
{
	const struct apikey key = {
		.id = "0123456789ABCDEF",
		.secret = "GHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvw",
	};
	struct key_text text;

	(void)state;
	apikey_format(&key, PREFIX, &text);
	assert_string_equal(text.text, "ak_live_0123456789ABCDEF_"
				       "GHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvw"
				       "40rGwM");
}

static void every_single_change_of_a_character_is_refused(void **state)
{
	struct apikey key;
	struct key_text text;

	(void)state;
	make(&key, &text);
	for (size_t i = 0; i < strlen(text.text); i++) {
		char was = text.text[i];

		text.text[i] = was == 'x' ? 'y' : 'x';
		assert_int_not_equal(parse(text.text), PM_REASON_NONE);
		text.text[i] = was;
	}
	assert_int_equal(parse(text.text), PM_REASON_NONE);
}

static void a_swap_of_neighbours_is_a_bad_checksum(void **state)
{
	const struct apikey key = {
		.id = "0123456789ABCDEF",
		.secret = "GHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvw",
	};
	struct key_text text;

	(void)state;
	apikey_format(&key, PREFIX, &text);
	char *secret = text.text + 8 + 16 + 1;
	secret[3] = 'K';
	secret[4] = 'J';
	assert_int_equal(parse(text.text), PM_REASON_BAD_CHECKSUM);
}

static void every_truncation_and_extension_is_malformed(void **state)
{
	struct apikey key, out;
	struct key_text text;
	char longer[VAULT_KEY_TEXT_MAX + 2];

	(void)state;
	make(&key, &text);
	size_t len = strlen(text.text);
	for (size_t i = 1; i < len; i++)
		assert_int_equal(apikey_parse(bytes_of(text.text, i), PREFIX, &out),
				 PM_REASON_MALFORMED);
	snprintf(longer, sizeof(longer), "%sx", text.text);
	assert_int_equal(parse(longer), PM_REASON_MALFORMED);
	assert_int_equal(parse(""), PM_REASON_MISSING);
}

static void another_prefix_is_malformed_here(void **state)
{
	struct apikey key, out;
	struct key_text text;

	(void)state;
	make(&key, &text);
	assert_int_equal(apikey_parse(bytes_str(text.text), "ak_test_", &out), PM_REASON_MALFORMED);
	assert_int_equal(apikey_parse(bytes_str(text.text), "ak_", &out), PM_REASON_MALFORMED);
}

static void bytes_that_are_not_base62_are_malformed(void **state)
{
	struct apikey key;
	struct key_text text;

	(void)state;
	make(&key, &text);
	for (int byte = 1; byte < 256; byte++) {
		char was = text.text[20];

		text.text[20] = (char)byte;
		bool base62 = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
			      (byte >= 'a' && byte <= 'z');
		if (!base62)
			assert_int_equal(parse(text.text), PM_REASON_MALFORMED);
		text.text[20] = was;
	}
	/* A NUL inside as well: it is bytes, not a C string. */
	size_t len = strlen(text.text);
	text.text[20] = '\0';
	struct apikey out;
	assert_int_equal(apikey_parse(bytes_of(text.text, len), PREFIX, &out), PM_REASON_MALFORMED);
}

/*
 * Of 62 characters each should come 1/62 of the time. With byte % 62 eight of them would come 25 %
 * more often; chi-squared with 61 degrees of freedom is below 140 except once in some 10^7 runs,
 * and that bias alone would bring it above 2,000 here.
 */
static void no_character_is_likelier_than_another(void **state)
{
	enum { KEYS = 10000 };
	double counts[128] = { 0 }, chi = 0;
	double expected = KEYS * APIKEY_SECRET_LEN / 62.0;

	(void)state;
	for (int i = 0; i < KEYS; i++) {
		char secret[APIKEY_SECRET_LEN + 1];

		assert_int_equal(apikey_new_secret(secret), PM_OK);
		for (size_t j = 0; j < APIKEY_SECRET_LEN; j++)
			counts[(unsigned char)secret[j]]++;
	}
	for (int c = 0; c < 128; c++) {
		bool base62 =
			(c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		if (base62)
			chi += (counts[c] - expected) * (counts[c] - expected) / expected;
		else
			assert_true(counts[c] == 0);
	}
	assert_true(chi < 140);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_formatted_key_parses_into_its_parts),
		cmocka_unit_test(the_check_is_crc32_in_base62_over_all_before_it),
		cmocka_unit_test(every_single_change_of_a_character_is_refused),
		cmocka_unit_test(a_swap_of_neighbours_is_a_bad_checksum),
		cmocka_unit_test(every_truncation_and_extension_is_malformed),
		cmocka_unit_test(another_prefix_is_malformed_here),
		cmocka_unit_test(bytes_that_are_not_base62_are_malformed),
		cmocka_unit_test(no_character_is_likelier_than_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
