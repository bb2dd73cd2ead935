#include "fresh.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "recipient.h"
#include "shown.h"

_Static_assert(RECIPIENT_TEXT_MAX <= VAULT_SEALED_TEXT_MAX, "a sealed text fits");
_Static_assert(RECIPIENT_SECRET_MAX >= VAULT_KEY_TEXT_MAX, "a key text can be sealed");

void key_secret_wipe(struct key_secret *secret)
{
	secret_wipe(secret, sizeof(*secret));
}

static bool has_recipient(const char *recipient)
{
	return recipient && recipient[0] != '\0';
}

enum pm_err fresh_check(const struct environment *env, struct actor *actor,
			const struct fresh_terms *terms)
{
	if (terms->recoverable && !env->policy.recoverable) {
		actor->why = "recoverable: this environment keeps no key text that could be shown "
			     "again";
		return PM_DENIED;
	}
	if (!has_recipient(terms->recipient))
		return PM_OK;
	enum pm_err err = recipient_check(terms->recipient);
	if (err == PM_BAD_REQUEST)
		actor->why = "recipient: a public key in PEM, X25519 or RSA of 2048 to 16384 bits, "
			     "and nothing else";
	return err;
}

enum pm_err fresh_hand_over(const char *recipient, struct key_secret *secret)
{
	if (!has_recipient(recipient))
		return PM_OK;
	enum pm_err err = recipient_seal(recipient, bytes_str(secret->text.text), secret->sealed,
					 sizeof(secret->sealed));
	key_text_wipe(&secret->text);
	return err;
}

void fresh_forget(const struct key_record *record, struct fresh_value *value)
{
	value->record = (struct value_record){ 0 };
	strcpy(value->record.environment, record->environment);
	strcpy(value->record.id, record->id);
	value->change = (struct store_change){ .op = STORE_DELETE_VALUE, .value = &value->record };
}

static enum pm_err keep(struct environment *env, const struct key_record *record,
			const struct key_text *text, struct fresh_value *value, int64_t deadline)
{
	TRY(shown_close(env, record, text, &value->record, deadline));
	value->change = (struct store_change){ .op = STORE_PUT_VALUE, .value = &value->record };
	return PM_OK;
}

/* A number is never given twice, also where a later version was rolled back. */
static uint32_t next_version(const struct key_record *record)
{
	uint32_t current = record->secrets[SECRET_CURRENT].version;

	return (record->last_version > current ? record->last_version : current) + 1;
}

static enum pm_err make(struct environment *env, struct key_record *record,
			const struct fresh_terms *terms, struct key_secret *secret,
			struct fresh_value *value, int64_t deadline)
{
	uint32_t version = next_version(record);

	TRY(secret_renew(env, record, version, &secret->text, deadline));
	record->last_version = version;
	if (terms->recoverable)
		TRY(keep(env, record, &secret->text, value, deadline));
	else
		fresh_forget(record, value);
	return fresh_hand_over(terms->recipient, secret);
}

enum pm_err fresh_secret(struct environment *env, struct key_record *record,
			 const struct fresh_terms *terms, struct key_secret *secret,
			 struct fresh_value *value, int64_t deadline)
{
	enum pm_err err = make(env, record, terms, secret, value, deadline);
	if (err != PM_OK)
		key_secret_wipe(secret);
	return err;
}
