/* API keys: mint, read, list, rotate, reset, roll back, change, revoke, reveal. */
#include <string.h>

#include "base/clock.h"
#include "call.h"
#include "fields.h"
#include "server.h"

#define PAGE_DEFAULT 50
#define SCOPE_MAX 64
#define NETWORK_MAX 64 /* characters of a CIDR */
#define LABEL_KEY_MAX 32
#define LABEL_VALUE_MAX 64

struct key_room {
	struct key_info info;
	struct key_secret secret;
};

static enum pm_err room_for_key(struct call *call, struct key_room **out)
{
	*out = arena_alloc(call->arena, sizeof(**out));
	return *out ? PM_OK : PM_NO_MEMORY;
}

/* protobuf-c's arrays are not const; nobody writes to them. */
static struct texts texts_of(char **items, size_t count)
{
	return (struct texts){ .items = (const char *const *)items, .count = count };
}

static enum pm_err check_lists(struct call *call, struct texts scopes, struct texts networks,
			       struct label_texts labels)
{
	TRY(field_texts(call, "scopes", (char *const *)(uintptr_t)scopes.items, scopes.count,
			SCOPE_MAX));
	TRY(field_texts(call, "networks", (char *const *)(uintptr_t)networks.items, networks.count,
			NETWORK_MAX));
	for (size_t i = 0; i < labels.count; i++) {
		TRY(field_required(call, "labels", labels.keys[i], LABEL_KEY_MAX));
		TRY(field_optional(call, "labels", labels.values[i], LABEL_VALUE_MAX));
	}
	return PM_OK;
}

static enum pm_err check_expiry(struct call *call, int64_t expires_at)
{
	if (expires_at == 0 || expires_at > clock_unix())
		return PM_OK;
	return call_refuse(call, PM_BAD_REQUEST, "expires_at",
			   "must be in the future, or 0 for never");
}

static enum pm_err check_mint(struct call *call, const struct mint_params *params)
{
	TRY(field_required(call, "account", params->account, VAULT_ACCOUNT_MAX));
	TRY(field_optional(call, "product", params->product, VAULT_PRODUCT_MAX));
	TRY(field_optional(call, "name", params->name, VAULT_NAME_MAX));
	TRY(field_optional(call, "external_reference", params->external_ref, VAULT_REFERENCE_MAX));
	TRY(check_expiry(call, params->expires_at));
	if (params->not_before < 0)
		return call_refuse(call, PM_BAD_REQUEST, "not_before", "must not be negative");
	return check_lists(call, params->scopes, params->networks, params->labels);
}

enum pm_err handle_mint_key(struct call *call, const Peppermint__V1__MintKeyRequest *request,
			    Peppermint__V1__MintKeyReply *reply)
{
	struct mint_params params = {
		.environment = request->environment,
		.account = request->account,
		.product = request->product,
		.name = request->name,
		.expires_at = request->expires_at,
		.external_ref = request->external_reference,
		.scopes = texts_of(request->scopes, request->n_scopes),
		.networks = texts_of(request->networks, request->n_networks),
		.not_before = request->not_before,
		.disabled = request->disabled,
		.recoverable = request->recoverable,
	};
	struct key_room *key = NULL;

	TRY(room_for_key(call, &key));
	TRY(field_labels(call, request->labels, request->n_labels, &params.labels));
	TRY(field_recipient(call, request->recipient, &params.recipient));
	TRY(check_mint(call, &params));
	TRY(vault_mint(call->rpc->vault, &call->actor, &params, &key->info, &key->secret));
	reply->api_key = key->secret.text.text;
	reply->sealed = key->secret.sealed;
	reply->merchant = key->secret.merchant;
	return reply_with_key(call, &key->info, &reply->key);
}

enum pm_err handle_rotate_key(struct call *call, const Peppermint__V1__RotateKeyRequest *request,
			      Peppermint__V1__RotateKeyReply *reply)
{
	struct rotate_params params = {
		.environment = request->environment,
		.key_id = request->key_id,
		.overlap = request->overlap_seconds,
		.force = request->force,
		.first_use = request->first_use,
		.recoverable = request->recoverable,
	};
	struct key_room *key = NULL;

	TRY(room_for_key(call, &key));
	TRY(field_key_id(call, request->key_id));
	TRY(field_recipient(call, request->recipient, &params.recipient));
	if (params.overlap > VAULT_OVERLAP_MAX)
		return call_refuse(call, PM_BAD_REQUEST, "overlap_seconds",
				   "must be at most 31536000");
	TRY(vault_rotate(call->rpc->vault, &call->actor, &params, &key->info, &key->secret));
	reply->api_key = key->secret.text.text;
	reply->sealed = key->secret.sealed;
	reply->merchant = key->secret.merchant;
	return reply_with_key(call, &key->info, &reply->key);
}

enum pm_err handle_reset_secret(struct call *call,
				const Peppermint__V1__ResetSecretRequest *request,
				Peppermint__V1__ResetSecretReply *reply)
{
	struct rotate_params params = {
		.environment = request->environment,
		.key_id = request->key_id,
		.recoverable = request->recoverable,
	};
	struct key_room *key = NULL;

	TRY(room_for_key(call, &key));
	TRY(field_key_id(call, request->key_id));
	TRY(field_recipient(call, request->recipient, &params.recipient));
	TRY(vault_reset(call->rpc->vault, &call->actor, &params, &key->info, &key->secret));
	reply->api_key = key->secret.text.text;
	reply->sealed = key->secret.sealed;
	reply->merchant = key->secret.merchant;
	return reply_with_key(call, &key->info, &reply->key);
}

enum pm_err handle_rollback_key(struct call *call,
				const Peppermint__V1__RollbackKeyRequest *request,
				Peppermint__V1__RollbackKeyReply *reply)
{
	struct key_room *key = NULL;

	TRY(room_for_key(call, &key));
	TRY(field_key_id(call, request->key_id));
	TRY(vault_rollback(call->rpc->vault, &call->actor, request->environment, request->key_id,
			   &key->info));
	return reply_with_key(call, &key->info, &reply->key);
}

static enum pm_err check_update(struct call *call, const struct update_params *params)
{
	TRY(field_key_id(call, params->key_id));
	TRY(field_optional(call, "name", params->name, VAULT_NAME_MAX));
	if (params->set_expires_at)
		TRY(check_expiry(call, params->expires_at));
	if (params->not_before < 0)
		return call_refuse(call, PM_BAD_REQUEST, "not_before", "must not be negative");
	return check_lists(call, params->scopes, params->networks, params->labels);
}

enum pm_err handle_update_key(struct call *call, const Peppermint__V1__UpdateKeyRequest *request,
			      Peppermint__V1__UpdateKeyReply *reply)
{
	struct update_params params = {
		.environment = request->environment,
		.key_id = request->key_id,
		.set_disabled = request->set_disabled,
		.set_name = request->set_name,
		.set_not_before = request->set_not_before,
		.set_expires_at = request->set_expires_at,
		.set_scopes = request->set_scopes,
		.set_labels = request->set_labels,
		.set_networks = request->set_networks,
		.disabled = request->disabled,
		.name = request->name,
		.not_before = request->not_before,
		.expires_at = request->expires_at,
		.scopes = texts_of(request->scopes, request->n_scopes),
		.networks = texts_of(request->networks, request->n_networks),
	};
	struct key_room *key = NULL;

	TRY(room_for_key(call, &key));
	TRY(field_labels(call, request->labels, request->n_labels, &params.labels));
	TRY(check_update(call, &params));
	TRY(vault_update(call->rpc->vault, &call->actor, &params, &key->info));
	return reply_with_key(call, &key->info, &reply->key);
}

enum pm_err handle_revoke_key(struct call *call, const Peppermint__V1__RevokeKeyRequest *request,
			      Peppermint__V1__RevokeKeyReply *reply)
{
	struct key_room *key = NULL;

	TRY(room_for_key(call, &key));
	TRY(field_key_id(call, request->key_id));
	TRY(vault_revoke(call->rpc->vault, &call->actor, request->environment, request->key_id,
			 &key->info));
	return reply_with_key(call, &key->info, &reply->key);
}

enum pm_err handle_get_key(struct call *call, const Peppermint__V1__GetKeyRequest *request,
			   Peppermint__V1__GetKeyReply *reply)
{
	struct key_room *key = NULL;

	TRY(room_for_key(call, &key));
	TRY(field_key_id(call, request->key_id));
	TRY(vault_get(call->rpc->vault, &call->actor, request->environment, request->key_id,
		      &key->info));
	return reply_with_key(call, &key->info, &reply->key);
}

enum pm_err handle_reveal_key(struct call *call, const Peppermint__V1__RevealKeyRequest *request,
			      Peppermint__V1__RevealKeyReply *reply)
{
	struct key_room *key = NULL;
	const char *recipient = NULL;

	TRY(room_for_key(call, &key));
	TRY(field_key_id(call, request->key_id));
	TRY(field_recipient(call, request->recipient, &recipient));
	TRY(vault_reveal(call->rpc->vault, &call->actor, request->environment, request->key_id,
			 recipient, &key->secret));
	reply->api_key = key->secret.text.text;
	reply->sealed = key->secret.sealed;
	reply->merchant = key->secret.merchant;
	return PM_OK;
}

/* A state that we do not know selects nothing, and that is not what was meant. */
static enum pm_err states_of(struct call *call, const Peppermint__V1__ListKeysRequest *request,
			     uint32_t *states)
{
	const ProtobufCEnumDescriptor *known = &peppermint__v1__key_state__descriptor;

	*states = 0;
	for (size_t i = 0; i < request->n_states; i++) {
		int state = (int)request->states[i];

		if (state == 0 || !protobuf_c_enum_descriptor_get_value(known, state))
			return call_refuse(call, PM_BAD_REQUEST, "states",
					   "this vault does not know one of them");
		*states |= UINT32_C(1) << state;
	}
	return PM_OK;
}

static enum pm_err check_list(struct call *call, const struct list_params *params)
{
	TRY(field_optional(call, "account", params->account, VAULT_ACCOUNT_MAX));
	TRY(field_optional(call, "product", params->product, VAULT_PRODUCT_MAX));
	TRY(field_optional(call, "text", params->text, VAULT_NAME_MAX));
	TRY(field_optional(call, "page_token", params->page_token, VAULT_PAGE_TOKEN_MAX));
	if (params->page_size > VAULT_PAGE_MAX)
		return call_refuse(call, PM_BAD_REQUEST, "page_size", "must be at most 100");
	if (params->expires_before < 0)
		return call_refuse(call, PM_BAD_REQUEST, "expires_before", "must not be negative");
	if (!protobuf_c_enum_descriptor_get_value(&peppermint__v1__key_sort__descriptor,
						  (int)params->sort))
		return call_refuse(call, PM_BAD_REQUEST, "sort", "this vault does not know it");
	return PM_OK;
}

enum pm_err handle_list_keys(struct call *call, const Peppermint__V1__ListKeysRequest *request,
			     Peppermint__V1__ListKeysReply *reply)
{
	struct list_params params = {
		.environment = request->environment,
		.account = request->account,
		.product = request->product,
		.text = request->text,
		.sort = (enum vault_key_sort)request->sort,
		.ascending = request->ascending,
		.expires_before = request->expires_before,
		.page_token = request->page_token,
		.page_size = request->page_size == 0 ? PAGE_DEFAULT : request->page_size,
	};
	struct key_page *page = arena_alloc(call->arena, sizeof(*page));

	TRY(states_of(call, request, &params.states));
	TRY(check_list(call, &params));
	reply->keys = arena_array(call->arena, params.page_size, sizeof(*reply->keys));
	if (!page || !reply->keys)
		return PM_NO_MEMORY;
	TRY(vault_list(call->rpc->vault, &call->actor, &params, page));
	for (; reply->n_keys < page->count; reply->n_keys++)
		TRY(reply_with_key(call, &page->keys[reply->n_keys], &reply->keys[reply->n_keys]));
	reply->next_page_token = page->next_page_token;
	reply->total = page->total;
	reply->total_is_least = page->total_is_least;
	return PM_OK;
}
