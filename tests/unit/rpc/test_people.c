/* Accounts, operators, and who acts on whose behalf with what proof. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <nanomsg/nn.h>
#include <stdlib.h>
#include <string.h>

#include "asked.h"
#include "base/clock.h"
#include "fake_vault.h"

#define CALL(NAME) PEPPERMINT__V1__REQUEST__CALL_##NAME

static void expect_details(const char *expected)
{
	char text[4096];

	fake_details(text);
	assert_string_equal(text, expected);
}

static void an_account_is_told_whole(void **state)
{
	struct asked *a = *state;

	assert_int_equal(ask_whole(a, CALL(GET_ACCOUNT)), PM_OK);
	const Peppermint__V1__Account *account = a->reply->get_account->account;
	assert_string_equal(account->environment, "test");
	assert_string_equal(account->id, "acme");
	assert_int_equal(account->status, PEPPERMINT__V1__ACCOUNT_STATUS__ACCOUNT_SUSPENDED);
	assert_int_equal(account->n_products, 2);
	assert_string_equal(account->products[0]->name, "loans");
	assert_false(account->products[0]->enabled);
	assert_true(account->products[1]->enabled);
	assert_string_equal(account->merchant, "176269832");
	assert_string_equal(account->first_product, "payments");
	assert_string_equal(account->client_id, "0123456789ABCDEF");
	assert_true(account->pending_activation);
	assert_string_equal(account->created_by, "tester/olga");
	assert_int_equal(account->created_at, 1);
	assert_int_equal(account->changed_at, 2);
	assert_int_equal(account->approved_at, 3);
	assert_int_equal(account->closed_at, 4);
}

static void creating_an_account_sets_everything_and_updating_what_is_given(void **state)
{
	struct asked *a = *state;

	make_whole(a, CALL(CREATE_ACCOUNT));
	a->create_account.name = "Acme";
	a->create_account.merchant = "176269832";
	a->create_account.first_product = "payments";
	a->create_account.status = PEPPERMINT__V1__ACCOUNT_STATUS__ACCOUNT_APPROVED;
	assert_int_equal(send_it(a), PM_OK);
	expect_details("set=111 name=Acme merchant=176269832 first=payments status=3 recipient= "
		       "+payments");
	assert_string_equal(a->reply->create_account->api_key, FAKE_SECRET);
	make_whole(a, CALL(UPDATE_ACCOUNT));
	a->update_account.set_merchant = true;
	a->update_account.recipient = of_text("PEM");
	a->product.enabled = false;
	assert_int_equal(send_it(a), PM_OK);
	expect_details("set=010 name= merchant= first= status=0 recipient=PEM -payments");
	assert_string_equal(a->reply->update_account->api_key, "");
	assert_string_equal(a->reply->update_account->sealed, "sealed:x25519:AAAA");
}

static void what_is_no_account_is_refused(void **state)
{
	static Peppermint__V1__Product *many[33];
	struct asked *a = *state;

	make_whole(a, CALL(CREATE_ACCOUNT));
	a->create_account.id = "";
	expect_refusal(a, PM_BAD_REQUEST, "id: required, at most 64 bytes");
	make_whole(a, CALL(CREATE_ACCOUNT));
	a->create_account.merchant = "17:62";
	expect_refusal(a, PM_BAD_REQUEST, "merchant: must be of a-z A-Z 0-9 . _ -");
	make_whole(a, CALL(CREATE_ACCOUNT));
	a->product.name = "+payments";
	expect_refusal(a, PM_BAD_REQUEST, "products: must be of a-z A-Z 0-9 . _ -");
	make_whole(a, CALL(UPDATE_ACCOUNT));
	a->update_account.status = (Peppermint__V1__AccountStatus)9;
	expect_refusal(a, PM_BAD_REQUEST, "status: this vault does not know it");
	make_whole(a, CALL(UPDATE_ACCOUNT));
	for (size_t i = 0; i < 33; i++)
		many[i] = &a->product;
	a->update_account.products = many;
	a->update_account.n_products = 33;
	expect_refusal(a, PM_TOO_LARGE, "products: must be at most 32");
	assert_int_equal(fake_entered(), 0);
}

static void accounts_are_listed_in_pages(void **state)
{
	struct asked *a = *state;

	fake_size(50);
	assert_int_equal(ask_whole(a, CALL(LIST_ACCOUNTS)), PM_OK);
	assert_int_equal(a->reply->list_accounts->n_accounts, 25);
	assert_int_equal(a->reply->list_accounts->total, 77);
	assert_string_equal(a->reply->list_accounts->next_page_token, "acme");
	make_whole(a, CALL(LIST_ACCOUNTS));
	a->list_accounts.page_size = 51;
	expect_refusal(a, PM_BAD_REQUEST, "page_size: must be at most 50");
	fake_size(3);
	make_whole(a, CALL(LIST_ACCOUNTS));
	a->list_accounts.page_token = "abc";
	assert_int_equal(send_it(a), PM_OK);
	assert_string_equal(fake_asked().name, "abc");
	assert_string_equal(a->reply->list_accounts->next_page_token, "");
}

static void an_operator_is_told_without_his_pin(void **state)
{
	struct asked *a = *state;

	assert_int_equal(ask_whole(a, CALL(CREATE_OPERATOR)), PM_OK);
	expect_details("set=110 name= disabled=0 pin=" PIN " acme=2");
	const Peppermint__V1__Operator *person = a->reply->create_operator->operator_;
	assert_string_equal(person->id, "olga");
	assert_int_equal(person->n_grants, 2);
	assert_string_equal(person->grants[1]->account, "*");
	assert_int_equal(person->grants[1]->role, PEPPERMINT__V1__OPERATOR_ROLE__OPERATOR_AUDITOR);
	assert_true(person->has_pin);
	assert_int_equal(person->failures, 2);
	assert_int_equal(person->locked_until, 3);
	assert_int_equal(person->created_at, 4);
	assert_int_equal(person->changed_at, 5);
	assert_int_equal(person->disabled_at, 6);
	assert_int_equal(ask_whole(a, CALL(UPDATE_OPERATOR)), PM_OK);
	expect_details("set=010 name= disabled=0 pin= acme=2");
	assert_int_equal(ask_whole(a, CALL(LIST_OPERATORS)), PM_OK);
	assert_int_equal(a->reply->list_operators->n_operators, 1);
	assert_int_equal(a->reply->list_operators->total, 78);
	assert_string_equal(a->reply->list_operators->next_page_token, "olga");
}

static void what_is_no_operator_is_refused(void **state)
{
	struct asked *a = *state;
	char too_long[66];

	memset(too_long, '7', 65);
	too_long[65] = '\0';
	make_whole(a, CALL(CREATE_OPERATOR));
	a->create_operator.new_pin = of_text("123");
	expect_refusal(a, PM_BAD_REQUEST, "new_pin: must have 4 to 64 bytes");
	a->create_operator.new_pin = of_text(too_long);
	expect_refusal(a, PM_BAD_REQUEST, "new_pin: must have 4 to 64 bytes");
	make_whole(a, CALL(CREATE_OPERATOR));
	a->grant.role = PEPPERMINT__V1__OPERATOR_ROLE__OPERATOR_ROLE_UNSPECIFIED;
	expect_refusal(a, PM_BAD_REQUEST, "grants: this vault does not know one of the roles");
	make_whole(a, CALL(CREATE_OPERATOR));
	a->grant.account = "";
	expect_refusal(a, PM_BAD_REQUEST, "grants: required, at most 64 bytes");
	make_whole(a, CALL(CHANGE_OPERATOR_PIN));
	a->request.operator_ = "";
	expect_refusal(a, PM_BAD_REQUEST, "operator: required by this call");
	make_whole(a, CALL(CHANGE_OPERATOR_PIN));
	a->request.pin.len = 0;
	expect_refusal(a, PM_BAD_REQUEST, "pin: required by this call");
	make_whole(a, CALL(CHANGE_OPERATOR_PIN));
	a->change_operator_pin.new_pin.len = 0;
	expect_refusal(a, PM_BAD_REQUEST, "new_pin: required");
	assert_int_equal(fake_entered(), 0);
}

static void a_confirmation_is_asked_for_an_act_and_a_subject(void **state)
{
	struct asked *a = *state;

	assert_int_equal(ask_whole(a, CALL(CONFIRM)), PM_OK);
	assert_string_equal(a->reply->confirm->confirmation, "0123456789abcdefghijkl");
	assert_int_equal(a->reply->confirm->expires_at, 99);
	assert_string_equal(a->reply->confirm->message, "resets the key");
	assert_true(a->reply->confirm->pin_needed);
	assert_string_equal(fake_asked().name, KEY_ID);
	assert_int_equal(fake_asked().number, ACT_RESET);
	make_whole(a, CALL(CONFIRM));
	a->confirm.act = (Peppermint__V1__Act)8;
	expect_refusal(a, PM_BAD_REQUEST, "act: required, and one that is known");
	a->confirm.act = PEPPERMINT__V1__ACT__ACT_UNSPECIFIED;
	expect_refusal(a, PM_BAD_REQUEST, "act: required, and one that is known");
	make_whole(a, CALL(CONFIRM));
	a->confirm.subject = "";
	expect_refusal(a, PM_BAD_REQUEST, "subject: required, at most 129 bytes");
}

static void proofs_reach_the_vault(void **state)
{
	struct asked *a = *state;

	make_whole(a, CALL(RESET_SECRET));
	a->request.operator_ = "olga";
	a->request.confirmation = "a-confirmation";
	a->request.pin = of_text(PIN);
	a->request.authorization = "Bearer ak_test_x";
	assert_int_equal(send_it(a), PM_OK);
	assert_string_equal(fake_asked().operator, "olga");
	assert_string_equal(fake_asked().confirmation, "a-confirmation");
	assert_string_equal(fake_asked().pin, PIN);
	assert_string_equal(fake_asked().authorization, "Bearer ak_test_x");
	assert_int_equal(fake_asked().environments, ALL_ENVIRONMENTS);
}

/* An issuer acts for itself; who is a portal and nothing else, for others. */
static void a_portal_acts_on_behalf_of_somebody(void **state)
{
	struct asked *a = *state;

	assert_int_equal(ask_whole(a, CALL(MINT_KEY)), PM_OK);
	assert_false(fake_asked().on_behalf);
	set_caller(a->f, ROLE_PORTAL | ROLE_VERIFIER, ALL_ENVIRONMENTS);
	assert_int_equal(ask_whole(a, CALL(MINT_KEY)), PM_OK);
	assert_true(fake_asked().on_behalf);
	assert_int_equal(ask_whole(a, CALL(VERIFY_KEYS)), PM_OK);
	assert_false(fake_asked().on_behalf);
	set_caller(a->f, ROLE_PORTAL | ROLE_ISSUER, ALL_ENVIRONMENTS);
	assert_int_equal(ask_whole(a, CALL(MINT_KEY)), PM_OK);
	assert_false(fake_asked().on_behalf);
	set_caller(a->f, ROLE_PORTAL | ROLE_STAFF, ALL_ENVIRONMENTS);
	assert_int_equal(ask_whole(a, CALL(CONFIRM)), PM_OK);
	assert_true(fake_asked().on_behalf); /* as the act will be */
	set_caller(a->f, ROLE_PORTAL | ROLE_AUDITOR, ALL_ENVIRONMENTS);
	assert_int_equal(ask_whole(a, CALL(GET_KEY)), PM_OK);
	assert_false(fake_asked().on_behalf);
	assert_int_equal(ask_whole(a, CALL(ROTATE_KEY)), PM_OK);
	assert_true(fake_asked().on_behalf);
}

/* nanomsg's socket sends again by itself: a wrong PIN must not be counted for each time. */
static void a_refused_pin_is_refused_again_without_being_tried(void **state)
{
	struct asked *a = *state;

	fake_fail(PM_PIN_WRONG);
	make_whole(a, CALL(REVOKE_KEY));
	a->request.pin = of_text("0000");
	for (int i = 0; i < 5; i++)
		assert_int_equal(send_it(a), PM_PIN_WRONG);
	assert_int_equal(fake_entered(), 1);
	fake_fail(PM_OK);
	assert_int_equal(send_it(a), PM_PIN_WRONG);
	a->request.pin = of_text(PIN);
	assert_int_equal(send_it(a), PM_CONFLICT);
	a->request.request_id = "another intent";
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(fake_entered(), 2);
}

/* A secret is in it, and he may have no right to any. */
static void an_answer_is_repeated_to_nobody_but_the_person_who_got_it(void **state)
{
	struct asked *a = *state;

	set_caller(a->f, ROLE_PORTAL, ALL_ENVIRONMENTS);
	make_whole(a, CALL(MINT_KEY));
	a->request.operator_ = "olga";
	a->request.confirmation = "a-confirmation";
	a->request.pin = of_text(PIN);
	assert_int_equal(send_it(a), PM_OK);
	a->request.confirmation = "another";
	assert_int_equal(send_it(a), PM_OK);
	assert_string_equal(a->reply->mint_key->api_key, FAKE_SECRET);
	a->request.operator_ = "otto";
	assert_int_equal(send_it(a), PM_CONFLICT);
	a->request.operator_ = "";
	a->request.authorization = "Bearer ak_test_x";
	assert_int_equal(send_it(a), PM_CONFLICT);
	a->request.authorization = "";
	a->request.operator_ = "olga";
	a->request.pin.len = 0;
	assert_int_equal(send_it(a), PM_CONFLICT);
	assert_int_equal(fake_entered(), 1);
}

/* Without a PIN a change that was refused may be tried again. */
static void a_change_that_needs_step_up_may_be_asked_for_again(void **state)
{
	struct asked *a = *state;

	fake_fail(PM_STEP_UP_REQUIRED);
	make_whole(a, CALL(REVOKE_KEY));
	assert_int_equal(send_it(a), PM_STEP_UP_REQUIRED);
	fake_fail(PM_OK);
	a->request.pin = of_text(PIN);
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(fake_entered(), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, asked_setup, asked_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_account_is_told_whole),
		TEST(creating_an_account_sets_everything_and_updating_what_is_given),
		TEST(what_is_no_account_is_refused),
		TEST(accounts_are_listed_in_pages),
		TEST(an_operator_is_told_without_his_pin),
		TEST(what_is_no_operator_is_refused),
		TEST(a_confirmation_is_asked_for_an_act_and_a_subject),
		TEST(proofs_reach_the_vault),
		TEST(a_portal_acts_on_behalf_of_somebody),
		TEST(a_refused_pin_is_refused_again_without_being_tried),
		TEST(an_answer_is_repeated_to_nobody_but_the_person_who_got_it),
		TEST(a_change_that_needs_step_up_may_be_asked_for_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
