/* The calls of an API key's life, of accounts and of operators. */
#include "canned_answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void answer_update(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			  struct canned_answer *room)
{
	const Peppermint__V1__UpdateKeyRequest *asked = request->update_key;

	PREPARE(reply, room, update_key, PEPPERMINT__V1__UPDATE_KEY_REPLY__INIT);
	Peppermint__V1__Key *key = canned_key(room, 0, asked->environment);
	reply->update_key->key = key;
	if (asked->set_disabled && asked->disabled) {
		key->state = PEPPERMINT__V1__KEY_STATE__KEY_DISABLED;
		key->disabled_at = 1767225700;
	}
	if (asked->set_name)
		key->name = asked->name;
	if (asked->set_scopes) {
		key->scopes = asked->scopes;
		key->n_scopes = asked->n_scopes;
	}
	if (asked->set_labels) {
		key->labels = asked->labels;
		key->n_labels = asked->n_labels;
	}
	if (asked->set_networks) {
		key->networks = asked->networks;
		key->n_networks = asked->n_networks;
	}
}

static void answer_reset(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			 struct canned_answer *room)
{
	const Peppermint__V1__ResetSecretRequest *asked = request->reset_secret;

	if (!canned_step_up(request, reply, request->operator_[0]))
		return;
	PREPARE(reply, room, reset_secret, PEPPERMINT__V1__RESET_SECRET_REPLY__INIT);
	reply->reset_secret->key = canned_key(room, 0, asked->environment);
	reply->reset_secret->key->secret_version = 5;
	canned_hand_out(asked->recipient, &reply->reset_secret->api_key,
			&reply->reset_secret->sealed, &reply->reset_secret->merchant);
}

static void answer_rollback(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			    struct canned_answer *room)
{
	PREPARE(reply, room, rollback_key, PEPPERMINT__V1__ROLLBACK_KEY_REPLY__INIT);
	reply->rollback_key->key = canned_key(room, 0, request->rollback_key->environment);
}

static void answer_verify_secret(const Peppermint__V1__Request *request,
				 Peppermint__V1__Reply *reply, struct canned_answer *room)
{
	PREPARE(reply, room, verify_secret, PEPPERMINT__V1__VERIFY_SECRET_REPLY__INIT);
	reply->verify_secret->match = strcmp(request->verify_secret->secret, CANNED_KEY) == 0;
}

static void answer_reveal(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			  struct canned_answer *room)
{
	PREPARE(reply, room, reveal_key, PEPPERMINT__V1__REVEAL_KEY_REPLY__INIT);
	canned_hand_out(request->reveal_key->recipient, &reply->reveal_key->api_key,
			&reply->reveal_key->sealed, &reply->reveal_key->merchant);
}

static void answer_confirm(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			   struct canned_answer *room)
{
	PREPARE(reply, room, confirm, PEPPERMINT__V1__CONFIRM_REPLY__INIT);
	reply->confirm->confirmation = CANNED_CONFIRMATION;
	reply->confirm->expires_at = 1767225900;
	reply->confirm->message = "the old secrets verify nothing from then on";
	reply->confirm->pin_needed = request->operator_[0] != '\0';
}

static Peppermint__V1__Account *make_account(struct canned_answer *room, size_t i,
					     char *environment, char *id)
{
	static char *ids[CANNED_ACCOUNTS] = { "acme", "bolt", "crown" };
	Peppermint__V1__Account *account = &room->accounts[i];

	*account = (Peppermint__V1__Account)PEPPERMINT__V1__ACCOUNT__INIT;
	account->environment = environment;
	account->id = id ? id : ids[i];
	account->name = "Acme Ltd";
	account->status = PEPPERMINT__V1__ACCOUNT_STATUS__ACCOUNT_APPROVED;
	account->merchant = CANNED_MERCHANT;
	account->client_id = CANNED_ID;
	account->created_by = "backoffice";
	account->created_at = account->changed_at = account->approved_at = 1767225600;
	for (size_t p = 0; p < 2; p++) {
		room->products[p] = (Peppermint__V1__Product)PEPPERMINT__V1__PRODUCT__INIT;
		room->products[p].name = p ? "payouts" : "payments";
		room->products[p].enabled = !p;
		room->product_pointers[p] = &room->products[p];
	}
	account->products = (void *)room->product_pointers;
	account->n_products = 2;
	return account;
}

static void make_pending(Peppermint__V1__Account *account, Peppermint__V1__AccountStatus status)
{
	account->status = status ? status : PEPPERMINT__V1__ACCOUNT_STATUS__ACCOUNT_ONBOARDING;
	account->client_id = "";
	account->pending_activation = 1;
	account->approved_at = 0;
}

static void answer_create_account(const Peppermint__V1__Request *request,
				  Peppermint__V1__Reply *reply, struct canned_answer *room)
{
	const Peppermint__V1__CreateAccountRequest *asked = request->create_account;

	PREPARE(reply, room, create_account, PEPPERMINT__V1__CREATE_ACCOUNT_REPLY__INIT);
	reply->create_account->account = make_account(room, 0, asked->environment, asked->id);
	reply->create_account->account->first_product = asked->first_product;
	if (asked->n_products > 0) {
		reply->create_account->account->products = asked->products;
		reply->create_account->account->n_products = asked->n_products;
	}
	make_pending(reply->create_account->account, asked->status);
}

/* Approval mints a key. */
static void answer_update_account(const Peppermint__V1__Request *request,
				  Peppermint__V1__Reply *reply, struct canned_answer *room)
{
	const Peppermint__V1__UpdateAccountRequest *asked = request->update_account;
	char *merchant = NULL;

	PREPARE(reply, room, update_account, PEPPERMINT__V1__UPDATE_ACCOUNT_REPLY__INIT);
	Peppermint__V1__Account *account = make_account(room, 0, asked->environment, asked->id);
	reply->update_account->account = account;
	if (asked->status)
		account->status = asked->status;
	if (asked->set_name)
		account->name = asked->name;
	if (asked->n_products > 0) {
		account->products = asked->products;
		account->n_products = asked->n_products;
	}
	if (asked->status == PEPPERMINT__V1__ACCOUNT_STATUS__ACCOUNT_APPROVED)
		canned_hand_out(asked->recipient, &reply->update_account->api_key,
				&reply->update_account->sealed, &merchant);
}

static void answer_get_account(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			       struct canned_answer *room)
{
	const Peppermint__V1__GetAccountRequest *asked = request->get_account;

	PREPARE(reply, room, get_account, PEPPERMINT__V1__GET_ACCOUNT_REPLY__INIT);
	reply->get_account->account = make_account(room, 0, asked->environment, asked->id);
	if (strcmp(asked->id, "new") == 0)
		make_pending(reply->get_account->account, 0);
}

/* The items from the token on, as many as a page has; and the token of the next page. */
static size_t page_of(struct canned_answer *room, const char *token, size_t size, size_t all,
		      size_t *at)
{
	*at = (size_t)atoi(token);
	size_t count = all - *at < size ? all - *at : size;

	room->page_token[0] = '\0';
	if (*at + count < all)
		snprintf(room->page_token, sizeof(room->page_token), "%zu", *at + count);
	return count;
}

static void answer_list_accounts(const Peppermint__V1__Request *request,
				 Peppermint__V1__Reply *reply, struct canned_answer *room)
{
	const Peppermint__V1__ListAccountsRequest *asked = request->list_accounts;
	size_t at = 0;

	PREPARE(reply, room, list_accounts, PEPPERMINT__V1__LIST_ACCOUNTS_REPLY__INIT);
	reply->list_accounts->n_accounts =
		page_of(room, asked->page_token, asked->page_size, CANNED_ACCOUNTS, &at);
	reply->list_accounts->accounts = (void *)room->pointers;
	for (size_t i = 0; i < reply->list_accounts->n_accounts; i++)
		room->pointers[i] = make_account(room, at + i, asked->environment, NULL);
	reply->list_accounts->next_page_token = room->page_token;
	reply->list_accounts->total = CANNED_ACCOUNTS;
}

static Peppermint__V1__Operator *make_operator(struct canned_answer *room, size_t i,
					       char *environment, char *id)
{
	static char *ids[CANNED_OPERATORS] = { "ann", "bob" };
	Peppermint__V1__Operator *person = &room->people[i];

	*person = (Peppermint__V1__Operator)PEPPERMINT__V1__OPERATOR__INIT;
	person->environment = environment;
	person->id = id ? id : ids[i];
	person->name = "Ann Onymous";
	person->created_by = "backoffice";
	person->has_pin = 1;
	person->created_at = person->changed_at = 1767225600;
	for (size_t g = 0; g < 2; g++) {
		room->grants[g] = (Peppermint__V1__Grant)PEPPERMINT__V1__GRANT__INIT;
		room->grants[g].account = g ? "bolt" : "acme";
		room->grants[g].role = g ? PEPPERMINT__V1__OPERATOR_ROLE__VIEWER
					 : PEPPERMINT__V1__OPERATOR_ROLE__ADMIN;
		room->grant_pointers[g] = &room->grants[g];
	}
	person->grants = (void *)room->grant_pointers;
	person->n_grants = 2;
	return person;
}

static void answer_create_operator(const Peppermint__V1__Request *request,
				   Peppermint__V1__Reply *reply, struct canned_answer *room)
{
	const Peppermint__V1__CreateOperatorRequest *asked = request->create_operator;

	PREPARE(reply, room, create_operator, PEPPERMINT__V1__CREATE_OPERATOR_REPLY__INIT);
	Peppermint__V1__Operator *person = make_operator(room, 0, asked->environment, asked->id);
	reply->create_operator->operator_ = person;
	person->name = asked->name;
	person->grants = asked->grants;
	person->n_grants = asked->n_grants;
	person->has_pin = asked->new_pin.len > 0;
}

static void answer_update_operator(const Peppermint__V1__Request *request,
				   Peppermint__V1__Reply *reply, struct canned_answer *room)
{
	const Peppermint__V1__UpdateOperatorRequest *asked = request->update_operator;

	PREPARE(reply, room, update_operator, PEPPERMINT__V1__UPDATE_OPERATOR_REPLY__INIT);
	Peppermint__V1__Operator *person = make_operator(room, 0, asked->environment, asked->id);
	reply->update_operator->operator_ = person;
	if (asked->set_grants) {
		person->grants = asked->grants;
		person->n_grants = asked->n_grants;
	}
	if (asked->set_disabled && asked->disabled)
		person->disabled_at = 1767225700;
}

static void answer_list_operators(const Peppermint__V1__Request *request,
				  Peppermint__V1__Reply *reply, struct canned_answer *room)
{
	const Peppermint__V1__ListOperatorsRequest *asked = request->list_operators;
	size_t at = 0;

	PREPARE(reply, room, list_operators, PEPPERMINT__V1__LIST_OPERATORS_REPLY__INIT);
	reply->list_operators->n_operators =
		page_of(room, asked->page_token, asked->page_size, CANNED_OPERATORS, &at);
	reply->list_operators->operators = (void *)room->pointers;
	for (size_t i = 0; i < reply->list_operators->n_operators; i++)
		room->pointers[i] = make_operator(room, at + i, asked->environment, NULL);
	reply->list_operators->next_page_token = room->page_token;
	reply->list_operators->total = CANNED_OPERATORS;
}

static void answer_change_operator_pin(const Peppermint__V1__Request *request,
				       Peppermint__V1__Reply *reply, struct canned_answer *room)
{
	PREPARE(reply, room, change_operator_pin, PEPPERMINT__V1__CHANGE_OPERATOR_PIN_REPLY__INIT);
	if (request->pin.len != strlen(CANNED_PIN) ||
	    memcmp(request->pin.data, CANNED_PIN, request->pin.len) != 0)
		canned_refuse(reply, PEPPERMINT__V1__ERROR__PIN_WRONG, "the PIN is wrong");
}

static void answer_import_hmac_key(const Peppermint__V1__Request *request,
				   Peppermint__V1__Reply *reply, struct canned_answer *room)
{
	PREPARE(reply, room, import_hmac_key, PEPPERMINT__V1__IMPORT_HMAC_KEY_REPLY__INIT);
	room->masters[0] = (Peppermint__V1__MasterVersion)PEPPERMINT__V1__MASTER_VERSION__INIT;
	room->masters[0].environment = request->import_hmac_key->environment;
	room->masters[0].purpose = "imported";
	room->masters[0].name = request->import_hmac_key->name;
	room->masters[0].version = 1;
	room->masters[0].state = PEPPERMINT__V1__PEPPER_STATE__VERIFY_ONLY;
	reply->import_hmac_key->key = &room->masters[0];
}

/* Two tokens: one of ours, one of nobody's. */
static void answer_report_leaks(const Peppermint__V1__Request *request,
				Peppermint__V1__Reply *reply, struct canned_answer *room)
{
	if (strcmp(request->report_leaks->signature, "good") != 0) {
		canned_refuse(reply, PEPPERMINT__V1__ERROR__DENIED,
			      "the signature is of no source that the configuration names");
		return;
	}
	PREPARE(reply, room, report_leaks, PEPPERMINT__V1__REPORT_LEAKS_REPLY__INIT);
	reply->report_leaks->n_verdicts = 2;
	reply->report_leaks->verdicts = (void *)room->pointers;
	for (size_t i = 0; i < 2; i++) {
		room->leaks[i] = (Peppermint__V1__LeakVerdict)PEPPERMINT__V1__LEAK_VERDICT__INIT;
		room->pointers[i] = &room->leaks[i];
	}
	room->leaks[0].known = 1;
	room->leaks[0].environment = "live";
	room->leaks[0].key_id = CANNED_ID;
	room->leaks[0].action = PEPPERMINT__V1__LEAK_ACTION__LEAK_REVOKED;
}

static void (*const answers[])(const Peppermint__V1__Request *, Peppermint__V1__Reply *,
			       struct canned_answer *) = {
	answer_update,          answer_reset,
	answer_rollback,        answer_verify_secret,
	answer_reveal,          answer_confirm,
	answer_create_account,  answer_update_account,
	answer_get_account,     answer_list_accounts,
	answer_create_operator, answer_update_operator,
	answer_list_operators,  answer_change_operator_pin,
	canned_answer_import,   answer_import_hmac_key,
	answer_report_leaks,
};

void canned_answer_lifecycle(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			     struct canned_answer *room)
{
	answers[request->call_case - PEPPERMINT__V1__REQUEST__CALL_UPDATE_KEY](request, reply,
									       room);
}
