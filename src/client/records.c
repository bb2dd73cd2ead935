/* Keys' records: read, listed, changed; no secret comes back. */
#include "base/cleanup.h"
#include "exchange.h"
#include "fill_key.h"
#include "parts.h"

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

enum pm_err peppermint_rollback_key(struct peppermint *handle, const char *environment,
				    const char *key_id, struct peppermint_key *key,
				    struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__RollbackKeyRequest body = PEPPERMINT__V1__ROLLBACK_KEY_REQUEST__INIT;

	*key = (struct peppermint_key){ 0 };
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	body.environment = exchange_text(environment);
	body.key_id = exchange_text(key_id);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_ROLLBACK_KEY;
	x.request.rollback_key = &body;
	TRY(exchange_run(&x));
	return fill_key(&x, x.reply->rollback_key->key, environment, key_id, key);
}

static enum pm_err set_update(struct exchange *x, const struct peppermint_key_update *update,
			      Peppermint__V1__UpdateKeyRequest *body)
{
	body->environment = exchange_text(update->environment);
	body->key_id = exchange_text(update->key_id);
	body->set_disabled = update->set_disabled;
	body->disabled = update->disabled;
	body->set_name = update->set_name;
	body->name = exchange_text(update->name);
	body->set_not_before = update->set_not_before;
	body->not_before = update->not_before;
	body->set_expires_at = update->set_expires_at;
	body->expires_at = update->expires_at;
	body->set_scopes = update->set_scopes;
	body->set_networks = update->set_networks;
	body->set_labels = update->set_labels;
	TRY(parts_words(x, update->scopes, &body->scopes, &body->n_scopes));
	TRY(parts_words(x, update->networks, &body->networks, &body->n_networks));
	return parts_labels(x, update->labels, update->label_count, &body->labels, &body->n_labels);
}

enum pm_err peppermint_update_key(struct peppermint *handle,
				  const struct peppermint_key_update *update,
				  struct peppermint_key *key, struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__UpdateKeyRequest body = PEPPERMINT__V1__UPDATE_KEY_REQUEST__INIT;

	*key = (struct peppermint_key){ 0 };
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	TRY(set_update(&x, update, &body));
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_UPDATE_KEY;
	x.request.update_key = &body;
	TRY(exchange_run(&x));
	return fill_key(&x, x.reply->update_key->key, update->environment, update->key_id, key);
}

static enum pm_err set_filter(struct exchange *x, const struct peppermint_key_filter *filter,
			      Peppermint__V1__ListKeysRequest *body)
{
	void *states = NULL;

	TRY(exchange_array(x, filter->state_count, sizeof(*body->states), &states));
	body->n_states = filter->state_count;
	body->states = states;
	for (size_t i = 0; i < filter->state_count; i++)
		body->states[i] = (Peppermint__V1__KeyState)filter->states[i];
	body->environment = exchange_text(filter->environment);
	body->account = exchange_text(filter->account);
	body->product = exchange_text(filter->product);
	body->page_token = exchange_text(filter->page_token);
	body->text = exchange_text(filter->text);
	body->sort = (Peppermint__V1__KeySort)filter->sort;
	body->ascending = filter->ascending;
	body->expires_before = filter->expires_before;
	return PM_OK;
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
	page->total_is_least = from->total_is_least;
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
	TRY(fill_page_size(&x, &capacity, PEPPERMINT_PAGE_MAX));
	TRY(set_filter(&x, filter, &body));
	body.page_size = (uint32_t)capacity;
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_LIST_KEYS;
	x.request.list_keys = &body;
	TRY(exchange_run(&x));
	return fill_page(&x, x.reply->list_keys, filter->environment, keys, capacity, page);
}
