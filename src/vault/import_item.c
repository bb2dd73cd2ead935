#include "import_item.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "account.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "grants.h"
#include "key_fields.h"

#define YEAR_10000 INT64_C(253402300800) /* RFC 3339 has four digits for a year */
#define REFERENCE_LEN 20

static const struct {
	enum secret_form form;
	size_t len; /* 0: any that a text may have */
} forms[] = {
	[IMPORT_SHA256] = { SECRET_SHA256, SHA256_DIGEST_LENGTH },
	[IMPORT_SHA512] = { SECRET_SHA512, SHA512_DIGEST_LENGTH },
	[IMPORT_HMAC_SHA256] = { SECRET_HMAC, HSM_MAC_LEN },
	[IMPORT_TEXT] = { SECRET_TEXT, 0 },
};

static const char *check_key(struct environment *env, const struct import_item *item)
{
	struct master_record master;

	if (item->form != IMPORT_HMAC_SHA256)
		return item->hmac_key[0] == '\0' ? NULL : "hmac_key: of IMPORT_HMAC_SHA256 only";
	if (imported_hmac_key(env, item->hmac_key, &master) != PM_OK)
		return "hmac_key: there is no such key; ImportHmacKey brings it in";
	return master.state == MASTER_VERIFY_ONLY ? NULL : "hmac_key: that key is not in use";
}

/* Who presents such a text is not taken to mean an imported key (verify_present.c). */
static bool is_ours(const struct vault *vault, const struct environment *env, struct bytes text)
{
	struct apikey key CLEANUP(apikey_wipe) = { 0 };

	for (size_t i = 0; i < vault->environment_count; i++) {
		if (apikey_parse(text, vault->environments[i].prefix, &key) == PM_REASON_NONE)
			return true;
	}
	return apikey_parse(text, env->prefix, &key) != PM_REASON_MALFORMED;
}

static const char *check_value(const struct vault *vault, struct environment *env,
			       const struct import_item *item)
{
	if (item->form < IMPORT_SHA256 || item->form > IMPORT_TEXT)
		return "form: required";
	size_t len = forms[item->form].len;
	if (len != 0 && item->value.len != len)
		return len == SHA512_DIGEST_LENGTH ? "value: 64 bytes" : "value: 32 bytes";
	if (len == 0 && !imported_is_text(item->value))
		return "value: 16 to 256 printable ASCII characters without blanks";
	if (len == 0 && is_ours(vault, env, item->value))
		return "value: it has the form of this vault's own keys";
	return check_key(env, item);
}

static const char *check_times(const struct import_item *item, int64_t now)
{
	if (item->created_at < 0 || item->created_at > now)
		return "created_at: must not be in the future";
	if (item->expires_at < 0 || item->expires_at >= YEAR_10000)
		return "expires_at: must be before the year 10000, or 0 for never";
	return NULL;
}

/* Its last characters are told of a hash by who has the text; of a text they are seen. */
static const char *take_tail(const struct import_item *item, struct key_record *record)
{
	const char *text = (const char *)item->value.data;

	if (item->form == IMPORT_TEXT) {
		memcpy(record->tail, text + item->value.len - STORE_TAIL_LEN, STORE_TAIL_LEN);
		return NULL;
	}
	for (const char *c = item->tail; *c; c++) {
		if (*c <= ' ' || *c > '~')
			return "tail: at most 3 printable ASCII characters";
	}
	return copy_text(record->tail, sizeof(record->tail), item->tail)
		       ? NULL
		       : "tail: at most 3 printable ASCII characters";
}

static const char *take_names(const struct environment *env, const struct actor *actor,
			      const struct import_item *item, struct key_record *record)
{
	snprintf(record->created_by, sizeof(record->created_by), "%s%s%s", actor->caller,
		 actor->operator_name[0] ? "/" : "", actor->operator_name);
	if (item->account[0] == '\0')
		return "account: required";
	if (!copy_text(record->environment, sizeof(record->environment), env->name) ||
	    !copy_text(record->account, sizeof(record->account), item->account) ||
	    !copy_text(record->product, sizeof(record->product), item->product) ||
	    !copy_text(record->name, sizeof(record->name), item->name) ||
	    !copy_text(record->external_ref, sizeof(record->external_ref), item->external_ref) ||
	    !copy_text(record->import_key, sizeof(record->import_key), item->hmac_key))
		return "a name is too long";
	return NULL;
}

static const char *take_lists(const struct actor *actor, const struct import_item *item,
			      struct key_record *record)
{
	struct actor asked = *actor; /* whose `why` is of the whole request */
	enum pm_err err = key_fields_scopes(&asked, &item->scopes, record->scopes);

	if (err == PM_OK)
		err = key_fields_labels(&asked, &item->labels, record->labels);
	if (err == PM_OK)
		err = key_fields_networks(&asked, &item->networks, record->networks);
	if (err == PM_OK)
		err = key_fields_span(&asked, item->not_before, item->expires_at);
	return err == PM_OK ? NULL : asked.why;
}

/* An account that is not approved yet may bring its keys: until it is, they verify nothing. */
static enum pm_err judge_account(struct environment *env, const char *id, bool *registered,
				 int64_t deadline)
{
	struct account_record account;

	*registered = false;
	if (strcmp(id, EVERY_ACCOUNT) == 0)
		return PM_ACCOUNT_NOT_APPROVED;
	enum pm_err err = account_load(env, id, &account, deadline);
	*registered = err == PM_OK;
	if (err == PM_NOT_FOUND)
		return env->policy.any_account ? PM_OK : PM_ACCOUNT_NOT_APPROVED;
	TRY(err);
	return account.status == ACCOUNT_CLOSED ? PM_ACCOUNT_NOT_APPROVED : PM_OK;
}

static enum pm_err take_account(struct environment *env, struct import_account *account,
				struct key_record *record, const char **why, int64_t deadline)
{
	if (strcmp(account->id, record->account) != 0) {
		account->err = judge_account(env, record->account, &account->registered, deadline);
		strcpy(account->id, record->account);
	}
	record->registered = account->registered;
	if (account->err == PM_ACCOUNT_NOT_APPROVED)
		*why = "account: it is not registered, or it is closed";
	return account->err;
}

static const char *describe(const struct vault *vault, struct environment *env,
			    const struct actor *actor, const struct import_item *item,
			    struct key_record *record)
{
	int64_t now = clock_unix();
	const char *why = check_value(vault, env, item);

	*record = (struct key_record){
		.created_at = item->created_at != 0 ? item->created_at : now,
		.not_before = item->not_before,
		.expires_at = item->expires_at,
		.disabled_at = item->disabled ? now : 0,
		.revision = 1,
	};
	if (!why)
		why = check_times(item, now);
	if (!why)
		why = take_tail(item, record);
	if (!why)
		why = take_names(env, actor, item, record);
	if (!why)
		why = take_lists(actor, item, record);
	return why;
}

enum pm_err import_describe(const struct vault *vault, struct environment *env,
			    const struct actor *actor, const struct import_item *item,
			    struct import_account *account, struct key_record *record,
			    const char **why)
{
	*why = describe(vault, env, actor, item, record);
	if (*why)
		return PM_BAD_REQUEST;
	TRY(take_account(env, account, record, why, actor->deadline));
	record->secrets[SECRET_CURRENT] =
		(struct secret_record){ .version = 1, .form = forms[item->form].form };
	if (record->external_ref[0] == '\0' && env->policy.generate_reference)
		TRY(apikey_random(record->external_ref, REFERENCE_LEN));
	return apikey_new_id(record->id);
}

struct bytes import_looked_up(const struct import_item *item, uint8_t room[32])
{
	if (item->form != IMPORT_TEXT)
		return item->value;
	SHA256(item->value.data, item->value.len, room);
	return bytes_of(room, SHA256_DIGEST_LENGTH);
}
