/* Making keys and giving them new secrets. */
#include <string.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "exchange.h"
#include "fill_key.h"
#include "parts.h"

void peppermint_secret_wipe(struct peppermint_secret *secret)
{
	secret_wipe(secret, sizeof(*secret));
}

static enum pm_err set_mint(struct exchange *x, const struct peppermint_mint *mint,
			    Peppermint__V1__MintKeyRequest *body)
{
	body->environment = exchange_text(mint->environment);
	body->account = exchange_text(mint->account);
	body->product = exchange_text(mint->product);
	body->name = exchange_text(mint->name);
	body->expires_at = mint->expires_at;
	body->external_reference = exchange_text(mint->external_reference);
	body->not_before = mint->not_before;
	body->disabled = mint->disabled;
	body->recoverable = mint->recoverable;
	body->recipient = delivery_recipient(mint->delivery);
	TRY(parts_words(x, mint->scopes, &body->scopes, &body->n_scopes));
	TRY(parts_words(x, mint->networks, &body->networks, &body->n_networks));
	return parts_labels(x, mint->labels, mint->label_count, &body->labels, &body->n_labels);
}

enum pm_err peppermint_mint_key(struct peppermint *handle, const struct peppermint_mint *mint,
				struct peppermint_key *key, struct peppermint_secret *secret,
				struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__MintKeyRequest body = PEPPERMINT__V1__MINT_KEY_REQUEST__INIT;

	*key = (struct peppermint_key){ 0 };
	delivery_clear(secret, mint->delivery);
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	TRY(set_mint(&x, mint, &body));
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_MINT_KEY;
	x.request.mint_key = &body;
	TRY(exchange_run(&x));
	const Peppermint__V1__MintKeyReply *reply = x.reply->mint_key;
	TRY(fill_key(&x, reply->key, mint->environment, NULL, key));
	const struct handed_out out = { reply->api_key, reply->sealed, reply->merchant };
	return fill_secret(&x, &out, secret, mint->delivery);
}

enum pm_err peppermint_rotate_key(struct peppermint *handle,
				  const struct peppermint_rotation *rotation,
				  struct peppermint_key *key, struct peppermint_secret *secret,
				  struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__RotateKeyRequest body = PEPPERMINT__V1__ROTATE_KEY_REQUEST__INIT;

	*key = (struct peppermint_key){ 0 };
	delivery_clear(secret, rotation->delivery);
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	body.environment = exchange_text(rotation->environment);
	body.key_id = exchange_text(rotation->key_id);
	body.overlap_seconds = rotation->overlap_seconds;
	body.force = rotation->force;
	body.first_use = rotation->first_use;
	body.recoverable = rotation->recoverable;
	body.recipient = delivery_recipient(rotation->delivery);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_ROTATE_KEY;
	x.request.rotate_key = &body;
	TRY(exchange_run(&x));
	const Peppermint__V1__RotateKeyReply *reply = x.reply->rotate_key;
	TRY(fill_key(&x, reply->key, rotation->environment, rotation->key_id, key));
	const struct handed_out out = { reply->api_key, reply->sealed, reply->merchant };
	return fill_secret(&x, &out, secret, rotation->delivery);
}

enum pm_err peppermint_reset_secret(struct peppermint *handle, const struct peppermint_reset *reset,
				    struct peppermint_key *key, struct peppermint_secret *secret,
				    struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__ResetSecretRequest body = PEPPERMINT__V1__RESET_SECRET_REQUEST__INIT;

	*key = (struct peppermint_key){ 0 };
	delivery_clear(secret, reset->delivery);
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	body.environment = exchange_text(reset->environment);
	body.key_id = exchange_text(reset->key_id);
	body.recoverable = reset->recoverable;
	body.recipient = delivery_recipient(reset->delivery);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_RESET_SECRET;
	x.request.reset_secret = &body;
	TRY(exchange_run(&x));
	const Peppermint__V1__ResetSecretReply *reply = x.reply->reset_secret;
	TRY(fill_key(&x, reply->key, reset->environment, reset->key_id, key));
	const struct handed_out out = { reply->api_key, reply->sealed, reply->merchant };
	return fill_secret(&x, &out, secret, reset->delivery);
}

enum pm_err peppermint_reveal_key(struct peppermint *handle, const char *environment,
				  const char *key_id, struct peppermint_delivery *delivery,
				  struct peppermint_secret *secret, struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__RevealKeyRequest body = PEPPERMINT__V1__REVEAL_KEY_REQUEST__INIT;

	delivery_clear(secret, delivery);
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	body.environment = exchange_text(environment);
	body.key_id = exchange_text(key_id);
	body.recipient = delivery_recipient(delivery);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_REVEAL_KEY;
	x.request.reveal_key = &body;
	TRY(exchange_run(&x));
	const Peppermint__V1__RevealKeyReply *reply = x.reply->reveal_key;
	const struct handed_out out = { reply->api_key, reply->sealed, reply->merchant };
	return fill_secret(&x, &out, secret, delivery);
}
