#include "credential.h"

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "base/text.h"
#include "nacl.h"

void credential_wipe(struct credential *credential)
{
	secret_wipe(credential, sizeof(*credential));
}

static bool take_scheme(struct bytes *header, const char *scheme)
{
	size_t len = strlen(scheme);

	if (header->len <= len || header->data[len] != ' ' ||
	    strncasecmp((const char *)header->data, scheme, len) != 0)
		return false;
	*header = bytes_of(header->data + len + 1, header->len - len - 1);
	return true;
}

static bool is_token_character(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c != '\0' && strchr("-._~+/", c));
}

/* RFC 6750: 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" */
static bool is_token(struct bytes text)
{
	size_t len = 0;

	while (len < text.len && is_token_character(text.data[len]))
		len++;
	if (len == 0)
		return false;
	while (len < text.len && text.data[len] == '=')
		len++;
	return len == text.len;
}

static bool copy_text(struct bytes text, char *out, size_t max)
{
	if (text.len == 0 || text.len > max || !text_is_clean(text))
		return false;
	memcpy(out, text.data, text.len);
	out[text.len] = '\0';
	return true;
}

/* `user:password`, decoded: a secret. */
struct pair {
	uint8_t text[CREDENTIAL_USER_MAX + 1 + CREDENTIAL_TEXT_MAX];
};

static void pair_wipe(struct pair *pair)
{
	secret_wipe(pair, sizeof(*pair));
}

static bool parse_basic(struct bytes text, struct credential *out)
{
	struct pair room CLEANUP(pair_wipe) = { { 0 } };
	struct buf pair = BUF(room.text);

	if (!nacl_base64_decode(text, &pair))
		return false;
	const uint8_t *colon = memchr(pair.data, ':', pair.len);
	if (!colon)
		return false;
	size_t user_len = (size_t)(colon - pair.data);
	out->basic = true;
	return copy_text(bytes_of(pair.data, user_len), out->user, CREDENTIAL_USER_MAX) &&
	       copy_text(bytes_of(colon + 1, pair.len - user_len - 1), out->text,
			 CREDENTIAL_TEXT_MAX);
}

enum pm_reason credential_parse(struct bytes header, struct credential *out)
{
	bool good = false;

	*out = (struct credential){ .basic = false };
	if (header.len == 0)
		return PM_REASON_MISSING;
	if (take_scheme(&header, "Bearer"))
		good = is_token(header) && copy_text(header, out->text, CREDENTIAL_TEXT_MAX);
	else if (take_scheme(&header, "Basic"))
		good = parse_basic(header, out);
	if (good)
		return PM_REASON_NONE;
	credential_wipe(out);
	return PM_REASON_MALFORMED;
}
