/* Argon2id over a PIN, against vectors of another implementation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sodium.h>

#include "base/text.h"
#include "stretch.h"

#define THREADS 4

static const uint8_t salt[STRETCH_SALT_LEN] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
};

static void assert_hex(const uint8_t *result, const char *expected)
{
	char hex[2 * STRETCH_LEN + 1];

	hex_encode(bytes_of(result, STRETCH_LEN), hex);
	assert_string_equal(hex, expected);
}

/* Made with the reference implementation, libargon2: m = 19456 KiB, t = 2, p = 1, version 1.3. */
static void a_pin_gives_what_the_reference_implementation_gives(void **state)
{
	uint8_t long_pin[STRETCH_PIN_MAX], other_salt[STRETCH_SALT_LEN], result[STRETCH_LEN];

	(void)state;
	assert_int_equal(stretch_pin(bytes_str("271828"), salt, result), PM_OK);
	assert_hex(result, "3b82fca9c7677c67d967a577e3de92112fb3d78340b1dd57ae1f5149edf684ac");
	memset(other_salt, 0xa5, sizeof(other_salt));
	assert_int_equal(stretch_pin(bytes_of("\0\xff", 2), other_salt, result), PM_OK);
	assert_hex(result, "c11e9ac107caf5c06d0725a21bd6ff6a9cf5d10329dd02722a9b58d809659608");
	memset(long_pin, 'x', sizeof(long_pin));
	assert_int_equal(stretch_pin(bytes_of(long_pin, sizeof(long_pin)), salt, result), PM_OK);
	assert_hex(result, "5f70b4655359534040151ecda64603633b37e65ad9b426350961d1120d5c4bf5");
}

static void another_pin_or_salt_gives_another_result(void **state)
{
	uint8_t first[STRETCH_LEN], second[STRETCH_LEN], other_salt[STRETCH_SALT_LEN];

	(void)state;
	memcpy(other_salt, salt, sizeof(salt));
	other_salt[15] ^= 1;
	assert_int_equal(stretch_pin(bytes_str("271828"), salt, first), PM_OK);
	assert_int_equal(stretch_pin(bytes_str("271829"), salt, second), PM_OK);
	assert_memory_not_equal(first, second, STRETCH_LEN);
	assert_int_equal(stretch_pin(bytes_str("271828"), other_salt, second), PM_OK);
	assert_memory_not_equal(first, second, STRETCH_LEN);
	assert_int_equal(stretch_pin(bytes_str("271828"), salt, second), PM_OK);
	assert_memory_equal(first, second, STRETCH_LEN);
}

static void a_pin_has_1_to_256_bytes(void **state)
{
	uint8_t pin[STRETCH_PIN_MAX + 1] = { 0 }, result[STRETCH_LEN];

	(void)state;
	assert_int_equal(stretch_pin(bytes_of(pin, 0), salt, result), PM_BAD_REQUEST);
	assert_int_equal(stretch_pin(bytes_of(pin, sizeof(pin)), salt, result), PM_BAD_REQUEST);
}

static bool no_memory;

int __real_crypto_pwhash(unsigned char *out, unsigned long long out_len, const char *pin,
			 unsigned long long pin_len, const unsigned char *with_salt,
			 unsigned long long passes, size_t memory, int algorithm);
int __wrap_crypto_pwhash(unsigned char *out, unsigned long long out_len, const char *pin,
			 unsigned long long pin_len, const unsigned char *with_salt,
			 unsigned long long passes, size_t memory, int algorithm);
int __wrap_crypto_pwhash(unsigned char *out, unsigned long long out_len, const char *pin,
			 unsigned long long pin_len, const unsigned char *with_salt,
			 unsigned long long passes, size_t memory, int algorithm)
{
	if (no_memory)
		return -1;
	return __real_crypto_pwhash(out, out_len, pin, pin_len, with_salt, passes, memory,
				    algorithm);
}

static void without_memory_nothing_is_left_that_could_match(void **state)
{
	static const uint8_t zero[STRETCH_LEN];
	uint8_t result[STRETCH_LEN];

	(void)state;
	memset(result, 'x', sizeof(result));
	no_memory = true;
	assert_int_equal(stretch_pin(bytes_str("271828"), salt, result), PM_NO_MEMORY);
	no_memory = false;
	assert_memory_equal(result, zero, sizeof(zero));
}

static void *stretch_one(void *result)
{
	return stretch_pin(bytes_str("271828"), salt, result) == PM_OK ? result : NULL;
}

/* Runs first: the threads meet where libsodium is started. */
static void threads_may_begin_together(void **state)
{
	pthread_t threads[THREADS];
	uint8_t results[THREADS][STRETCH_LEN];

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, stretch_one, results[i]), 0);
	for (size_t i = 0; i < THREADS; i++) {
		void *result = NULL;

		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_ptr_equal(result, results[i]);
		assert_memory_equal(results[i], results[0], STRETCH_LEN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_may_begin_together),
		cmocka_unit_test(a_pin_gives_what_the_reference_implementation_gives),
		cmocka_unit_test(another_pin_or_salt_gives_another_result),
		cmocka_unit_test(a_pin_has_1_to_256_bytes),
		cmocka_unit_test(without_memory_nothing_is_left_that_could_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
