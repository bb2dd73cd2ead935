/* The fake HSM of other layers' tests does what hsm.h says of AES keys and imported ones. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs what is above. */
#include <cmocka.h>

#include <string.h>

#include "fake_hsm.h"
#include "fault.h"

static const uint8_t iv[HSM_IV_LEN] = "twelve bytes", other_iv[HSM_IV_LEN] = "other twelve";
static const uint8_t value[HSM_IMPORT_MAX + 1] = "Jefe";
static const struct hsm_id aes = { { 1 } }, imported = { { 2 } }, made = { { 3 } };

static int setup(void **state)
{
	struct hsm *hsm = fake_hsm_new("serial");
	struct hsm_object object;

	assert_int_equal(hsm_generate_aes(hsm, &aes, "a", &object, 0), PM_OK);
	assert_int_equal(object.algorithm, HSM_AES256_GCM);
	assert_true(object.local && !object.sign);
	assert_int_equal(
		hsm_import(hsm, &imported, "b", bytes_of(value, HSM_IMPORT_MIN), &object, 0),
		PM_OK);
	assert_int_equal(object.algorithm, HSM_HMAC_SHA256);
	assert_false(object.local || object.always_sensitive || object.never_extractable);
	assert_int_equal(hsm_generate(hsm, &made, "c", &object, 0), PM_OK);
	*state = hsm;
	return 0;
}

static int teardown(void **state)
{
	fake_hsm_free(*state);
	return 0;
}

static enum pm_err hmac(struct hsm *hsm, const struct hsm_id *id, uint8_t mac[HSM_MAC_LEN])
{
	struct hsm_job job = { .key = *id, .data = bytes_str("what do ya want for nothing?") };
	enum pm_err err = hsm_hmac(hsm, &job, 1, 0);

	memcpy(mac, job.mac, HSM_MAC_LEN);
	return err == PM_OK ? job.err : err;
}

struct sealed {
	uint8_t bytes[HSM_PLAIN_MAX + HSM_TAG_LEN];
	size_t len;
};

static struct sealed encrypt(struct hsm *hsm, struct bytes aad, struct bytes plain)
{
	struct sealed sealed = { .len = plain.len + HSM_TAG_LEN };

	assert_int_equal(hsm_encrypt(hsm, &aes, iv, aad, plain, sealed.bytes, 0), PM_OK);
	return sealed;
}

static enum pm_err decrypt(struct hsm *hsm, const uint8_t *with, struct bytes aad,
			   const struct sealed *sealed, uint8_t *out)
{
	return hsm_decrypt(hsm, &aes, with, aad, bytes_of(sealed->bytes, sealed->len), out, 0);
}

/* RFC 4231 section 4.3, test case 2. */
static void an_imported_key_computes_what_it_did_elsewhere(void **state)
{
	static const uint8_t right[] = { 0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e };
	uint8_t mac[HSM_MAC_LEN];

	assert_int_equal(hmac(*state, &imported, mac), PM_OK);
	assert_memory_equal(mac, right, sizeof(right));
}

static void only_what_was_encrypted_is_decrypted(void **state)
{
	static const uint8_t plain[HSM_PLAIN_MAX] = "plain";
	static const size_t lengths[] = { 0, 1, 16, HSM_PLAIN_MAX };
	struct hsm *hsm = *state;
	uint8_t out[HSM_PLAIN_MAX];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const struct bytes aad = bytes_of(plain, lengths[3 - i]);
		struct sealed sealed = encrypt(hsm, aad, bytes_of(plain, lengths[i]));
		const struct sealed again = encrypt(hsm, aad, bytes_of(plain, lengths[i]));

		assert_memory_equal(sealed.bytes, again.bytes, sealed.len);
		assert_int_equal(decrypt(hsm, iv, aad, &sealed, out), PM_OK);
		assert_int_equal(memcmp(out, plain, lengths[i]), 0);
		assert_int_equal(decrypt(hsm, other_iv, aad, &sealed, out), PM_BAD_REQUEST);
		assert_int_equal(decrypt(hsm, iv, bytes_str("aad"), &sealed, out), PM_BAD_REQUEST);
		sealed.bytes[sealed.len - 1] ^= 1;
		assert_int_equal(decrypt(hsm, iv, aad, &sealed, out), PM_BAD_REQUEST);
	}
}

static void lengths_and_kinds_are_refused_as_the_real_one_does(void **state)
{
	static const uint8_t data[HSM_PLAIN_MAX + HSM_TAG_LEN + 1];
	const struct bytes none = bytes_of(NULL, 0), longer = bytes_of(data, HSM_PLAIN_MAX + 1);
	const struct hsm_id fresh = { { 9 } };
	struct hsm *hsm = *state;
	struct hsm_object object;
	uint8_t out[sizeof(data)];

	assert_int_equal(
		hsm_import(hsm, &fresh, "x", bytes_of(value, HSM_IMPORT_MIN - 1), &object, 0),
		PM_BAD_REQUEST);
	assert_int_equal(
		hsm_import(hsm, &fresh, "x", bytes_of(value, HSM_IMPORT_MAX + 1), &object, 0),
		PM_TOO_LARGE);
	assert_int_equal(hsm_encrypt(hsm, &aes, iv, none, longer, out, 0), PM_TOO_LARGE);
	assert_int_equal(hsm_encrypt(hsm, &aes, iv, longer, none, out, 0), PM_TOO_LARGE);
	assert_int_equal(hsm_decrypt(hsm, &aes, iv, none, bytes_of(data, 15), out, 0),
			 PM_BAD_REQUEST);
	assert_int_equal(hsm_decrypt(hsm, &aes, iv, none, bytes_of(data, sizeof(data)), out, 0),
			 PM_TOO_LARGE);
	assert_int_equal(hsm_encrypt(hsm, &made, iv, none, none, out, 0), PM_NOT_FOUND);
	assert_int_equal(hsm_decrypt(hsm, &made, iv, none, bytes_of(data, 16), out, 0),
			 PM_NOT_FOUND);
	assert_int_equal(hmac(hsm, &aes, out), PM_NOT_FOUND);
}

static void a_clone_has_the_same_keys(void **state)
{
	struct hsm *hsm = *state;
	const struct sealed sealed = encrypt(hsm, bytes_str("aad"), bytes_str("plain"));
	uint8_t mac[HSM_MAC_LEN], again[HSM_MAC_LEN], out[5];

	assert_int_equal(hmac(hsm, &imported, mac), PM_OK);
	fake_hsm_add_standby(hsm, "other serial");
	fake_hsm_clone(hsm);
	fake_hsm_fall(hsm, HSM_CAUSE_DEVICE);
	assert_int_equal(decrypt(hsm, iv, bytes_str("aad"), &sealed, out), PM_OK);
	assert_memory_equal(out, "plain", 5);
	assert_int_equal(hmac(hsm, &imported, again), PM_OK);
	assert_memory_equal(mac, again, sizeof(mac));
}

static void a_swapped_or_lost_key_is_seen(void **state)
{
	struct hsm *hsm = *state;
	const struct sealed sealed = encrypt(hsm, bytes_str("aad"), bytes_str("plain"));
	uint8_t mac[HSM_MAC_LEN], again[HSM_MAC_LEN], out[5];

	assert_int_equal(hmac(hsm, &imported, mac), PM_OK);
	fake_hsm_swap_key(hsm, 0);
	fake_hsm_swap_key(hsm, 1);
	assert_int_equal(decrypt(hsm, iv, bytes_str("aad"), &sealed, out), PM_BAD_REQUEST);
	assert_int_equal(hmac(hsm, &imported, again), PM_OK);
	assert_memory_not_equal(mac, again, sizeof(mac));
	fake_hsm_lose_key(hsm, 0);
	fake_hsm_lose_key(hsm, 1);
	assert_int_equal(decrypt(hsm, iv, bytes_str("aad"), &sealed, out), PM_NOT_FOUND);
	assert_int_equal(hmac(hsm, &imported, again), PM_NOT_FOUND);
}

static enum pm_err make_with_fault(struct hsm *hsm, bool import, int nth)
{
	const struct hsm_id fresh = { { import ? 7 : 8, (uint8_t)nth } };
	struct hsm_object object;

	fault_arm(nth);
	enum pm_err err =
		import ? hsm_import(hsm, &fresh, "x", bytes_of(value, HSM_IMPORT_MIN), &object, 0)
		       : hsm_generate_aes(hsm, &fresh, "x", &object, 0);
	fault_disarm();
	return err;
}

static void each_call_fails_on_command(void **state)
{
	struct hsm *hsm = *state;
	uint8_t out[HSM_TAG_LEN] = { 0 };

	for (int import = 0; import < 2; import++) {
		assert_int_equal(make_with_fault(hsm, import, 0), PM_HSM_UNAVAILABLE);
		assert_int_equal(make_with_fault(hsm, import, 1), PM_OUTCOME_UNKNOWN);
		assert_int_equal(make_with_fault(hsm, import, 2), PM_OK);
	}
	fault_arm(0);
	assert_int_equal(hsm_encrypt(hsm, &aes, iv, bytes_of(NULL, 0), bytes_of(NULL, 0), out, 0),
			 PM_HSM_UNAVAILABLE);
	fault_arm(0);
	assert_int_equal(
		hsm_decrypt(hsm, &aes, iv, bytes_of(NULL, 0), bytes_of(out, sizeof(out)), out, 0),
		PM_HSM_UNAVAILABLE);
	fault_disarm();
	fake_hsm_set_state(hsm, HSM_SEALED);
	assert_int_equal(hsm_encrypt(hsm, &aes, iv, bytes_of(NULL, 0), bytes_of(NULL, 0), out, 0),
			 PM_SEALED);
}

#define FAKE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(an_imported_key_computes_what_it_did_elsewhere),
		FAKE_TEST(only_what_was_encrypted_is_decrypted),
		FAKE_TEST(lengths_and_kinds_are_refused_as_the_real_one_does),
		FAKE_TEST(a_clone_has_the_same_keys),
		FAKE_TEST(a_swapped_or_lost_key_is_seen),
		FAKE_TEST(each_call_fails_on_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
