#include "attach.h"

#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "environment.h"
#include "logbook.h"
#include "master.h"
#include "seal.h"

#define SEED_LEN 64

enum pm_err attach_refuse(struct environment *env, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	pthread_rwlock_wrlock(&env->lock);
	vsnprintf(env->detail, sizeof(env->detail), fmt, args);
	pthread_rwlock_unlock(&env->lock);
	va_end(args);
	log_error("vault: environment %s refuses to serve: %s", env->name, env->detail);
	return PM_TOKEN_MISMATCH;
}

static enum pm_err check_serial(struct environment *env, const char *expected)
{
	struct hsm_status status;

	hsm_status(env->hsm, &status);
	if (strcmp(status.serial, expected) == 0)
		return PM_OK;
	return attach_refuse(
		env, "the token's serial is %s, the database belongs to %s: attach that token",
		status.serial, expected);
}

static enum pm_err check_value(struct environment *env, const struct master_record *record,
			       int64_t deadline)
{
	uint8_t check[STORE_CHECK_LEN];
	enum pm_err err = master_check_value(env, record, check, deadline);

	if (err == PM_OK && secret_equal(check, record->check, sizeof(check)))
		return PM_OK;
	if (err != PM_OK && err != PM_TOKEN_MISMATCH)
		return err;
	return attach_refuse(env, "%s %s version %u is %s: attach the right token", record->purpose,
			     record->name, record->version,
			     err == PM_OK ? "another key than it was" : "not in the token");
}

static bool in_use(const struct master_record *record)
{
	return record->state == MASTER_ACTIVE || record->state == MASTER_VERIFY_ONLY;
}

bool attach_is_integrity(const struct master_record *record)
{
	return strcmp(record->purpose, PURPOSE_INTEGRITY) == 0;
}

static enum pm_err check_master_seal(struct environment *env, struct master_record *record,
				     int64_t deadline)
{
	struct seal_task task;

	seal_cover_master(&task, record);
	enum pm_err err = seal_check_one(env, &task, deadline);
	if (err != PM_RECORD_QUARANTINED)
		return err;
	return attach_refuse(
		env,
		"the record of %s %s version %u was altered outside the vault: restore the "
		"database from a backup",
		record->purpose, record->name, record->version);
}

static enum pm_err check_environment_seal(struct environment *env,
					  struct environment_record *record, int64_t deadline)
{
	struct seal_task task;

	seal_cover_environment(&task, record);
	enum pm_err err = seal_check_one(env, &task, deadline);
	if (err != PM_RECORD_QUARANTINED)
		return err;
	return attach_refuse(env,
			     "the environment's record was altered outside the vault: restore the "
			     "database from a backup");
}

/*
 * The integrity key first, by its check value: it then vouches for every record, its own included,
 * and those for the other keys.
 */
static enum pm_err check_masters(struct environment *env, int64_t deadline)
{
	for (size_t i = 0; i < env->master_count; i++) {
		if (attach_is_integrity(&env->masters[i]) && in_use(&env->masters[i]))
			TRY(check_value(env, &env->masters[i], deadline));
	}
	for (size_t i = 0; i < env->master_count; i++) {
		struct master_record master = env->masters[i];

		TRY(check_master_seal(env, &master, deadline));
		if (master.state == MASTER_STAGED)
			TRY(master_abandon(env, &master, deadline));
		else if (in_use(&master) && !attach_is_integrity(&master))
			TRY(check_value(env, &master, deadline));
	}
	return PM_OK;
}

static bool names_object(const struct master_record *record, const struct hsm_object *object)
{
	return in_use(record) &&
	       memcmp(record->key_id, object->id.bytes, sizeof(record->key_id)) == 0;
}

enum pm_err attach_objects(struct environment *env, struct hsm_object *objects, size_t *count,
			   int64_t deadline)
{
	char prefix[HSM_LABEL_MAX + 1];

	snprintf(prefix, sizeof(prefix), "peppermint/%s/", env->name);
	return hsm_list(env->hsm, prefix, objects, count, deadline);
}

/* Our objects in the token that no record in use names: told, and left alone. */
static enum pm_err report_orphans(struct environment *env, int64_t deadline)
{
	struct hsm_object *objects CLEANUP(free_ptr) = calloc(HSM_OBJECTS_MAX, sizeof(*objects));
	uint32_t orphans = 0;
	size_t count = 0;

	if (!objects)
		return PM_NO_MEMORY;
	TRY(attach_objects(env, objects, &count, deadline));
	for (size_t i = 0; i < count; i++) {
		bool known = false;

		for (size_t j = 0; j < env->master_count && !known; j++)
			known = names_object(&env->masters[j], &objects[i]);
		if (known)
			continue;
		orphans++;
		log_warn("vault: %s's token holds %s, which no record names; it is left alone",
			 env->name, objects[i].label);
	}
	pthread_rwlock_wrlock(&env->lock);
	env->orphans = orphans;
	pthread_rwlock_unlock(&env->lock);
	return PM_OK;
}

enum pm_err attach_load_masters(struct environment *env)
{
	struct master_record *loaded CLEANUP(free_ptr) = calloc(MASTERS_MAX, sizeof(*loaded));
	size_t count = 0;

	if (!loaded)
		return PM_NO_MEMORY;
	TRY(store_list_masters(env->store, env->name, loaded, MASTERS_MAX, &count));
	pthread_rwlock_wrlock(&env->lock);
	memcpy(env->masters, loaded, count * sizeof(*loaded));
	env->master_count = count;
	pthread_rwlock_unlock(&env->lock);
	return PM_OK;
}

/* OpenSSL's generator has the kernel's entropy; the token's is mixed in on top. */
static enum pm_err mix_in_randomness(struct environment *env, int64_t deadline)
{
	uint8_t seed[SEED_LEN];

	TRY(hsm_random(env->hsm, seed, sizeof(seed), deadline));
	RAND_add(seed, sizeof(seed), 0);
	secret_wipe(seed, sizeof(seed));
	return PM_OK;
}

static enum pm_err refuse_lost(struct environment *env, const char *purpose, const char *name,
			       enum pm_err err)
{
	if (err != PM_TOKEN_MISMATCH || env->detail[0])
		return err;
	return attach_refuse(env,
			     "the token holds a %s %s whose record the database has lost: restore "
			     "the database from a backup",
			     purpose, name);
}

/* Databases from before there was such a key get it here as well. */
static enum pm_err have_master(struct environment *env, const char *purpose, const char *name,
			       int64_t deadline)
{
	struct master_record active;

	if (environment_master(env, purpose, name, 0, &active) == PM_OK)
		return PM_OK;
	return refuse_lost(env, purpose, name,
			   master_create(env, purpose, name, NULL, NULL, deadline));
}

static enum pm_err have_masters(struct environment *env, int64_t deadline)
{
	TRY(have_master(env, PURPOSE_PEPPER, VAULT_API_KEYS_PEPPER, deadline));
	TRY(have_master(env, PURPOSE_AUDIT, AUDIT_TEXT_NAME, deadline));
	if (audit_environment(env->audit) != env)
		return PM_OK;
	return refuse_lost(env, PURPOSE_AUDIT, AUDIT_LOG_NAME, logbook_have_key(env, deadline));
}

static enum pm_err attach(struct environment *env, int64_t deadline)
{
	struct environment_record record;

	enum pm_err err = store_get_environment(env->store, env->name, &record);
	if (err == PM_NOT_FOUND) {
		TRY(attach_provision(env, deadline));
		TRY(store_get_environment(env->store, env->name, &record));
	} else if (err == PM_RECORD_QUARANTINED) {
		return attach_refuse(
			env, "the environment's record is damaged: restore the database from "
			     "a backup");
	} else {
		TRY(err);
	}
	TRY(check_serial(env, record.token_serial));
	TRY(attach_load_masters(env));
	TRY(check_masters(env, deadline));
	TRY(check_environment_seal(env, &record, deadline));
	TRY(mix_in_randomness(env, deadline));
	TRY(have_masters(env, deadline));
	return report_orphans(env, deadline);
}

static void clear_detail(struct environment *env)
{
	pthread_rwlock_wrlock(&env->lock);
	env->detail[0] = '\0';
	pthread_rwlock_unlock(&env->lock);
}

/* That it serves, or that it does not, is in the log before anybody is told. */
static enum pm_err write_verdict(struct environment *env, enum pm_err verdict, int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop);
	struct hsm_status status;

	hsm_status(env->hsm, &status);
	leaf_begin(&leaf, verdict == PM_OK ? LEAF_ENV_SERVE : LEAF_ENV_REFUSE, NULL, env->audit,
		   env);
	leaf_text(&leaf, "token", status.serial);
	if (verdict != PM_OK) {
		leaf_fail(&leaf, verdict);
		leaf_text(&leaf, "detail", env->detail);
	}
	return audit_append(env->audit, &leaf, NULL, deadline);
}

enum pm_err environment_attach(struct environment *env, uint64_t generation, int64_t deadline)
{
	clear_detail(env);
	enum pm_err err = attach(env, deadline);
	struct hsm_status status;

	/* Only what is true of the token for good is kept; anything else is tried again. */
	if (err != PM_OK && err != PM_TOKEN_MISMATCH)
		return err;
	/* The signer was lost meanwhile: what was checked may be another token than now. */
	hsm_status(env->hsm, &status);
	if (status.generation != generation)
		return PM_HSM_UNAVAILABLE;
	TRY(write_verdict(env, err, deadline));
	pthread_rwlock_wrlock(&env->lock);
	env->generation = generation;
	env->refusal = err;
	pthread_rwlock_unlock(&env->lock);
	if (err == PM_OK)
		log_info("vault: environment %s serves", env->name);
	return err;
}
