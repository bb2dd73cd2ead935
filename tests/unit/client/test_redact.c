/* Keys in log lines: their secrets go, all else stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <regex.h>

#include "peppermint/client.h"

#define ID "0123456789ABCDEF"
#define SECRET "GHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvw40rGwM"
#define STARS "*************************************************"
#define KEY "ak_live_" ID "_" SECRET
#define REDACTED "ak_live_" ID "_" STARS
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT_MAX 400

/* Of the text's very size, so that a sanitizer sees a step over either end. */
static size_t redact(const char *text, char out[TEXT_MAX])
{
	size_t len = strlen(text);
	char *copy = malloc(len);

	memcpy(copy, text, len);
	size_t count = peppermint_redact(copy, len);
	memcpy(out, copy, len);
	out[len] = '\0';
	free(copy);
	return count;
}

static void a_secret_becomes_stars_and_its_key_id_stays(void **state)
{
	static const struct {
		const char *text, *redacted;
		size_t count;
	} cases[] = {
		{ KEY, REDACTED, 1 },
		{ "GET /pay Authorization: Bearer " KEY "\n",
		  "GET /pay Authorization: Bearer " REDACTED "\n", 1 },
		{ "{\"key\":\"" KEY "\"}", "{\"key\":\"" REDACTED "\"}", 1 },
		{ "a_" ID "_" SECRET, "a_" ID "_" STARS, 1 },
		{ "__" ID "_" SECRET, "__" ID "_" STARS, 1 },
		{ "9_" ID "_" SECRET, "9_" ID "_" STARS, 1 },
		{ KEY " " KEY, REDACTED " " REDACTED, 2 },
		{ KEY "," KEY "\n" KEY, REDACTED "," REDACTED "\n" REDACTED, 3 },
		{ KEY KEY, REDACTED REDACTED, 2 },
		{ KEY "more", REDACTED "more", 1 },
		{ "api_key_is_ak_live_in_a_long_word_" KEY,
		  "api_key_is_ak_live_in_a_long_word_" REDACTED, 1 },
		/* one key's secret is the next one's prefix */
		{ KEY "_" ID "_" SECRET, REDACTED "_" ID "_" STARS, 2 },
		{ KEY "_" ID "_" SECRET "_" ID "_" SECRET,
		  REDACTED "_" ID "_" STARS "_" ID "_" STARS, 3 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char out[TEXT_MAX];

		assert_int_equal(redact(cases[i].text, out), cases[i].count);
		assert_string_equal(out, cases[i].redacted);
		assert_int_equal(redact(cases[i].redacted, out), 0);
	}
}

static void what_only_resembles_a_key_stays(void **state)
{
	static const char *const texts[] = {
		"",
		"_",
		"_" ID "_" SECRET,
		"-_" ID "_" SECRET,
		" _" ID "_" SECRET,
		"\xff_" ID "_" SECRET,
		"ak_live_" ID SECRET,
		"ak_live_" ID "-" SECRET,
		"ak-live-" ID "_" SECRET,
		"ak_live_" ID "_" STARS,
		"ak_live_0123456789ABCDE_" SECRET,
		"ak_live_" ID "0_" SECRET,
		"ak_live_0123456789ABCDE-_" SECRET,
		"ak_live_" ID "_GHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvw40rGw",
		"ak_live_" ID "_GHIJKLMNOPQRSTUVWXYZ-bcdefghijklmnopqrstuvw40rGwM",
		"ak_live_" ID "_GHIJKLMNOPQRSTUVWXYZ_bcdefghijklmnopqrstuvw40rGwM",
		"ak_live_" ID "_GHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvw40rGw\xc3",
		"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",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		char out[TEXT_MAX];

		assert_int_equal(redact(texts[i], out), 0);
		assert_string_equal(out, texts[i]);
	}
	assert_int_equal(peppermint_redact(NULL, 0), 0);
}

static void a_text_is_bytes_and_not_a_string(void **state)
{
	char text[] = "\0" KEY "\0\n" KEY "\0";

	(void)state;
	assert_int_equal(peppermint_redact(text, sizeof(text) - 1), 2);
	assert_memory_equal(text, "\0" REDACTED "\0\n" REDACTED "\0", sizeof(text));
}

/* Where it is cut off, in front or behind, nothing outside the piece is touched. */
static void a_piece_of_a_key_is_judged_by_itself(void **state)
{
	const size_t prefix = strlen("ak_live_");

	(void)state;
	for (size_t from = 0; from <= strlen(KEY); from++) {
		for (size_t to = from; to <= strlen(KEY); to++) {
			char text[] = KEY;
			bool whole = from + 2 <= prefix && to == strlen(KEY);

			assert_int_equal(peppermint_redact(text + from, to - from), whole);
			assert_memory_equal(text, whole ? REDACTED : KEY, sizeof(text));
		}
	}
}

/* Every match of the expression that begins anywhere, also inside another one: its secret goes. */
static size_t redact_by_expression(const regex_t *anchored, char *text)
{
	bool secret[TEXT_MAX] = { false };
	size_t len = strlen(text), count = 0;

	for (size_t from = 0; from < len; from++) {
		regmatch_t match;

		if (regexec(anchored, text + from, 1, &match, 0) != 0)
			continue;
		size_t end = from + (size_t)match.rm_eo;
		count += !secret[end - 1];
		memset(secret + end - strlen(SECRET), true, strlen(SECRET));
	}
	for (size_t i = 0; i < len; i++) {
		if (secret[i])
			text[i] = '*';
	}
	return count;
}

/* Texts of key-like pieces, from a generator that gives the same ones every time. */
static uint32_t below(uint32_t limit)
{
	static uint32_t state = 20261121;

	state = state * 1664525 + 1013904223;
	return (state >> 8) % limit;
}

static void random_text(char out[TEXT_MAX])
{
	static const char *const pieces[] = {
		"_", "a", "-", "ak_live_", ID, SECRET, "Z9", "*", " "
	};
	size_t used = 0;

	out[0] = '\0';
	for (uint32_t left = below(14); left > 0; left--) {
		/* Keys' own order is more likely, and one piece in eight loses a character. */
		const char *piece = pieces[below(COUNT(pieces))];

		if (below(3) == 0)
			piece = "x_" ID "_" SECRET;
		size_t len = strlen(piece) - (below(8) == 0);
		if (used + len >= TEXT_MAX)
			return;
		memcpy(out + used, piece, len);
		used += len;
		out[used] = '\0';
	}
}

static void it_agrees_with_the_published_expression(void **state)
{
	regex_t anchored;
	size_t found = 0, without = 0;

	(void)state;
	assert_int_equal(regcomp(&anchored, "^" PEPPERMINT_KEY_REGEX, REG_EXTENDED), 0);
	for (int round = 0; round < 20000; round++) {
		char text[TEXT_MAX], expected[TEXT_MAX];

		random_text(text);
		strcpy(expected, text);
		size_t count = redact_by_expression(&anchored, expected);
		assert_int_equal(peppermint_redact(text, strlen(text)), count);
		assert_string_equal(text, expected);
		found += count;
		without += count == 0;
	}
	regfree(&anchored);
	assert_true(found > 5000 && without > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_becomes_stars_and_its_key_id_stays),
		cmocka_unit_test(what_only_resembles_a_key_stays),
		cmocka_unit_test(a_text_is_bytes_and_not_a_string),
		cmocka_unit_test(a_piece_of_a_key_is_judged_by_itself),
		cmocka_unit_test(it_agrees_with_the_published_expression),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
