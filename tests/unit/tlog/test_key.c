/* Verifier keys and what they verify. */
#include <openssl/ec.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "base/text.h"
#include "signing.h"
#include "test.h"
#include "tlog/note.h"

#define TEXT "log.example/1\n5\nONaPukoSslPHb8BRqjVIc9QnHkF93BB0iGzsuRX4RIw=\n"

static struct signer *make(enum tlog_algorithm algorithm)
{
	return algorithm == TLOG_ECDSA ? signer_ecdsa("log.example/1")
				       : signer_from_seed("log.example/1", algorithm, 7);
}
static const enum tlog_algorithm algorithms[] = { TLOG_ED25519, TLOG_ECDSA, TLOG_COSIGNER };

static void a_keys_text_reads_back_as_the_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(algorithms); i++) {
		struct signer *signer CLEANUP(signer_free) = make(algorithms[i]);
		char text[TLOG_VKEY_MAX + 1];
		struct tlog_key key;

		tlog_key_format(signer_key(signer), text);
		assert_ok(tlog_key_parse(bytes_str(text), &key));
		assert_memory_equal(&key, signer_key(signer), sizeof(key));
	}
}

static void an_ecdsa_key_id_is_that_of_its_public_key_alone(void **state)
{
	struct signer *signer CLEANUP(signer_free) = signer_ecdsa("log.example/1");
	const struct tlog_key *key = signer_key(signer);
	uint8_t digest[32];

	(void)state;
	assert_int_equal(key->public_len, 91);
	SHA256(key->public_key, key->public_len, digest);
	assert_memory_equal(key->id, digest, 4);
}

static void a_key_text_with_any_character_changed_cut_or_added_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(algorithms); i++) {
		struct signer *signer CLEANUP(signer_free) = make(algorithms[i]);
		char text[TLOG_VKEY_MAX + 2];
		struct tlog_key key;

		tlog_key_format(signer_key(signer), text);
		/* An ECDSA key's id does not cover its name. */
		size_t from = algorithms[i] == TLOG_ECDSA ? strcspn(text, "+") : 0;
		size_t len = strlen(text);
		for (size_t at = from; at < len; at++) {
			char kept = text[at];

			for (const char *c = "+A\n =b0C\x80"; *c; c++) {
				text[at] = *c;
				if (*c != kept)
					assert_int_equal(tlog_key_parse(bytes_of(text, len), &key),
							 PM_BAD_REQUEST);
			}
			text[at] = kept;
			assert_int_equal(tlog_key_parse(bytes_of(text, at), &key), PM_BAD_REQUEST);
		}
		text[len] = '\n';
		assert_int_equal(tlog_key_parse(bytes_of(text, len + 1), &key), PM_BAD_REQUEST);
	}
}

static void keys_of_impossible_algorithms_and_lengths_are_refused(void **state)
{
	static const uint8_t zeros[TLOG_PUBLIC_MAX + 1];
	struct tlog_key key;

	(void)state;
	for (int algorithm = 0; algorithm < 256; algorithm++) {
		for (size_t len = 0; len <= sizeof(zeros); len++) {
			bool possible = len == 32 &&
					(algorithm == TLOG_ED25519 || algorithm == TLOG_COSIGNER);

			assert_int_equal(tlog_key_make("a", (enum tlog_algorithm)algorithm,
						       bytes_of(zeros, len), &key),
					 possible ? PM_OK : PM_BAD_REQUEST);
		}
	}
}

static void only_points_of_p_256_are_ecdsa_keys(void **state)
{
	struct signer *signer CLEANUP(signer_free) = signer_ecdsa("a");
	struct tlog_key key = *signer_key(signer);
	EVP_PKEY *other = EVP_EC_gen("secp256k1");
	uint8_t *spki = NULL;
	int len = i2d_PUBKEY(other, &spki);

	(void)state;
	assert_true(len > 0);
	assert_int_equal(tlog_key_make("a", TLOG_ECDSA, bytes_of(spki, (size_t)len), &key),
			 PM_BAD_REQUEST);
	OPENSSL_free(spki);
	EVP_PKEY_free(other);
	for (size_t at = 0; at < 91; at++) {
		uint8_t changed[91];

		memcpy(changed, signer_key(signer)->public_key, sizeof(changed));
		changed[at] ^= 1; /* off the curve, wherever it is */
		assert_int_equal(
			tlog_key_make("a", TLOG_ECDSA, bytes_of(changed, sizeof(changed)), &key),
			PM_BAD_REQUEST);
	}
}

static void names_have_no_blanks_plus_signs_or_control_characters(void **state)
{
	static const char *const good[] = { "a", "log.example/audit/1", "Zürich", "a=b", "-" };
	static const char *const bad[] = { "",
					   " ",
					   "a b",
					   "a+b",
					   "a\nb",
					   "a\x7f",
					   "a\tb",
					   "a\xc2\x85",
					   "a\xc2\xa0",
					   "a\xe2\x80\x83",
					   "\xe3\x80\x80",
					   "\xff",
					   "a\xe2\x80\xa8" };
	char longest[TLOG_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(tlog_is_name(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(tlog_is_name(bad[i]));
	memset(longest, 'n', sizeof(longest));
	longest[TLOG_NAME_MAX + 1] = '\0';
	assert_false(tlog_is_name(longest));
	longest[TLOG_NAME_MAX] = '\0';
	assert_true(tlog_is_name(longest));
}

static void a_raw_signature_holds_for_its_text_and_key_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(algorithms); i++) {
		struct signer *signer CLEANUP(signer_free) = make(algorithms[i]);
		struct signer *other CLEANUP(signer_free) =
			algorithms[i] == TLOG_ECDSA
				? signer_ecdsa("log.example/1")
				: signer_from_seed("log.example/1", algorithms[i], 8);
		struct raw_signature raw = signer_sign(signer, bytes_str(TEXT), 1760000000);
		struct bytes bytes = bytes_of(raw.bytes, raw.len);

		assert_true(tlog_signature_holds(signer_key(signer), bytes_str(TEXT), bytes));
		assert_false(tlog_signature_holds(signer_key(other), bytes_str(TEXT), bytes));
		assert_false(tlog_signature_holds(signer_key(signer), bytes_str(TEXT "x"), bytes));
		for (size_t bit = 0; bit < 8 * raw.len; bit++) {
			raw.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(
				tlog_signature_holds(signer_key(signer), bytes_str(TEXT), bytes));
			raw.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (size_t len = 0; len < raw.len; len++)
			assert_false(tlog_signature_holds(signer_key(signer), bytes_str(TEXT),
							  bytes_of(raw.bytes, len)));
		raw.len++;
		assert_false(tlog_signature_holds(signer_key(signer), bytes_str(TEXT),
						  bytes_of(raw.bytes, raw.len)));
	}
}

/* Small r or s lose their leading zeros in DER; half of all signatures need one more. */
static void every_shape_of_ecdsa_signature_verifies(void **state)
{
	struct signer *signer CLEANUP(signer_free) = signer_ecdsa("log.example/1");

	(void)state;
	for (int i = 0; i < 600; i++) {
		char text[32];

		snprintf(text, sizeof(text), "text %d\n", i);
		struct note note = signer_note(signer, bytes_str(text));
		assert_ok(tlog_note_verify(note_bytes(&note), signer_key(signer), NULL));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_keys_text_reads_back_as_the_key),
		cmocka_unit_test(an_ecdsa_key_id_is_that_of_its_public_key_alone),
		cmocka_unit_test(a_key_text_with_any_character_changed_cut_or_added_is_refused),
		cmocka_unit_test(keys_of_impossible_algorithms_and_lengths_are_refused),
		cmocka_unit_test(only_points_of_p_256_are_ecdsa_keys),
		cmocka_unit_test(names_have_no_blanks_plus_signs_or_control_characters),
		cmocka_unit_test(a_raw_signature_holds_for_its_text_and_key_only),
		cmocka_unit_test(every_shape_of_ecdsa_signature_verifies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
