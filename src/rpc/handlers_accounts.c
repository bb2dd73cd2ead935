/* Accounts and their products. */
#include <string.h>

#include "call.h"
#include "fields.h"
#include "server.h"

#define PAGE_DEFAULT 25
#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

struct account_room {
	struct account_info info;
	struct key_secret secret;
};
static enum pm_err field_word(struct call *call, const char *field, const char *text, size_t max)
{
	TRY(field_optional(call, field, text, max));
	if (text[strspn(text, NAME_CHARS)] == '\0')
		return PM_OK;
	return call_refuse(call, PM_BAD_REQUEST, field, "must be of a-z A-Z 0-9 . _ -");
}

static enum pm_err products_of(struct call *call, Peppermint__V1__Product *const *from,
			       size_t count, struct account_params *params)
{
	struct product_info *products = arena_array(call->arena, count, sizeof(*products));

	if (count > VAULT_PRODUCTS_MAX)
		return call_refuse(call, PM_TOO_LARGE, "products", "must be at most 32");
	if (!products)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		TRY(field_required(call, "products", from[i]->name, VAULT_PRODUCT_MAX));
		TRY(field_word(call, "products", from[i]->name, VAULT_PRODUCT_MAX));
		strcpy(products[i].name, from[i]->name);
		products[i].enabled = from[i]->enabled;
	}
	params->products = products;
	params->product_count = count;
	return PM_OK;
}

static enum pm_err check_account(struct call *call, const struct account_params *params)
{
	TRY(field_required(call, "id", params->id, VAULT_ACCOUNT_MAX));
	TRY(field_optional(call, "name", params->name, VAULT_NAME_MAX));
	TRY(field_word(call, "merchant", params->merchant, VAULT_MERCHANT_MAX));
	TRY(field_word(call, "first_product", params->first_product, VAULT_PRODUCT_MAX));
	if (protobuf_c_enum_descriptor_get_value(&peppermint__v1__account_status__descriptor,
						 (int)params->status))
		return PM_OK;
	return call_refuse(call, PM_BAD_REQUEST, "status", "this vault does not know it");
}

static enum pm_err reply_with_account(struct call *call, struct account_info *info,
				      Peppermint__V1__Account **out)
{
	Peppermint__V1__Account *account = arena_alloc(call->arena, sizeof(*account));
	Peppermint__V1__Product *rooms =
		arena_array(call->arena, info->product_count, sizeof(*rooms));

	if (!account || !rooms)
		return PM_NO_MEMORY;
	peppermint__v1__account__init(account);
	account->products =
		arena_array(call->arena, info->product_count, sizeof(*account->products));
	if (!account->products)
		return PM_NO_MEMORY;
	for (; account->n_products < info->product_count; account->n_products++) {
		Peppermint__V1__Product *product = &rooms[account->n_products];

		peppermint__v1__product__init(product);
		product->name = info->products[account->n_products].name;
		product->enabled = info->products[account->n_products].enabled;
		account->products[account->n_products] = product;
	}
	account->environment = info->environment;
	account->id = info->id;
	account->name = info->name;
	account->status = (Peppermint__V1__AccountStatus)info->status;
	account->merchant = info->merchant;
	account->first_product = info->first_product;
	account->client_id = info->client_id;
	account->pending_activation = info->pending_activation;
	account->created_by = info->created_by;
	account->created_at = info->created_at;
	account->changed_at = info->changed_at;
	account->approved_at = info->approved_at;
	account->closed_at = info->closed_at;
	*out = account;
	return PM_OK;
}

/* For creating and updating: the rest of the parameters, all checked, and room for the answer. */
static enum pm_err complete(struct call *call, Peppermint__V1__Product *const *products,
			    size_t count, ProtobufCBinaryData recipient,
			    struct account_params *params, struct account_room **room)
{
	*room = arena_alloc(call->arena, sizeof(**room));
	if (!*room)
		return PM_NO_MEMORY;
	TRY(products_of(call, products, count, params));
	TRY(field_recipient(call, recipient, &params->recipient));
	return check_account(call, params);
}

enum pm_err handle_create_account(struct call *call,
				  const Peppermint__V1__CreateAccountRequest *request,
				  Peppermint__V1__CreateAccountReply *reply)
{
	struct account_params params = {
		.environment = request->environment,
		.id = request->id,
		.set_name = true,
		.set_merchant = true,
		.set_first_product = true,
		.name = request->name,
		.merchant = request->merchant,
		.first_product = request->first_product,
		.status = (enum vault_account_status)request->status,
	};
	struct account_room *room = NULL;

	TRY(complete(call, request->products, request->n_products, request->recipient, &params,
		     &room));
	TRY(vault_create_account(call->rpc->vault, &call->actor, &params, &room->info,
				 &room->secret));
	reply->api_key = room->secret.text.text;
	reply->sealed = room->secret.sealed;
	return reply_with_account(call, &room->info, &reply->account);
}

enum pm_err handle_update_account(struct call *call,
				  const Peppermint__V1__UpdateAccountRequest *request,
				  Peppermint__V1__UpdateAccountReply *reply)
{
	struct account_params params = {
		.environment = request->environment,
		.id = request->id,
		.set_name = request->set_name,
		.set_merchant = request->set_merchant,
		.set_first_product = request->set_first_product,
		.name = request->name,
		.merchant = request->merchant,
		.first_product = request->first_product,
		.status = (enum vault_account_status)request->status,
	};
	struct account_room *room = NULL;

	TRY(complete(call, request->products, request->n_products, request->recipient, &params,
		     &room));
	TRY(vault_update_account(call->rpc->vault, &call->actor, &params, &room->info,
				 &room->secret));
	reply->api_key = room->secret.text.text;
	reply->sealed = room->secret.sealed;
	return reply_with_account(call, &room->info, &reply->account);
}

enum pm_err handle_get_account(struct call *call, const Peppermint__V1__GetAccountRequest *request,
			       Peppermint__V1__GetAccountReply *reply)
{
	struct account_info *info = arena_alloc(call->arena, sizeof(*info));

	if (!info)
		return PM_NO_MEMORY;
	TRY(field_required(call, "id", request->id, VAULT_ACCOUNT_MAX));
	TRY(vault_get_account(call->rpc->vault, &call->actor, request->environment, request->id,
			      info));
	return reply_with_account(call, info, &reply->account);
}

enum pm_err handle_list_accounts(struct call *call,
				 const Peppermint__V1__ListAccountsRequest *request,
				 Peppermint__V1__ListAccountsReply *reply)
{
	size_t max = request->page_size == 0 ? PAGE_DEFAULT : request->page_size;
	const struct account_params form = { .id = "-",
					     .name = "",
					     .merchant = "",
					     .first_product = "",
					     .status = (enum vault_account_status)request->status };
	size_t count = 0;

	TRY(check_account(call, &form));
	TRY(field_optional(call, "page_token", request->page_token, VAULT_ACCOUNT_MAX));
	if (max > VAULT_ACCOUNT_PAGE_MAX)
		return call_refuse(call, PM_BAD_REQUEST, "page_size", "must be at most 50");
	struct account_info *infos = arena_array(call->arena, max, sizeof(*infos));
	reply->accounts = arena_array(call->arena, max, sizeof(*reply->accounts));
	if (!infos || !reply->accounts)
		return PM_NO_MEMORY;
	TRY(vault_list_accounts(call->rpc->vault, &call->actor, request->environment, form.status,
				request->page_token, infos, max, &count, &reply->total));
	for (; reply->n_accounts < count; reply->n_accounts++)
		TRY(reply_with_account(call, &infos[reply->n_accounts],
				       &reply->accounts[reply->n_accounts]));
	if (count == max)
		reply->next_page_token = infos[count - 1].id;
	return PM_OK;
}
