#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/secret.h"
#include "base/text.h"
#include "exchange.h"
#include "fill.h"

void peppermint_secret_wipe(struct peppermint_secret *secret)
{
	secret_wipe(secret, sizeof(*secret));
}

static enum pm_err fill_secret(struct exchange *x, const char *from, struct peppermint_secret *to)
{
	if (from[0] == '\0')
		return exchange_bad_reply(x, "the answer holds no key text");
	return FILL_TEXT(x, from, to->text);
}

enum pm_err peppermint_mint_key(struct peppermint *handle, const struct peppermint_mint *mint,
				struct peppermint_key *key, struct peppermint_secret *secret,
				struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__MintKeyRequest body = PEPPERMINT__V1__MINT_KEY_REQUEST__INIT;

	*key = (struct peppermint_key){ 0 };
	peppermint_secret_wipe(secret);
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	body.environment = exchange_text(mint->environment);
	body.account = exchange_text(mint->account);
	body.product = exchange_text(mint->product);
	body.name = exchange_text(mint->name);
	body.expires_at = mint->expires_at;
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_MINT_KEY;
	x.request.mint_key = &body;
	TRY(exchange_run(&x));
	TRY(fill_key(&x, x.reply->mint_key->key, mint->environment, NULL, key));
	return fill_secret(&x, x.reply->mint_key->api_key, secret);
}

enum pm_err peppermint_rotate_key(struct peppermint *handle,
				  const struct peppermint_rotation *rotation,
				  struct peppermint_key *key, struct peppermint_secret *secret,
				  struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__RotateKeyRequest body = PEPPERMINT__V1__ROTATE_KEY_REQUEST__INIT;

	*key = (struct peppermint_key){ 0 };
	peppermint_secret_wipe(secret);
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	body.environment = exchange_text(rotation->environment);
	body.key_id = exchange_text(rotation->key_id);
	body.overlap_seconds = rotation->overlap_seconds;
	body.force = rotation->force;
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_ROTATE_KEY;
	x.request.rotate_key = &body;
	TRY(exchange_run(&x));
	TRY(fill_key(&x, x.reply->rotate_key->key, rotation->environment, rotation->key_id, key));
	return fill_secret(&x, x.reply->rotate_key->api_key, secret);
}

enum pm_err peppermint_revoke_key(struct peppermint *handle, const char *environment,
				  const char *key_id, struct peppermint_key *key,
				  struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__RevokeKeyRequest body = PEPPERMINT__V1__REVOKE_KEY_REQUEST__INIT;

	*key = (struct peppermint_key){ 0 };
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	body.environment = exchange_text(environment);
	body.key_id = exchange_text(key_id);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_REVOKE_KEY;
	x.request.revoke_key = &body;
	TRY(exchange_run(&x));
	return fill_key(&x, x.reply->revoke_key->key, environment, key_id, key);
}

enum pm_err peppermint_get_key(struct peppermint *handle, const char *environment,
			       const char *key_id, struct peppermint_key *key,
			       struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__GetKeyRequest body = PEPPERMINT__V1__GET_KEY_REQUEST__INIT;

	*key = (struct peppermint_key){ 0 };
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	body.environment = exchange_text(environment);
	body.key_id = exchange_text(key_id);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_GET_KEY;
	x.request.get_key = &body;
	TRY(exchange_run(&x));
	return fill_key(&x, x.reply->get_key->key, environment, key_id, key);
}

static enum pm_err fill_page(struct exchange *x, const Peppermint__V1__ListKeysReply *from,
			     const char *environment, struct peppermint_key *keys, size_t capacity,
			     struct peppermint_page *page)
{
	if (from->n_keys > capacity)
		return exchange_bad_reply(x, "the answer holds more keys than asked for");
	for (size_t i = 0; i < from->n_keys; i++)
		TRY(fill_key(x, from->keys[i], environment, NULL, &keys[i]));
	TRY(FILL_TEXT(x, from->next_page_token, page->next_page_token));
	page->total = from->total;
	page->count = from->n_keys;
	return PM_OK;
}

enum pm_err peppermint_list_keys(struct peppermint *handle,
				 const struct peppermint_key_filter *filter,
				 struct peppermint_key *keys, size_t capacity,
				 struct peppermint_page *page, struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__ListKeysRequest body = PEPPERMINT__V1__LIST_KEYS_REQUEST__INIT;

	*page = (struct peppermint_page){ 0 };
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	if (capacity == 0)
		return outcome(x.call, PM_BAD_REQUEST, "there is no room for a key");
	if (capacity > PEPPERMINT_PAGE_MAX)
		capacity = PEPPERMINT_PAGE_MAX;
	body.environment = exchange_text(filter->environment);
	body.account = exchange_text(filter->account);
	body.product = exchange_text(filter->product);
	body.page_token = exchange_text(filter->page_token);
	body.page_size = (uint32_t)capacity;
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_LIST_KEYS;
	x.request.list_keys = &body;
	TRY(exchange_run(&x));
	return fill_page(&x, x.reply->list_keys, filter->environment, keys, capacity, page);
}
