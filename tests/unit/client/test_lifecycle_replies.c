/* Answers of no vault to the calls of a key's life: each is PM_BAD_REPLY, and leaves nothing behind. */
#include <string.h>

#include "fixture.h"

static void set_long(char **text, size_t len)
{
	static char room[4096];

	memset(room, 'a', len);
	room[len] = '\0';
	*text = room;
}

static enum pm_err get_key(struct fixture *f)
{
	struct peppermint_key key;

	return peppermint_get_key(f->vault, "test", CANNED_ID, &key, &f->call);
}

#define KEY_TWEAK(name, change)                                                                    \
	static void name(Peppermint__V1__Reply *reply)                                             \
	{                                                                                          \
		Peppermint__V1__Key *key = reply->get_key->key;                                    \
		change;                                                                            \
	}

KEY_TWEAK(long_reference, set_long(&key->external_reference, PEPPERMINT_REFERENCE_MAX + 1))
KEY_TWEAK(unclean_reference, key->external_reference = "a\nb")
KEY_TWEAK(scope_with_a_blank, key->scopes[0] = "pay refund")
KEY_TWEAK(empty_scope, key->scopes[1] = "")
KEY_TWEAK(unclean_network, key->networks[0] = "\x1b[2J")
KEY_TWEAK(long_label_key, set_long(&key->labels[0]->key, PEPPERMINT_LABEL_KEY_MAX + 1))
KEY_TWEAK(long_label_value, set_long(&key->labels[0]->value, PEPPERMINT_LABEL_VALUE_MAX + 1))

static void many_labels(Peppermint__V1__Reply *reply)
{
	static Peppermint__V1__Label *labels[PEPPERMINT_LABELS_MAX + 1];

	for (size_t i = 0; i <= PEPPERMINT_LABELS_MAX; i++)
		labels[i] = reply->get_key->key->labels[0];
	reply->get_key->key->labels = labels;
	reply->get_key->key->n_labels = PEPPERMINT_LABELS_MAX + 1;
}

static void many_scopes(Peppermint__V1__Reply *reply)
{
	static char *scopes[PEPPERMINT_SCOPES_MAX];

	for (size_t i = 0; i < PEPPERMINT_SCOPES_MAX; i++)
		scopes[i] = "s";
	reply->get_key->key->scopes = scopes;
	reply->get_key->key->n_scopes = PEPPERMINT_SCOPES_MAX;
}

static void a_record_that_does_not_fit_is_a_bad_reply(void **state)
{
	static void (*const tweaks[])(Peppermint__V1__Reply *) = {
		long_reference, unclean_reference, scope_with_a_blank, empty_scope, unclean_network,
		long_label_key, long_label_value,  many_labels,        many_scopes,
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(tweaks) / sizeof(tweaks[0]); i++) {
		canned_tweak(f->canned, tweaks[i]);
		assert_int_equal(get_key(f), PM_BAD_REPLY);
		canned_tweak(f->canned, NULL);
		assert_ok(get_key(f));
	}
}

/* As many scopes as the text has room for, and one more. */
static void full_scopes(Peppermint__V1__Reply *reply)
{
	static char *scopes[PEPPERMINT_SCOPES_MAX];

	for (size_t i = 0; i < PEPPERMINT_SCOPES_MAX; i++)
		scopes[i] = "s";
	reply->get_key->key->scopes = scopes;
	reply->get_key->key->n_scopes = (PEPPERMINT_SCOPES_MAX + 1) / 2;
}

static void words_fill_their_text_to_the_last_byte(void **state)
{
	struct fixture *f = *state;
	struct peppermint_key key;

	canned_tweak(f->canned, full_scopes);
	assert_ok(peppermint_get_key(f->vault, "test", CANNED_ID, &key, NULL));
	assert_int_equal(strlen(key.scopes), PEPPERMINT_SCOPES_MAX);
}

static void states_new(Peppermint__V1__Reply *reply)
{
	reply->get_key->key->state = (Peppermint__V1__KeyState)99;
}

static void a_newer_vaults_state_is_unknown(void **state)
{
	struct fixture *f = *state;
	struct peppermint_key key;

	canned_tweak(f->canned, states_new);
	assert_ok(peppermint_get_key(f->vault, "test", CANNED_ID, &key, NULL));
	assert_int_equal(key.state, PEPPERMINT_KEY_STATE_UNKNOWN);
}

static char *const clear = CANNED_KEY, *const sealed = CANNED_SEALED;

static void both(Peppermint__V1__Reply *reply)
{
	reply->mint_key->api_key = clear;
	reply->mint_key->sealed = sealed;
}

static void neither(Peppermint__V1__Reply *reply)
{
	reply->mint_key->api_key = reply->mint_key->sealed = "";
}

static void only_clear(Peppermint__V1__Reply *reply)
{
	reply->mint_key->api_key = clear;
	reply->mint_key->sealed = "";
}

static void only_sealed(Peppermint__V1__Reply *reply)
{
	reply->mint_key->api_key = "";
	reply->mint_key->sealed = sealed;
}

static void long_merchant(Peppermint__V1__Reply *reply)
{
	set_long(&reply->mint_key->merchant, PEPPERMINT_MERCHANT_MAX + 1);
}

static void long_sealed(Peppermint__V1__Reply *reply)
{
	reply->mint_key->api_key = "";
	set_long(&reply->mint_key->sealed, PEPPERMINT_SEALED_MAX + 1);
}

static void expect_bad_mint(struct fixture *f, const char *recipient,
			    void (*tweak)(Peppermint__V1__Reply *reply))
{
	struct peppermint_delivery delivery = { .recipient = recipient };
	const struct peppermint_mint mint = { .environment = "test",
					      .account = "acme",
					      .delivery = &delivery };
	struct peppermint_secret secret;
	struct peppermint_key key;

	memset(&secret, 'x', sizeof(secret));
	memset(delivery.sealed, 'x', sizeof(delivery.sealed));
	canned_tweak(f->canned, tweak);
	assert_int_equal(peppermint_mint_key(f->vault, &mint, &key, &secret, &f->call),
			 PM_BAD_REPLY);
	assert_string_equal(secret.text, "");
	assert_string_equal(delivery.sealed, "");
	assert_string_equal(delivery.merchant, "");
}

static void a_key_comes_as_it_was_asked_for_or_not_at_all(void **state)
{
	struct fixture *f = *state;

	expect_bad_mint(f, NULL, both);
	expect_bad_mint(f, NULL, neither);
	expect_bad_mint(f, NULL, only_sealed);
	expect_bad_mint(f, NULL, long_merchant);
	expect_bad_mint(f, "PEM", both);
	expect_bad_mint(f, "PEM", neither);
	expect_bad_mint(f, "PEM", only_clear);
	expect_bad_mint(f, "PEM", long_sealed);
}

static void refused_and_valid(Peppermint__V1__Reply *reply)
{
	reply->verify_keys->verdicts[0]->reason = PEPPERMINT__V1__REASON__SCOPE_MISSING;
}

static void unclean_scope(Peppermint__V1__Reply *reply)
{
	reply->verify_keys->verdicts[0]->scopes[0] = "\x1b";
}

static void one_verdict_more(Peppermint__V1__Reply *reply)
{
	reply->verify_keys->verdicts[1] = reply->verify_keys->verdicts[0];
	reply->verify_keys->n_verdicts = 2;
}

static void a_verdict_that_cannot_be_admits_nobody(void **state)
{
	static void (*const tweaks[])(
		Peppermint__V1__Reply *) = { refused_and_valid, one_verdict_more, unclean_scope };
	struct fixture *f = *state;
	const struct peppermint_presented presented = { .api_key = CANNED_KEY };
	struct peppermint_admission admission;

	for (size_t i = 0; i < sizeof(tweaks) / sizeof(tweaks[0]); i++) {
		canned_tweak(f->canned, tweaks[i]);
		assert_int_equal(peppermint_verify_requests(f->vault, "test", &presented, 1,
							    &admission, &f->call),
				 PM_BAD_REPLY);
		assert_false(admission.verdict.valid);
		assert_int_equal(admission.verdict.reason, PM_REASON_NOT_CHECKED);
		assert_string_equal(admission.external_reference, "");
	}
}

static void drop_confirmation(Peppermint__V1__Reply *reply)
{
	reply->confirm->confirmation = "";
}

static void a_confirmation_without_a_token_is_none(void **state)
{
	struct fixture *f = *state;
	struct peppermint_confirmation confirmation;

	canned_tweak(f->canned, drop_confirmation);
	assert_int_equal(peppermint_confirm(f->vault, "test", PEPPERMINT_ACT_RESET, CANNED_ID,
					    &confirmation, &f->call),
			 PM_BAD_REPLY);
	assert_string_equal(confirmation.token, "");
}

static void drop_account(Peppermint__V1__Reply *reply)
{
	reply->get_account->account = NULL;
}

static void other_account(Peppermint__V1__Reply *reply)
{
	reply->get_account->account->id = "bolt";
}

static void other_environment(Peppermint__V1__Reply *reply)
{
	reply->get_account->account->environment = "live";
}

static void long_client_id(Peppermint__V1__Reply *reply)
{
	set_long(&reply->get_account->account->client_id, PEPPERMINT_KEY_ID_LEN + 1);
}

static void many_products(Peppermint__V1__Reply *reply)
{
	static Peppermint__V1__Product *products[PEPPERMINT_PRODUCTS_MAX + 1];

	for (size_t i = 0; i <= PEPPERMINT_PRODUCTS_MAX; i++)
		products[i] = reply->get_account->account->products[0];
	reply->get_account->account->products = products;
	reply->get_account->account->n_products = PEPPERMINT_PRODUCTS_MAX + 1;
}

static void another_account_than_asked_for_is_a_bad_reply(void **state)
{
	static void (*const tweaks[])(Peppermint__V1__Reply *) = {
		drop_account, other_account, other_environment, long_client_id, many_products,
	};
	struct fixture *f = *state;
	struct peppermint_account account;

	for (size_t i = 0; i < sizeof(tweaks) / sizeof(tweaks[0]); i++) {
		canned_tweak(f->canned, tweaks[i]);
		assert_int_equal(
			peppermint_get_account(f->vault, "test", "acme", &account, &f->call),
			PM_BAD_REPLY);
	}
}

static void drop_client_id(Peppermint__V1__Reply *reply)
{
	reply->update_account->account->client_id = "";
}

static void a_first_key_without_an_id_is_a_bad_reply(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_account_change change = {
		.environment = "test",
		.id = "acme",
		.status = PEPPERMINT_ACCOUNT_APPROVED,
	};
	struct peppermint_account account;
	struct peppermint_secret secret;

	canned_tweak(f->canned, drop_client_id);
	assert_int_equal(peppermint_update_account(f->vault, &change, &account, &secret, &f->call),
			 PM_BAD_REPLY);
	assert_string_equal(secret.text, "");
}

static void one_operator_more(Peppermint__V1__Reply *reply)
{
	reply->list_operators->operators[1] = reply->list_operators->operators[0];
	reply->list_operators->n_operators = 2;
}

static void many_grants(Peppermint__V1__Reply *reply)
{
	static Peppermint__V1__Grant *grants[PEPPERMINT_GRANTS_MAX + 1];
	Peppermint__V1__Operator *person = reply->list_operators->operators[0];

	for (size_t i = 0; i <= PEPPERMINT_GRANTS_MAX; i++)
		grants[i] = person->grants[0];
	person->grants = grants;
	person->n_grants = PEPPERMINT_GRANTS_MAX + 1;
}

static void more_operators_or_grants_than_there_is_room_for_are_a_bad_reply(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_operator_filter filter = { .environment = "test" };
	struct peppermint_operator person;
	struct peppermint_page page;

	canned_tweak(f->canned, one_operator_more);
	assert_int_equal(peppermint_list_operators(f->vault, &filter, &person, 1, &page, &f->call),
			 PM_BAD_REPLY);
	canned_tweak(f->canned, many_grants);
	assert_int_equal(peppermint_list_operators(f->vault, &filter, &person, 1, &page, &f->call),
			 PM_BAD_REPLY);
	assert_int_equal(page.count, 0);
}

static void no_id(Peppermint__V1__Reply *reply)
{
	reply->import_keys->outcomes[0]->key_id = "";
}

static void no_outcome(Peppermint__V1__Reply *reply)
{
	reply->import_keys->n_outcomes = 0;
}

static void an_import_without_its_outcome_is_a_bad_reply(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_import key = { .form = PEPPERMINT_IMPORT_TEXT,
					       .value = "0123456789abcdef",
					       .value_len = 16,
					       .account = "acme" };
	struct peppermint_import_outcome outcome;

	canned_tweak(f->canned, no_id);
	assert_int_equal(peppermint_import_keys(f->vault, "test", &key, 1, &outcome, &f->call),
			 PM_BAD_REPLY);
	assert_int_equal(outcome.error, PM_INTERNAL);
	canned_tweak(f->canned, no_outcome);
	assert_int_equal(peppermint_import_keys(f->vault, "test", &key, 1, &outcome, &f->call),
			 PM_BAD_REPLY);
}

static void known_with_an_error(Peppermint__V1__Reply *reply)
{
	reply->report_leaks->verdicts[0]->error = PEPPERMINT__V1__ERROR__HSM_UNAVAILABLE;
}

static void new_action(Peppermint__V1__Reply *reply)
{
	reply->report_leaks->verdicts[0]->action = (Peppermint__V1__LeakAction)77;
}

static void leaks_need_a_verdict_each_that_can_be(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_leak_report report = {
		.payload = "[]", .payload_len = 2, .key_id = "k", .signature = "good"
	};
	struct peppermint_leak_verdict v[3];

	assert_int_equal(peppermint_report_leaks(f->vault, &report, v, 3, &f->call), PM_BAD_REPLY);
	canned_tweak(f->canned, known_with_an_error);
	assert_int_equal(peppermint_report_leaks(f->vault, &report, v, 2, &f->call), PM_BAD_REPLY);
	assert_false(v[0].known);
	canned_tweak(f->canned, new_action);
	assert_ok(peppermint_report_leaks(f->vault, &report, v, 2, &f->call));
	assert_int_equal(v[0].action, PEPPERMINT_LEAK_ACTION_UNKNOWN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_record_that_does_not_fit_is_a_bad_reply),
		TEST(words_fill_their_text_to_the_last_byte),
		TEST(a_newer_vaults_state_is_unknown),
		TEST(a_key_comes_as_it_was_asked_for_or_not_at_all),
		TEST(a_verdict_that_cannot_be_admits_nobody),
		TEST(a_confirmation_without_a_token_is_none),
		TEST(another_account_than_asked_for_is_a_bad_reply),
		TEST(a_first_key_without_an_id_is_a_bad_reply),
		TEST(more_operators_or_grants_than_there_is_room_for_are_a_bad_reply),
		TEST(an_import_without_its_outcome_is_a_bad_reply),
		TEST(leaks_need_a_verdict_each_that_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
