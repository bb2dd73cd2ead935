/* Every call through the whole pipeline over one connection: results, refusals, rights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <nanomsg/nn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asked.h"
#include "base/clock.h"
#include "fake_vault.h"

static void every_call_has_its_result(void **state)
{
	for (uint32_t call = FIRST; call <= LAST; call++)
		assert_int_equal(ask_whole(*state, call), PM_OK);
}

static void assert_key(const Peppermint__V1__Key *key)
{
	assert_string_equal(key->id, KEY_ID);
	assert_string_equal(key->environment, "test");
	assert_int_equal(strlen(key->account), VAULT_ACCOUNT_MAX);
	assert_int_equal(strlen(key->product), VAULT_PRODUCT_MAX);
	assert_int_equal(strlen(key->name), VAULT_NAME_MAX);
	assert_int_equal(key->state, PEPPERMINT__V1__KEY_STATE__KEY_ACTIVE);
	assert_string_equal(key->masked, "*****xyz");
	assert_string_equal(key->created_by, "tester/olga");
	assert_int_equal(key->created_at, 1);
	assert_int_equal(key->expires_at, 2);
	assert_int_equal(key->rotated_at, 3);
	assert_int_equal(key->overlap_until, 4);
	assert_int_equal(key->revoked_at, 5);
	assert_int_equal(key->secret_version, 6);
	assert_int_equal(key->pepper_version, 7);
}

static void minting_gives_the_record_and_the_secret(void **state)
{
	struct asked *a = *state;

	make_whole(a, PEPPERMINT__V1__REQUEST__CALL_MINT_KEY);
	a->mint_key.expires_at = clock_unix() + 1000;
	assert_int_equal(send_it(a), PM_OK);
	assert_key(a->reply->mint_key->key);
	assert_string_equal(a->reply->mint_key->api_key, FAKE_SECRET);
	assert_string_equal(fake_asked().name, "acme");
	assert_int_equal(fake_asked().number, a->mint_key.expires_at);
}

static void rotating_passes_overlap_and_force_on(void **state)
{
	struct asked *a = *state;

	make_whole(a, PEPPERMINT__V1__REQUEST__CALL_ROTATE_KEY);
	a->rotate_key.overlap_seconds = 31536000;
	a->rotate_key.force = true;
	assert_int_equal(send_it(a), PM_OK);
	assert_key(a->reply->rotate_key->key);
	assert_string_equal(a->reply->rotate_key->api_key, FAKE_SECRET);
	assert_int_equal(fake_asked().number, 31536000);
	assert_int_equal(fake_asked().count, 1);
	make_whole(a, PEPPERMINT__V1__REQUEST__CALL_ROTATE_KEY);
	a->rotate_key.overlap_seconds = 31536001;
	expect_refusal(a, PM_BAD_REQUEST, "overlap_seconds: must be at most 31536000");
}

static void revoking_and_reading_give_the_record(void **state)
{
	struct asked *a = *state;

	assert_int_equal(ask_whole(a, PEPPERMINT__V1__REQUEST__CALL_REVOKE_KEY), PM_OK);
	assert_key(a->reply->revoke_key->key);
	assert_int_equal(ask_whole(a, PEPPERMINT__V1__REQUEST__CALL_GET_KEY), PM_OK);
	assert_key(a->reply->get_key->key);
}

static void verdicts_stand_in_the_order_of_the_keys_and_a_refusal_says_nothing_more(void **state)
{
	struct asked *a = *state;

	assert_int_equal(ask_whole(a, PEPPERMINT__V1__REQUEST__CALL_VERIFY_KEYS), PM_OK);
	assert_int_equal(a->reply->verify_keys->n_verdicts, 2);
	const Peppermint__V1__Verdict *good = a->reply->verify_keys->verdicts[0];
	const Peppermint__V1__Verdict *bad = a->reply->verify_keys->verdicts[1];
	assert_true(good->valid);
	assert_int_equal(good->error, 0);
	assert_int_equal(good->reason, 0);
	assert_string_equal(good->message, "");
	assert_string_equal(good->key_id, KEY_ID);
	assert_int_equal(strlen(good->account), VAULT_ACCOUNT_MAX);
	assert_int_equal(good->expires_at, 8);
	assert_int_equal(good->secret_expires_at, 9);
	assert_true(good->compromised);
	assert_false(bad->valid);
	assert_int_equal(bad->reason, PEPPERMINT__V1__REASON__WRONG_SECRET);
	assert_string_equal(bad->message, "Invalid or missing API key");
	assert_string_equal(bad->key_id, "");
	assert_string_equal(bad->account, "");
}

static void hashes_stand_in_the_order_of_the_values(void **state)
{
	struct asked *a = *state;

	assert_int_equal(ask_whole(a, PEPPERMINT__V1__REQUEST__CALL_HASH), PM_OK);
	assert_int_equal(a->reply->hash->n_hashes, 2);
	assert_string_equal(a->reply->hash->hashes[0], "v1:1");
	assert_string_equal(a->reply->hash->hashes[1], "v1:2");
	assert_string_equal(fake_asked().name, "pan");

	assert_int_equal(ask_whole(a, PEPPERMINT__V1__REQUEST__CALL_VERIFY_HASH), PM_OK);
	assert_int_equal(a->reply->verify_hash->n_verdicts, 2);
	assert_true(a->reply->verify_hash->verdicts[0]->match);
	assert_true(a->reply->verify_hash->verdicts[0]->outdated);
	assert_true(a->reply->verify_hash->verdicts[0]->compromised);
	assert_false(a->reply->verify_hash->verdicts[1]->match);
	assert_int_equal(a->reply->verify_hash->verdicts[1]->reason,
			 PEPPERMINT__V1__REASON__MISMATCH);
}

static void a_page_has_fifty_keys_unless_asked_otherwise(void **state)
{
	struct asked *a = *state;

	fake_size(100);
	assert_int_equal(ask_whole(a, PEPPERMINT__V1__REQUEST__CALL_LIST_KEYS), PM_OK);
	assert_int_equal(a->reply->list_keys->n_keys, 50);
	assert_key(a->reply->list_keys->keys[49]);
	assert_string_equal(a->reply->list_keys->next_page_token, "next-page");
	assert_int_equal(a->reply->list_keys->total, 1234);
	make_whole(a, PEPPERMINT__V1__REQUEST__CALL_LIST_KEYS);
	a->list_keys.page_size = 100;
	a->list_keys.page_token = KEY_ID;
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(a->reply->list_keys->n_keys, 100);
	make_whole(a, PEPPERMINT__V1__REQUEST__CALL_LIST_KEYS);
	a->list_keys.page_size = 101;
	expect_refusal(a, PM_BAD_REQUEST, "page_size: must be at most 100");
}

static void peppers_show_all_their_versions(void **state)
{
	struct asked *a = *state;

	fake_size(VAULT_PEPPER_VERSIONS_MAX);
	assert_int_equal(ask_whole(a, PEPPERMINT__V1__REQUEST__CALL_CREATE_PEPPER), PM_OK);
	const Peppermint__V1__Pepper *pepper = a->reply->create_pepper->pepper;
	assert_string_equal(pepper->environment, "test");
	assert_string_equal(pepper->name, "pan");
	assert_int_equal(pepper->n_versions, VAULT_PEPPER_VERSIONS_MAX);
	const Peppermint__V1__PepperVersion *last = pepper->versions[63];
	assert_int_equal(last->version, 64);
	assert_int_equal(last->state, PEPPERMINT__V1__PEPPER_STATE__VERIFY_ONLY);
	assert_int_equal(last->created_at, 77);
	assert_int_equal(last->key_id.len, 16);
	assert_int_equal(last->key_id.data[15], 0xab);
	assert_int_equal(last->check_value.len, 8);
	assert_int_equal(last->check_value.data[7], 0xcd);
	assert_int_equal(ask_whole(a, PEPPERMINT__V1__REQUEST__CALL_ROTATE_PEPPER), PM_OK);
	assert_int_equal(a->reply->rotate_pepper->pepper->n_versions, 64);
	assert_int_equal(ask_whole(a, PEPPERMINT__V1__REQUEST__CALL_LIST_PEPPERS), PM_OK);
	assert_int_equal(a->reply->list_peppers->n_peppers, VAULT_PEPPERS_MAX);
}

static void status_shows_the_environments_that_the_caller_may_use(void **state)
{
	struct asked *a = *state;

	assert_int_equal(ask_whole(a, PEPPERMINT__V1__REQUEST__CALL_STATUS), PM_OK);
	assert_string_equal(a->reply->status->version, "1.2.3-test");
	assert_int_equal(a->reply->status->n_environments, 2);
	set_caller(a->f, 0, 2);
	assert_int_equal(ask_whole(a, PEPPERMINT__V1__REQUEST__CALL_STATUS), PM_OK);
	assert_int_equal(a->reply->status->n_environments, 1);
	const Peppermint__V1__EnvironmentStatus *live = a->reply->status->environments[0];
	assert_string_equal(live->name, "live");
	assert_string_equal(live->key_prefix, "ak_x_");
	assert_string_equal(live->token_label, "label");
	assert_int_equal(live->state, PEPPERMINT__V1__ENVIRONMENT_STATE__SERVING);
	assert_int_equal(live->keys, 5);
	assert_int_equal(live->quarantined, 6);
	assert_int_equal(live->signer_restarts, 7);
	assert_int_equal(live->orphaned_objects, 8);
	assert_int_equal(live->key_warnings, 9);
	assert_int_equal(live->sessions, 10);
	assert_true(live->proven);
	assert_int_equal(live->checked_at, 11);
	assert_int_equal(live->n_tokens, 2);
	assert_string_equal(live->tokens[0]->serial, "first");
	assert_true(live->tokens[0]->active);
	assert_int_equal(live->tokens[0]->state, PEPPERMINT__V1__TOKEN_STATE__TOKEN_READY);
	assert_string_equal(live->tokens[1]->label, "clone");
	assert_false(live->tokens[1]->active);
	assert_int_equal(live->tokens[1]->state, PEPPERMINT__V1__TOKEN_STATE__TOKEN_UNFIT);
	assert_string_equal(live->tokens[1]->detail, "it lacks pan/v2");
	assert_int_equal(live->tokens[1]->restarts, 12);
}

static void each_role_may_call_what_the_protocol_says_and_nothing_else(void **state)
{
	static const struct {
		uint32_t role;
		const char *allowed; /* for each call from Status on */
	} rights[] = {
		{ 0, "1000 0000 0000 0000000 0000000 00000000000000000" },
		{ ROLE_VERIFIER, "1010 0000 0000 0000000 0000000 00010000000000000" },
		{ ROLE_ISSUER, "1101 1110 0000 0000000 0000000 11111100000000000" },
		{ ROLE_HASHER, "1000 0001 1000 0000000 0000000 00000000000000000" },
		{ ROLE_CUSTODIAN, "1000 0000 0111 0000100 1111111 00000000000000010" },
		{ ROLE_PORTAL, "1101 1110 0000 0000000 0000000 11111100101111000" },
		{ ROLE_STAFF, "1000 0000 0000 0000000 0000000 00000011111111101" },
		{ ROLE_AUDITOR, "1001 1000 0100 1111011 1010000 00000000110010000" },
	};
	struct asked *a = *state;

	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		set_caller(a->f, rights[i].role, ALL_ENVIRONMENTS);
		const char *allowed = rights[i].allowed;
		for (uint32_t call = FIRST; call <= LAST; call++, allowed++) {
			allowed += *allowed == ' ';
			assert_int_equal(ask_whole(a, call), *allowed == '1' ? PM_OK : PM_DENIED);
		}
	}
}

/* The body of a call that the caller may not make is not looked at: its faults do not show. */
static void who_may_not_call_learns_nothing_about_his_request(void **state)
{
	struct asked *a = *state;

	set_caller(a->f, ROLE_VERIFIER, ALL_ENVIRONMENTS);
	make(a, PEPPERMINT__V1__REQUEST__CALL_MINT_KEY);
	a->mint_key.account = "\x01";
	assert_int_equal(send_it(a), PM_DENIED);
}

static void calls_of_an_environment_are_bound_to_the_callers_own(void **state)
{
	struct asked *a = *state;

	for (uint32_t call = FIRST + 1; call <= LAST; call++) {
		if (is_of_the_whole_vault(call))
			continue;
		set_caller(a->f, ALL_ROLES, 1);
		assert_int_equal(ask_whole(a, call), PM_OK);
		make_whole(a, call);
		a->get_key.environment = "live";
		assert_int_equal(send_it(a), PM_DENIED);
		make_whole(a, call); /* looks the same as a forbidden one */
		a->get_key.environment = "nowhere";
		assert_int_equal(send_it(a), PM_DENIED);
		set_caller(a->f, ALL_ROLES, ALL_ENVIRONMENTS);
		make_whole(a, call);
		a->get_key.environment = "nowhere";
		expect_refusal(a, PM_NOT_FOUND, "environment: there is none by that name");
		make_whole(a, call);
		a->get_key.environment = "";
		expect_refusal(a, PM_BAD_REQUEST, "environment: required");
	}
}

static void calls_of_the_whole_vault_need_a_caller_of_every_environment(void **state)
{
	struct asked *a = *state;

	for (uint32_t call = FIRST + 1; call <= LAST; call++) {
		if (!is_of_the_whole_vault(call))
			continue;
		for (uint32_t environments = 0; environments < 8; environments++) {
			bool all = (environments & ALL_ENVIRONMENTS) == ALL_ENVIRONMENTS;

			set_caller(a->f, ALL_ROLES, environments);
			assert_int_equal(ask_whole(a, call), all ? PM_OK : PM_DENIED);
		}
	}
}

static void calls_that_change_something_need_a_request_id(void **state)
{
	static const char writes[] = "01000110001100011000101111"
				     "11101011001101111";
	struct asked *a = *state;

	for (uint32_t call = FIRST; call <= LAST; call++) {
		make_whole(a, call);
		a->request.request_id = "";
		if (writes[call - FIRST] == '1')
			expect_refusal(a, PM_BAD_REQUEST, "request_id: required by this call");
		else
			assert_int_equal(send_it(a), PM_OK);
	}
}

static char *text_of(size_t len)
{
	static char text[300];

	memset(text, 'x', len);
	text[len] = '\0';
	return text;
}

static void the_texts_of_a_new_key_have_their_limits(void **state)
{
	struct asked *a = *state;

	make_whole(a, PEPPERMINT__V1__REQUEST__CALL_MINT_KEY);
	a->mint_key.account = "";
	expect_refusal(a, PM_BAD_REQUEST, "account: required, at most 64 bytes");
	a->mint_key.account = text_of(65);
	expect_refusal(a, PM_BAD_REQUEST, "account: must be at most 64 bytes");
	a->mint_key.account = text_of(64);
	assert_int_equal(send_it(a), PM_OK);
	make_whole(a, PEPPERMINT__V1__REQUEST__CALL_MINT_KEY);
	a->mint_key.product = text_of(65);
	expect_refusal(a, PM_BAD_REQUEST, "product: must be at most 64 bytes");
	make_whole(a, PEPPERMINT__V1__REQUEST__CALL_MINT_KEY);
	a->mint_key.name = text_of(129);
	expect_refusal(a, PM_BAD_REQUEST, "name: must be at most 128 bytes");
	a->mint_key.name = text_of(257);
	expect_refusal(a, PM_TOO_LARGE, "name: too long");
}

static void a_key_cannot_expire_in_the_past(void **state)
{
	struct asked *a = *state;
	const int64_t past[] = { -1, 1, clock_unix(), INT64_MIN };

	for (size_t i = 0; i < sizeof(past) / sizeof(past[0]); i++) {
		make_whole(a, PEPPERMINT__V1__REQUEST__CALL_MINT_KEY);
		a->mint_key.expires_at = past[i];
		expect_refusal(a, PM_BAD_REQUEST,
			       "expires_at: must be in the future, or 0 for never");
	}
	assert_int_equal(fake_entered(), 0);
}

static void what_cannot_be_a_key_id_is_not_found_without_asking_the_vault(void **state)
{
	static char *const wrong[] = { "0123456789ABCDE", "0123456789ABCDEFG", "0123456789ABCDE-",
				       "../../etc/passwd" };
	struct asked *a = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		make_whole(a, PEPPERMINT__V1__REQUEST__CALL_GET_KEY);
		a->get_key.key_id = wrong[i];
		assert_int_equal(send_it(a), PM_NOT_FOUND);
	}
	make_whole(a, PEPPERMINT__V1__REQUEST__CALL_GET_KEY);
	a->get_key.key_id = "";
	expect_refusal(a, PM_BAD_REQUEST, "key_id: required");
	assert_int_equal(fake_entered(), 0);
}

static void a_peppers_name_has_its_form_and_the_one_of_api_keys_hashes_nothing_else(void **state)
{
	static char *const wrong[] = {
		"", "-pan", "9pan", "Pan", "pan_", "pan pan", "p23456789012345678901234567890123"
	};
	struct asked *a = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		make_whole(a, PEPPERMINT__V1__REQUEST__CALL_CREATE_PEPPER);
		a->create_pepper.name = wrong[i];
		assert_int_equal(send_it(a), PM_BAD_REQUEST);
		make_whole(a, PEPPERMINT__V1__REQUEST__CALL_HASH);
		a->hash.pepper = wrong[i];
		assert_int_equal(send_it(a), PM_BAD_REQUEST);
	}
	make_whole(a, PEPPERMINT__V1__REQUEST__CALL_HASH);
	a->hash.pepper = "api-keys";
	expect_refusal(a, PM_BAD_REQUEST, "pepper: api-keys hashes API keys only");
	make_whole(a, PEPPERMINT__V1__REQUEST__CALL_VERIFY_HASH);
	a->verify_hash.pepper = "api-keys";
	expect_refusal(a, PM_BAD_REQUEST, "pepper: api-keys hashes API keys only");
	assert_int_equal(fake_entered(), 0);
}

static void lists_must_not_be_empty_and_neither_must_values(void **state)
{
	struct asked *a = *state;

	make_whole(a, PEPPERMINT__V1__REQUEST__CALL_VERIFY_KEYS);
	a->verify_keys.n_api_keys = 0;
	expect_refusal(a, PM_BAD_REQUEST,
		       "api_keys: at least one is required, or else of presented");
	make_whole(a, PEPPERMINT__V1__REQUEST__CALL_HASH);
	a->hash.n_values = 0;
	expect_refusal(a, PM_BAD_REQUEST, "values: at least one is required");
	make_whole(a, PEPPERMINT__V1__REQUEST__CALL_HASH);
	a->values[1].len = 0;
	expect_refusal(a, PM_BAD_REQUEST, "values: each must have 1 to 16384 bytes");
	make_whole(a, PEPPERMINT__V1__REQUEST__CALL_VERIFY_HASH);
	a->verify_hash.n_items = 0;
	expect_refusal(a, PM_BAD_REQUEST, "items: at least one is required");
	make_whole(a, PEPPERMINT__V1__REQUEST__CALL_VERIFY_HASH);
	a->items[1].value.len = 0;
	expect_refusal(a, PM_BAD_REQUEST, "value: must have 1 to 16384 bytes");
}

static void an_empty_key_text_is_the_vaults_to_judge(void **state)
{
	struct asked *a = *state;

	make_whole(a, PEPPERMINT__V1__REQUEST__CALL_VERIFY_KEYS);
	a->texts[0] = "";
	assert_int_equal(send_it(a), PM_OK);
	assert_false(a->reply->verify_keys->verdicts[0]->valid);
}

static void a_batch_may_be_full_and_not_over(void **state)
{
	static char *many[513];
	struct asked *a = *state;

	for (size_t i = 0; i < 513; i++)
		many[i] = "bad";
	make_whole(a, PEPPERMINT__V1__REQUEST__CALL_VERIFY_KEYS);
	a->verify_keys.api_keys = many;
	a->verify_keys.n_api_keys = 512;
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(a->reply->verify_keys->n_verdicts, 512);
	a->verify_keys.n_api_keys = 513;
	expect_refusal(a, PM_TOO_LARGE, "api_keys: too many items");
}

static void an_answer_that_would_be_too_large_is_refused(void **state)
{
	static char *many[512];
	struct asked *a = *state;

	for (size_t i = 0; i < 512; i++)
		many[i] = "good"; /* each with the longest account and product: 80 KB */
	make_whole(a, PEPPERMINT__V1__REQUEST__CALL_VERIFY_KEYS);
	a->verify_keys.api_keys = many;
	a->verify_keys.n_api_keys = 512;
	expect_refusal(a, PM_TOO_LARGE, "the answer would be too large: ask for less");
}

static bool is_sent(enum pm_err err)
{
	return err != PM_OK && err != PM_CONFIG && err != PM_UNREACHABLE && err != PM_BAD_REPLY;
}

/* A refused PIN is told that it was tried, and a PIN is not to be tried again to find out. */
static bool has_words_of_its_own(uint32_t call, enum pm_err err)
{
	return (call == PEPPERMINT__V1__REQUEST__CALL_UNSEAL && err == PM_SEALED) ||
	       (call == PEPPERMINT__V1__REQUEST__CALL_CHANGE_PIN &&
		(err == PM_DENIED || err == PM_OUTCOME_UNKNOWN));
}

static void expect_passed_on(struct asked *a, enum pm_err err)
{
	fake_fail(err);
	for (uint32_t call = FIRST + 1; call <= LAST; call++) {
		assert_int_equal(ask_whole(a, call), err);
		if (!has_words_of_its_own(call, err))
			assert_string_equal(a->reply->message, peppermint_error_text(err));
	}
}

static void the_vaults_errors_are_passed_on_with_their_text(void **state)
{
#define PASSED(name, number, text)                                                                 \
	if (is_sent(PM_##name))                                                                    \
		expect_passed_on(*state, PM_##name);
	PEPPERMINT_ERRORS(PASSED)
}

static void errors_that_a_vault_never_sends_are_internal(void **state)
{
	static const enum pm_err never[] = { PM_CONFIG, PM_UNREACHABLE, PM_BAD_REPLY };

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		fake_fail(never[i]);
		assert_int_equal(ask_whole(*state, PEPPERMINT__V1__REQUEST__CALL_GET_KEY),
				 PM_INTERNAL);
	}
}

static void already_done_says_what_it_acted_on(void **state)
{
	struct asked *a = *state;

	fake_fail(PM_ALREADY_DONE);
	assert_int_equal(ask_whole(a, PEPPERMINT__V1__REQUEST__CALL_MINT_KEY), PM_ALREADY_DONE);
	assert_string_equal(a->reply->subject, KEY_ID);
	fake_fail(PM_NOT_FOUND);
	assert_int_equal(ask_whole(a, PEPPERMINT__V1__REQUEST__CALL_GET_KEY), PM_NOT_FOUND);
	assert_string_equal(a->reply->subject, "");
}

static void a_repeated_change_gets_its_first_answer_and_is_not_executed(void **state)
{
	struct asked *a = *state;

	assert_int_equal(ask_whole(a, PEPPERMINT__V1__REQUEST__CALL_MINT_KEY), PM_OK);
	assert_int_equal(send_it(a), PM_OK);
	assert_string_equal(a->reply->mint_key->api_key, FAKE_SECRET);
	assert_int_equal(fake_executed(), 1);
	a->mint_key.account = "other";
	assert_int_equal(send_it(a), PM_CONFLICT);
	assert_int_equal(fake_executed(), 1);
}

static void a_change_that_failed_may_be_tried_again_under_its_id(void **state)
{
	struct asked *a = *state;

	fake_fail(PM_HSM_UNAVAILABLE);
	assert_int_equal(ask_whole(a, PEPPERMINT__V1__REQUEST__CALL_MINT_KEY), PM_HSM_UNAVAILABLE);
	fake_fail(PM_OK);
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(fake_executed(), 1);
}

static void a_repeated_read_is_executed_again(void **state)
{
	struct asked *a = *state;

	assert_int_equal(ask_whole(a, PEPPERMINT__V1__REQUEST__CALL_GET_KEY), PM_OK);
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(fake_executed(), 2);
}

/* Requests that no packer makes: envelope and call as they come from elsewhere. */
static void expect_bytes(struct asked *a, const char *bytes, size_t len, enum pm_err err,
			 const char *message)
{
	if (a->reply)
		free_reply(a->reply);
	a->reply = ask_bytes(a->socket, bytes_of(bytes, len));
	assert_int_equal(a->reply->error, err);
	assert_string_equal(a->reply->message, message);
}

static void malformed_requests_are_told_what_is_wrong(void **state)
{
	struct asked *a = *state;
#define EXPECT(bytes, err, message) expect_bytes(a, bytes, sizeof(bytes) - 1, err, message)

	EXPECT("\xff", PM_BAD_REQUEST, "not an encoded Request");
	EXPECT("", PM_VERSION_UNSUPPORTED, "version: must be 1");
	EXPECT("\x08\x02", PM_VERSION_UNSUPPORTED, "version: must be 1");
	EXPECT("\x08\x01", PM_UNKNOWN_RPC, "call: there is none");
	EXPECT("\x08\x01\x08\x01\x82\x01\x00", PM_BAD_REQUEST, "version: given more than once");
	EXPECT("\x08\x01\x82\x01\x00\x82\x01\x00", PM_BAD_REQUEST, "call: there is more than one");
	EXPECT("\x08\x01\x80\x01\x05", PM_BAD_REQUEST, "call: not a message");
	EXPECT("\x08\x01\x12\x02\xc3\x28\x82\x01\x00", PM_BAD_REQUEST,
	       "request_id: must be UTF-8 without control characters");
	EXPECT("\x08\x01\x8a\x3e\x00", PM_UNKNOWN_RPC, /* field 993 */
	       "this vault does not know that call; it may be older than the client");
	EXPECT("\x08\x01\x9a\x01\x02\x0a\x05", PM_BAD_REQUEST, "not an encoded message");
	EXPECT("\x08\x01\x9a\x01\x06\x0a\x04te\xff\xfe", PM_BAD_REQUEST,
	       "environment: must be UTF-8 without control characters");
	EXPECT("\x08\x01\x9a\x01\x06\x0a\x01"
	       "a\x0a\x01"
	       "b",
	       PM_BAD_REQUEST, "environment: given more than once");
	EXPECT("\x08\x01\x82\x01\x00\xc2\x3e\x05hello", PM_OK, ""); /* field 1000: unknown */
}

int main(void)
{
#define ASKED(test) cmocka_unit_test_setup_teardown(test, asked_setup, asked_teardown)
	const struct CMUnitTest tests[] = {
		ASKED(every_call_has_its_result),
		ASKED(minting_gives_the_record_and_the_secret),
		ASKED(rotating_passes_overlap_and_force_on),
		ASKED(revoking_and_reading_give_the_record),
		ASKED(verdicts_stand_in_the_order_of_the_keys_and_a_refusal_says_nothing_more),
		ASKED(hashes_stand_in_the_order_of_the_values),
		ASKED(a_page_has_fifty_keys_unless_asked_otherwise),
		ASKED(peppers_show_all_their_versions),
		ASKED(status_shows_the_environments_that_the_caller_may_use),
		ASKED(each_role_may_call_what_the_protocol_says_and_nothing_else),
		ASKED(who_may_not_call_learns_nothing_about_his_request),
		ASKED(calls_of_an_environment_are_bound_to_the_callers_own),
		ASKED(calls_of_the_whole_vault_need_a_caller_of_every_environment),
		ASKED(calls_that_change_something_need_a_request_id),
		ASKED(the_texts_of_a_new_key_have_their_limits),
		ASKED(a_key_cannot_expire_in_the_past),
		ASKED(what_cannot_be_a_key_id_is_not_found_without_asking_the_vault),
		ASKED(a_peppers_name_has_its_form_and_the_one_of_api_keys_hashes_nothing_else),
		ASKED(lists_must_not_be_empty_and_neither_must_values),
		ASKED(an_empty_key_text_is_the_vaults_to_judge),
		ASKED(a_batch_may_be_full_and_not_over),
		ASKED(an_answer_that_would_be_too_large_is_refused),
		ASKED(the_vaults_errors_are_passed_on_with_their_text),
		ASKED(errors_that_a_vault_never_sends_are_internal),
		ASKED(already_done_says_what_it_acted_on),
		ASKED(a_repeated_change_gets_its_first_answer_and_is_not_executed),
		ASKED(a_change_that_failed_may_be_tried_again_under_its_id),
		ASKED(a_repeated_read_is_executed_again),
		ASKED(malformed_requests_are_told_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
