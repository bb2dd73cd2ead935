/* Accounts: the merchants of an environment, and the products enabled for them. */
#include <string.h>

#include "base/cleanup.h"
#include "exchange.h"
#include "fill_key.h"
#include "parts.h"

static enum peppermint_account_status account_status(Peppermint__V1__AccountStatus status)
{
	switch (status) {
	case PEPPERMINT__V1__ACCOUNT_STATUS__ACCOUNT_ONBOARDING:
		return PEPPERMINT_ACCOUNT_ONBOARDING;
	case PEPPERMINT__V1__ACCOUNT_STATUS__ACCOUNT_PENDING:
		return PEPPERMINT_ACCOUNT_PENDING;
	case PEPPERMINT__V1__ACCOUNT_STATUS__ACCOUNT_APPROVED:
		return PEPPERMINT_ACCOUNT_APPROVED;
	case PEPPERMINT__V1__ACCOUNT_STATUS__ACCOUNT_SUSPENDED:
		return PEPPERMINT_ACCOUNT_SUSPENDED;
	case PEPPERMINT__V1__ACCOUNT_STATUS__ACCOUNT_CLOSED:
		return PEPPERMINT_ACCOUNT_CLOSED;
	default:
		return PEPPERMINT_ACCOUNT_STATUS_UNKNOWN;
	}
}

static enum pm_err fill_products(struct exchange *x, const Peppermint__V1__Account *from,
				 struct peppermint_account *to)
{
	if (from->n_products > PEPPERMINT_PRODUCTS_MAX)
		return exchange_bad_reply(x, "the answer holds too many products");
	for (size_t i = 0; i < from->n_products; i++) {
		TRY(FILL_TEXT(x, from->products[i]->name, to->products[i].name));
		to->products[i].enabled = from->products[i]->enabled;
	}
	to->product_count = from->n_products;
	return PM_OK;
}

/* Of that environment and, unless NULL, that id; `from` may be missing. */
static enum pm_err fill_account(struct exchange *x, const Peppermint__V1__Account *from,
				const char *environment, const char *id,
				struct peppermint_account *to)
{
	if (!from || from->id[0] == '\0')
		return exchange_bad_reply(x, "the answer holds no account");
	if (strcmp(from->environment, exchange_text(environment)) != 0 ||
	    (id && strcmp(from->id, id) != 0))
		return exchange_bad_reply(x, "the answer is about another account");
	TRY(FILL_TEXT(x, from->environment, to->environment));
	TRY(FILL_TEXT(x, from->id, to->id));
	TRY(FILL_TEXT(x, from->name, to->name));
	TRY(FILL_TEXT(x, from->merchant, to->merchant));
	TRY(FILL_TEXT(x, from->first_product, to->first_product));
	TRY(FILL_TEXT(x, from->client_id, to->client_id));
	TRY(FILL_TEXT(x, from->created_by, to->created_by));
	TRY(fill_products(x, from, to));
	to->status = account_status(from->status);
	to->pending_activation = from->pending_activation;
	to->created_at = from->created_at;
	to->changed_at = from->changed_at;
	to->approved_at = from->approved_at;
	to->closed_at = from->closed_at;
	return PM_OK;
}

/* An account's first key, if there is one. */
static enum pm_err fill_first_key(struct exchange *x, const char *api_key, const char *sealed,
				  const struct peppermint_account *account,
				  struct peppermint_secret *secret,
				  struct peppermint_delivery *delivery)
{
	const char *merchant = account->merchant[0] ? account->merchant : account->id;
	const struct handed_out out = { api_key, sealed, merchant };

	if (api_key[0] == '\0' && sealed[0] == '\0')
		return PM_OK;
	if (account->client_id[0] == '\0')
		return exchange_bad_reply(x, "the answer holds a key of no id");
	return fill_secret(x, &out, secret, delivery);
}

static enum pm_err set_products(struct exchange *x, const struct peppermint_account_change *change,
				Peppermint__V1__Product ***out)
{
	void *items = NULL;
	void **pointers = NULL;

	TRY(parts_items(x, change->product_count, sizeof(Peppermint__V1__Product), &items,
			&pointers));
	*out = (Peppermint__V1__Product **)pointers;
	for (size_t i = 0; i < change->product_count; i++) {
		Peppermint__V1__Product *product = (*out)[i];

		*product = (Peppermint__V1__Product)PEPPERMINT__V1__PRODUCT__INIT;
		product->name = exchange_text(change->products[i].name);
		product->enabled = change->products[i].enabled;
	}
	return PM_OK;
}

enum pm_err peppermint_create_account(struct peppermint *handle,
				      const struct peppermint_account_change *change,
				      struct peppermint_account *account,
				      struct peppermint_secret *secret,
				      struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__CreateAccountRequest body = PEPPERMINT__V1__CREATE_ACCOUNT_REQUEST__INIT;

	*account = (struct peppermint_account){ 0 };
	delivery_clear(secret, change->delivery);
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	body.environment = exchange_text(change->environment);
	body.id = exchange_text(change->id);
	body.name = exchange_text(change->name);
	body.merchant = exchange_text(change->merchant);
	body.first_product = exchange_text(change->first_product);
	body.status = (Peppermint__V1__AccountStatus)change->status;
	body.recipient = delivery_recipient(change->delivery);
	TRY(set_products(&x, change, &body.products));
	body.n_products = change->product_count;
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_CREATE_ACCOUNT;
	x.request.create_account = &body;
	TRY(exchange_run(&x));
	const Peppermint__V1__CreateAccountReply *reply = x.reply->create_account;
	TRY(fill_account(&x, reply->account, change->environment, change->id, account));
	return fill_first_key(&x, reply->api_key, reply->sealed, account, secret, change->delivery);
}

enum pm_err peppermint_update_account(struct peppermint *handle,
				      const struct peppermint_account_change *change,
				      struct peppermint_account *account,
				      struct peppermint_secret *secret,
				      struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__UpdateAccountRequest body = PEPPERMINT__V1__UPDATE_ACCOUNT_REQUEST__INIT;

	*account = (struct peppermint_account){ 0 };
	delivery_clear(secret, change->delivery);
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	body.environment = exchange_text(change->environment);
	body.id = exchange_text(change->id);
	body.status = (Peppermint__V1__AccountStatus)change->status;
	body.set_name = change->name != NULL;
	body.name = exchange_text(change->name);
	body.set_merchant = change->merchant != NULL;
	body.merchant = exchange_text(change->merchant);
	body.set_first_product = change->first_product != NULL;
	body.first_product = exchange_text(change->first_product);
	body.recipient = delivery_recipient(change->delivery);
	TRY(set_products(&x, change, &body.products));
	body.n_products = change->product_count;
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_UPDATE_ACCOUNT;
	x.request.update_account = &body;
	TRY(exchange_run(&x));
	const Peppermint__V1__UpdateAccountReply *reply = x.reply->update_account;
	TRY(fill_account(&x, reply->account, change->environment, change->id, account));
	return fill_first_key(&x, reply->api_key, reply->sealed, account, secret, change->delivery);
}

enum pm_err peppermint_get_account(struct peppermint *handle, const char *environment,
				   const char *id, struct peppermint_account *account,
				   struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__GetAccountRequest body = PEPPERMINT__V1__GET_ACCOUNT_REQUEST__INIT;

	*account = (struct peppermint_account){ 0 };
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	body.environment = exchange_text(environment);
	body.id = exchange_text(id);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_GET_ACCOUNT;
	x.request.get_account = &body;
	TRY(exchange_run(&x));
	return fill_account(&x, x.reply->get_account->account, environment, id, account);
}

enum pm_err peppermint_list_accounts(struct peppermint *handle,
				     const struct peppermint_account_filter *filter,
				     struct peppermint_account *accounts, size_t capacity,
				     struct peppermint_page *page, struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__ListAccountsRequest body = PEPPERMINT__V1__LIST_ACCOUNTS_REQUEST__INIT;

	*page = (struct peppermint_page){ 0 };
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	TRY(fill_page_size(&x, &capacity, PEPPERMINT_ACCOUNT_PAGE_MAX));
	body.environment = exchange_text(filter->environment);
	body.status = (Peppermint__V1__AccountStatus)filter->status;
	body.page_size = (uint32_t)capacity;
	body.page_token = exchange_text(filter->page_token);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_LIST_ACCOUNTS;
	x.request.list_accounts = &body;
	TRY(exchange_run(&x));
	const Peppermint__V1__ListAccountsReply *reply = x.reply->list_accounts;
	if (reply->n_accounts > capacity)
		return exchange_bad_reply(&x, "the answer holds more accounts than asked for");
	for (size_t i = 0; i < reply->n_accounts; i++) {
		accounts[i] = (struct peppermint_account){ 0 };
		TRY(fill_account(&x, reply->accounts[i], filter->environment, NULL, &accounts[i]));
	}
	TRY(FILL_TEXT(&x, reply->next_page_token, page->next_page_token));
	page->total = reply->total;
	page->count = reply->n_accounts;
	return PM_OK;
}
