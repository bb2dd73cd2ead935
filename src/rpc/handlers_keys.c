/* API keys: mint, verify, read, rotate, revoke. */
#include <string.h>

#include "base/clock.h"
#include "call.h"
#include "fields.h"
#include "server.h"

struct key_room {
	struct key_info info;
	struct key_text text;
};

enum pm_err handle_mint_key(struct call *call, const Peppermint__V1__MintKeyRequest *request,
			    Peppermint__V1__MintKeyReply *reply)
{
	const struct mint_params params = {
		.environment = request->environment,
		.account = request->account,
		.product = request->product,
		.name = request->name,
		.expires_at = request->expires_at,
	};
	struct key_room *key = arena_alloc(call->arena, sizeof(*key));

	if (!key)
		return PM_NO_MEMORY;
	TRY(field_required(call, "account", request->account, VAULT_ACCOUNT_MAX));
	TRY(field_optional(call, "product", request->product, VAULT_PRODUCT_MAX));
	TRY(field_optional(call, "name", request->name, VAULT_NAME_MAX));
	if (request->expires_at != 0 && request->expires_at <= clock_unix())
		return call_refuse(call, PM_BAD_REQUEST, "expires_at",
				   "must be in the future, or 0 for never");
	TRY(vault_mint(call->rpc->vault, &call->actor, &params, &key->info, &key->text));
	reply->api_key = key->text.text;
	return reply_with_key(call, &key->info, &reply->key);
}

enum pm_err handle_rotate_key(struct call *call, const Peppermint__V1__RotateKeyRequest *request,
			      Peppermint__V1__RotateKeyReply *reply)
{
	const struct rotate_params params = {
		.environment = request->environment,
		.key_id = request->key_id,
		.overlap = request->overlap_seconds,
		.force = request->force,
	};
	struct key_room *key = arena_alloc(call->arena, sizeof(*key));

	if (!key)
		return PM_NO_MEMORY;
	TRY(field_key_id(call, request->key_id));
	if (params.overlap > VAULT_OVERLAP_MAX)
		return call_refuse(call, PM_BAD_REQUEST, "overlap_seconds",
				   "must be at most 31536000");
	TRY(vault_rotate(call->rpc->vault, &call->actor, &params, &key->info, &key->text));
	reply->api_key = key->text.text;
	return reply_with_key(call, &key->info, &reply->key);
}

enum pm_err handle_revoke_key(struct call *call, const Peppermint__V1__RevokeKeyRequest *request,
			      Peppermint__V1__RevokeKeyReply *reply)
{
	struct key_info *info = arena_alloc(call->arena, sizeof(*info));

	if (!info)
		return PM_NO_MEMORY;
	TRY(field_key_id(call, request->key_id));
	TRY(vault_revoke(call->rpc->vault, &call->actor, request->environment, request->key_id,
			 info));
	return reply_with_key(call, info, &reply->key);
}

enum pm_err handle_get_key(struct call *call, const Peppermint__V1__GetKeyRequest *request,
			   Peppermint__V1__GetKeyReply *reply)
{
	struct key_info *info = arena_alloc(call->arena, sizeof(*info));

	if (!info)
		return PM_NO_MEMORY;
	TRY(field_key_id(call, request->key_id));
	TRY(vault_get(call->rpc->vault, &call->actor, request->environment, request->key_id, info));
	return reply_with_key(call, info, &reply->key);
}

#define PAGE_DEFAULT 50

static enum pm_err check_list(struct call *call, const struct list_params *params)
{
	TRY(field_optional(call, "account", params->account, VAULT_ACCOUNT_MAX));
	TRY(field_optional(call, "product", params->product, VAULT_PRODUCT_MAX));
	if (params->page_size > VAULT_PAGE_MAX)
		return call_refuse(call, PM_BAD_REQUEST, "page_size", "must be at most 100");
	if (*params->page_token != '\0' && !is_key_id(params->page_token))
		return call_refuse(call, PM_BAD_REQUEST, "page_token",
				   "must be the next_page_token of an earlier page");
	return PM_OK;
}

enum pm_err handle_list_keys(struct call *call, const Peppermint__V1__ListKeysRequest *request,
			     Peppermint__V1__ListKeysReply *reply)
{
	const struct list_params params = {
		.environment = request->environment,
		.account = request->account,
		.product = request->product,
		.page_token = request->page_token,
		.page_size = request->page_size == 0 ? PAGE_DEFAULT : request->page_size,
	};
	struct key_page *page = arena_alloc(call->arena, sizeof(*page));

	TRY(check_list(call, &params));
	reply->keys = arena_array(call->arena, params.page_size, sizeof(*reply->keys));
	if (!page || !reply->keys)
		return PM_NO_MEMORY;
	TRY(vault_list(call->rpc->vault, &call->actor, &params, page));
	for (; reply->n_keys < page->count; reply->n_keys++)
		TRY(reply_with_key(call, &page->keys[reply->n_keys], &reply->keys[reply->n_keys]));
	reply->next_page_token = page->next_page_token;
	reply->total = page->total;
	return PM_OK;
}

static void fill_verdict(struct verdict *from, Peppermint__V1__Verdict *to)
{
	static char refusal[] = PEPPERMINT_PUBLIC_REFUSAL;

	peppermint__v1__verdict__init(to);
	to->valid = from->valid;
	to->error = (Peppermint__V1__Error)from->error;
	to->reason = (Peppermint__V1__Reason)from->reason;
	if (!from->valid) {
		to->message = refusal;
		return;
	}
	to->key_id = from->key_id;
	to->account = from->account;
	to->product = from->product;
	to->expires_at = from->expires_at;
	to->secret_expires_at = from->secret_expires_at;
	to->compromised = from->compromised;
}

enum pm_err handle_verify_keys(struct call *call, const Peppermint__V1__VerifyKeysRequest *request,
			       Peppermint__V1__VerifyKeysReply *reply)
{
	size_t count = request->n_api_keys;
	struct bytes *texts = arena_array(call->arena, count, sizeof(*texts));
	struct verdict *verdicts = arena_array(call->arena, count, sizeof(*verdicts));
	Peppermint__V1__Verdict *rooms = arena_array(call->arena, count, sizeof(*rooms));

	if (count == 0)
		return call_refuse(call, PM_BAD_REQUEST, "api_keys", "at least one is required");
	reply->verdicts = arena_array(call->arena, count, sizeof(*reply->verdicts));
	if (!texts || !verdicts || !rooms || !reply->verdicts)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < count; i++)
		texts[i] = bytes_str(request->api_keys[i]);
	TRY(vault_verify(call->rpc->vault, &call->actor, request->environment, texts, count,
			 verdicts));
	for (size_t i = 0; i < count; i++) {
		fill_verdict(&verdicts[i], &rooms[i]);
		reply->verdicts[i] = &rooms[i];
	}
	reply->n_verdicts = count;
	return PM_OK;
}
