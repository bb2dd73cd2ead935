#include "base/text.h"

#include "test.h"

#define CLEAN(text) text_is_clean(bytes_of(text, sizeof(text) - 1))

static void utf_8_is_clean(void **state)
{
	(void)state;
	assert_true(CLEAN(""));
	assert_true(CLEAN("Acme Ltd. <3>"));
	assert_true(CLEAN("\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91"));
	assert_true(CLEAN("\xf4\x8f\xbf\xbf")); /* U+10FFFF, the last one */
}

static void control_characters_are_not_clean(void **state)
{
	(void)state;
	assert_false(CLEAN("a\nb"));
	assert_false(CLEAN("a\0b"));
	assert_false(CLEAN("\x1b[2J"));
	assert_false(CLEAN("\x7f"));
	assert_false(CLEAN("\xc2\x9b")); /* U+009B, the C1 form of ESC [ */
}

static void what_is_not_utf_8_is_not_clean(void **state)
{
	(void)state;
	assert_false(CLEAN("\x80"));
	assert_false(CLEAN("\xff\xfe"));
	assert_false(CLEAN("\xc3"));             /* cut short */
	assert_false(CLEAN("\xe2\x82"));         /* cut short */
	assert_false(CLEAN("\xc3("));            /* no continuation */
	assert_false(CLEAN("\xc0\xaf"));         /* overlong / */
	assert_false(CLEAN("\xe0\x80\xaf"));     /* overlong / */
	assert_false(CLEAN("\xed\xa0\x80"));     /* a surrogate */
	assert_false(CLEAN("\xf4\x90\x80\x80")); /* U+110000 */
	assert_false(CLEAN("\xf8\x88\x80\x80\x80"));
}

static void hex_is_lower_case_with_a_nul(void **state)
{
	char out[9];

	(void)state;
	hex_encode(bytes_of("\x00\x9f\xfa\x10", 4), out);
	assert_string_equal(out, "009ffa10");
}

static void base64url_comes_back(void **state)
{
	uint8_t bytes[32], back[32];
	char text[BASE64URL_32_LEN + 1];

	(void)state;
	for (int round = 0; round < 256; round++) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)(round * 7 + (int)i * 31);
		base64url_encode_32(bytes, text);
		assert_int_equal(strlen(text), BASE64URL_32_LEN);
		assert_null(strpbrk(text, "+/="));
		assert_true(base64url_decode_32(bytes_str(text), back));
		assert_memory_equal(bytes, back, sizeof(bytes));
	}
}

/* RFC 4648's alphabet: 62 is '-', 63 is '_'. */
static void base64url_has_its_own_two_characters(void **state)
{
	uint8_t bytes[32];
	char text[BASE64URL_32_LEN + 1];

	(void)state;
	memset(bytes, 0xff, sizeof(bytes));
	base64url_encode_32(bytes, text);
	assert_string_equal(text, "__________________________________________8");
	memset(bytes, 0xfb, sizeof(bytes)); /* 62, 63, 47, 59 */
	base64url_encode_32(bytes, text);
	assert_memory_equal(text, "-_v7", 4);
}

static void only_what_encoding_gives_is_decoded(void **state)
{
	static const char *const wrong[] = {
		"",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",   /* 42 */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", /* 44 */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",  /* stray bits at the end */
		"+AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",  /* the other alphabet */
		"/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		" AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"AAAAAAAAAAAAAAAAAAAA=AAAAAAAAAAAAAAAAAAAAAA",
		"AAAAAAAAAAAAAAAAAAAA\nAAAAAAAAAAAAAAAAAAAAAA",
	};
	uint8_t out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(base64url_decode_32(bytes_str(wrong[i]), out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf_8_is_clean),
		cmocka_unit_test(control_characters_are_not_clean),
		cmocka_unit_test(what_is_not_utf_8_is_not_clean),
		cmocka_unit_test(hex_is_lower_case_with_a_nul),
		cmocka_unit_test(base64url_comes_back),
		cmocka_unit_test(base64url_has_its_own_two_characters),
		cmocka_unit_test(only_what_encoding_gives_is_decoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
