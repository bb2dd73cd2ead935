/* What requests present: a text that may be a key's, or why it cannot be one. */
#include <string.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "imported.h"
#include "verify_batch.h"

/* A well-formed key of another environment is that, and not just malformed. */
static enum pm_reason parse(const struct vault *vault, const struct environment *env,
			    struct bytes text, struct apikey *out)
{
	enum pm_reason reason = apikey_parse(text, env->prefix, out);

	for (size_t i = 0; reason == PM_REASON_MALFORMED && i < vault->environment_count; i++) {
		if (apikey_parse(text, vault->environments[i].prefix, out) == PM_REASON_NONE)
			reason = PM_REASON_WRONG_ENVIRONMENT;
	}
	return reason;
}

static bool take_imported(struct environment *env, struct bytes text, struct item *item)
{
	if (text.len > sizeof(item->text) || !imported_is_possible(env, text))
		return false;
	memcpy(item->text, text.data, text.len);
	item->text_len = text.len;
	item->imported = true;
	return true;
}

enum pm_reason verify_take_text(const struct vault *vault, struct environment *env,
				struct bytes text, struct item *item)
{
	/* With no bytes there need not be a place where they would be. */
	enum pm_reason reason =
		text.len == 0 ? PM_REASON_MISSING : parse(vault, env, text, &item->key);

	if (reason == PM_REASON_MALFORMED && take_imported(env, text, item))
		reason = PM_REASON_NONE;
	item->pending = reason == PM_REASON_NONE;
	return reason;
}

static enum pm_reason take_header(const struct vault *vault, struct environment *env,
				  const char *header, struct item *item)
{
	struct credential credential CLEANUP(credential_wipe);
	enum pm_reason reason = credential_parse(bytes_str(header), &credential);

	if (reason != PM_REASON_NONE)
		return reason;
	strcpy(item->user, credential.user);
	return verify_take_text(vault, env, bytes_str(credential.text), item);
}

static enum pm_reason take(const struct vault *vault, struct environment *env,
			   const struct presented *presented, struct item *item)
{
	const size_t credentials = (presented->key.len > 0) + presented->header_count;

	if (credentials > 1)
		return PM_REASON_SEVERAL_CREDENTIALS;
	if (presented->header_count == 1)
		return take_header(vault, env, presented->headers[0], item);
	return verify_take_text(vault, env, presented->key, item);
}

enum pm_reason verify_take(const struct vault *vault, struct environment *env,
			   const struct presented *presented, struct item *item)
{
	enum pm_reason reason = take(vault, env, presented, item);

	item->presented = presented;
	if (reason != PM_REASON_NONE)
		secret_wipe(item, sizeof(*item)); /* well-formed, perhaps, for elsewhere */
	return reason;
}

void verify_add(struct batch *batch)
{
	struct item *item = &batch->items[batch->count];

	item->record = &batch->rows->keys[batch->count];
	item->seal = &batch->rows->key_seals[batch->count];
	batch->count++;
}
