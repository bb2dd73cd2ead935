/* Calls about a key's life: what they bring to the vault, and what they bring back. */
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

#define CALL(NAME) PEPPERMINT__V1__REQUEST__CALL_##NAME

static void expect_details(const char *expected)
{
	char text[4096];

	fake_details(text);
	assert_string_equal(text, expected);
}

/* The same request under another id: it is another one to the vault. */
static void anew(struct asked *a)
{
	snprintf(a->id, sizeof(a->id), "id-%u", a->ids++);
}

static void assert_lists(const Peppermint__V1__Key *key)
{
	assert_int_equal(strlen(key->external_reference), VAULT_REFERENCE_MAX);
	assert_int_equal(key->n_scopes, 2);
	assert_string_equal(key->scopes[0], "payments.read");
	assert_string_equal(key->scopes[1], "payments.write");
	assert_int_equal(key->n_networks, 2);
	assert_string_equal(key->networks[1], "2001:db8::/32");
	assert_int_equal(key->n_labels, 2);
	assert_string_equal(key->labels[0]->key, "region");
	assert_string_equal(key->labels[1]->key, "team");
	assert_string_equal(key->labels[1]->value, "tills = 7");
	assert_int_equal(key->not_before, 8);
	assert_int_equal(key->disabled_at, 9);
	assert_int_equal(key->last_used_at, 10);
	assert_int_equal(key->use_count, 11);
	assert_true(key->first_use_pending);
	assert_true(key->imported);
	assert_true(key->recoverable);
}

static void a_record_has_all_that_the_vault_tells(void **state)
{
	struct asked *a = *state;

	assert_int_equal(ask_whole(a, CALL(GET_KEY)), PM_OK);
	assert_lists(a->reply->get_key->key);
	fake_size(50);
	assert_int_equal(ask_whole(a, CALL(LIST_KEYS)), PM_OK);
	assert_int_equal(a->reply->list_keys->n_keys, 50);
	for (size_t i = 0; i < 50; i++)
		assert_lists(a->reply->list_keys->keys[i]);
	assert_true(a->reply->list_keys->total_is_least);
}

static void minting_passes_everything_on(void **state)
{
	static char *scopes[] = { "payments.write", "refunds" };
	static char *networks[] = { "10.0.0.0/8" };
	struct asked *a = *state;

	make_whole(a, CALL(MINT_KEY));
	a->mint_key.product = "payments";
	a->mint_key.name = "till 7";
	a->mint_key.external_reference = "order-7";
	a->mint_key.scopes = scopes;
	a->mint_key.n_scopes = 2;
	a->mint_key.networks = networks;
	a->mint_key.n_networks = 1;
	a->mint_key.labels = a->label_list;
	a->mint_key.n_labels = 1;
	a->mint_key.not_before = 77;
	a->mint_key.disabled = true;
	a->mint_key.recoverable = true;
	assert_int_equal(send_it(a), PM_OK);
	expect_details("product=payments name=till 7 ref=order-7 not_before=77 disabled=1 "
		       "recoverable=1 recipient= scopes=payments.write,refunds, "
		       "networks=10.0.0.0/8, label team=tills ");
	assert_string_equal(a->reply->mint_key->merchant, "176269832");
	assert_string_equal(a->reply->mint_key->sealed, "");
}

static void a_sealed_secret_comes_alone(void **state)
{
	static const uint32_t calls[] = { CALL(MINT_KEY), CALL(ROTATE_KEY), CALL(RESET_SECRET),
					  CALL(REVEAL_KEY) };
	struct asked *a = *state;
	const ProtobufCBinaryData pem = of_text("-----BEGIN PUBLIC KEY-----\nx\n");

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		make_whole(a, calls[i]);
		if (calls[i] == CALL(MINT_KEY))
			a->mint_key.recipient = pem;
		else if (calls[i] == CALL(ROTATE_KEY))
			a->rotate_key.recipient = pem;
		else if (calls[i] == CALL(RESET_SECRET))
			a->reset_secret.recipient = pem;
		else
			a->reveal_key.recipient = pem;
		assert_int_equal(send_it(a), PM_OK);
		/* api_key, sealed and merchant stand in the same places of all but the last */
		if (calls[i] == CALL(REVEAL_KEY)) {
			assert_string_equal(a->reply->reveal_key->api_key, "");
			assert_string_equal(a->reply->reveal_key->sealed, "sealed:x25519:AAAA");
			continue;
		}
		assert_string_equal(a->reply->mint_key->api_key, "");
		assert_string_equal(a->reply->mint_key->sealed, "sealed:x25519:AAAA");
		assert_string_equal(a->reply->mint_key->merchant, "176269832");
	}
}

static void a_recipient_is_a_text_of_8192_bytes_at_most(void **state)
{
	static uint8_t pem[8193];
	struct asked *a = *state;

	memset(pem, 'x', sizeof(pem));
	make_whole(a, CALL(MINT_KEY));
	a->mint_key.recipient = (ProtobufCBinaryData){ 8192, pem };
	assert_int_equal(send_it(a), PM_OK);
	anew(a);
	a->mint_key.recipient.len = 8193;
	expect_refusal(a, PM_TOO_LARGE, "recipient: must be at most 8192 bytes");
	anew(a);
	a->mint_key.recipient = (ProtobufCBinaryData){ 3, (uint8_t *)"a\0b" };
	expect_refusal(a, PM_BAD_REQUEST, "recipient: must be a public key in PEM");
}

static void lists_of_a_key_have_their_limits(void **state)
{
	static char *texts[] = { "good", "" };
	struct asked *a = *state;

	make_whole(a, CALL(MINT_KEY));
	a->mint_key.scopes = texts;
	a->mint_key.n_scopes = 2;
	expect_refusal(a, PM_BAD_REQUEST, "scopes: required, at most 64 bytes");
	make_whole(a, CALL(UPDATE_KEY));
	a->update_key.networks = texts;
	a->update_key.n_networks = 2;
	expect_refusal(a, PM_BAD_REQUEST, "networks: required, at most 64 bytes");
	make_whole(a, CALL(MINT_KEY));
	a->label.key = "";
	a->mint_key.labels = a->label_list;
	a->mint_key.n_labels = 1;
	expect_refusal(a, PM_BAD_REQUEST, "labels: required, at most 32 bytes");
	make_whole(a, CALL(MINT_KEY));
	a->mint_key.not_before = -1;
	expect_refusal(a, PM_BAD_REQUEST, "not_before: must not be negative");
}

static void updating_passes_on_what_is_set(void **state)
{
	struct asked *a = *state;

	assert_int_equal(ask_whole(a, CALL(UPDATE_KEY)), PM_OK);
	expect_details("set=1000000 disabled=1 name= not_before=0 expires_at=0 scopes= networks= ");
	make_whole(a, CALL(UPDATE_KEY));
	a->update_key.set_disabled = false;
	a->update_key.set_name = a->update_key.set_not_before = a->update_key.set_expires_at = true;
	a->update_key.set_scopes = a->update_key.set_labels = a->update_key.set_networks = true;
	a->update_key.name = "n";
	a->update_key.not_before = 5;
	assert_int_equal(send_it(a), PM_OK);
	expect_details(
		"set=0111111 disabled=1 name=n not_before=5 expires_at=0 scopes= networks= ");
	anew(a);
	a->update_key.expires_at = clock_unix();
	expect_refusal(a, PM_BAD_REQUEST, "expires_at: must be in the future, or 0 for never");
	anew(a);
	a->update_key.set_expires_at = false; /* then it is not looked at */
	assert_int_equal(send_it(a), PM_OK);
}

static void rotating_and_resetting_say_how(void **state)
{
	struct asked *a = *state;

	make_whole(a, CALL(ROTATE_KEY));
	a->rotate_key.first_use = true;
	a->rotate_key.recoverable = true;
	assert_int_equal(send_it(a), PM_OK);
	expect_details("first_use=1 recoverable=1 recipient=");
	assert_int_equal(ask_whole(a, CALL(RESET_SECRET)), PM_OK);
	expect_details("reset recoverable=0 recipient=");
	assert_string_equal(a->reply->reset_secret->api_key, FAKE_SECRET);
	assert_int_equal(ask_whole(a, CALL(ROLLBACK_KEY)), PM_OK);
	assert_string_equal(a->reply->rollback_key->key->id, KEY_ID);
}

static void a_list_passes_its_filters_on(void **state)
{
	static Peppermint__V1__KeyState states[] = { PEPPERMINT__V1__KEY_STATE__KEY_REVOKED,
						     PEPPERMINT__V1__KEY_STATE__KEY_DISABLED };
	struct asked *a = *state;

	make_whole(a, CALL(LIST_KEYS));
	a->list_keys.product = "payments";
	a->list_keys.text = "till";
	a->list_keys.states = states;
	a->list_keys.n_states = 2;
	a->list_keys.sort = PEPPERMINT__V1__KEY_SORT__SORT_USE_COUNT;
	a->list_keys.ascending = true;
	a->list_keys.expires_before = 99;
	a->list_keys.page_token = "any text; the vault judges it";
	assert_int_equal(send_it(a), PM_OK);
	expect_details("product=payments text=till states=48 sort=11 ascending=1 before=99 "
		       "token=any text; the vault judges it");
}

static void what_is_no_state_or_order_is_refused(void **state)
{
	static Peppermint__V1__KeyState wrong[] = { PEPPERMINT__V1__KEY_STATE__KEY_ACTIVE,
						    (Peppermint__V1__KeyState)99 };
	struct asked *a = *state;

	make_whole(a, CALL(LIST_KEYS));
	a->list_keys.states = wrong;
	a->list_keys.n_states = 2;
	expect_refusal(a, PM_BAD_REQUEST, "states: this vault does not know one of them");
	wrong[1] = PEPPERMINT__V1__KEY_STATE__KEY_STATE_UNSPECIFIED;
	expect_refusal(a, PM_BAD_REQUEST, "states: this vault does not know one of them");
	make_whole(a, CALL(LIST_KEYS));
	a->list_keys.sort = (Peppermint__V1__KeySort)12;
	expect_refusal(a, PM_BAD_REQUEST, "sort: this vault does not know it");
	make_whole(a, CALL(LIST_KEYS));
	a->list_keys.expires_before = -1;
	expect_refusal(a, PM_BAD_REQUEST, "expires_before: must not be negative");
}

struct presenting {
	Peppermint__V1__Presented items[65];
	Peppermint__V1__Presented *list[65];
};

static void present(struct asked *a, struct presenting *p, size_t count)
{
	make(a, CALL(VERIFY_KEYS));
	for (size_t i = 0; i < count; i++) {
		peppermint__v1__presented__init(&p->items[i]);
		p->list[i] = &p->items[i];
	}
	a->verify_keys.presented = p->list;
	a->verify_keys.n_presented = count;
}

static void what_requests_brought_reaches_the_vault(void **state)
{
	static char *scopes[] = { "payments.write" };
	struct asked *a = *state;
	struct presenting p;
	ProtobufCBinaryData headers[] = { of_text("Bearer good"), of_text("Basic x") };

	present(a, &p, 2);
	p.items[0].authorization = headers;
	p.items[0].n_authorization = 1;
	p.items[0].source_address = "192.0.2.7";
	p.items[0].product = "payments";
	p.items[0].scopes = scopes;
	p.items[0].n_scopes = 1;
	p.items[1].api_key = of_text("bad");
	p.items[1].authorization = headers;
	p.items[1].n_authorization = 2;
	assert_int_equal(send_it(a), PM_OK);
	expect_details("details [key= address=192.0.2.7 product=payments header=Bearer good "
		       "scopes=payments.write, ]"
		       "[key=bad address= product= header=Bearer good header=Basic x scopes= ]");
	const Peppermint__V1__Verdict *good = a->reply->verify_keys->verdicts[0];
	assert_true(good->valid);
	assert_string_equal(good->external_reference, "order-7");
	assert_int_equal(good->n_scopes, 2);
	assert_string_equal(good->labels[0]->value, "tills");
	assert_false(a->reply->verify_keys->verdicts[1]->valid);
	assert_int_equal(a->reply->verify_keys->verdicts[1]->n_scopes, 0);
}

/* Hostile headers are the vault's to refuse, one by one: they do not spoil the others' answers. */
static void bytes_that_are_no_text_are_presented_as_what_they_are(void **state)
{
	struct asked *a = *state;
	struct presenting p;
	ProtobufCBinaryData wild[] = { { 3, (uint8_t *)"\xff\r\n" }, { 4, (uint8_t *)"a\0bc" } };

	present(a, &p, 3);
	p.items[0].authorization = &wild[0];
	p.items[0].n_authorization = 1;
	p.items[1].authorization = &wild[1];
	p.items[1].n_authorization = 1;
	p.items[2].api_key = of_text("good");
	assert_int_equal(send_it(a), PM_OK);
	assert_false(a->reply->verify_keys->verdicts[0]->valid);
	assert_false(a->reply->verify_keys->verdicts[1]->valid);
	assert_true(a->reply->verify_keys->verdicts[2]->valid);
}

static void presented_requests_have_their_limits(void **state)
{
	static uint8_t header[513];
	struct asked *a = *state;
	struct presenting p;
	ProtobufCBinaryData value = { 513, header };

	memset(header, 'x', sizeof(header));
	present(a, &p, 64);
	assert_int_equal(send_it(a), PM_OK);
	present(a, &p, 65);
	expect_refusal(a, PM_TOO_LARGE, "presented: must be at most 64");
	present(a, &p, 1);
	p.items[0].authorization = &value;
	p.items[0].n_authorization = 1;
	expect_refusal(a, PM_TOO_LARGE, "authorization: must be at most 512 bytes");
	present(a, &p, 1);
	fake_reset();
	a->verify_keys.api_keys = a->texts;
	a->texts[0] = "good";
	a->verify_keys.n_api_keys = 1;
	expect_refusal(a, PM_BAD_REQUEST,
		       "api_keys: at least one is required, or else of presented");
	assert_int_equal(fake_entered(), 0);
}

static void checking_a_secret_says_yes_or_no_in_words(void **state)
{
	struct asked *a = *state;

	assert_int_equal(ask_whole(a, CALL(VERIFY_SECRET)), PM_OK);
	assert_true(a->reply->verify_secret->match);
	assert_string_equal(a->reply->verify_secret->message, "Your secret has been verified.");
	make_whole(a, CALL(VERIFY_SECRET));
	a->verify_secret.secret = "evil";
	assert_int_equal(send_it(a), PM_OK);
	assert_false(a->reply->verify_secret->match);
	assert_string_equal(a->reply->verify_secret->message,
			    "Your secret does not match this key.");
	a->verify_secret.secret = "";
	expect_refusal(a, PM_BAD_REQUEST, "secret: required, at most 256 bytes");
}

static void an_imported_key_that_is_malformed_harms_only_itself(void **state)
{
	static char *scopes[] = { "payments" };
	struct asked *a = *state;

	make_whole(a, CALL(IMPORT_KEYS));
	a->imports[0].account = "";
	a->imports[1].form = PEPPERMINT__V1__IMPORT_FORM__IMPORT_HMAC_SHA256;
	a->imports[1].hmac_key = "old";
	a->imports[1].product = "payments";
	a->imports[1].name = "till";
	a->imports[1].external_reference = "r";
	a->imports[1].tail = "qV8";
	a->imports[1].created_at = 1;
	a->imports[1].not_before = 2;
	a->imports[1].expires_at = 3;
	a->imports[1].disabled = true;
	a->imports[1].scopes = scopes;
	a->imports[1].n_scopes = 1;
	a->imports[1].labels = a->label_list;
	a->imports[1].n_labels = 1;
	assert_int_equal(send_it(a), PM_OK);
	expect_details("[form=3 value=2 hmac_key=old account=acme product=payments name=till ref=r "
		       "tail=qV8 times=1,2,3 disabled=1 scopes=payments, label team=tills ]");
	assert_int_equal(a->reply->import_keys->n_outcomes, 2);
	assert_int_equal(a->reply->import_keys->outcomes[0]->error, PM_BAD_REQUEST);
	assert_string_equal(a->reply->import_keys->outcomes[0]->message,
			    "account: required, at most 64 bytes");
	assert_int_equal(a->reply->import_keys->outcomes[1]->error, PM_OK);
	assert_string_equal(a->reply->import_keys->outcomes[1]->key_id, "key0");
	anew(a);
	a->imports[1].tail = "long";
	assert_int_equal(send_it(a), PM_OK); /* nothing is left for the vault */
	assert_int_equal(fake_asked().count, 1);
}

static void an_import_has_1_to_512_keys(void **state)
{
	static Peppermint__V1__ImportedKey *many[513];
	struct asked *a = *state;

	make_whole(a, CALL(IMPORT_KEYS));
	for (size_t i = 0; i < 513; i++)
		many[i] = &a->imports[0];
	a->import_keys.keys = many;
	a->import_keys.n_keys = 512;
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(a->reply->import_keys->n_outcomes, 512);
	anew(a);
	a->import_keys.n_keys = 513;
	expect_refusal(a, PM_TOO_LARGE, "keys: too many items");
	anew(a);
	a->import_keys.n_keys = 0;
	expect_refusal(a, PM_BAD_REQUEST, "keys: must be 1 to 512");
}

static void a_key_of_another_system_has_16_to_64_bytes(void **state)
{
	static uint8_t value[65];
	struct asked *a = *state;

	assert_int_equal(ask_whole(a, CALL(IMPORT_HMAC_KEY)), PM_OK);
	assert_int_equal(a->reply->import_hmac_key->key->version, 1);
	make_whole(a, CALL(IMPORT_HMAC_KEY));
	for (size_t len = 15; len < 66; len += 50) {
		a->import_hmac_key.value = (ProtobufCBinaryData){ len, value };
		expect_refusal(a, PM_BAD_REQUEST, "value: must have 16 to 64 bytes");
	}
}

static void a_leak_report_is_as_long_as_a_message(void **state)
{
	static uint8_t payload[61441];
	struct asked *a = *state;

	memset(payload, '[', sizeof(payload));
	make_whole(a, CALL(REPORT_LEAKS));
	a->report_leaks.payload = (ProtobufCBinaryData){ 61440, payload };
	fake_size(100);
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(fake_asked().number, 61440);
	assert_int_equal(a->reply->report_leaks->n_verdicts, 100);
	assert_true(a->reply->report_leaks->verdicts[99]->known);
	assert_string_equal(a->reply->report_leaks->verdicts[99]->environment, "live");
	assert_int_equal(a->reply->report_leaks->verdicts[99]->action,
			 PEPPERMINT__V1__LEAK_ACTION__LEAK_REVOKED);
	anew(a);
	a->report_leaks.payload.len = 61441;
	expect_refusal(a, PM_TOO_LARGE, "payload: must be at most 61440 bytes");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, asked_setup, asked_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_record_has_all_that_the_vault_tells),
		TEST(minting_passes_everything_on),
		TEST(a_sealed_secret_comes_alone),
		TEST(a_recipient_is_a_text_of_8192_bytes_at_most),
		TEST(lists_of_a_key_have_their_limits),
		TEST(updating_passes_on_what_is_set),
		TEST(rotating_and_resetting_say_how),
		TEST(a_list_passes_its_filters_on),
		TEST(what_is_no_state_or_order_is_refused),
		TEST(what_requests_brought_reaches_the_vault),
		TEST(bytes_that_are_no_text_are_presented_as_what_they_are),
		TEST(presented_requests_have_their_limits),
		TEST(checking_a_secret_says_yes_or_no_in_words),
		TEST(an_imported_key_that_is_malformed_harms_only_itself),
		TEST(an_import_has_1_to_512_keys),
		TEST(a_key_of_another_system_has_16_to_64_bytes),
		TEST(a_leak_report_is_as_long_as_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
