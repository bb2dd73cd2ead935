#include "fill_key.h"

#include <string.h>

#include "base/secret.h"

static enum peppermint_key_state key_state(Peppermint__V1__KeyState state)
{
	switch (state) {
	case PEPPERMINT__V1__KEY_STATE__KEY_ACTIVE:
		return PEPPERMINT_KEY_ACTIVE;
	case PEPPERMINT__V1__KEY_STATE__KEY_EXPIRED:
		return PEPPERMINT_KEY_EXPIRED;
	case PEPPERMINT__V1__KEY_STATE__KEY_REVOKED:
		return PEPPERMINT_KEY_REVOKED;
	case PEPPERMINT__V1__KEY_STATE__KEY_QUARANTINED:
		return PEPPERMINT_KEY_QUARANTINED;
	case PEPPERMINT__V1__KEY_STATE__KEY_NOT_YET:
		return PEPPERMINT_KEY_NOT_YET;
	case PEPPERMINT__V1__KEY_STATE__KEY_DISABLED:
		return PEPPERMINT_KEY_DISABLED;
	default:
		return PEPPERMINT_KEY_STATE_UNKNOWN;
	}
}

static enum pm_err fill_texts(struct exchange *x, const Peppermint__V1__Key *from,
			      struct peppermint_key *to)
{
	TRY(FILL_TEXT(x, from->id, to->id));
	TRY(FILL_TEXT(x, from->environment, to->environment));
	TRY(FILL_TEXT(x, from->account, to->account));
	TRY(FILL_TEXT(x, from->product, to->product));
	TRY(FILL_TEXT(x, from->name, to->name));
	TRY(FILL_TEXT(x, from->masked, to->masked));
	TRY(FILL_TEXT(x, from->created_by, to->created_by));
	TRY(FILL_TEXT(x, from->external_reference, to->external_reference));
	TRY(FILL_WORDS(x, from->scopes, from->n_scopes, to->scopes));
	TRY(FILL_WORDS(x, from->networks, from->n_networks, to->networks));
	return fill_labels(x, from->labels, from->n_labels, to->labels, &to->label_count);
}

enum pm_err fill_key(struct exchange *x, const Peppermint__V1__Key *from, const char *environment,
		     const char *key_id, struct peppermint_key *to)
{
	if (!from || strlen(from->id) != PEPPERMINT_KEY_ID_LEN)
		return exchange_bad_reply(x, "the answer holds no key");
	if (strcmp(from->environment, exchange_text(environment)) != 0 ||
	    (key_id && strcmp(from->id, key_id) != 0))
		return exchange_bad_reply(x, "the answer is about another key");
	TRY(fill_texts(x, from, to));
	to->state = key_state(from->state);
	to->created_at = from->created_at;
	to->expires_at = from->expires_at;
	to->rotated_at = from->rotated_at;
	to->overlap_until = from->overlap_until;
	to->revoked_at = from->revoked_at;
	to->secret_version = from->secret_version;
	to->pepper_version = from->pepper_version;
	to->not_before = from->not_before;
	to->disabled_at = from->disabled_at;
	to->last_used_at = from->last_used_at;
	to->use_count = from->use_count;
	to->first_use_pending = from->first_use_pending;
	to->imported = from->imported;
	to->recoverable = from->recoverable;
	return PM_OK;
}

void delivery_clear(struct peppermint_secret *secret, struct peppermint_delivery *delivery)
{
	peppermint_secret_wipe(secret);
	if (delivery)
		delivery->merchant[0] = delivery->sealed[0] = '\0';
}

ProtobufCBinaryData delivery_recipient(const struct peppermint_delivery *delivery)
{
	const char *recipient = exchange_text(delivery ? delivery->recipient : NULL);

	return exchange_bytes(recipient, strlen(recipient));
}

static enum pm_err fill_delivery(struct exchange *x, const struct handed_out *from,
				 struct peppermint_secret *secret,
				 struct peppermint_delivery *delivery)
{
	bool sealed = delivery_recipient(delivery).len > 0;

	if (!sealed && (from->api_key[0] == '\0' || from->sealed[0]))
		return exchange_bad_reply(x, "the answer holds no key text");
	if (sealed && (from->sealed[0] == '\0' || from->api_key[0]))
		return exchange_bad_reply(x, "the answer holds no sealed key text");
	TRY(FILL_TEXT(x, from->api_key, secret->text));
	if (!delivery)
		return PM_OK;
	TRY(FILL_TEXT(x, from->sealed, delivery->sealed));
	return FILL_TEXT(x, from->merchant, delivery->merchant);
}

enum pm_err fill_secret(struct exchange *x, const struct handed_out *from,
			struct peppermint_secret *secret, struct peppermint_delivery *delivery)
{
	enum pm_err err = fill_delivery(x, from, secret, delivery);

	if (err != PM_OK)
		delivery_clear(secret, delivery);
	return err;
}
