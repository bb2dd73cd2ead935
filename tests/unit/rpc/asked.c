#include "asked.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <nanomsg/nn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool is_of_the_whole_vault(uint32_t call)
{
	return (call >= PEPPERMINT__V1__REQUEST__CALL_LIST_LOGS &&
		call <= PEPPERMINT__V1__REQUEST__CALL_GET_INVENTORY &&
		call != PEPPERMINT__V1__REQUEST__CALL_HASH_TEXT) ||
	       call == PEPPERMINT__V1__REQUEST__CALL_REPORT_LEAKS;
}

void make(struct asked *a, uint32_t call)
{
	static const ProtobufCMessageDescriptor *const types[] = {
		&peppermint__v1__status_request__descriptor,
		&peppermint__v1__mint_key_request__descriptor,
		&peppermint__v1__verify_keys_request__descriptor,
		&peppermint__v1__get_key_request__descriptor,
		&peppermint__v1__list_keys_request__descriptor,
		&peppermint__v1__rotate_key_request__descriptor,
		&peppermint__v1__revoke_key_request__descriptor,
		&peppermint__v1__hash_request__descriptor,
		&peppermint__v1__verify_hash_request__descriptor,
		&peppermint__v1__list_peppers_request__descriptor,
		&peppermint__v1__create_pepper_request__descriptor,
		&peppermint__v1__rotate_pepper_request__descriptor,
		&peppermint__v1__list_logs_request__descriptor,
		&peppermint__v1__read_log_request__descriptor,
		&peppermint__v1__prove_entry_request__descriptor,
		&peppermint__v1__add_cosignature_request__descriptor,
		&peppermint__v1__rotate_log_request__descriptor,
		&peppermint__v1__hash_text_request__descriptor,
		&peppermint__v1__get_inventory_request__descriptor,
		&peppermint__v1__list_masters_request__descriptor,
		&peppermint__v1__change_master_request__descriptor,
		&peppermint__v1__inspect_token_request__descriptor,
		&peppermint__v1__settle_orphan_request__descriptor,
		&peppermint__v1__seal_request__descriptor,
		&peppermint__v1__unseal_request__descriptor,
		&peppermint__v1__change_pin_request__descriptor,
		&peppermint__v1__update_key_request__descriptor,
		&peppermint__v1__reset_secret_request__descriptor,
		&peppermint__v1__rollback_key_request__descriptor,
		&peppermint__v1__verify_secret_request__descriptor,
		&peppermint__v1__reveal_key_request__descriptor,
		&peppermint__v1__confirm_request__descriptor,
		&peppermint__v1__create_account_request__descriptor,
		&peppermint__v1__update_account_request__descriptor,
		&peppermint__v1__get_account_request__descriptor,
		&peppermint__v1__list_accounts_request__descriptor,
		&peppermint__v1__create_operator_request__descriptor,
		&peppermint__v1__update_operator_request__descriptor,
		&peppermint__v1__list_operators_request__descriptor,
		&peppermint__v1__change_operator_pin_request__descriptor,
		&peppermint__v1__import_keys_request__descriptor,
		&peppermint__v1__import_hmac_key_request__descriptor,
		&peppermint__v1__report_leaks_request__descriptor,
	};

	peppermint__v1__request__init(&a->request);
	a->request.version = 1;
	snprintf(a->id, sizeof(a->id), "id-%u", a->ids++);
	a->request.request_id = a->id;
	a->request.call_case = (Peppermint__V1__Request__CallCase)call;
	a->request.status = &a->status; /* all share the union's place */
	protobuf_c_message_init(types[call - FIRST], &a->status);
	if (call != FIRST && !is_of_the_whole_vault(call))
		a->get_key.environment = "test"; /* where every request has it */
}

static void fill_lists(struct asked *a)
{
	a->texts[0] = "good";
	a->texts[1] = "bad";
	for (size_t i = 0; i < 2; i++) {
		a->values[i] = (ProtobufCBinaryData){ i + 1, (uint8_t *)"\xff\xfe" };
		peppermint__v1__hashed_value__init(&a->items[i]);
		a->items[i].value = a->values[i];
		a->items[i].hash = "h"; /* the fake says: a match if as long as the value */
		a->item_list[i] = &a->items[i];
		peppermint__v1__imported_key__init(&a->imports[i]);
		a->imports[i].form = PEPPERMINT__V1__IMPORT_FORM__IMPORT_SHA256;
		a->imports[i].value = a->values[i];
		a->imports[i].account = "acme";
		a->import_list[i] = &a->imports[i];
	}
	peppermint__v1__grant__init(&a->grant);
	a->grant.account = "acme";
	a->grant.role = PEPPERMINT__V1__OPERATOR_ROLE__ADMIN;
	a->grant_list[0] = &a->grant;
	peppermint__v1__product__init(&a->product);
	a->product.name = "payments";
	a->product.enabled = true;
	a->product_list[0] = &a->product;
	peppermint__v1__label__init(&a->label);
	a->label.key = "team";
	a->label.value = "tills";
	a->label_list[0] = &a->label;
}

ProtobufCBinaryData of_text(const char *text)
{
	return (ProtobufCBinaryData){ strlen(text), (uint8_t *)(uintptr_t)text };
}

void make_whole(struct asked *a, uint32_t call)
{
	make(a, call);
	fill_lists(a);
	switch (call) {
	case PEPPERMINT__V1__REQUEST__CALL_MINT_KEY:
		a->mint_key.account = "acme";
		break;
	case PEPPERMINT__V1__REQUEST__CALL_VERIFY_KEYS:
		a->verify_keys.api_keys = a->texts;
		a->verify_keys.n_api_keys = 2;
		break;
	case PEPPERMINT__V1__REQUEST__CALL_GET_KEY:
		a->get_key.key_id = KEY_ID;
		break;
	case PEPPERMINT__V1__REQUEST__CALL_ROTATE_KEY:
		a->rotate_key.key_id = KEY_ID;
		break;
	case PEPPERMINT__V1__REQUEST__CALL_REVOKE_KEY:
		a->revoke_key.key_id = KEY_ID;
		break;
	case PEPPERMINT__V1__REQUEST__CALL_HASH:
		a->hash.pepper = "pan";
		a->hash.values = a->values;
		a->hash.n_values = 2;
		break;
	case PEPPERMINT__V1__REQUEST__CALL_VERIFY_HASH:
		a->verify_hash.pepper = "pan";
		a->verify_hash.items = a->item_list;
		a->verify_hash.n_items = 2;
		break;
	case PEPPERMINT__V1__REQUEST__CALL_CREATE_PEPPER:
		a->create_pepper.name = "pan";
		break;
	case PEPPERMINT__V1__REQUEST__CALL_ROTATE_PEPPER:
		a->rotate_pepper.name = "pan";
		break;
	case PEPPERMINT__V1__REQUEST__CALL_ADD_COSIGNATURE:
		a->add_cosignature.checkpoint = a->values[0];
		break;
	case PEPPERMINT__V1__REQUEST__CALL_HASH_TEXT:
		a->hash_text.text = "acme";
		break;
	case PEPPERMINT__V1__REQUEST__CALL_CHANGE_MASTER:
		a->change_master.name = "pan";
		a->change_master.verb = PEPPERMINT__V1__MASTER_VERB__ROTATE;
		break;
	case PEPPERMINT__V1__REQUEST__CALL_SETTLE_ORPHAN:
		a->settle_orphan.key_id = of_text(OBJECT_ID);
		break;
	case PEPPERMINT__V1__REQUEST__CALL_UNSEAL:
		a->unseal.pin = of_text(PIN);
		break;
	case PEPPERMINT__V1__REQUEST__CALL_CHANGE_PIN:
		a->change_pin.old_pin = of_text(PIN);
		a->change_pin.new_pin = of_text(NEW_PIN);
		break;
	case PEPPERMINT__V1__REQUEST__CALL_UPDATE_KEY:
		a->update_key.key_id = KEY_ID;
		a->update_key.set_disabled = true;
		a->update_key.disabled = true;
		break;
	case PEPPERMINT__V1__REQUEST__CALL_RESET_SECRET:
		a->reset_secret.key_id = KEY_ID;
		break;
	case PEPPERMINT__V1__REQUEST__CALL_ROLLBACK_KEY:
		a->rollback_key.key_id = KEY_ID;
		break;
	case PEPPERMINT__V1__REQUEST__CALL_VERIFY_SECRET:
		a->verify_secret.key_id = KEY_ID;
		a->verify_secret.secret = "good";
		break;
	case PEPPERMINT__V1__REQUEST__CALL_REVEAL_KEY:
		a->reveal_key.key_id = KEY_ID;
		break;
	case PEPPERMINT__V1__REQUEST__CALL_CONFIRM:
		a->confirm.act = PEPPERMINT__V1__ACT__ACT_RESET;
		a->confirm.subject = KEY_ID;
		break;
	case PEPPERMINT__V1__REQUEST__CALL_CREATE_ACCOUNT:
		a->create_account.id = "acme";
		a->create_account.products = a->product_list;
		a->create_account.n_products = 1;
		break;
	case PEPPERMINT__V1__REQUEST__CALL_UPDATE_ACCOUNT:
		a->update_account.id = "acme";
		a->update_account.products = a->product_list;
		a->update_account.n_products = 1;
		break;
	case PEPPERMINT__V1__REQUEST__CALL_GET_ACCOUNT:
		a->get_account.id = "acme";
		break;
	case PEPPERMINT__V1__REQUEST__CALL_CREATE_OPERATOR:
		a->create_operator.id = "olga";
		a->create_operator.grants = a->grant_list;
		a->create_operator.n_grants = 1;
		a->create_operator.new_pin = of_text(PIN);
		break;
	case PEPPERMINT__V1__REQUEST__CALL_UPDATE_OPERATOR:
		a->update_operator.id = "olga";
		a->update_operator.set_grants = true;
		a->update_operator.grants = a->grant_list;
		a->update_operator.n_grants = 1;
		break;
	case PEPPERMINT__V1__REQUEST__CALL_CHANGE_OPERATOR_PIN:
		a->change_operator_pin.new_pin = of_text(NEW_PIN);
		a->request.operator_ = "olga";
		a->request.pin = of_text(PIN);
		break;
	case PEPPERMINT__V1__REQUEST__CALL_IMPORT_KEYS:
		a->import_keys.keys = a->import_list;
		a->import_keys.n_keys = 2;
		break;
	case PEPPERMINT__V1__REQUEST__CALL_IMPORT_HMAC_KEY:
		a->import_hmac_key.name = "old";
		a->import_hmac_key.value = of_text(OBJECT_ID);
		break;
	case PEPPERMINT__V1__REQUEST__CALL_REPORT_LEAKS:
		a->report_leaks.payload = of_text("[]");
		a->report_leaks.key_id = "scanner";
		a->report_leaks.signature = "MEUC";
		break;
	default:
		break;
	}
}

enum pm_err send_it(struct asked *a)
{
	if (a->reply)
		free_reply(a->reply);
	a->reply = ask(a->socket, &a->request);
	enum pm_err err = (enum pm_err)a->reply->error;
	assert_int_equal(a->reply->version, 1);
	assert_string_equal(a->reply->request_id, a->request.request_id);
	assert_int_equal(a->reply->result_case, err == PM_OK
							? (int)a->request.call_case
							: PEPPERMINT__V1__REPLY__RESULT__NOT_SET);
	return err;
}

enum pm_err ask_whole(struct asked *a, uint32_t call)
{
	make_whole(a, call);
	return send_it(a);
}

void expect_refusal(struct asked *a, enum pm_err err, const char *message)
{
	assert_int_equal(send_it(a), err);
	assert_string_equal(a->reply->message, message);
}

int asked_setup(void **state)
{
	struct asked *a = calloc(1, sizeof(*a));
	void *f = NULL;

	if (serve(&f) != 0)
		return -1;
	a->f = f;
	a->socket = connect_req(a->f);
	*state = a;
	return 0;
}

int asked_teardown(void **state)
{
	struct asked *a = *state;
	void *f = a->f;

	if (a->reply)
		free_reply(a->reply);
	nn_close(a->socket);
	free(a);
	return unserve(&f);
}
