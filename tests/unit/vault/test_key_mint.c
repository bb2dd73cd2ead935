/* Minting: what a key is given, what it may not be given, and how it is handed over. */
#include "key_fixture.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fake_clock.h"

static void assert_refused(struct fixture *f, const struct mint_params *params, enum pm_err why,
			   const char *about)
{
	struct key_secret secret;
	struct key_info info;
	uint64_t before = 0, after = 0;

	assert_int_equal(store_count_keys(f->store, "live", &before), PM_OK);
	assert_int_equal(keys_mint_as(f, params, &info, &secret), why);
	assert_non_null(f->actor.why);
	assert_non_null(strstr(f->actor.why, about));
	assert_string_equal(secret.text.text, "");
	assert_int_equal(store_count_keys(f->store, "live", &after), PM_OK);
	assert_int_equal(after, before);
}

static void a_key_has_all_that_it_was_minted_with(void **state)
{
	static const char *const scopes[] = { "refunds:write", "payments" };
	static const char *const networks[] = { "2001:db8::/32", "192.0.2.7" };
	static const char *const label_keys[] = { "team", "stage" }, *const values[] = { "till",
											 "" };
	struct fixture *f = *state;
	struct mint_params params = keys_params();
	struct key_secret secret;
	struct key_info info, got;

	params.scopes = (struct texts){ scopes, 2 };
	params.networks = (struct texts){ networks, 2 };
	params.labels = (struct label_texts){ label_keys, values, 2 };
	params.external_ref = "order-desk-7";
	params.not_before = clock_unix() + 100;
	params.expires_at = clock_unix() + 1000;
	assert_int_equal(keys_mint_as(f, &params, &info, &secret), PM_OK);
	keys_get(f, info.id, &got);
	assert_memory_equal(&got, &info, sizeof(got));
	assert_string_equal(got.scopes, "payments refunds:write");
	assert_string_equal(got.networks, "192.0.2.7/32 2001:db8::/32");
	assert_string_equal(got.labels, "stage=\nteam=till\n");
	assert_string_equal(got.external_ref, "order-desk-7");
	assert_string_equal(got.name, "till");
	assert_int_equal(got.not_before, params.not_before);
	assert_int_equal(got.expires_at, params.expires_at);
	assert_int_equal(got.state, KEY_NOT_YET);
	assert_string_equal(secret.merchant, "acme");
	assert_false(got.imported || got.recoverable || got.first_use_pending);
}

static void a_keys_state_follows_from_its_times_and_what_was_done(void **state)
{
	struct fixture *f = *state;
	struct mint_params params = keys_params();
	struct key_secret secret;
	struct key_info info;

	params.not_before = clock_unix() + 100;
	params.expires_at = clock_unix() + 200;
	assert_int_equal(keys_mint_as(f, &params, &info, &secret), PM_OK);
	assert_int_equal(info.state, KEY_NOT_YET);
	fake_clock_advance(101);
	keys_get(f, info.id, &info);
	assert_int_equal(info.state, KEY_ACTIVE);
	fake_clock_advance(100);
	keys_get(f, info.id, &info);
	assert_int_equal(info.state, KEY_EXPIRED);
	keys_revoke(f, info.id);
	keys_get(f, info.id, &info);
	assert_int_equal(info.state, KEY_REVOKED);
}

static void a_key_can_be_born_disabled(void **state)
{
	struct fixture *f = *state;
	struct mint_params params = keys_params();
	struct key_secret secret;
	struct key_info info;

	params.disabled = true;
	assert_int_equal(keys_mint_as(f, &params, &info, &secret), PM_OK);
	assert_int_equal(info.state, KEY_DISABLED);
	assert_int_equal(info.disabled_at, info.created_at);
	assert_int_equal(keys_refusal(f, &secret), PM_REASON_DISABLED);
}

static void a_key_must_begin_before_it_ends(void **state)
{
	struct fixture *f = *state;
	struct mint_params params = keys_params();

	params.not_before = clock_unix() + 1000;
	params.expires_at = params.not_before;
	assert_refused(f, &params, PM_BAD_REQUEST, "not_before");
	params.not_before = -1;
	assert_refused(f, &params, PM_BAD_REQUEST, "not_before");
	params.not_before = INT64_C(253402300800);
	params.expires_at = 0;
	assert_refused(f, &params, PM_BAD_REQUEST, "not_before");
	params.not_before = 0;
	params.expires_at = clock_unix();
	assert_refused(f, &params, PM_BAD_REQUEST, "expires_at");
}

static void malformed_scopes_labels_and_networks_are_named_as_such(void **state)
{
	static const char *const scope[] = { "Payments" }, *const network[] = { "10.0.0.1/8" },
				 *const key[] = { "a key" }, *const value[] = { "x" };
	struct fixture *f = *state;
	struct mint_params params = keys_params();

	params.scopes = (struct texts){ scope, 1 };
	assert_refused(f, &params, PM_BAD_REQUEST, "scopes");
	params = keys_params();
	params.networks = (struct texts){ network, 1 };
	assert_refused(f, &params, PM_BAD_REQUEST, "networks");
	params = keys_params();
	params.labels = (struct label_texts){ key, value, 1 };
	assert_refused(f, &params, PM_BAD_REQUEST, "labels");
}

static void an_external_reference_is_unique_in_its_account(void **state)
{
	struct fixture *f = *state;
	struct mint_params params = keys_params();
	struct key_secret secret;
	struct key_info info;

	params.external_ref = "desk";
	assert_int_equal(keys_mint_as(f, &params, &info, &secret), PM_OK);
	assert_refused(f, &params, PM_ALREADY_EXISTS, "external_reference");
	keys_revoke(f, info.id); /* it keeps its name for ever */
	assert_refused(f, &params, PM_ALREADY_EXISTS, "external_reference");
	params.account = "other";
	assert_int_equal(keys_mint_as(f, &params, &info, &secret), PM_OK);
	params = keys_params();
	assert_int_equal(keys_mint_as(f, &params, &info, &secret), PM_OK);
	assert_int_equal(keys_mint_as(f, &params, &info, &secret), PM_OK);
}

static bool is_base62(const char *text)
{
	return strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") ==
	       strlen(text);
}

static void a_policy_gives_references_of_twenty_random_characters(void **state)
{
	struct fixture *f = *state;
	struct mint_params params = keys_params();
	struct key_secret secret;
	struct key_info info, other;

	keys_policy(f)->generate_reference = true;
	assert_int_equal(keys_mint_as(f, &params, &info, &secret), PM_OK);
	assert_int_equal(strlen(info.external_ref), 20);
	assert_true(is_base62(info.external_ref));
	assert_int_equal(keys_mint_as(f, &params, &other, &secret), PM_OK);
	assert_string_not_equal(other.external_ref, info.external_ref);
	params.external_ref = "mine";
	assert_int_equal(keys_mint_as(f, &params, &info, &secret), PM_OK);
	assert_string_equal(info.external_ref, "mine");
}

/* As for secrets (test_apikey.c): with a modulo, chi-squared would be above 2,000 here. */
static void no_character_of_any_length_of_random_text_is_likelier(void **state)
{
	enum { TEXTS = 20000, LEN = 20 };
	double counts[128] = { 0 }, chi = 0;

	(void)state;
	for (int i = 0; i < TEXTS; i++) {
		char text[LEN + 1];

		assert_int_equal(apikey_random(text, LEN), PM_OK);
		assert_int_equal(strlen(text), LEN);
		assert_true(is_base62(text));
		for (size_t at = 0; at < LEN; at++)
			counts[(unsigned char)text[at]]++;
	}
	for (int c = 0; c < 128; c++) {
		double expected = (double)TEXTS * LEN / 62;
		char character[2] = { (char)c, '\0' };

		if (c != 0 && is_base62(character))
			chi += (counts[c] - expected) * (counts[c] - expected) / expected;
	}
	assert_true(chi < 140);
}

static void a_key_is_recoverable_only_where_the_policy_lets_it(void **state)
{
	struct fixture *f = *state;
	struct mint_params params = keys_params();
	struct key_secret secret;
	struct key_info info;

	params.recoverable = true;
	assert_refused(f, &params, PM_DENIED, "recoverable");
	keys_policy(f)->recoverable = true;
	assert_int_equal(keys_mint_as(f, &params, &info, &secret), PM_OK);
	assert_true(info.recoverable);
	keys_get(f, info.id, &info);
	assert_true(info.recoverable);
	keys_policy(f)->recoverable = false;
	keys_get(f, info.id, &info);
	assert_false(info.recoverable);
}

static char *x25519_pem(void)
{
	EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem = calloc(1, 1024);

	assert_int_equal(PEM_write_bio_PUBKEY(bio, pair), 1);
	assert_true(BIO_read(bio, pem, 1023) > 0);
	BIO_free(bio);
	EVP_PKEY_free(pair);
	return pem;
}

static void a_recipient_gets_the_text_sealed_and_nobody_in_clear(void **state)
{
	struct fixture *f = *state;
	struct mint_params params = keys_params();
	struct key_secret secret;
	struct key_info info;
	char *pem = x25519_pem();

	params.recipient = pem;
	assert_int_equal(keys_mint_as(f, &params, &info, &secret), PM_OK);
	assert_string_equal(secret.text.text, "");
	assert_memory_equal(secret.sealed, "sealed:x25519:", 14);
	assert_string_equal(secret.merchant, "acme");
	params.recipient = "no key";
	assert_refused(f, &params, PM_BAD_REQUEST, "recipient");
	free(pem);
}

static void a_wrong_recipient_is_refused_before_anything_is_computed(void **state)
{
	struct fixture *f = *state;
	struct mint_params params = keys_params();
	struct key_secret secret;
	struct key_info info;

	params.recipient = "no key";
	uint64_t before = fake_hsm_macs(f->hsm[LIVE_ENV]);
	assert_int_equal(keys_mint_as(f, &params, &info, &secret), PM_BAD_REQUEST);
	assert_int_equal(fake_hsm_macs(f->hsm[LIVE_ENV]), before);
}

static void an_account_that_nobody_registered_is_let_in_by_policy_only(void **state)
{
	struct fixture *f = *state;
	const struct mint_params params = keys_params();
	struct key_secret secret;
	struct key_info info;

	keys_policy(f)->any_account = false;
	assert_int_equal(keys_mint_as(f, &params, &info, &secret), PM_ACCOUNT_NOT_APPROVED);
	assert_string_equal(secret.text.text, "");
}

static void the_mask_is_the_policys(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info;

	strcpy(keys_policy(f)->mask, "ak-...");
	keys_mint(f, &info, &secret);
	assert_memory_equal(info.masked, "ak-...", 6);
	assert_string_equal(info.masked + 6, secret.text.text + strlen(secret.text.text) - 3);
}

static void the_log_tells_of_a_mint_without_its_texts(void **state)
{
	struct fixture *f = *state;
	struct mint_params params = keys_params();
	struct key_secret secret;
	struct key_info info;

	params.account = "secretive-merchant";
	params.expires_at = clock_unix() + 1000;
	assert_int_equal(keys_mint_as(f, &params, &info, &secret), PM_OK);
	json_t *entry = fixture_newest_entry(f, "key.mint");
	assert_string_equal(entry_text(entry, "key"), info.id);
	assert_memory_equal(entry_text(entry, "account"), "v1:", 3);
	assert_non_null(entry_text(entry, "expires"));
	json_decref(entry);
	assert_false(fixture_log_has(f, "secretive-merchant"));
	assert_false(fixture_log_has(f, secret.text.text));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, keys_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_has_all_that_it_was_minted_with),
		TEST(a_keys_state_follows_from_its_times_and_what_was_done),
		TEST(a_key_can_be_born_disabled),
		TEST(a_key_must_begin_before_it_ends),
		TEST(malformed_scopes_labels_and_networks_are_named_as_such),
		TEST(an_external_reference_is_unique_in_its_account),
		TEST(a_policy_gives_references_of_twenty_random_characters),
		cmocka_unit_test(no_character_of_any_length_of_random_text_is_likelier),
		TEST(a_key_is_recoverable_only_where_the_policy_lets_it),
		TEST(a_recipient_gets_the_text_sealed_and_nobody_in_clear),
		TEST(a_wrong_recipient_is_refused_before_anything_is_computed),
		TEST(an_account_that_nobody_registered_is_let_in_by_policy_only),
		TEST(the_mask_is_the_policys),
		TEST(the_log_tells_of_a_mint_without_its_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
