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

/* Lines of clean text, and nothing that is none, such as a carriage return. */
static bool is_clean_note(struct bytes note)
{
	while (note.len > 0) {
		const uint8_t *end = memchr(note.data, '\n', note.len);
		size_t line = end ? (size_t)(end - note.data) : note.len;
		size_t step = end ? line + 1 : line;

		if (!text_is_clean(bytes_of(note.data, line)))
			return false;
		note.data += step;
		note.len -= step;
	}
	return true;
}

static enum pm_err fill_string(struct exchange *x, struct bytes from, bool clean, char *to,
			       size_t size, size_t *len)
{
	if (from.len >= size || !clean)
		return exchange_bad_reply(x, "the answer holds a text that is too long or unclean");
	if (from.len > 0)
		memcpy(to, from.data, from.len);
	to[from.len] = '\0';
	*len = from.len;
	return PM_OK;
}

enum pm_err fill_note(struct exchange *x, ProtobufCBinaryData from, char *to, size_t size,
		      size_t *len)
{
	struct bytes note = bytes_of(from.data, from.len);

	return fill_string(x, note, is_clean_note(note), to, size, len);
}

enum pm_err fill_entry(struct exchange *x, ProtobufCBinaryData from, char *to, size_t size,
		       size_t *len)
{
	struct bytes entry = bytes_of(from.data, from.len);

	if (entry.len == 0 || entry.len > PEPPERMINT_ENTRY_MAX)
		return exchange_bad_reply(x, "the answer holds an entry of an impossible length");
	return fill_string(x, entry, text_is_clean(entry), to, size, len);
}

/* A word of a list: neither empty nor with a blank, so that the list can be taken apart again. */
static bool is_word(const char *text)
{
	return text[0] && !strchr(text, ' ');
}

enum pm_err fill_words(struct exchange *x, char *const *from, size_t count, char *to, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		if (!is_word(from[i]) || used + 1 >= size)
			return exchange_bad_reply(x,
						  "the answer holds an impossible list of words");
		if (i > 0)
			to[used++] = ' ';
		TRY(fill_text(x, from[i], to + used, size - used));
		used += strlen(from[i]);
	}
	to[used] = '\0';
	return PM_OK;
}

enum pm_err fill_labels(struct exchange *x, Peppermint__V1__Label *const *from, size_t from_count,
			struct peppermint_label to[PEPPERMINT_LABELS_MAX], size_t *count)
{
	if (from_count > PEPPERMINT_LABELS_MAX)
		return exchange_bad_reply(x, "the answer holds too many labels");
	for (size_t i = 0; i < from_count; i++) {
		TRY(FILL_TEXT(x, from[i]->key, to[i].key));
		TRY(FILL_TEXT(x, from[i]->value, to[i].value));
	}
	*count = from_count;
	return PM_OK;
}

enum pm_err fill_page_size(struct exchange *x, size_t *capacity, size_t max)
{
	if (*capacity == 0)
		return outcome(x->call, PM_BAD_REQUEST, "there is no room for an item");
	if (*capacity > max)
		*capacity = max;
	return PM_OK;
}

enum pm_err fill_count(struct exchange *x, size_t got, size_t asked)
{
	if (got != asked)
		return exchange_bad_reply(x, "the answer does not hold as many items as asked");
	return PM_OK;
}

static enum peppermint_environment_state environment_state(Peppermint__V1__EnvironmentState state)
{
	switch (state) {
	case PEPPERMINT__V1__ENVIRONMENT_STATE__SERVING:
		return PEPPERMINT_ENVIRONMENT_SERVING;
	case PEPPERMINT__V1__ENVIRONMENT_STATE__HSM_DOWN:
		return PEPPERMINT_ENVIRONMENT_HSM_DOWN;
	case PEPPERMINT__V1__ENVIRONMENT_STATE__HSM_SEALED:
		return PEPPERMINT_ENVIRONMENT_HSM_SEALED;
	case PEPPERMINT__V1__ENVIRONMENT_STATE__REFUSING:
		return PEPPERMINT_ENVIRONMENT_REFUSING;
	default:
		return PEPPERMINT_ENVIRONMENT_STATE_UNKNOWN;
	}
}

static enum peppermint_token_state token_state(Peppermint__V1__TokenState state)
{
	switch (state) {
	case PEPPERMINT__V1__TOKEN_STATE__TOKEN_READY:
		return PEPPERMINT_TOKEN_READY;
	case PEPPERMINT__V1__TOKEN_STATE__TOKEN_DOWN:
		return PEPPERMINT_TOKEN_DOWN;
	case PEPPERMINT__V1__TOKEN_STATE__TOKEN_SEALED:
		return PEPPERMINT_TOKEN_SEALED;
	case PEPPERMINT__V1__TOKEN_STATE__TOKEN_UNFIT:
		return PEPPERMINT_TOKEN_UNFIT;
	default:
		return PEPPERMINT_TOKEN_STATE_UNKNOWN;
	}
}

static enum pm_err fill_token(struct exchange *x, const Peppermint__V1__TokenStatus *from,
			      struct peppermint_token_status *to)
{
	TRY(FILL_TEXT(x, from->label, to->label));
	TRY(FILL_TEXT(x, from->serial, to->serial));
	TRY(FILL_TEXT(x, from->detail, to->detail));
	to->state = token_state(from->state);
	to->active = from->active;
	to->restarts = from->restarts;
	return PM_OK;
}

enum pm_err fill_environment(struct exchange *x, const Peppermint__V1__EnvironmentStatus *from,
			     struct peppermint_environment *to)
{
	if (from->n_tokens > PEPPERMINT_TOKENS_MAX)
		return exchange_bad_reply(x, "the answer holds too many tokens");
	TRY(FILL_TEXT(x, from->name, to->name));
	TRY(FILL_TEXT(x, from->key_prefix, to->key_prefix));
	TRY(FILL_TEXT(x, from->detail, to->detail));
	TRY(FILL_TEXT(x, from->token_label, to->token_label));
	TRY(FILL_TEXT(x, from->token_serial, to->token_serial));
	TRY(FILL_TEXT(x, from->token_model, to->token_model));
	TRY(FILL_TEXT(x, from->token_manufacturer, to->token_manufacturer));
	to->state = environment_state(from->state);
	to->keys = from->keys;
	to->quarantined = from->quarantined;
	to->signer_restarts = from->signer_restarts;
	to->orphaned_objects = from->orphaned_objects;
	to->key_warnings = from->key_warnings;
	to->sessions = from->sessions;
	to->proven = from->proven;
	to->checked_at = from->checked_at;
	for (size_t i = 0; i < from->n_tokens; i++)
		TRY(fill_token(x, from->tokens[i], &to->tokens[i]));
	to->token_count = from->n_tokens;
	return PM_OK;
}

enum peppermint_pepper_state fill_pepper_state(Peppermint__V1__PepperState state)
{
	switch (state) {
	case PEPPERMINT__V1__PEPPER_STATE__STAGED:
		return PEPPERMINT_PEPPER_STAGED;
	case PEPPERMINT__V1__PEPPER_STATE__ACTIVE:
		return PEPPERMINT_PEPPER_ACTIVE;
	case PEPPERMINT__V1__PEPPER_STATE__VERIFY_ONLY:
		return PEPPERMINT_PEPPER_VERIFY_ONLY;
	case PEPPERMINT__V1__PEPPER_STATE__DESTROYED:
		return PEPPERMINT_PEPPER_DESTROYED;
	case PEPPERMINT__V1__PEPPER_STATE__SUSPENDED:
		return PEPPERMINT_PEPPER_SUSPENDED;
	case PEPPERMINT__V1__PEPPER_STATE__COMPROMISED:
		return PEPPERMINT_PEPPER_COMPROMISED;
	case PEPPERMINT__V1__PEPPER_STATE__DESTROY_SCHEDULED:
		return PEPPERMINT_PEPPER_DESTROY_SCHEDULED;
	default:
		return PEPPERMINT_PEPPER_STATE_UNKNOWN;
	}
}

enum peppermint_algorithm fill_algorithm(Peppermint__V1__Algorithm number)
{
	switch (number) {
	case PEPPERMINT__V1__ALGORITHM__HMAC_SHA256:
		return PEPPERMINT_HMAC_SHA256;
	case PEPPERMINT__V1__ALGORITHM__ED25519:
		return PEPPERMINT_ED25519;
	case PEPPERMINT__V1__ALGORITHM__ECDSA_P256:
		return PEPPERMINT_ECDSA_P256;
	case PEPPERMINT__V1__ALGORITHM__AES256_GCM:
		return PEPPERMINT_AES256_GCM;
	default:
		return PEPPERMINT_ALGORITHM_UNKNOWN;
	}
}
