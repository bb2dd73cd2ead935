/* Reports of leaked keys: whose they are, and what stands in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "fault.h"
#include "leak.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The example in GitHub's documentation of its secret scanning partner program. */
#define SPKI                                                                                       \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsz9ugWDj5jK5ELBK42ynytbo38gPHzZFI03Exwz8Lh/"          \
	"tCfL3YxwMdLjB+bMznsanlhK0RwcGP3IDb34kQDIo3Q=="
#define PEM "-----BEGIN PUBLIC KEY-----\n" SPKI "\n-----END PUBLIC KEY-----\n"
#define PAYLOAD                                                                                    \
	"[{\"token\":\"some_token\",\"type\":\"some_type\",\"url\":\"some_url\",\"source\":"       \
	"\"some_"                                                                                  \
	"source\"}]"
#define SIGNATURE_START                                                                            \
	"MEUCIFLZzeK++IhS+y276SRk2Pe5LfDrfvTXu6iwKKcFGCrvAiEAhHN2kDOhy2I6eGkOFmxNkOJ+"
#define SIGNATURE SIGNATURE_START "L2y8oQ9A2T9GGJo6WJY="

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static enum pm_err verify(const char *key, const char *payload, const char *signature)
{
	return leak_verify(key, bytes_str(payload), bytes_str(signature));
}

static void the_published_example_verifies(void **state)
{
	(void)state;
	assert_int_equal(verify(PEM, PAYLOAD, SIGNATURE), PM_OK);
	assert_int_equal(verify(SPKI, PAYLOAD, SIGNATURE), PM_OK);
	assert_int_equal(leak_key_check(PEM), PM_OK);
	assert_int_equal(leak_key_check(SPKI), PM_OK);
}

static void a_payload_with_any_bit_flipped_is_denied(void **state)
{
	char payload[] = PAYLOAD;

	(void)state;
	for (size_t i = 0; i < sizeof(payload) - 1; i++) {
		payload[i] ^= (char)(1 << i % 8);
		assert_int_equal(leak_verify(SPKI, bytes_of(payload, sizeof(payload) - 1),
					     bytes_str(SIGNATURE)),
				 PM_DENIED);
		payload[i] ^= (char)(1 << i % 8);
	}
	assert_int_equal(verify(SPKI, PAYLOAD "\n", SIGNATURE), PM_DENIED);
	assert_int_equal(leak_verify(SPKI, bytes_of(PAYLOAD, 82), bytes_str(SIGNATURE)), PM_DENIED);
	assert_int_equal(verify(SPKI, "", SIGNATURE), PM_DENIED);
}

static void a_signature_with_any_bit_flipped_is_denied(void **state)
{
	char signature[] = SIGNATURE;

	(void)state;
	for (size_t i = 0; i < sizeof(signature) - 2; i++) { /* all but the '=' */
		char was = signature[i];
		size_t value = (size_t)(strchr(base64, was) - base64);

		for (size_t bit = 0; bit < 6; bit++) {
			signature[i] = base64[value ^ (size_t)1 << bit];
			if (verify(SPKI, PAYLOAD, signature) != PM_DENIED)
				fail_msg("taken: character %zu, bit %zu", i, bit);
		}
		signature[i] = was;
	}
	assert_int_equal(verify(SPKI, PAYLOAD, signature), PM_OK);
}

static void what_is_no_signature_is_denied(void **state)
{
	static const char *const signatures[] = {
		"",
		"=",
		"AAAA",
		"MEUC",
		" " SIGNATURE,
		SIGNATURE " ",
		SIGNATURE "\n",
		SIGNATURE SIGNATURE,
		SIGNATURE "," SIGNATURE,
		/* r = s = 0 */
		"MAYCAQACAQA=",
		/* the same r and s, with a byte behind them */
		SIGNATURE_START "L2y8oQ9A2T9GGJo6WJYA",
	};
	char long_one[4097];

	(void)state;
	for (size_t i = 0; i < COUNT(signatures); i++)
		assert_int_equal(verify(SPKI, PAYLOAD, signatures[i]), PM_DENIED);
	memset(long_one, 'A', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = '\0';
	assert_int_equal(verify(SPKI, PAYLOAD, long_one), PM_DENIED);
}

static void what_is_no_p256_key_is_a_fault_of_the_configuration(void **state)
{
	static const char *const keys[] = {
		"",
		"x",
		"-",
		"-----BEGIN PUBLIC KEY-----",
		SPKI "\n",
		SPKI "=",
		PEM "x",
		PEM PEM,
		/* a bit of the point is another: not on the curve */
		"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsz9ugWDj5jK5ELBK42ynytbo38gPHzZFI03Exwz8Lh/"
		"tCfL3YxwMdLjB+bMznsanlhK0RwcGP3IDb34kQDIo3g==",
		/* Ed25519 */
		"MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
		/* secp256k1, the generator */
		"MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEeb5mfvncu6xVoGKVzocLBwKb/"
		"NstzijZWfKBWxb4F5hIOtp3JqPE"
		"ZV2k+/wOEQio/Re0SKaFVBmcR9CP+xDUuA==",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		if (verify(keys[i], PAYLOAD, SIGNATURE) != PM_CONFIG)
			fail_msg("taken: '%s'", keys[i]);
		assert_int_equal(leak_key_check(keys[i]), PM_CONFIG);
	}
}

static struct leak_report report;
static const struct leak_report nothing;

static enum pm_err parse_bytes(struct bytes payload)
{
	memset(&report, 'x', sizeof(report));
	enum pm_err err = leak_parse(payload, &report);
	if (err != PM_OK)
		assert_memory_equal(&report, &nothing, sizeof(report));
	return err;
}

static enum pm_err parse(const char *payload)
{
	return parse_bytes(bytes_str(payload));
}

static void a_report_is_taken_apart(void **state)
{
	(void)state;
	assert_int_equal(parse(PAYLOAD), PM_OK);
	assert_int_equal(report.count, 1);
	assert_string_equal(report.items[0].token, "some_token");
	assert_int_equal(parse(" [ {\"token\" : \"a\\u0062\\/\", \"url\":null},\n"
			       "{\"type\":\"t\",\"token\":\"caf\xc3\xa9\",\"url\":\"\"} ]\n"),
			 PM_OK);
	assert_int_equal(report.count, 2);
	assert_string_equal(report.items[0].token, "ab/");
	assert_string_equal(report.items[1].token, "caf\xc3\xa9");
	leak_report_wipe(&report);
	assert_memory_equal(&report, &nothing, sizeof(report));
	assert_int_equal(parse("[]"), PM_OK);
	assert_int_equal(report.count, 0);
}

static void members_of_tomorrow_are_passed_over(void **state)
{
	(void)state;
	assert_int_equal(
		parse("[{\"token\":\"a\",\"validity\":{\"seen\":[1,2.5,true,\"[[[[{{{{\"]},"
		      "\"n\":-1}]"),
		PM_OK);
	assert_string_equal(report.items[0].token, "a");
	/* A bracket in a text is no depth, nor is one behind an escaped quotation mark. */
	assert_int_equal(parse("[{\"token\":\"a\",\"x\":\"\\\"[[[[[[[[[[[[\\\\\"}]"), PM_OK);
}

static void another_shape_is_refused(void **state)
{
	static const char *const payloads[] = {
		"",
		" ",
		"{}",
		"null",
		"\"token\"",
		"1",
		"[",
		"[]]",
		"[] []",
		"[1]",
		"[null]",
		"[[]]",
		"[\"token\"]",
		"{\"token\":\"a\"}",
		"[{}]",
		"[{\"type\":\"a\"}]",
		"[{\"token\":\"\"}]",
		"[{\"token\":null}]",
		"[{\"token\":1}]",
		"[{\"token\":[\"a\"]}]",
		"[{\"token\":\"a\",\"token\":\"b\"}]",
		"[{\"token\":\"a\",\"url\":\"\",\"url\":\"\"}]",
		"[{\"token\":\"a\"},]",
		"[{\"token\":\"a\"}] x",
		"[{\"token\":\"a\"}",
		"[{'token':'a'}]",
		"[{\"token\":\"a\",}]",
		"[{\"token\":\"a\\u0000\"}]",
		"[{\"token\":\"a\\n\"}]",
		"[{\"token\":\"\xc3\"}]",
		"[{\"token\":\"\xff\"}]",
		"[{\"token\":\"\\ud800\"}]",
		"[{\"token\":\"a\",\"x\":[[[[[[[]]]]]]]}]",
		"\xef\xbb\xbf[]",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(payloads); i++) {
		if (parse(payloads[i]) != PM_BAD_REQUEST)
			fail_msg("taken: '%s'", payloads[i]);
	}
	assert_int_equal(parse_bytes(bytes_of("[]\0", 3)), PM_BAD_REQUEST);
}

static void depth_is_refused_before_it_is_parsed(void **state)
{
	static char deep[LEAK_PAYLOAD_MAX];

	(void)state;
	memset(deep, '[', sizeof(deep));
	assert_int_equal(parse_bytes(bytes_of(deep, sizeof(deep))), PM_BAD_REQUEST);
	for (size_t i = 0; i + 5 <= sizeof(deep); i += 5)
		memcpy(deep + i, "{\"a\":", 5);
	assert_int_equal(parse_bytes(bytes_of(deep, sizeof(deep))), PM_BAD_REQUEST);
}

static enum pm_err parse_long(const char *member, size_t len)
{
	char text[1024], value[800];

	memset(value, 'v', len);
	value[len] = '\0';
	snprintf(text, sizeof(text), "[{\"%s\":\"%s\",\"%s\":\"b\"},{\"token\":\"next\"}]", member,
		 value, strcmp(member, "token") == 0 ? "url" : "token");
	return parse(text);
}

static void what_is_too_long_holds_nothing_else_up(void **state)
{
	(void)state;
	assert_int_equal(parse_long("token", LEAK_TOKEN_MAX), PM_OK);
	assert_int_equal(strlen(report.items[0].token), LEAK_TOKEN_MAX);
	assert_int_equal(parse_long("token", LEAK_TOKEN_MAX + 1), PM_OK);
	assert_string_equal(report.items[0].token, "");
	assert_string_equal(report.items[1].token, "next");
	assert_int_equal(parse_long("url", 790), PM_OK);
	assert_string_equal(report.items[0].token, "b");
}

static size_t format_items(size_t count, char *out, size_t room)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(out + used, room - used, "%s{\"token\":\"t%zu\"}",
					 i == 0 ? "[" : ",", i);
	return used + (size_t)snprintf(out + used, room - used, "]");
}

static void a_report_has_at_most_100_items_and_60_kib(void **state)
{
	static char text[LEAK_PAYLOAD_MAX + 1];

	(void)state;
	size_t len = format_items(LEAK_ITEMS_MAX, text, sizeof(text));
	assert_int_equal(parse_bytes(bytes_of(text, len)), PM_OK);
	assert_int_equal(report.count, LEAK_ITEMS_MAX);
	assert_string_equal(report.items[99].token, "t99");
	memset(text + len, ' ', sizeof(text) - len);
	assert_int_equal(parse_bytes(bytes_of(text, LEAK_PAYLOAD_MAX)), PM_OK);
	assert_int_equal(parse_bytes(bytes_of(text, LEAK_PAYLOAD_MAX + 1)), PM_TOO_LARGE);
	len = format_items(LEAK_ITEMS_MAX + 1, text, sizeof(text));
	assert_int_equal(parse_bytes(bytes_of(text, len)), PM_TOO_LARGE);
}

static void *failing_malloc(size_t size)
{
	return fault_now() ? NULL : malloc(size);
}

static void a_failed_allocation_fails_the_whole_report(void **state)
{
	int nth = 0;

	(void)state;
	json_set_alloc_funcs(failing_malloc, free);
	for (;; nth++) {
		fault_arm(nth);
		enum pm_err err = parse(PAYLOAD);
		bool fired = fault_fired();
		fault_disarm();
		if (!fired) {
			assert_int_equal(err, PM_OK);
			break;
		}
		assert_int_not_equal(err, PM_OK);
	}
	json_set_alloc_funcs(malloc, free);
	assert_true(nth > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_example_verifies),
		cmocka_unit_test(a_payload_with_any_bit_flipped_is_denied),
		cmocka_unit_test(a_signature_with_any_bit_flipped_is_denied),
		cmocka_unit_test(what_is_no_signature_is_denied),
		cmocka_unit_test(what_is_no_p256_key_is_a_fault_of_the_configuration),
		cmocka_unit_test(a_report_is_taken_apart),
		cmocka_unit_test(members_of_tomorrow_are_passed_over),
		cmocka_unit_test(another_shape_is_refused),
		cmocka_unit_test(depth_is_refused_before_it_is_parsed),
		cmocka_unit_test(what_is_too_long_holds_nothing_else_up),
		cmocka_unit_test(a_report_has_at_most_100_items_and_60_kib),
		cmocka_unit_test(a_failed_allocation_fails_the_whole_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
