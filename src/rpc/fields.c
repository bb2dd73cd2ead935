#include "fields.h"

#include <stdio.h>
#include <string.h>

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

enum pm_err field_pepper_name(struct call *call, const char *field, const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (text[len] == '\0' && len >= 1 && len <= VAULT_PEPPER_NAME_MAX && text[0] >= 'a' &&
	    text[0] <= 'z')
		return PM_OK;
	return call_refuse(call, PM_BAD_REQUEST, field,
			   "must be 1 to 32 of a-z 0-9 -, beginning with a letter");
}

enum pm_err reply_with_key(struct call *call, struct key_info *info, Peppermint__V1__Key **out)
{
	Peppermint__V1__Key *key = arena_alloc(call->arena, sizeof(*key));

	if (!key)
		return PM_NO_MEMORY;
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
	*out = key;
	return PM_OK;
}
