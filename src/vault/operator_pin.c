#include "operator_pin.h"

#include <openssl/rand.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "master.h"
#include "period.h"
#include "pin_turns.h"
#include "refusal.h"
#include "state.h"
#include "stretch.h"
#include "sure.h"

#define COVER_ROOM 256 /* bytes: more than is covered */

_Static_assert(STORE_SALT_LEN == STRETCH_SALT_LEN, "a record has room for the salt");
_Static_assert(VAULT_OPERATOR_PIN_MAX <= STRETCH_PIN_MAX, "any PIN can be stretched");

/* From these the PIN can be guessed. */
struct stretched {
	uint8_t bytes[STRETCH_LEN];
	uint8_t room[COVER_ROOM];
};

static void stretched_wipe(struct stretched *stretched)
{
	secret_wipe(stretched, sizeof(*stretched));
}

static enum pm_err check_length(struct actor *actor, struct bytes pin)
{
	if (pin.len >= VAULT_OPERATOR_PIN_MIN && pin.len <= VAULT_OPERATOR_PIN_MAX)
		return PM_OK;
	actor->why = "a PIN has 4 to 64 bytes";
	return PM_BAD_REQUEST;
}

/* Bound to the operator: a MAC that is moved to another row verifies nothing there. */
static enum pm_err mac_of(struct environment *env, const char *id,
			  const uint8_t salt[STORE_SALT_LEN], struct stretched *stretched,
			  const struct master_record *key, uint8_t mac[STORE_MAC_LEN],
			  int64_t deadline)
{
	struct buf covered = BUF(stretched->room);
	struct hsm_job job = { 0 };

	buf_put_field(&covered, bytes_str("peppermint/v1/operator-pin"));
	buf_put_field(&covered, bytes_str(env->name));
	buf_put_field(&covered, bytes_str(id));
	buf_put_field(&covered, bytes_of(salt, STORE_SALT_LEN));
	buf_put_field(&covered, bytes_of(stretched->bytes, sizeof(stretched->bytes)));
	if (covered.full)
		return PM_INTERNAL;
	memcpy(job.key.bytes, key->key_id, sizeof(job.key.bytes));
	job.data = buf_bytes(&covered);
	TRY(sure_hmac(env, &job, 1, deadline));
	memcpy(mac, job.mac, STORE_MAC_LEN);
	return PM_OK;
}

static enum pm_err make_in_turn(struct environment *env, const char *id, struct bytes pin,
				struct pin_image *out, int64_t deadline)
{
	struct stretched stretched CLEANUP(stretched_wipe) = { .bytes = { 0 } };
	struct master_record key;

	TRY(master_need(env, PURPOSE_PIN, PIN_NAME, &key, deadline));
	TRY(period_may_make(env, &key));
	if (RAND_bytes(out->salt, sizeof(out->salt)) != 1) {
		log_error("vault: OpenSSL gives no random bytes");
		return PM_INTERNAL;
	}
	out->version = key.version;
	TRY(stretch_pin(pin, out->salt, stretched.bytes));
	return mac_of(env, id, out->salt, &stretched, &key, out->mac, deadline);
}

enum pm_err operator_pin_make(struct vault *vault, struct environment *env, struct actor *actor,
			      const char *id, struct bytes pin, struct pin_image *out)
{
	TRY(check_length(actor, pin));
	TRY(pin_turns_begin(vault->pin_turns, env, id, actor->deadline));
	enum pm_err err = make_in_turn(env, id, pin, out, actor->deadline);
	pin_turns_end(vault->pin_turns, env, id);
	return err;
}

void operator_pin_set(struct operator_record *record, const struct pin_image *image)
{
	record->pin_version = image->version;
	memcpy(record->pin_salt, image->salt, sizeof(record->pin_salt));
	memcpy(record->pin_mac, image->mac, sizeof(record->pin_mac));
	record->pin_set_at = clock_unix();
	record->failures = 0;
	record->locked_until = 0;
}

/* The version that vouches for the PIN, or, where there is no PIN, any, for the time that it takes. */
static enum pm_err key_of(struct environment *env, struct actor *actor,
			  const struct operator_record *record, struct master_record *key)
{
	enum pm_err err = environment_master(env, PURPOSE_PIN, PIN_NAME, record->pin_version, key);

	if (record->pin_version == 0)
		return err;
	if (err == PM_OK && state_in_token(key) && period_vouches(env, key, clock_unix()))
		return PM_OK;
	actor->why =
		"the version of pin/operators that vouches for the PIN does so no more: have the "
		"PIN set anew";
	return PM_CONFLICT;
}

static int64_t lock_seconds(uint32_t failures)
{
	int64_t seconds = PIN_LOCK_SECONDS;

	for (uint32_t lock = 1; lock < failures / PIN_TRIES && seconds < PIN_LOCK_SECONDS_MAX;
	     lock++)
		seconds *= 2;
	return seconds < PIN_LOCK_SECONDS_MAX ? seconds : PIN_LOCK_SECONDS_MAX;
}

static bool locks(const struct operator_record *record)
{
	return record->failures % PIN_TRIES == 0;
}

/* The try that is about to be made is committed as one that failed. */
static enum pm_err count_try(struct environment *env, struct actor *actor,
			     struct operator_record *record, struct master_record *key)
{
	int64_t now = clock_unix();

	TRY(operator_load(env, actor->operator_name, record, actor->deadline));
	if (record->locked_until > now) {
		actor->why = "too many wrong PINs: ListOperators says until when none is tried";
		return PM_PIN_LOCKED;
	}
	TRY(key_of(env, actor, record, key));
	record->failures++;
	if (locks(record))
		record->locked_until = now + lock_seconds(record->failures);
	return operator_save(env, record, actor->deadline);
}

static enum pm_err count_tries(struct environment *env, struct actor *actor,
			       struct operator_record *record, struct master_record *key)
{
	enum pm_err err = PM_CONFLICT;

	for (int i = 0; i < CHANGE_ATTEMPTS && err == PM_CONFLICT && !actor->why; i++)
		err = count_try(env, actor, record, key);
	return err;
}

static bool same_pin(const struct operator_record *a, const struct operator_record *b)
{
	return memcmp(a->pin_salt, b->pin_salt, sizeof(a->pin_salt)) == 0;
}

/* Under the active version, if that may make anything. */
static enum pm_err move_pin(struct environment *env, struct operator_record *record,
			    struct stretched *stretched, int64_t deadline)
{
	struct master_record active;

	TRY(environment_master(env, PURPOSE_PIN, PIN_NAME, 0, &active));
	if (active.version == record->pin_version || period_may_make(env, &active) != PM_OK)
		return PM_OK;
	record->pin_version = active.version;
	return mac_of(env, record->id, record->pin_salt, stretched, &active, record->pin_mac,
		      deadline);
}

static enum pm_err forgive(struct environment *env, struct operator_record *record,
			   struct stretched *stretched, int64_t deadline)
{
	record->failures = 0;
	record->locked_until = 0;
	TRY(move_pin(env, record, stretched, deadline));
	return operator_save(env, record, deadline);
}

/* Somebody may have changed the operator meanwhile, and perhaps what the PIN was right for. */
static enum pm_err accept(struct environment *env, struct actor *actor,
			  struct operator_record *record, struct stretched *stretched)
{
	const struct operator_record tried = *record;
	enum pm_err err = forgive(env, record, stretched, actor->deadline);

	for (int i = 0; i < CHANGE_ATTEMPTS && err == PM_CONFLICT; i++) {
		TRY(operator_load(env, tried.id, record, actor->deadline));
		if (!same_pin(record, &tried) || record->disabled_at != 0)
			return PM_CONFLICT;
		err = forgive(env, record, stretched, actor->deadline);
	}
	return err;
}

static void begin_leaves(struct environment *env, const struct actor *actor,
			 const struct operator_record *record, struct leaf leaves[2])
{
	leaf_begin(&leaves[0], LEAF_PIN_WRONG, actor, env->audit, env);
	leaf_number(&leaves[0], "failures", record->failures);
	leaf_fail(&leaves[0], PM_PIN_WRONG);
	leaf_begin(&leaves[1], LEAF_PIN_LOCK, actor, env->audit, env);
	leaf_number(&leaves[1], "failures", record->failures);
	leaf_time(&leaves[1], "until", record->locked_until);
	leaves_resolve(leaves, 2, env, actor->deadline);
}

static enum pm_err commit_leaves(struct environment *env, struct actor *actor, struct leaf *leaves,
				 size_t count)
{
	struct store_change changes[2];

	for (size_t i = 0; i < count; i++) {
		TRY(leaf_end(&leaves[i]));
		changes[i] =
			(struct store_change){ .op = STORE_APPEND_LEAF, .leaf = &leaves[i].record };
	}
	return audit_commit(env->audit, changes, count, NULL, actor->deadline);
}

static enum pm_err refuse(struct environment *env, struct actor *actor,
			  const struct operator_record *record)
{
	struct leaf leaves[2];

	begin_leaves(env, actor, record, leaves);
	enum pm_err err = commit_leaves(env, actor, leaves, locks(record) ? 2 : 1);
	leaf_drop(&leaves[0]);
	leaf_drop(&leaves[1]);
	return err == PM_OK ? PM_PIN_WRONG : err;
}

/* Takes the time that a wrong PIN takes, and comes to the same. */
static enum pm_err pretend(struct environment *env, struct actor *actor,
			   struct stretched *stretched)
{
	static const struct operator_record nobody;
	struct master_record key;
	uint8_t mac[STORE_MAC_LEN];

	TRY(stretch_pin(actor->pin, nobody.pin_salt, stretched->bytes));
	if (key_of(env, actor, &nobody, &key) == PM_OK)
		TRY(mac_of(env, actor->operator_name, nobody.pin_salt, stretched, &key, mac,
			   actor->deadline));
	TRY(refusal_of_act(env, actor, "OPERATOR_UNKNOWN", NULL));
	return PM_PIN_WRONG;
}

static enum pm_err check_in_turn(struct environment *env, struct actor *actor,
				 struct operator_record *record)
{
	struct stretched stretched CLEANUP(stretched_wipe) = { .bytes = { 0 } };
	struct master_record key;
	uint8_t mac[STORE_MAC_LEN];

	enum pm_err err = count_tries(env, actor, record, &key);
	if (err == PM_NOT_FOUND)
		return pretend(env, actor, &stretched);
	TRY(err);
	TRY(stretch_pin(actor->pin, record->pin_salt, stretched.bytes));
	TRY(mac_of(env, record->id, record->pin_salt, &stretched, &key, mac, actor->deadline));
	bool equal = secret_equal(mac, record->pin_mac, sizeof(mac));
	return equal && record->pin_version != 0 && record->disabled_at == 0
		       ? accept(env, actor, record, &stretched)
		       : refuse(env, actor, record);
}

enum pm_err operator_pin_check(struct vault *vault, struct environment *env, struct actor *actor,
			       struct operator_record *out)
{
	struct operator_record record;

	TRY(check_length(actor, actor->pin));
	TRY(pin_turns_begin(vault->pin_turns, env, actor->operator_name, actor->deadline));
	enum pm_err err = check_in_turn(env, actor, &record);
	pin_turns_end(vault->pin_turns, env, actor->operator_name);
	if (err == PM_OK && out)
		*out = record;
	return err;
}

/* What the old PIN was right for must still be there. */
static enum pm_err try_change(struct environment *env, struct actor *actor,
			      const struct operator_record *checked, const struct pin_image *image)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	struct operator_record record;

	TRY(operator_load(env, checked->id, &record, actor->deadline));
	if (!same_pin(&record, checked) || record.disabled_at != 0) {
		actor->why = "somebody else changed the operator meanwhile";
		return PM_CONFLICT;
	}
	operator_pin_set(&record, image);
	record.changed_at = record.pin_set_at;
	record.revision++;
	leaf_begin(&leaf, LEAF_OPERATOR_PIN, actor, env->audit, env);
	return operator_commit(env, actor, STORE_UPDATE_OPERATOR, &record, &leaf);
}

enum pm_err vault_change_operator_pin(struct vault *vault, struct actor *actor,
				      const char *environment, struct bytes new_pin)
{
	struct environment *env = NULL;
	struct operator_record checked;
	struct pin_image image;
	enum pm_err err = PM_CONFLICT;

	if (actor->operator_name[0] == '\0' || (actor->authorization && actor->authorization[0])) {
		actor->why = "operator: required, and nobody else";
		return PM_BAD_REQUEST;
	}
	TRY(check_length(actor, new_pin));
	TRY(vault_enter(vault, actor, environment, &env));
	TRY(request_begin(env, actor));
	TRY(operator_pin_check(vault, env, actor, &checked));
	TRY(operator_pin_make(vault, env, actor, checked.id, new_pin, &image));
	for (int i = 0; i < CHANGE_ATTEMPTS && err == PM_CONFLICT && !actor->why; i++)
		err = try_change(env, actor, &checked, &image);
	return err;
}
