/* Answers that no vault gives: each is PM_BAD_REPLY, and none leaves a yes or a secret behind. */
#include <string.h>

#include "fixture.h"

static enum pm_err verify(struct fixture *f, struct peppermint_verdict *verdict)
{
	return peppermint_verify_key(f->vault, "test", CANNED_KEY, verdict, &f->call);
}

static void expect_bad_verify(struct fixture *f, void (*tweak)(Peppermint__V1__Reply *reply))
{
	struct peppermint_verdict verdict;

	canned_tweak(f->canned, tweak);
	assert_int_equal(verify(f, &verdict), PM_BAD_REPLY);
	assert_false(verdict.valid);
	assert_int_equal(verdict.reason, PM_REASON_NOT_CHECKED);
	assert_string_equal(verdict.key_id, "");
	assert_mentions(f->call.message, f->socket);

	/* The handle serves on. */
	canned_tweak(f->canned, NULL);
	assert_ok(verify(f, &verdict));
	assert_true(verdict.valid);
}

static void junk_is_a_bad_reply(void **state)
{
	struct fixture *f = *state;
	struct peppermint_verdict verdict;

	canned_behave(f->canned, CANNED_JUNK);
	assert_int_equal(verify(f, &verdict), PM_BAD_REPLY);
	assert_false(verdict.valid);
}

static void an_empty_message_is_a_bad_reply(void **state)
{
	struct fixture *f = *state;
	struct peppermint_verdict verdict;

	canned_behave(f->canned, CANNED_EMPTY);
	assert_int_equal(verify(f, &verdict), PM_BAD_REPLY);
	assert_false(verdict.valid);
}

static void set_version(Peppermint__V1__Reply *reply)
{
	reply->version = 2;
}

static void another_version_is_a_bad_reply(void **state)
{
	expect_bad_verify(*state, set_version);
}

static void set_id(Peppermint__V1__Reply *reply)
{
	reply->request_id = "another";
}

static void another_request_id_is_a_bad_reply(void **state)
{
	expect_bad_verify(*state, set_id);
}

static void drop_id(Peppermint__V1__Reply *reply)
{
	reply->request_id = "";
}

static void a_result_without_request_id_is_a_bad_reply(void **state)
{
	expect_bad_verify(*state, drop_id);
}

static void drop_result(Peppermint__V1__Reply *reply)
{
	reply->result_case = PEPPERMINT__V1__REPLY__RESULT__NOT_SET;
}

static void ok_without_result_is_a_bad_reply(void **state)
{
	expect_bad_verify(*state, drop_result);
}

static void set_other_result(Peppermint__V1__Reply *reply)
{
	static Peppermint__V1__HashReply hash = PEPPERMINT__V1__HASH_REPLY__INIT;

	reply->result_case = PEPPERMINT__V1__REPLY__RESULT_HASH;
	reply->hash = &hash;
}

static void another_calls_result_is_a_bad_reply(void **state)
{
	expect_bad_verify(*state, set_other_result);
}

static void set_program_error(Peppermint__V1__Reply *reply)
{
	reply->error = PEPPERMINT__V1__ERROR__UNREACHABLE;
}

static void an_error_that_only_programs_use_is_a_bad_reply(void **state)
{
	expect_bad_verify(*state, set_program_error);
}

static void drop_verdict(Peppermint__V1__Reply *reply)
{
	reply->verify_keys->n_verdicts = 0;
}

static void too_few_verdicts_are_a_bad_reply(void **state)
{
	expect_bad_verify(*state, drop_verdict);
}

static void double_verdict(Peppermint__V1__Reply *reply)
{
	reply->verify_keys->n_verdicts = 2;
	reply->verify_keys->verdicts[1] = reply->verify_keys->verdicts[0];
}

static void too_many_verdicts_are_a_bad_reply(void **state)
{
	expect_bad_verify(*state, double_verdict);
}

static void add_reason(Peppermint__V1__Reply *reply)
{
	reply->verify_keys->verdicts[0]->reason = PEPPERMINT__V1__REASON__REVOKED;
}

static void valid_with_a_reason_to_refuse_is_a_bad_reply(void **state)
{
	expect_bad_verify(*state, add_reason);
}

static void add_error(Peppermint__V1__Reply *reply)
{
	reply->verify_keys->verdicts[0]->error = PEPPERMINT__V1__ERROR__HSM_UNAVAILABLE;
}

static void valid_with_an_error_is_a_bad_reply(void **state)
{
	expect_bad_verify(*state, add_error);
}

static void drop_valid(Peppermint__V1__Reply *reply)
{
	reply->verify_keys->verdicts[0]->valid = 0;
}

static void refused_without_a_reason_is_a_bad_reply(void **state)
{
	expect_bad_verify(*state, drop_valid);
}

static void set_escape(Peppermint__V1__Reply *reply)
{
	reply->verify_keys->verdicts[0]->account = "\x1b[2Jacme";
}

static void a_terminal_escape_is_a_bad_reply(void **state)
{
	expect_bad_verify(*state, set_escape);
}

static void set_latin1(Peppermint__V1__Reply *reply)
{
	reply->verify_keys->verdicts[0]->account = "M\xfcller";
}

static void text_that_is_not_utf8_is_a_bad_reply(void **state)
{
	expect_bad_verify(*state, set_latin1);
}

static void set_long_account(Peppermint__V1__Reply *reply)
{
	static char text[PEPPERMINT_ACCOUNT_MAX + 2];

	memset(text, 'a', sizeof(text) - 1);
	reply->verify_keys->verdicts[0]->account = text;
}

static void a_text_over_its_length_is_a_bad_reply(void **state)
{
	expect_bad_verify(*state, set_long_account);
}

static void set_unknown_reason(Peppermint__V1__Reply *reply)
{
	reply->verify_keys->verdicts[0]->valid = 0;
	reply->verify_keys->verdicts[0]->reason = (Peppermint__V1__Reason)99;
}

static void a_newer_vaults_reason_is_a_refusal(void **state)
{
	struct fixture *f = *state;
	struct peppermint_verdict verdict;

	canned_tweak(f->canned, set_unknown_reason);
	assert_ok(verify(f, &verdict));
	assert_false(verdict.valid);
	assert_string_equal(peppermint_reason_name(verdict.reason), "UNKNOWN");
}

static void set_unknown_error(Peppermint__V1__Reply *reply)
{
	reply->error = (Peppermint__V1__Error)99;
	reply->message = "";
}

static void a_newer_vaults_error_is_an_error_with_a_text(void **state)
{
	struct fixture *f = *state;
	struct peppermint_verdict verdict;

	canned_tweak(f->canned, set_unknown_error);
	assert_int_equal(verify(f, &verdict), 99);
	assert_false(verdict.valid);
	assert_mentions(f->call.message, "older than the vault");
}

static void set_unread(Peppermint__V1__Reply *reply)
{
	reply->error = PEPPERMINT__V1__ERROR__BAD_REQUEST;
	reply->request_id = "";
	reply->message = "the request cannot be read";
}

static void a_refusal_may_lack_the_id_that_the_vault_could_not_read(void **state)
{
	struct fixture *f = *state;
	struct peppermint_verdict verdict;

	canned_tweak(f->canned, set_unread);
	assert_int_equal(verify(f, &verdict), PM_BAD_REQUEST);
	assert_string_equal(f->call.message, "the request cannot be read");
}

static void set_already_done(Peppermint__V1__Reply *reply)
{
	reply->error = PEPPERMINT__V1__ERROR__ALREADY_DONE;
	reply->message = "done before";
	reply->subject = CANNED_ID;
	reply->result_case = PEPPERMINT__V1__REPLY__RESULT__NOT_SET;
}

static enum pm_err mint(struct fixture *f, struct peppermint_key *key,
			struct peppermint_secret *secret)
{
	const struct peppermint_mint mint = { .environment = "test", .account = "acme" };

	memset(secret, 'x', sizeof(*secret));
	return peppermint_mint_key(f->vault, &mint, key, secret, &f->call);
}

static void already_done_names_its_subject(void **state)
{
	struct fixture *f = *state;
	struct peppermint_secret secret;
	struct peppermint_key key;

	canned_tweak(f->canned, set_already_done);
	assert_int_equal(mint(f, &key, &secret), PM_ALREADY_DONE);
	assert_string_equal(f->call.subject, CANNED_ID);
	assert_string_equal(secret.text, "");
}

static void expect_bad_mint(struct fixture *f, void (*tweak)(Peppermint__V1__Reply *reply))
{
	struct peppermint_secret secret;
	struct peppermint_key key;

	canned_tweak(f->canned, tweak);
	assert_int_equal(mint(f, &key, &secret), PM_BAD_REPLY);
	assert_string_equal(secret.text, "");
}

static void drop_key(Peppermint__V1__Reply *reply)
{
	reply->mint_key->key = NULL;
}

static void set_environment(Peppermint__V1__Reply *reply)
{
	reply->mint_key->key->environment = "live";
}

static void set_short_id(Peppermint__V1__Reply *reply)
{
	reply->mint_key->key->id = "short";
}

static void drop_secret(Peppermint__V1__Reply *reply)
{
	reply->mint_key->api_key = "";
}

static void set_long_secret(Peppermint__V1__Reply *reply)
{
	static char text[PEPPERMINT_KEY_TEXT_MAX + 2];

	memset(text, 'a', sizeof(text) - 1);
	reply->mint_key->api_key = text;
}

static void a_minted_key_must_be_whole_and_of_the_environment_asked(void **state)
{
	expect_bad_mint(*state, drop_key);
	expect_bad_mint(*state, set_environment);
	expect_bad_mint(*state, set_short_id);
	expect_bad_mint(*state, drop_secret);
	expect_bad_mint(*state, set_long_secret);
}

static void swap_key(Peppermint__V1__Reply *reply)
{
	reply->revoke_key->key->id = "EEEEFFFFGGGGHHHH";
}

static void a_record_of_another_key_is_a_bad_reply(void **state)
{
	struct fixture *f = *state;
	struct peppermint_key key;

	canned_tweak(f->canned, swap_key);
	assert_int_equal(peppermint_revoke_key(f->vault, "test", CANNED_ID, &key, &f->call),
			 PM_BAD_REPLY);
}

static void set_unknown_state(Peppermint__V1__Reply *reply)
{
	reply->get_key->key->state = (Peppermint__V1__KeyState)99;
}

static void a_newer_vaults_key_state_is_unknown(void **state)
{
	struct fixture *f = *state;
	struct peppermint_key key;

	canned_tweak(f->canned, set_unknown_state);
	assert_ok(peppermint_get_key(f->vault, "test", CANNED_ID, &key, &f->call));
	assert_int_equal(key.state, PEPPERMINT_KEY_STATE_UNKNOWN);
}

static void shorten_check_value(Peppermint__V1__Reply *reply)
{
	reply->list_peppers->peppers[0]->versions[0]->check_value.len = 3;
}

static void a_check_value_of_another_length_is_a_bad_reply(void **state)
{
	struct fixture *f = *state;
	struct peppermint_pepper pepper;
	size_t count = 7;

	canned_tweak(f->canned, shorten_check_value);
	assert_int_equal(peppermint_list_peppers(f->vault, "test", &pepper, 1, &count, &f->call),
			 PM_BAD_REPLY);
	assert_int_equal(count, 0);
}

static void empty_hash(Peppermint__V1__Reply *reply)
{
	reply->hash->hashes[0] = "";
}

static void an_empty_hash_is_a_bad_reply(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_value value = { "v", 1 };
	struct peppermint_value_hash hash;

	canned_tweak(f->canned, empty_hash);
	assert_int_equal(
		peppermint_hash_values(f->vault, "test", "email", &value, 1, &hash, &f->call),
		PM_BAD_REPLY);
}

static void claim_match(Peppermint__V1__Reply *reply)
{
	reply->verify_hash->verdicts[0]->match = 1;
}

static void a_match_with_a_reason_to_refuse_is_a_bad_reply(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_hash_claim claim = { { "other", 5 }, CANNED_HASH };
	struct peppermint_hash_verdict verdict;

	canned_tweak(f->canned, claim_match);
	assert_int_equal(
		peppermint_verify_hashes(f->vault, "test", "email", &claim, 1, &verdict, &f->call),
		PM_BAD_REPLY);
	assert_false(verdict.match);
}

static void bend_receipt(Peppermint__V1__Reply *reply)
{
	reply->receipt->leaf_hash.len = 31;
}

static void drop_receipts_log(Peppermint__V1__Reply *reply)
{
	reply->receipt->log = 0;
}

static void a_receipt_must_be_whole(void **state)
{
	struct fixture *f = *state;
	struct peppermint_verdict verdict;

	f->call.want_receipt = true;
	expect_bad_verify(f, bend_receipt);
	expect_bad_verify(f, drop_receipts_log);
	canned_tweak(f->canned, drop_receipts_log);
	assert_int_equal(verify(f, &verdict), PM_BAD_REPLY);
	assert_int_equal(f->call.receipt_log, 0);
}

static void send_receipt_anyway(Peppermint__V1__Reply *reply)
{
	static Peppermint__V1__Receipt receipt = PEPPERMINT__V1__RECEIPT__INIT;

	receipt.log = 7;
	reply->receipt = &receipt;
}

static void a_receipt_that_was_not_asked_for_is_none(void **state)
{
	struct fixture *f = *state;
	struct peppermint_verdict verdict;

	canned_tweak(f->canned, send_receipt_anyway);
	assert_ok(verify(f, &verdict));
	assert_int_equal(f->call.receipt_log, 0);
}

static void set_blocked(Peppermint__V1__Reply *reply)
{
	reply->error = PEPPERMINT__V1__ERROR__AUDIT_BLOCKED;
	reply->message = "";
	reply->result_case = PEPPERMINT__V1__REPLY__RESULT__NOT_SET;
}

static void a_blocked_audit_log_is_told_as_such(void **state)
{
	struct fixture *f = *state;
	struct peppermint_verdict verdict;

	canned_tweak(f->canned, set_blocked);
	assert_int_equal(verify(f, &verdict), PM_AUDIT_BLOCKED);
	assert_false(verdict.valid);
	assert_string_equal(f->call.message, peppermint_error_text(PM_AUDIT_BLOCKED));
}

static void bend_audit(Peppermint__V1__Reply *reply)
{
	reply->status->audit->origin = "\x1b[2J";
}

static void drop_audit(Peppermint__V1__Reply *reply)
{
	reply->status->audit = NULL;
}

static void set_unknown_audit_state(Peppermint__V1__Reply *reply)
{
	reply->status->audit->state = (Peppermint__V1__AuditState)99;
}

static void the_audit_logs_status_is_clean_and_may_be_missing_or_newer(void **state)
{
	struct fixture *f = *state;
	struct peppermint_status status;

	canned_tweak(f->canned, bend_audit);
	assert_int_equal(peppermint_get_status(f->vault, &status, &f->call), PM_BAD_REPLY);
	canned_tweak(f->canned, drop_audit);
	assert_ok(peppermint_get_status(f->vault, &status, &f->call));
	assert_int_equal(status.audit.state, PEPPERMINT_AUDIT_STATE_UNKNOWN);
	canned_tweak(f->canned, set_unknown_audit_state);
	assert_ok(peppermint_get_status(f->vault, &status, &f->call));
	assert_int_equal(status.audit.state, PEPPERMINT_AUDIT_STATE_UNKNOWN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(junk_is_a_bad_reply),
		TEST(an_empty_message_is_a_bad_reply),
		TEST(another_version_is_a_bad_reply),
		TEST(another_request_id_is_a_bad_reply),
		TEST(a_result_without_request_id_is_a_bad_reply),
		TEST(ok_without_result_is_a_bad_reply),
		TEST(another_calls_result_is_a_bad_reply),
		TEST(an_error_that_only_programs_use_is_a_bad_reply),
		TEST(too_few_verdicts_are_a_bad_reply),
		TEST(too_many_verdicts_are_a_bad_reply),
		TEST(valid_with_a_reason_to_refuse_is_a_bad_reply),
		TEST(valid_with_an_error_is_a_bad_reply),
		TEST(refused_without_a_reason_is_a_bad_reply),
		TEST(a_terminal_escape_is_a_bad_reply),
		TEST(text_that_is_not_utf8_is_a_bad_reply),
		TEST(a_text_over_its_length_is_a_bad_reply),
		TEST(a_newer_vaults_reason_is_a_refusal),
		TEST(a_newer_vaults_error_is_an_error_with_a_text),
		TEST(a_refusal_may_lack_the_id_that_the_vault_could_not_read),
		TEST(already_done_names_its_subject),
		TEST(a_minted_key_must_be_whole_and_of_the_environment_asked),
		TEST(a_record_of_another_key_is_a_bad_reply),
		TEST(a_newer_vaults_key_state_is_unknown),
		TEST(a_check_value_of_another_length_is_a_bad_reply),
		TEST(an_empty_hash_is_a_bad_reply),
		TEST(a_match_with_a_reason_to_refuse_is_a_bad_reply),
		TEST(a_receipt_must_be_whole),
		TEST(a_receipt_that_was_not_asked_for_is_none),
		TEST(a_blocked_audit_log_is_told_as_such),
		TEST(the_audit_logs_status_is_clean_and_may_be_missing_or_newer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
