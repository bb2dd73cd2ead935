#include "shown.h"

#include <openssl/rand.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "master.h"
#include "period.h"
#include "state.h"
#include "uses.h"

#define AAD_ROOM 128 /* bytes: more than bind writes */
#define OVERHEAD (HSM_IV_LEN + HSM_TAG_LEN)

_Static_assert(VAULT_KEY_TEXT_MAX + OVERHEAD <= STORE_SEALED_MAX, "a text fits a value_record");
_Static_assert(VAULT_KEY_TEXT_MAX <= HSM_PLAIN_MAX && AAD_ROOM <= HSM_PLAIN_MAX,
	       "the token takes it");

/* What a text is bound to: the record that asks for it, not the row that it was found in. */
static void bind(const struct key_record *record, struct buf *aad)
{
	buf_put_field(aad, bytes_str("peppermint/v1/key-text"));
	buf_put_field(aad, bytes_str(record->environment));
	buf_put_field(aad, bytes_str(record->id));
	buf_put_u32(aad, record->secrets[SECRET_CURRENT].version);
}

static enum pm_err lost(struct environment *env)
{
	log_error("vault: master key " PURPOSE_WRAP "/" WRAP_NAME " of %s is not in its token any "
		  "more",
		  env->name);
	atomic_store(&env->check_at, 0);
	return PM_TOKEN_MISMATCH;
}

/* hsm_encrypt by the token that was checked; `value` has its iv. */
static enum pm_err encrypt(struct environment *env, const struct master_record *master,
			   const struct key_record *record, const struct key_text *text,
			   struct value_record *value, int64_t deadline)
{
	uint8_t room[AAD_ROOM];
	struct buf aad = BUF(room);
	struct bytes plain = bytes_str(text->text);
	struct hsm *token = NULL;
	uint64_t generation = 0;
	struct hsm_id id;

	bind(record, &aad);
	memcpy(id.bytes, master->key_id, sizeof(id.bytes));
	TRY(environment_token(env, &token, &generation));
	enum pm_err err = hsm_encrypt(token, &id, value->sealed, buf_bytes(&aad), plain,
				      value->sealed + HSM_IV_LEN, deadline);
	if (err == PM_NOT_FOUND)
		return lost(env);
	TRY(err);
	TRY(environment_same_token(env, generation));
	uses_count(env, master->key_id, 1);
	value->sealed_len = (uint32_t)(plain.len + OVERHEAD);
	return PM_OK;
}

/* PM_BAD_REQUEST: it is not what was encrypted. */
static enum pm_err decrypt(struct environment *env, const struct master_record *master,
			   const struct key_record *record, const struct value_record *value,
			   struct key_text *out, int64_t deadline)
{
	uint8_t room[AAD_ROOM];
	struct buf aad = BUF(room);
	struct bytes sealed = bytes_of(value->sealed + HSM_IV_LEN, value->sealed_len - HSM_IV_LEN);
	struct hsm *token = NULL;
	uint64_t generation = 0;
	struct hsm_id id;

	bind(record, &aad);
	memcpy(id.bytes, master->key_id, sizeof(id.bytes));
	TRY(environment_token(env, &token, &generation));
	enum pm_err err = hsm_decrypt(token, &id, value->sealed, buf_bytes(&aad), sealed,
				      (uint8_t *)out->text, deadline);
	if (err == PM_NOT_FOUND)
		return lost(env);
	TRY(err);
	TRY(environment_same_token(env, generation));
	uses_count(env, master->key_id, 1);
	out->text[value->sealed_len - OVERHEAD] = '\0';
	return PM_OK;
}

/* A bit that flipped on the way would be found only when nobody has the text any more. */
static enum pm_err check(struct environment *env, const struct master_record *master,
			 const struct key_record *record, const struct key_text *text,
			 const struct value_record *value, int64_t deadline)
{
	struct key_text opened CLEANUP(key_text_wipe) = { "" };
	size_t len = strlen(text->text);

	enum pm_err err = decrypt(env, master, record, value, &opened, deadline);
	if (err == PM_OK && secret_equal(opened.text, text->text, len + 1))
		return PM_OK;
	if (err != PM_OK && err != PM_BAD_REQUEST)
		return err;
	log_error("vault: %s's token does not open what it just encrypted: nothing is kept of it",
		  env->name);
	return PM_HSM_UNAVAILABLE;
}

enum pm_err shown_close(struct environment *env, const struct key_record *record,
			const struct key_text *text, struct value_record *out, int64_t deadline)
{
	struct master_record active;

	TRY(master_need(env, PURPOSE_WRAP, WRAP_NAME, &active, deadline));
	*out = (struct value_record){
		.secret_version = record->secrets[SECRET_CURRENT].version,
		.key_version = active.version,
	};
	strcpy(out->environment, record->environment);
	strcpy(out->id, record->id);
	/*
	 * 96 random bits never come twice in as many texts as there will ever be: SP 800-38D, 8.3.
	 */
	if (RAND_bytes(out->sealed, HSM_IV_LEN) != 1) {
		log_error("vault: OpenSSL gives no random bytes");
		return PM_INTERNAL;
	}
	TRY(encrypt(env, &active, record, text, out, deadline));
	return check(env, &active, record, text, out, deadline);
}

static enum pm_err quarantine(struct environment *env, const struct key_record *record)
{
	environment_quarantine(env, "the kept text of key", record->id);
	return PM_RECORD_QUARANTINED;
}

static enum pm_err load(struct environment *env, const struct key_record *record,
			struct value_record *out)
{
	enum pm_err err = store_get_value(env->store, env->name, record->id, out);

	if (err == PM_RECORD_QUARANTINED)
		return quarantine(env, record);
	TRY(err);
	if (out->secret_version != record->secrets[SECRET_CURRENT].version)
		return PM_NOT_FOUND;
	if (out->sealed_len <= OVERHEAD || out->sealed_len > VAULT_KEY_TEXT_MAX + OVERHEAD)
		return quarantine(env, record);
	return PM_OK;
}

enum pm_err shown_is_kept(struct environment *env, const struct key_record *record, bool *kept)
{
	struct value_record value;
	enum pm_err err = store_get_value(env->store, env->name, record->id, &value);

	*kept = err == PM_OK && value.secret_version == record->secrets[SECRET_CURRENT].version;
	return err == PM_NOT_FOUND || err == PM_RECORD_QUARANTINED ? PM_OK : err;
}

enum pm_err shown_open(struct environment *env, const struct key_record *record,
		       struct key_text *out, int64_t deadline)
{
	struct master_record master;
	struct value_record value;

	TRY(load(env, record, &value));
	/* 0 would be the active one: a version is what the value says, and never a guess. */
	if (value.key_version == 0 ||
	    environment_master(env, PURPOSE_WRAP, WRAP_NAME, value.key_version, &master) != PM_OK ||
	    !state_in_token(&master))
		return quarantine(env, record);
	if (!period_vouches(env, &master, clock_unix()))
		return PM_CONFLICT;
	enum pm_err err = decrypt(env, &master, record, &value, out, deadline);
	return err == PM_BAD_REQUEST ? quarantine(env, record) : err;
}
