#define _GNU_SOURCE
#include "fields.h"

#include <stdio.h>
#include <string.h>

#include "server.h"

#define PURPOSE_MAX 16 /* of a master key */
#define PIN_MAX 255

static enum pm_err too_long(struct call *call, const char *field, size_t max)
{
	char what[48];

	snprintf(what, sizeof(what), "must be at most %zu bytes", max);
	return call_refuse(call, PM_BAD_REQUEST, field, what);
}

enum pm_err field_required(struct call *call, const char *field, const char *text, size_t max)
{
	char what[48];

	if (*text != '\0')
		return field_optional(call, field, text, max);
	snprintf(what, sizeof(what), "required, at most %zu bytes", max);
	return call_refuse(call, PM_BAD_REQUEST, field, what);
}

enum pm_err field_optional(struct call *call, const char *field, const char *text, size_t max)
{
	return strlen(text) <= max ? PM_OK : too_long(call, field, max);
}

enum pm_err field_bytes(struct call *call, const char *field, ProtobufCBinaryData bytes, size_t max)
{
	char what[48];

	if (bytes.len <= max)
		return PM_OK;
	snprintf(what, sizeof(what), "must be at most %zu bytes", max);
	return call_refuse(call, PM_TOO_LARGE, field, what);
}

enum pm_err field_pin(struct call *call, const char *field, ProtobufCBinaryData pin)
{
	if (pin.len >= 1 && pin.len <= PIN_MAX)
		return PM_OK;
	return call_refuse(call, PM_BAD_REQUEST, field, "must have 1 to 255 bytes");
}

enum pm_err field_texts(struct call *call, const char *field, char *const *items, size_t count,
			size_t max)
{
	for (size_t i = 0; i < count; i++)
		TRY(field_required(call, field, items[i], max));
	return PM_OK;
}

enum pm_err field_recipient(struct call *call, ProtobufCBinaryData pem, const char **out)
{
	TRY(field_bytes(call, "recipient", pem, VAULT_RECIPIENT_MAX));
	if (pem.len > 0 && memchr(pem.data, '\0', pem.len))
		return call_refuse(call, PM_BAD_REQUEST, "recipient",
				   "must be a public key in PEM");
	*out = arena_text(call->arena, bytes_of(pem.data, pem.len));
	return *out ? PM_OK : PM_NO_MEMORY;
}

enum pm_err field_new_pin(struct call *call, ProtobufCBinaryData pin)
{
	if (pin.len == 0 ||
	    (pin.len >= VAULT_OPERATOR_PIN_MIN && pin.len <= VAULT_OPERATOR_PIN_MAX))
		return PM_OK;
	return call_refuse(call, PM_BAD_REQUEST, "new_pin", "must have 4 to 64 bytes");
}

enum pm_err field_labels(struct call *call, Peppermint__V1__Label *const *labels, size_t count,
			 struct label_texts *out)
{
	const char **keys = arena_array(call->arena, count, sizeof(*keys));
	const char **values = arena_array(call->arena, count, sizeof(*values));

	if (!keys || !values)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		keys[i] = labels[i]->key;
		values[i] = labels[i]->value;
	}
	*out = (struct label_texts){ .keys = keys, .values = values, .count = count };
	return PM_OK;
}

enum pm_err field_report(struct call *call, Peppermint__V1__Report report)
{
	if (protobuf_c_enum_descriptor_get_value(&peppermint__v1__report__descriptor, (int)report))
		return PM_OK;
	return call_refuse(call, PM_BAD_REQUEST, "report", "this vault does not know it");
}

static bool is_base62(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool is_key_id(const char *text)
{
	size_t len = 0;

	while (is_base62(text[len]))
		len++;
	return len == VAULT_ID_LEN && text[len] == '\0';
}

enum pm_err field_key_id(struct call *call, const char *text)
{
	if (*text == '\0')
		return call_refuse(call, PM_BAD_REQUEST, "key_id", "required");
	return is_key_id(text) ? PM_OK : PM_NOT_FOUND;
}

static bool is_name(const char *text, size_t max)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return text[len] == '\0' && len >= 1 && len <= max && text[0] >= 'a' && text[0] <= 'z';
}

enum pm_err field_purpose(struct call *call, const char *text)
{
	if (is_name(text, PURPOSE_MAX))
		return PM_OK;
	return call_refuse(call, PM_BAD_REQUEST, "purpose",
			   "must be 1 to 16 of a-z 0-9 -, beginning with a letter");
}

enum pm_err field_pepper_name(struct call *call, const char *field, const char *text)
{
	if (is_name(text, VAULT_PEPPER_NAME_MAX))
		return PM_OK;
	return call_refuse(call, PM_BAD_REQUEST, field,
			   "must be 1 to 32 of a-z 0-9 -, beginning with a letter");
}

static size_t count_char(const char *text, char c)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += *text == c;
	return count;
}

enum pm_err reply_with_words(struct call *call, char *text, char ***out, size_t *count)
{
	char **words = arena_array(call->arena, count_char(text, ' ') + 1, sizeof(*words));
	char *rest = text;

	if (!words)
		return PM_NO_MEMORY;
	for (*count = 0; rest && *rest != '\0'; (*count)++)
		words[*count] = strsep(&rest, " ");
	*out = words;
	return PM_OK;
}

enum pm_err reply_with_labels(struct call *call, char *text, Peppermint__V1__Label ***out,
			      size_t *count)
{
	size_t lines = count_char(text, '\n');
	Peppermint__V1__Label *rooms = arena_array(call->arena, lines, sizeof(*rooms));
	char *rest = text;

	*out = arena_array(call->arena, lines, sizeof(**out));
	if (!rooms || !*out)
		return PM_NO_MEMORY;
	for (*count = 0; *count < lines; (*count)++) {
		Peppermint__V1__Label *label = &rooms[*count];

		peppermint__v1__label__init(label);
		label->value = strsep(&rest, "\n");
		label->key = strsep(&label->value, "=");
		(*out)[*count] = label;
	}
	return PM_OK;
}

static void fill_key(struct key_info *info, Peppermint__V1__Key *key)
{
	peppermint__v1__key__init(key);
	key->id = info->id;
	key->environment = info->environment;
	key->account = info->account;
	key->product = info->product;
	key->name = info->name;
	key->state = (Peppermint__V1__KeyState)info->state;
	key->masked = info->masked;
	key->created_by = info->created_by;
	key->created_at = info->created_at;
	key->expires_at = info->expires_at;
	key->rotated_at = info->rotated_at;
	key->overlap_until = info->overlap_until;
	key->revoked_at = info->revoked_at;
	key->secret_version = info->secret_version;
	key->pepper_version = info->pepper_version;
	key->external_reference = info->external_ref;
	key->not_before = info->not_before;
	key->disabled_at = info->disabled_at;
	key->last_used_at = info->last_used_at;
	key->use_count = info->use_count;
	key->first_use_pending = info->first_use_pending;
	key->imported = info->imported;
	key->recoverable = info->recoverable;
}

enum pm_err reply_with_key(struct call *call, struct key_info *info, Peppermint__V1__Key **out)
{
	Peppermint__V1__Key *key = arena_alloc(call->arena, sizeof(*key));

	if (!key)
		return PM_NO_MEMORY;
	fill_key(info, key);
	TRY(reply_with_words(call, info->scopes, &key->scopes, &key->n_scopes));
	TRY(reply_with_words(call, info->networks, &key->networks, &key->n_networks));
	TRY(reply_with_labels(call, info->labels, &key->labels, &key->n_labels));
	*out = key;
	return PM_OK;
}

static void fill_token(struct token_info *from, Peppermint__V1__TokenStatus *to)
{
	peppermint__v1__token_status__init(to);
	to->label = from->label;
	to->serial = from->serial;
	to->state = (Peppermint__V1__TokenState)from->state;
	to->active = from->active;
	to->detail = from->detail;
	to->restarts = from->restarts;
}

static enum pm_err reply_with_tokens(struct call *call, struct environment_info *from,
				     Peppermint__V1__EnvironmentStatus *to)
{
	Peppermint__V1__TokenStatus *rooms =
		arena_array(call->arena, from->token_count, sizeof(*rooms));

	to->tokens = arena_array(call->arena, from->token_count, sizeof(*to->tokens));
	if (!rooms || !to->tokens)
		return PM_NO_MEMORY;
	for (; to->n_tokens < from->token_count; to->n_tokens++) {
		fill_token(&from->tokens[to->n_tokens], &rooms[to->n_tokens]);
		to->tokens[to->n_tokens] = &rooms[to->n_tokens];
	}
	return PM_OK;
}

static void fill_environment(struct environment_info *from, Peppermint__V1__EnvironmentStatus *to)
{
	peppermint__v1__environment_status__init(to);
	to->name = from->name;
	to->key_prefix = from->prefix;
	to->state = (Peppermint__V1__EnvironmentState)from->state;
	to->detail = from->detail;
	to->token_label = from->token_label;
	to->token_serial = from->token_serial;
	to->token_model = from->token_model;
	to->token_manufacturer = from->token_manufacturer;
	to->keys = from->keys;
	to->quarantined = from->quarantined;
	to->signer_restarts = from->signer_restarts;
	to->orphaned_objects = from->orphans;
	to->key_warnings = from->warnings;
	to->sessions = from->sessions;
	to->proven = from->proven;
	to->checked_at = from->checked_at;
}

enum pm_err reply_with_environments(struct call *call, uint32_t which,
				    Peppermint__V1__EnvironmentStatus ***out, size_t *count)
{
	size_t most = call->rpc->environments;
	struct environment_info *infos = arena_array(call->arena, most, sizeof(*infos));
	Peppermint__V1__EnvironmentStatus *rooms = arena_array(call->arena, most, sizeof(*rooms));
	Peppermint__V1__EnvironmentStatus **list = arena_array(call->arena, most, sizeof(*list));

	*count = 0;
	if (!infos || !rooms || !list)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < most; i++) {
		if ((which & (UINT32_C(1) << i)) == 0)
			continue;
		TRY(vault_environment_status(call->rpc->vault, i, &infos[i]));
		fill_environment(&infos[i], &rooms[i]);
		TRY(reply_with_tokens(call, &infos[i], &rooms[i]));
		list[(*count)++] = &rooms[i];
	}
	*out = list;
	return PM_OK;
}
