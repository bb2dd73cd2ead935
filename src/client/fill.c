#include "fill.h"

#include <string.h>

#include "base/bytes.h"
#include "base/text.h"

enum pm_err fill_text(struct exchange *x, const char *from, char *to, size_t size)
{
	size_t len = strlen(from);

	if (len >= size || !text_is_clean(bytes_of(from, len)))
		return exchange_bad_reply(x, "the answer holds a text that is too long or unclean");
	memcpy(to, from, len + 1);
	return PM_OK;
}

enum pm_err fill_bytes(struct exchange *x, ProtobufCBinaryData from, uint8_t *to, size_t size)
{
	if (from.len != size)
		return exchange_bad_reply(x, "the answer holds a field of the wrong length");
	memcpy(to, from.data, size);
	return PM_OK;
}

enum pm_err fill_count(struct exchange *x, size_t got, size_t asked)
{
	if (got != asked)
		return exchange_bad_reply(x, "the answer does not hold as many items as asked");
	return PM_OK;
}

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
	default:
		return PEPPERMINT_KEY_STATE_UNKNOWN;
	}
}

enum pm_err fill_key(struct exchange *x, const Peppermint__V1__Key *from, const char *environment,
		     const char *key_id, struct peppermint_key *to)
{
	if (!from || strlen(from->id) != PEPPERMINT_KEY_ID_LEN)
		return exchange_bad_reply(x, "the answer holds no key");
	if (strcmp(from->environment, exchange_text(environment)) != 0 ||
	    (key_id && strcmp(from->id, key_id) != 0))
		return exchange_bad_reply(x, "the answer is about another key");
	TRY(FILL_TEXT(x, from->id, to->id));
	TRY(FILL_TEXT(x, from->environment, to->environment));
	TRY(FILL_TEXT(x, from->account, to->account));
	TRY(FILL_TEXT(x, from->product, to->product));
	TRY(FILL_TEXT(x, from->name, to->name));
	TRY(FILL_TEXT(x, from->masked, to->masked));
	TRY(FILL_TEXT(x, from->created_by, to->created_by));
	to->state = key_state(from->state);
	to->created_at = from->created_at;
	to->expires_at = from->expires_at;
	to->rotated_at = from->rotated_at;
	to->overlap_until = from->overlap_until;
	to->revoked_at = from->revoked_at;
	to->secret_version = from->secret_version;
	to->pepper_version = from->pepper_version;
	return PM_OK;
}
