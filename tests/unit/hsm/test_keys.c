/* AES keys and imported ones, as the fake signer answers for them. */
#define _GNU_SOURCE
#include "fixture.h"

#include <string.h>

static const uint8_t iv[HSM_IV_LEN] = "twelve bytes";

static int64_t soon(void)
{
	return deadline_in_ms(PATIENCE_MS);
}

static void an_aes_key_is_one(void **state)
{
	struct fixture *f = *state;
	const struct hsm_id id = key_named("k");
	struct hsm_object object;

	fixture_open(f);
	assert_int_equal(hsm_generate_aes(f->hsm, &id, "x", &object, soon()), PM_OK);
	assert_int_equal(object.algorithm, HSM_AES256_GCM);
	assert_memory_equal(&object.id, &id, sizeof(id));
}

static enum pm_err make_aes(struct hsm *hsm, const char *label)
{
	const struct hsm_id id = key_named("k");
	struct hsm_object object;

	return hsm_generate_aes(hsm, &id, label, &object, soon());
}

static enum pm_err import(struct hsm *hsm, const char *label)
{
	const struct hsm_id id = key_named("k");
	uint8_t value[2 * HSM_ID_LEN];
	struct hsm_object object;

	memcpy(value, id.bytes, HSM_ID_LEN);
	memcpy(value + HSM_ID_LEN, id.bytes, HSM_ID_LEN);
	enum pm_err err =
		hsm_import(hsm, &id, label, bytes_of(value, sizeof(value)), &object, soon());
	if (err == PM_OK)
		assert_int_equal(object.algorithm, HSM_HMAC_SHA256);
	return err;
}

static void making_a_key_tells_what_is_certain_from_what_is_not(void **state)
{
	static const struct {
		const char *label;
		enum pm_err err;
	} cases[] = {
		{ "x", PM_OK },
		{ "taken", PM_ALREADY_EXISTS },
		{ "refuse", PM_HSM_UNAVAILABLE },
		{ "no-room", PM_OUTCOME_UNKNOWN },
		{ "die", PM_OUTCOME_UNKNOWN },
		{ "hang", PM_OUTCOME_UNKNOWN },
		{ "garbage", PM_OUTCOME_UNKNOWN },
		{ "session", PM_OUTCOME_UNKNOWN },
		{ "other", PM_OUTCOME_UNKNOWN },
		{ "other-kind", PM_OUTCOME_UNKNOWN },
		{ "random", PM_OUTCOME_UNKNOWN },
		{ "", PM_BAD_REQUEST },
	};
	enum pm_err (*const makers[])(struct hsm *, const char *) = { make_aes, import };
	struct fixture *f = *state;

	f->config.call_timeout_ms = 1000;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		fixture_open(f);
		assert_int_equal(makers[i % 2](f->hsm, cases[i / 2].label), cases[i / 2].err);
		fixture_close(f);
	}
}

static void a_value_of_another_length_is_refused_without_the_signer(void **state)
{
	static const uint8_t value[HSM_IMPORT_MAX + 1];
	struct fixture *f = *state;
	const struct hsm_id id = key_named("k");
	struct hsm_object object;

	fixture_open(f);
	assert_int_equal(
		hsm_import(f->hsm, &id, "x", bytes_of(value, HSM_IMPORT_MIN - 1), &object, soon()),
		PM_BAD_REQUEST);
	assert_int_equal(
		hsm_import(f->hsm, &id, "x", bytes_of(value, HSM_IMPORT_MAX + 1), &object, soon()),
		PM_TOO_LARGE);
	assert_int_equal(fixture_status(f).generation, 1);
}

static void what_was_encrypted_comes_back_whatever_its_length(void **state)
{
	static const uint8_t plain[HSM_PLAIN_MAX] = "plain";
	static const size_t lengths[] = { 0, 1, 16, HSM_PLAIN_MAX };
	struct fixture *f = *state;
	const struct hsm_id id = key_named("k");
	uint8_t sealed[HSM_PLAIN_MAX + HSM_TAG_LEN], opened[HSM_PLAIN_MAX];

	fixture_open(f);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const size_t len = lengths[i];
		const struct bytes aad = bytes_of(plain, lengths[3 - i]);

		assert_int_equal(
			hsm_encrypt(f->hsm, &id, iv, aad, bytes_of(plain, len), sealed, soon()),
			PM_OK);
		assert_memory_equal(sealed + len, iv, HSM_IV_LEN);
		assert_int_equal(hsm_decrypt(f->hsm, &id, iv, aad,
					     bytes_of(sealed, len + HSM_TAG_LEN), opened, soon()),
				 PM_OK);
		assert_int_equal(memcmp(opened, plain, len), 0);
	}
}

static void what_cannot_be_ciphered_is_refused_without_the_signer(void **state)
{
	static const uint8_t data[HSM_PLAIN_MAX + HSM_TAG_LEN + 1];
	static const struct {
		size_t aad, plain;
		enum pm_err err;
	} encrypted[] = {
		{ HSM_PLAIN_MAX + 1, 1, PM_TOO_LARGE },
		{ 0, HSM_PLAIN_MAX + 1, PM_TOO_LARGE },
	};
	static const struct {
		size_t aad, sealed;
		enum pm_err err;
	} decrypted[] = {
		{ 0, 0, PM_BAD_REQUEST },
		{ 0, HSM_TAG_LEN - 1, PM_BAD_REQUEST },
		{ HSM_PLAIN_MAX + 1, HSM_TAG_LEN, PM_TOO_LARGE },
		{ 0, HSM_PLAIN_MAX + HSM_TAG_LEN + 1, PM_TOO_LARGE },
	};
	struct fixture *f = *state;
	const struct hsm_id id = key_named("die");
	uint8_t out[HSM_PLAIN_MAX + HSM_TAG_LEN];

	fixture_open(f);
	for (size_t i = 0; i < sizeof(encrypted) / sizeof(encrypted[0]); i++)
		assert_int_equal(hsm_encrypt(f->hsm, &id, iv, bytes_of(data, encrypted[i].aad),
					     bytes_of(data, encrypted[i].plain), out, soon()),
				 encrypted[i].err);
	for (size_t i = 0; i < sizeof(decrypted) / sizeof(decrypted[0]); i++)
		assert_int_equal(hsm_decrypt(f->hsm, &id, iv, bytes_of(data, decrypted[i].aad),
					     bytes_of(data, decrypted[i].sealed), out, soon()),
				 decrypted[i].err);
	assert_int_equal(fixture_status(f).generation, 1);
}

static enum pm_err encrypt_with(struct hsm *hsm, const char *key, uint8_t out[64])
{
	const struct hsm_id id = key_named(key);

	return hsm_encrypt(hsm, &id, iv, bytes_of(NULL, 0), bytes_str("data"), out, soon());
}

static enum pm_err decrypt_with(struct hsm *hsm, const char *key, uint8_t out[64])
{
	const struct hsm_id id = key_named(key);
	uint8_t sealed[4 + HSM_TAG_LEN] = { 0 };

	for (size_t i = 0; i < HSM_IV_LEN; i++)
		sealed[4 + i] = iv[i];
	if (strcmp(key, "wrong tag") == 0)
		sealed[4] ^= 1;
	return hsm_decrypt(hsm, &id, iv, bytes_of(NULL, 0), bytes_of(sealed, sizeof(sealed)), out,
			   soon());
}

/* Both may be asked for again, so losing the signer leaves nothing in doubt, and no byte of it. */
static void a_failed_cipher_leaves_nothing_in_doubt(void **state)
{
	static const struct {
		const char *key;
		enum pm_err err;
		bool ends; /* the signer */
	} cases[] = {
		{ "unknown", PM_NOT_FOUND, false },      { "refuse", PM_HSM_UNAVAILABLE, false },
		{ "die", PM_HSM_UNAVAILABLE, true },     { "hang", PM_HSM_UNAVAILABLE, true },
		{ "garbage", PM_HSM_UNAVAILABLE, true }, { "session", PM_HSM_UNAVAILABLE, true },
		{ "short", PM_HSM_UNAVAILABLE, true },   { "wide", PM_HSM_UNAVAILABLE, true },
		{ "random", PM_HSM_UNAVAILABLE, true },  { "empty", PM_HSM_UNAVAILABLE, true },
	};
	enum pm_err (*const calls[])(struct hsm *, const char *, uint8_t *) = { encrypt_with,
										decrypt_with };
	struct fixture *f = *state;
	uint8_t out[64] = { 0 }, untouched[64] = { 0 };

	f->config.call_timeout_ms = 1000;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const bool ends = cases[i / 2].ends;

		fixture_open(f);
		assert_int_equal(calls[i % 2](f->hsm, cases[i / 2].key, out), cases[i / 2].err);
		assert_memory_equal(out, untouched, sizeof(out));
		if (ends)
			fixture_await_generation(f, 2);
		assert_int_equal(fixture_status(f).generation, ends ? 2 : 1);
		fixture_close(f);
	}
}

static void a_wrong_tag_is_the_callers_fault_and_harms_nothing(void **state)
{
	struct fixture *f = *state;
	uint8_t out[64] = { 0 }, untouched[64] = { 0 };

	fixture_open(f);
	assert_int_equal(decrypt_with(f->hsm, "wrong tag", out), PM_BAD_REQUEST);
	assert_memory_equal(out, untouched, sizeof(out));
	assert_int_equal(decrypt_with(f->hsm, "key", out), PM_OK);
	assert_int_equal(fixture_status(f).generation, 1);
}

#define KEYS_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEYS_TEST(an_aes_key_is_one),
		KEYS_TEST(making_a_key_tells_what_is_certain_from_what_is_not),
		KEYS_TEST(a_value_of_another_length_is_refused_without_the_signer),
		KEYS_TEST(what_was_encrypted_comes_back_whatever_its_length),
		KEYS_TEST(what_cannot_be_ciphered_is_refused_without_the_signer),
		KEYS_TEST(a_failed_cipher_leaves_nothing_in_doubt),
		KEYS_TEST(a_wrong_tag_is_the_callers_fault_and_harms_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
