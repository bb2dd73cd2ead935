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
#include "check.h"
#include "environment.h"
#include "logbook.h"
#include "master.h"
#include "object.h"
#include "seal.h"
#include "sealed.h"
#include "standby.h"
#include "state.h"
#include "uses.h"

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

/* The one that the database expects where the active token is; "" where none was seen yet. */
static enum pm_err check_serial(struct environment *env, const struct environment_record *record)
{
	struct hsm_status status;

	hsm_status(env->hsm, &status);
	const char *expected = status.active == 0 ? record->token_serial : record->standby_serial;
	if (expected[0] == '\0' || strcmp(status.serial, expected) == 0)
		return PM_OK;
	return attach_refuse(
		env, "the token's serial is %s, the database belongs to %s: attach that token",
		status.serial, expected);
}

/* Those that are integrity keys, or the others. */
static enum pm_err check_some(struct environment *env, bool integrity, int64_t deadline)
{
	struct master_record *masters CLEANUP(free_ptr) = calloc(MASTERS_MAX, sizeof(*masters));
	struct check_finding finding;
	char text[CHECK_TEXT_MAX];
	size_t count = 0;

	if (!masters)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < env->master_count; i++) {
		if (attach_is_integrity(&env->masters[i]) == integrity)
			masters[count++] = env->masters[i];
	}
	enum pm_err err = check_values(env->hsm, masters, count, &finding, deadline);
	if (err != PM_TOKEN_MISMATCH)
		return err;
	check_describe(&finding, text);
	return attach_refuse(env, "%s: attach the right token", text);
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
	TRY(check_some(env, true, deadline));
	for (size_t i = 0; i < env->master_count; i++) {
		struct master_record master = env->masters[i];

		TRY(check_master_seal(env, &master, deadline));
		if (master.state == MASTER_STAGED && !state_is_finished(&master))
			TRY(master_abandon(env, &master, deadline));
	}
	return check_some(env, false, deadline);
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
	struct master_making making = { .purpose = purpose, .name = name };
	return refuse_lost(env, purpose, name, master_make(env, &making, deadline));
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
	TRY(check_serial(env, &record));
	TRY(attach_load_masters(env));
	TRY(uses_load(env));
	TRY(check_masters(env, deadline));
	TRY(check_environment_seal(env, &record, deadline));
	TRY(mix_in_randomness(env, deadline));
	TRY(have_masters(env, deadline));
	TRY(standby_pin_active(env, &record, deadline));
	return object_report_orphans(env, deadline);
}

/* That it serves, or that it does not, is in the log before anybody is told. */
static enum pm_err write_verdict(struct environment *env, enum pm_err verdict, int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
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

/* From here on answers of that generation are believed, by this thread only. */
static void begin_attaching(struct environment *env, uint64_t generation)
{
	pthread_rwlock_wrlock(&env->lock);
	env->attaching = generation;
	env->attacher = pthread_self();
	env->detail[0] = '\0';
	pthread_rwlock_unlock(&env->lock);
	sealed_forget(env->sealed);
}

static void end_attaching(struct environment *env)
{
	pthread_rwlock_wrlock(&env->lock);
	env->attaching = 0;
	pthread_rwlock_unlock(&env->lock);
}

void attach_settle(struct environment *env, uint64_t generation, enum pm_err verdict)
{
	pthread_rwlock_wrlock(&env->lock);
	env->generation = generation;
	env->refusal = verdict;
	pthread_rwlock_unlock(&env->lock);
	atomic_store(&env->checked_at, clock_unix());
	atomic_store(&env->check_at, clock_now() + env->check_every);
}

/* Looked at again and found to be wrong as before: there is nothing new to tell. */
static bool is_told(struct environment *env, uint64_t generation, enum pm_err verdict,
		    const char *before)
{
	return verdict != PM_OK && env->generation == generation && env->refusal == verdict &&
	       strcmp(env->detail, before) == 0;
}

static enum pm_err conclude(struct environment *env, uint64_t generation, enum pm_err verdict,
			    const char *before, int64_t deadline)
{
	struct hsm_status status;

	/* Only what is true of the token is kept; anything else is tried again. */
	if (verdict != PM_OK && verdict != PM_TOKEN_MISMATCH)
		return verdict;
	/* The signer was lost meanwhile: what was checked may be another token than now. */
	hsm_status(env->hsm, &status);
	if (status.generation != generation)
		return PM_HSM_UNAVAILABLE;
	if (!is_told(env, generation, verdict, before))
		TRY(write_verdict(env, verdict, deadline));
	attach_settle(env, generation, verdict);
	if (verdict == PM_OK)
		log_info("vault: environment %s serves", env->name);
	return verdict;
}

enum pm_err environment_attach(struct environment *env, uint64_t generation, int64_t deadline)
{
	char before[sizeof(env->detail)];

	memcpy(before, env->detail, sizeof(before));
	begin_attaching(env, generation);
	enum pm_err err = attach(env, deadline);
	err = conclude(env, generation, err, before, deadline);
	end_attaching(env);
	return err;
}
