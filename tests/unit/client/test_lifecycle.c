/* The calls of an API key's life, of accounts and of operators: there and back. */
#include <string.h>

#include "fixture.h"

static void release(Peppermint__V1__Request *request)
{
	peppermint__v1__request__free_unpacked(request, NULL);
}

static const struct peppermint_label labels[] = { { "team", "billing & more" }, { "tier", "" } };

static void mint_sends_every_field(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_mint mint = {
		.environment = "test",
		.account = "acme",
		.external_reference = "till-9",
		.scopes = "pay refund:read",
		.networks = " 192.0.2.0/24  2001:db8::/32 ",
		.labels = labels,
		.label_count = 2,
		.not_before = 1800000000,
		.disabled = true,
		.recoverable = true,
	};
	struct peppermint_secret secret;
	struct peppermint_key key;

	assert_ok(peppermint_mint_key(f->vault, &mint, &key, &secret, &f->call));
	Peppermint__V1__Request *request = canned_last(f->canned);
	const Peppermint__V1__MintKeyRequest *asked = request->mint_key;
	assert_string_equal(asked->external_reference, "till-9");
	assert_int_equal(asked->n_scopes, 2);
	assert_string_equal(asked->scopes[0], "pay");
	assert_string_equal(asked->scopes[1], "refund:read");
	assert_int_equal(asked->n_networks, 2);
	assert_string_equal(asked->networks[0], "192.0.2.0/24");
	assert_string_equal(asked->networks[1], "2001:db8::/32");
	assert_int_equal(asked->n_labels, 2);
	assert_string_equal(asked->labels[0]->value, "billing & more");
	assert_string_equal(asked->labels[1]->key, "tier");
	assert_int_equal(asked->not_before, 1800000000);
	assert_true(asked->disabled && asked->recoverable);
	assert_int_equal(asked->recipient.len, 0);
	release(request);
	peppermint_secret_wipe(&secret);
}

static void a_record_has_every_field(void **state)
{
	struct fixture *f = *state;
	struct peppermint_key key;

	assert_ok(peppermint_get_key(f->vault, "test", CANNED_ID, &key, NULL));
	assert_string_equal(key.external_reference, "till-7");
	assert_string_equal(key.scopes, "pay refund:read");
	assert_string_equal(key.networks, "192.0.2.0/24 2001:db8::/32");
	assert_int_equal(key.label_count, 1);
	assert_string_equal(key.labels[0].key, "team");
	assert_string_equal(key.labels[0].value, "billing & more");
	assert_int_equal(key.last_used_at, 1767225610);
	assert_int_equal(key.use_count, 12);
	assert_false(key.first_use_pending || key.imported || key.recoverable);
}

static void a_key_for_a_recipient_comes_sealed_and_not_in_clear(void **state)
{
	struct fixture *f = *state;
	struct peppermint_delivery delivery = { .recipient = "-----BEGIN PUBLIC KEY-----\n…\n" };
	const struct peppermint_mint mint = { .environment = "test",
					      .account = "acme",
					      .delivery = &delivery };
	struct peppermint_secret secret;
	struct peppermint_key key;

	assert_ok(peppermint_mint_key(f->vault, &mint, &key, &secret, NULL));
	assert_string_equal(secret.text, "");
	assert_string_equal(delivery.sealed, CANNED_SEALED);
	assert_string_equal(delivery.merchant, CANNED_MERCHANT);
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_int_equal(request->mint_key->recipient.len, strlen(delivery.recipient));
	release(request);

	assert_ok(peppermint_reveal_key(f->vault, "test", CANNED_ID, &delivery, &secret, NULL));
	assert_string_equal(secret.text, "");
	assert_string_equal(delivery.sealed, CANNED_SEALED);
}

static void a_key_in_clear_comes_with_the_merchant(void **state)
{
	struct fixture *f = *state;
	struct peppermint_delivery delivery = { .recipient = NULL };
	const struct peppermint_rotation rotation = {
		.environment = "test",
		.key_id = CANNED_ID,
		.first_use = true,
		.delivery = &delivery,
	};
	struct peppermint_secret secret;
	struct peppermint_key key;

	strcpy(delivery.sealed, "left over");
	assert_ok(peppermint_rotate_key(f->vault, &rotation, &key, &secret, NULL));
	assert_string_equal(secret.text, CANNED_KEY);
	assert_string_equal(delivery.merchant, CANNED_MERCHANT);
	assert_string_equal(delivery.sealed, "");
	assert_true(key.first_use_pending);
	assert_ok(peppermint_reveal_key(f->vault, "test", CANNED_ID, NULL, &secret, NULL));
	assert_string_equal(secret.text, CANNED_KEY);
	peppermint_secret_wipe(&secret);
}

static void a_reset_needs_its_confirmation_and_the_pin(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_reset reset = { .environment = "test", .key_id = CANNED_ID };
	struct peppermint_confirmation confirmation;
	struct peppermint_call call = { .operator_name = "ann" };
	struct peppermint_secret secret;
	struct peppermint_key key;

	assert_int_equal(peppermint_reset_secret(f->vault, &reset, &key, &secret, &call),
			 PM_STEP_UP_REQUIRED);
	assert_string_equal(secret.text, "");
	assert_ok(peppermint_confirm(f->vault, "test", PEPPERMINT_ACT_RESET, CANNED_ID,
				     &confirmation, &call));
	assert_string_equal(confirmation.token, CANNED_CONFIRMATION);
	assert_mentions(confirmation.message, "verify nothing");
	assert_int_equal(confirmation.expires_at, 1767225900);
	assert_true(confirmation.pin_needed);

	call.confirmation = confirmation.token;
	call.pin = "0815";
	call.pin_len = 4;
	assert_int_equal(peppermint_reset_secret(f->vault, &reset, &key, &secret, &call),
			 PM_PIN_WRONG);
	call.pin = CANNED_PIN;
	assert_ok(peppermint_reset_secret(f->vault, &reset, &key, &secret, &call));
	assert_string_equal(secret.text, CANNED_KEY);
	assert_int_equal(key.secret_version, 5);
	peppermint_secret_wipe(&secret);
}

static void what_no_operators_pin_can_be_is_not_sent(void **state)
{
	struct fixture *f = *state;
	char pin[PEPPERMINT_OPERATOR_PIN_MAX + 1] = "";
	struct peppermint_call call = { .operator_name = "ann", .pin = pin, .pin_len = 3 };
	struct peppermint_key key;

	assert_int_equal(peppermint_revoke_key(f->vault, "test", CANNED_ID, &key, &call),
			 PM_BAD_REQUEST);
	assert_mentions(call.message, "4 to 64 bytes; nothing was sent");
	call.pin_len = sizeof(pin);
	assert_int_equal(peppermint_revoke_key(f->vault, "test", CANNED_ID, &key, &call),
			 PM_BAD_REQUEST);
	call.pin_len = 4;
	assert_int_equal(peppermint_change_operator_pin(f->vault, "test", pin, 3, &call),
			 PM_BAD_REQUEST);
	assert_int_equal(canned_count(f->canned), 0);
}

static void an_authorization_travels_in_the_envelope(void **state)
{
	struct fixture *f = *state;
	struct peppermint_call call = { .authorization = "Bearer " CANNED_KEY };
	struct peppermint_key key;

	assert_ok(peppermint_rollback_key(f->vault, "test", CANNED_ID, &key, &call));
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_string_equal(request->authorization, "Bearer " CANNED_KEY);
	assert_string_equal(request->operator_, "");
	assert_string_equal(request->rollback_key->key_id, CANNED_ID);
	release(request);
}

static void an_update_changes_what_is_set(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_key_update update = {
		.environment = "test",
		.key_id = CANNED_ID,
		.set_disabled = true,
		.disabled = true,
		.set_labels = true,
		.labels = labels,
		.label_count = 2,
		.set_networks = true,
	};
	struct peppermint_key key;

	assert_ok(peppermint_update_key(f->vault, &update, &key, NULL));
	assert_int_equal(key.state, PEPPERMINT_KEY_DISABLED);
	assert_int_equal(key.disabled_at, 1767225700);
	assert_int_equal(key.label_count, 2);
	assert_string_equal(key.networks, "");
	assert_string_equal(key.scopes, "pay refund:read");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_false(request->update_key->set_name || request->update_key->set_scopes ||
		     request->update_key->set_expires_at || request->update_key->set_not_before);
	release(request);
}

static void a_secret_matches_or_does_not(void **state)
{
	struct fixture *f = *state;
	char long_text[PEPPERMINT_TEXT_MAX + 2];
	bool match = false;

	assert_ok(peppermint_verify_secret(f->vault, "test", CANNED_ID, CANNED_KEY, &match, NULL));
	assert_true(match);
	assert_ok(peppermint_verify_secret(f->vault, "test", CANNED_ID, CANNED_OLD_KEY, &match,
					   NULL));
	assert_false(match);
	memset(long_text, 'a', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	match = true;
	assert_int_equal(
		peppermint_verify_secret(f->vault, "test", CANNED_ID, long_text, &match, NULL),
		PM_BAD_REQUEST);
	assert_false(match);
	assert_int_equal(canned_count(f->canned), 2);
}

static void requests_are_verified_with_what_they_brought(void **state)
{
	struct fixture *f = *state;
	const char *const bearer[] = { "Bearer " CANNED_KEY, "Bearer " CANNED_OLD_KEY };
	const struct peppermint_presented presented[] = {
		{ .authorizations = bearer, .authorization_count = 1, .product = "payments" },
		{ .authorizations = bearer, .authorization_count = 2 },
		{ .api_key = CANNED_KEY, .source_address = "203.0.113.9" },
		{ .api_key = CANNED_KEY, .product = "payouts" },
		{ .api_key = CANNED_KEY, .scopes = "audit pay" },
		{ .api_key = CANNED_KEY, .scopes = "pay" },
	};
	static const enum pm_reason reasons[] = {
		PM_REASON_NONE,          PM_REASON_SEVERAL_CREDENTIALS, PM_REASON_ADDRESS_DENIED,
		PM_REASON_WRONG_PRODUCT, PM_REASON_SCOPE_MISSING,       PM_REASON_NONE,
	};
	struct peppermint_admission a[6];

	assert_ok(peppermint_verify_requests(f->vault, "test", presented, 6, a, NULL));
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(a[i].verdict.reason, reasons[i]);
		assert_int_equal(a[i].verdict.valid, reasons[i] == PM_REASON_NONE);
	}
	assert_string_equal(a[0].verdict.key_id, CANNED_ID);
	assert_string_equal(a[0].external_reference, "till-7");
	assert_string_equal(a[0].scopes, "pay refund:read");
	assert_string_equal(a[0].labels[0].value, "billing & more");
	/* Of a refused one nothing is told. */
	assert_string_equal(a[1].external_reference, "");
	assert_string_equal(a[1].scopes, "");
	assert_int_equal(a[1].label_count, 0);
}

static void a_request_that_no_message_can_carry_spoils_no_other(void **state)
{
	struct fixture *f = *state;
	static char long_text[PEPPERMINT_AUTHORIZATION_MAX + 2];
	const char *const two[] = { "Bearer " CANNED_KEY, long_text };
	const struct peppermint_presented presented[] = {
		{ .authorizations = two, .authorization_count = 2 },
		{ .api_key = long_text },
		{ .api_key = CANNED_KEY, .source_address = "\x1b[2J" },
		{ .api_key = CANNED_KEY },
	};
	struct peppermint_admission a[4];

	memset(long_text, 'a', sizeof(long_text) - 1);
	assert_ok(peppermint_verify_requests(f->vault, "test", presented, 4, a, NULL));
	for (size_t i = 0; i < 3; i++) {
		assert_false(a[i].verdict.valid);
		assert_int_equal(a[i].verdict.reason, PM_REASON_MALFORMED);
	}
	assert_true(a[3].verdict.valid);
}

static void list_sends_filter_and_order(void **state)
{
	struct fixture *f = *state;
	static const enum peppermint_key_state states[] = { PEPPERMINT_KEY_ACTIVE,
							    PEPPERMINT_KEY_DISABLED };
	const struct peppermint_key_filter filter = {
		.environment = "test",
		.account = "acme",
		.product = "payments",
		.states = states,
		.state_count = 2,
		.text = "till",
		.sort = PEPPERMINT_SORT_LAST_USED,
		.ascending = true,
		.expires_before = 1800000000,
	};
	static struct peppermint_key keys[CANNED_KEYS];
	struct peppermint_page page;

	assert_ok(peppermint_list_keys(f->vault, &filter, keys, CANNED_KEYS, &page, NULL));
	Peppermint__V1__Request *request = canned_last(f->canned);
	const Peppermint__V1__ListKeysRequest *asked = request->list_keys;
	assert_int_equal(asked->n_states, 2);
	assert_int_equal(asked->states[1], PEPPERMINT__V1__KEY_STATE__KEY_DISABLED);
	assert_string_equal(asked->text, "till");
	assert_int_equal(asked->sort, PEPPERMINT__V1__KEY_SORT__SORT_LAST_USED);
	assert_true(asked->ascending);
	assert_int_equal(asked->expires_before, 1800000000);
	assert_false(page.total_is_least);
	release(request);
}

static void an_account_is_created_approved_and_read(void **state)
{
	struct fixture *f = *state;
	static const struct peppermint_product products[] = { { "payments", true },
							      { "payouts", false } };
	struct peppermint_delivery delivery = { .recipient = NULL };
	struct peppermint_account_change change = {
		.environment = "test",
		.id = "acme",
		.name = "Acme Ltd",
		.first_product = "payments",
		.products = products,
		.product_count = 2,
		.delivery = &delivery,
	};
	struct peppermint_account account;
	struct peppermint_secret secret;

	assert_ok(peppermint_create_account(f->vault, &change, &account, &secret, NULL));
	assert_string_equal(secret.text, "");
	assert_true(account.pending_activation);
	assert_string_equal(account.client_id, "");
	assert_int_equal(account.status, PEPPERMINT_ACCOUNT_ONBOARDING);
	assert_int_equal(account.product_count, 2);
	assert_true(account.products[0].enabled && !account.products[1].enabled);

	change = (struct peppermint_account_change){ .environment = "test",
						     .id = "acme",
						     .status = PEPPERMINT_ACCOUNT_APPROVED,
						     .delivery = &delivery };
	assert_ok(peppermint_update_account(f->vault, &change, &account, &secret, NULL));
	assert_string_equal(secret.text, CANNED_KEY);
	assert_string_equal(delivery.merchant, CANNED_MERCHANT);
	assert_string_equal(account.client_id, CANNED_ID);
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_false(request->update_account->set_name || request->update_account->set_merchant ||
		     request->update_account->set_first_product);
	release(request);

	assert_ok(peppermint_get_account(f->vault, "test", "acme", &account, NULL));
	assert_string_equal(account.merchant, CANNED_MERCHANT);
	assert_int_equal(account.approved_at, 1767225600);
	peppermint_secret_wipe(&secret);
}

static void an_empty_name_is_a_change_and_no_name_is_none(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_account_change change = { .environment = "test",
							  .id = "acme",
							  .name = "" };
	struct peppermint_account account;
	struct peppermint_secret secret;

	assert_ok(peppermint_update_account(f->vault, &change, &account, &secret, NULL));
	assert_string_equal(account.name, "");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_true(request->update_account->set_name);
	assert_false(request->update_account->set_merchant);
	release(request);
}

static void accounts_and_operators_are_listed_by_pages(void **state)
{
	struct fixture *f = *state;
	struct peppermint_account_filter accounts = { .environment = "test" };
	struct peppermint_operator_filter people = { .environment = "test", .page_token = "1" };
	struct peppermint_account account[2];
	struct peppermint_operator person[2];
	struct peppermint_page page;

	assert_ok(peppermint_list_accounts(f->vault, &accounts, account, 2, &page, NULL));
	assert_int_equal(page.count, 2);
	assert_int_equal(page.total, CANNED_ACCOUNTS);
	accounts.page_token = page.next_page_token;
	struct peppermint_page last;
	assert_ok(peppermint_list_accounts(f->vault, &accounts, account, 2, &last, NULL));
	assert_int_equal(last.count, 1);
	assert_string_equal(account[0].id, "crown");
	assert_string_equal(last.next_page_token, "");

	assert_ok(peppermint_list_operators(f->vault, &people, person, 2, &page, NULL));
	assert_int_equal(page.count, 1);
	assert_string_equal(person[0].id, "bob");
	assert_int_equal(person[0].grant_count, 2);
	assert_string_equal(person[0].grants[1].account, "bolt");
	assert_int_equal(person[0].grants[1].role, PEPPERMINT_ROLE_VIEWER);
	assert_true(person[0].has_pin);
}

static void operators_are_created_and_changed(void **state)
{
	struct fixture *f = *state;
	static const struct peppermint_grant grants[] = { { "*", PEPPERMINT_ROLE_SUPERADMIN } };
	struct peppermint_operator_change change = {
		.environment = "test",
		.id = "carol",
		.name = "Carol",
		.grants = grants,
		.grant_count = 1,
		.new_pin = "987654",
		.new_pin_len = 6,
	};
	struct peppermint_call own = { .operator_name = "carol", .pin = CANNED_PIN, .pin_len = 4 };
	struct peppermint_operator person;

	assert_ok(peppermint_create_operator(f->vault, &change, &person, NULL));
	assert_string_equal(person.id, "carol");
	assert_string_equal(person.grants[0].account, "*");
	assert_true(person.has_pin);
	change = (struct peppermint_operator_change){
		.environment = "test", .id = "carol", .set_disabled = true, .disabled = true
	};
	assert_ok(peppermint_update_operator(f->vault, &change, &person, NULL));
	assert_int_equal(person.disabled_at, 1767225700);
	assert_int_equal(person.grant_count, 2);
	assert_ok(peppermint_change_operator_pin(f->vault, "test", "123456", 6, &own));
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_memory_equal(request->pin.data, CANNED_PIN, 4);
	assert_memory_equal(request->change_operator_pin->new_pin.data, "123456", 6);
	release(request);
}

static void imports_tell_of_each_key(void **state)
{
	struct fixture *f = *state;
	uint8_t hash[3][32] = { { 1 }, { 2 }, { 3 } };
	const struct peppermint_import keys[] = {
		{ .form = PEPPERMINT_IMPORT_SHA256,
		  .value = hash[0],
		  .value_len = 32,
		  .account = "acme",
		  .scopes = "pay",
		  .labels = labels,
		  .label_count = 1 },
		{ .form = PEPPERMINT_IMPORT_SHA256,
		  .value = hash[0],
		  .value_len = 32,
		  .account = "acme" },
		{ .form = PEPPERMINT_IMPORT_SHA256,
		  .value = hash[2],
		  .value_len = 32,
		  .account = CANNED_NOBODY },
	};
	struct peppermint_import_outcome outcomes[3];

	assert_ok(peppermint_import_keys(f->vault, "test", keys, 3, outcomes, NULL));
	assert_int_equal(outcomes[0].error, PM_OK);
	assert_int_equal(strlen(outcomes[0].key_id), PEPPERMINT_KEY_ID_LEN);
	assert_int_equal(outcomes[1].error, PM_ALREADY_EXISTS);
	assert_int_equal(outcomes[2].error, PM_NOT_FOUND);
	assert_mentions(outcomes[2].message, "no such account");
	assert_int_equal(canned_imported(), 1);
}

static void a_full_batch_of_imports_fits(void **state)
{
	struct fixture *f = *state;
	static struct peppermint_import keys[PEPPERMINT_BATCH_MAX];
	static struct peppermint_import_outcome outcomes[PEPPERMINT_BATCH_MAX];
	static uint8_t hashes[PEPPERMINT_BATCH_MAX][32];

	for (size_t i = 0; i < PEPPERMINT_BATCH_MAX; i++) {
		hashes[i][0] = (uint8_t)i;
		hashes[i][1] = (uint8_t)(i >> 8);
		hashes[i][2] = 1;
		keys[i] = (struct peppermint_import){ .form = PEPPERMINT_IMPORT_SHA256,
						      .value = hashes[i],
						      .value_len = 32,
						      .account = "acme",
						      .product = "payments",
						      .name = "a key of another system",
						      .tail = "xyz",
						      .created_at = 1700000000 };
	}
	assert_ok(peppermint_import_keys(f->vault, "test", keys, PEPPERMINT_BATCH_MAX, outcomes,
					 &f->call));
	assert_int_equal(canned_imported(), PEPPERMINT_BATCH_MAX);
	for (size_t i = 0; i < PEPPERMINT_BATCH_MAX; i++)
		keys[i].name = "a name of which as many as there are fit into no message, since it "
			       "has over a hundred characters";
	assert_int_equal(peppermint_import_keys(f->vault, "test", keys, PEPPERMINT_BATCH_MAX,
						outcomes, &f->call),
			 PM_TOO_LARGE);
	assert_int_equal(outcomes[0].error, PM_INTERNAL);
}

static void an_hmac_key_is_imported_and_shown_as_a_master(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_value value = { "0123456789abcdef", 16 };
	struct peppermint_master key;

	assert_ok(peppermint_import_hmac_key(f->vault, "test", "old-shop", &value, &key, NULL));
	assert_string_equal(key.name, "old-shop");
	assert_int_equal(key.state, PEPPERMINT_PEPPER_VERIFY_ONLY);
}

static void leaks_are_judged_one_by_one(void **state)
{
	struct fixture *f = *state;
	struct peppermint_leak_report report = {
		.payload = "[{},{}]",
		.payload_len = 7,
		.key_id = "k",
		.signature = "good",
	};
	struct peppermint_leak_verdict v[2];

	assert_ok(peppermint_report_leaks(f->vault, &report, v, 2, NULL));
	assert_true(v[0].known);
	assert_int_equal(v[0].action, PEPPERMINT_LEAK_REVOKED);
	assert_string_equal(v[0].environment, "live");
	assert_string_equal(v[0].key_id, CANNED_ID);
	assert_false(v[1].known);
	assert_int_equal(v[1].error, PM_OK);
	report.signature = "bad";
	assert_int_equal(peppermint_report_leaks(f->vault, &report, v, 2, NULL), PM_DENIED);
	assert_false(v[0].known);
	assert_int_equal(v[0].error, PM_INTERNAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(mint_sends_every_field),
		TEST(a_record_has_every_field),
		TEST(a_key_for_a_recipient_comes_sealed_and_not_in_clear),
		TEST(a_key_in_clear_comes_with_the_merchant),
		TEST(a_reset_needs_its_confirmation_and_the_pin),
		TEST(what_no_operators_pin_can_be_is_not_sent),
		TEST(an_authorization_travels_in_the_envelope),
		TEST(an_update_changes_what_is_set),
		TEST(a_secret_matches_or_does_not),
		TEST(requests_are_verified_with_what_they_brought),
		TEST(a_request_that_no_message_can_carry_spoils_no_other),
		TEST(list_sends_filter_and_order),
		TEST(an_account_is_created_approved_and_read),
		TEST(an_empty_name_is_a_change_and_no_name_is_none),
		TEST(accounts_and_operators_are_listed_by_pages),
		TEST(operators_are_created_and_changed),
		TEST(imports_tell_of_each_key),
		TEST(a_full_batch_of_imports_fits),
		TEST(an_hmac_key_is_imported_and_shown_as_a_master),
		TEST(leaks_are_judged_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
