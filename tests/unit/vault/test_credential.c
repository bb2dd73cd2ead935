/* The value of an Authorization header: exactly one credential, or none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "base/cleanup.h"
#include "credential.h"

#define KEY "ak_live_0123456789ABCDEF_GHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvw40rGwM"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct credential nothing;

static void assert_malformed(const void *header, size_t len)
{
	struct credential out;

	memset(&out, 'x', sizeof(out));
	/* Of its very size, so that a sanitizer sees a read behind it. */
	uint8_t *copy = malloc(len);
	memcpy(copy, header, len);
	enum pm_reason reason = credential_parse(bytes_of(copy, len), &out);
	free(copy);
	if (reason != PM_REASON_MALFORMED)
		fail_msg("taken: '%.*s'", (int)len, (const char *)header);
	assert_memory_equal(&out, &nothing, sizeof(out));
}

static size_t format_basic(const void *pair, size_t len, char *out)
{
	strcpy(out, "Basic ");
	return 6 + (size_t)EVP_EncodeBlock((uint8_t *)out + 6, pair, (int)len);
}

static void a_bearer_token_is_the_key(void **state)
{
	static const char *const headers[] = { "Bearer " KEY, "bearer " KEY, "BEARER " KEY,
					       "bEaReR " KEY };
	struct credential out CLEANUP(credential_wipe) = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(headers); i++) {
		assert_int_equal(credential_parse(bytes_str(headers[i]), &out), PM_REASON_NONE);
		assert_string_equal(out.text, KEY);
		assert_string_equal(out.user, "");
		assert_false(out.basic);
	}
	/* RFC 6750 section 2.1 */
	assert_int_equal(credential_parse(bytes_str("Bearer mF_9.B5f-4.1JqM"), &out),
			 PM_REASON_NONE);
	assert_string_equal(out.text, "mF_9.B5f-4.1JqM");
	assert_int_equal(credential_parse(bytes_str("Bearer a~+/=="), &out), PM_REASON_NONE);
	assert_string_equal(out.text, "a~+/==");
}

static void basic_is_split_at_the_first_colon(void **state)
{
	/* RFC 7617 section 2 has the first; the second is a merchant id and a key. */
	static const struct {
		const char *header, *user, *text;
	} cases[] = {
		{ "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame" },
		{ "Basic MTc2MjY5ODMyOk4yTW50T2JrZElYOWNVaHp2cFU3", "176269832",
		  "N2MntObkdIX9cUhzvpU7" },
		{ "basic YTpiOmM6", "a", "b:c:" },
		{ "BASIC dGVzdDoxMjPCow==", "test", "123\xc2\xa3" },
	};
	struct credential out CLEANUP(credential_wipe) = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(credential_parse(bytes_str(cases[i].header), &out),
				 PM_REASON_NONE);
		assert_string_equal(out.user, cases[i].user);
		assert_string_equal(out.text, cases[i].text);
		assert_true(out.basic);
	}
}

static void no_bytes_are_a_missing_credential(void **state)
{
	struct credential out;

	(void)state;
	memset(&out, 'x', sizeof(out));
	assert_int_equal(credential_parse(bytes_of(NULL, 0), &out), PM_REASON_MISSING);
	assert_memory_equal(&out, &nothing, sizeof(out));
	assert_int_equal(credential_parse(bytes_str(""), &out), PM_REASON_MISSING);
}

static void all_but_one_credential_is_malformed(void **state)
{
	static const char *const headers[] = {
		/* no scheme, or another one */
		KEY,
		" ",
		"Bearer",
		"Bearer ",
		"Basic",
		"Basic ",
		"Bearer" KEY,
		"Bearer\t" KEY,
		"Token " KEY,
		"ApiKey " KEY,
		"Digest username=\"a\"",
		"Authorization: Bearer " KEY,
		"Bearer: " KEY,
		"Bearer=" KEY,
		/* blanks */
		" Bearer " KEY,
		"Bearer  " KEY,
		"Bearer " KEY " ",
		"Bearer " KEY "\t",
		"Bearer " KEY "\r\n",
		"Bearer " KEY "\n",
		"Basic  YTpi",
		"Basic YTpi ",
		"Basic YTpi\n",
		"Basic YT\npi",
		"Basic YT pi",
		/* two of them */
		"Bearer " KEY "," KEY,
		"Bearer " KEY ", Bearer " KEY,
		"Bearer " KEY " Bearer " KEY,
		"Bearer " KEY "\nBearer " KEY,
		"Basic YTpi,YTpi",
		"Basic YTpi, Bearer " KEY,
		"Basic YTpiYTpi=YTpi",
		/* not a token */
		"Bearer =",
		"Bearer a=b",
		"Bearer \"a\"",
		"Bearer a:b",
		"Bearer caf\xc3\xa9",
		"Bearer a\x7f",
		/* not base64, or not the one way to write it */
		"Basic YTpi=",
		"Basic YTpiYw",
		"Basic YTpiYw=",
		"Basic YTpiYw===",
		"Basic YTpiYx==",
		"Basic YTpiY2Q",
		"Basic YTo_",
		"Basic YTo-",
		"Basic ====",
		"Basic :",
		"Basic a:b",
		/* no pair: "ab", ":b", "a:", ":", or one with controls: "a\0:b", "a:b\n", "a\x80:b" */
		"Basic YWI=",
		"Basic OmI=",
		"Basic YTo=",
		"Basic Og==",
		"Basic YQA6Yg==",
		"Basic YTpiCg==",
		"Basic YYA6Yg==",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(headers); i++)
		assert_malformed(headers[i], strlen(headers[i]));
}

/* Wherever a byte that no header may hold stands, behind the scheme's blank too. */
static void a_control_byte_anywhere_is_malformed(void **state)
{
	static const char bytes[] = { '\0', '\n', '\r', '\t', ' ', ',', '\x7f', '\x80' };
	static const char *const headers[] = { "Bearer " KEY, "Basic YTpi" };

	(void)state;
	for (size_t i = 0; i < COUNT(headers); i++) {
		size_t len = strlen(headers[i]);

		for (size_t at = 0; at <= len; at++) {
			for (size_t b = 0; b < sizeof(bytes); b++) {
				char text[128];

				memcpy(text, headers[i], at);
				text[at] = bytes[b];
				memcpy(text + at + 1, headers[i] + at, len - at);
				assert_malformed(text, len + 1);
			}
		}
	}
}

/* Found by fuzzing: libsodium alone takes bytes above 127 for letters. */
static void a_byte_that_is_not_base64_is_malformed_wherever_it_stands(void **state)
{
	char header[] = "Basic dGVzdDoxMjM0NTY3";

	(void)state;
	for (size_t at = 6; at < sizeof(header) - 1; at++) {
		char was = header[at];

		for (int byte = 0; byte < 256; byte++) {
			bool letter = (byte >= '0' && byte <= '9') ||
				      (byte >= 'A' && byte <= 'Z') ||
				      (byte >= 'a' && byte <= 'z') || byte == '+' || byte == '/';

			header[at] = (char)byte;
			if (!letter && !(byte == '=' && at == sizeof(header) - 2))
				assert_malformed(header, sizeof(header) - 1);
		}
		header[at] = was;
	}
}

static void lengths_up_to_the_limits_are_taken(void **state)
{
	char pair[CREDENTIAL_USER_MAX + CREDENTIAL_TEXT_MAX + 3], header[512];
	struct credential out CLEANUP(credential_wipe) = { 0 };

	(void)state;
	strcpy(header, "Bearer ");
	memset(header + 7, 'k', CREDENTIAL_TEXT_MAX + 1);
	assert_int_equal(credential_parse(bytes_of(header, 7 + CREDENTIAL_TEXT_MAX), &out),
			 PM_REASON_NONE);
	assert_int_equal(strlen(out.text), CREDENTIAL_TEXT_MAX);
	assert_malformed(header, 7 + CREDENTIAL_TEXT_MAX + 1);

	memset(pair, 'u', sizeof(pair));
	pair[CREDENTIAL_USER_MAX] = ':';
	size_t longest = CREDENTIAL_USER_MAX + 1 + CREDENTIAL_TEXT_MAX;
	size_t len = format_basic(pair, longest, header);
	assert_int_equal(credential_parse(bytes_of(header, len), &out), PM_REASON_NONE);
	assert_int_equal(strlen(out.user), CREDENTIAL_USER_MAX);
	assert_int_equal(strlen(out.text), CREDENTIAL_TEXT_MAX);
	assert_malformed(header, format_basic(pair, longest + 1, header));
	pair[CREDENTIAL_USER_MAX] = 'u';
	pair[CREDENTIAL_USER_MAX + 1] = ':'; /* the user name is one too long, the whole is not */
	assert_malformed(header, format_basic(pair, longest, header));
	pair[CREDENTIAL_USER_MAX + 1] = 'u';
	pair[1] = ':'; /* the key is too long */
	assert_malformed(header, format_basic(pair, longest, header));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bearer_token_is_the_key),
		cmocka_unit_test(basic_is_split_at_the_first_colon),
		cmocka_unit_test(no_bytes_are_a_missing_credential),
		cmocka_unit_test(all_but_one_credential_is_malformed),
		cmocka_unit_test(a_control_byte_anywhere_is_malformed),
		cmocka_unit_test(a_byte_that_is_not_base64_is_malformed_wherever_it_stands),
		cmocka_unit_test(lengths_up_to_the_limits_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
