#define _GNU_SOURCE
#include "environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "key_uses.h"
#include "names.h"
#include "quota.h"
#include "rewrap.h"
#include "sealed.h"
#include "uses.h"

#define CHECK_MINUTES 5

enum pm_err environment_init(struct environment *env, const struct vault_environment *config,
			     struct store *store)
{
	if (strlen(config->name) > VAULT_ENVIRONMENT_MAX ||
	    strlen(config->prefix) > VAULT_PREFIX_MAX)
		return PM_CONFIG;
	strcpy(env->name, config->name);
	strcpy(env->prefix, config->prefix);
	env->hsm = config->hsm;
	env->store = store;
	env->policy = config->policy;
	env->peppers = config->peppers;
	env->internals = config->internals;
	env->check_every = (config->check_minutes ? config->check_minutes : CHECK_MINUTES) *
			   INT64_C(60) * NS_PER_SECOND;
	env->masters = calloc(MASTERS_MAX, sizeof(*env->masters));
	pthread_mutex_init(&env->change_lock, NULL);
	pthread_cond_init(&env->change_over, NULL);
	pthread_rwlock_init(&env->lock, NULL);
	TRY(names_new(&env->names));
	TRY(uses_new(&env->uses));
	TRY(rewrap_new(&env->rewrap));
	TRY(key_uses_new(&env->key_uses));
	TRY(sealed_new(&env->sealed));
	TRY(quota_new(&env->asked));
	return env->masters ? PM_OK : PM_NO_MEMORY;
}

void environment_end(struct environment *env)
{
	free(env->masters);
	names_free(env->names);
	uses_free(env->uses);
	rewrap_free(env->rewrap);
	key_uses_free(env->key_uses);
	sealed_free(env->sealed);
	quota_free(env->asked);
	pthread_mutex_destroy(&env->change_lock);
	pthread_cond_destroy(&env->change_over);
	pthread_rwlock_destroy(&env->lock);
}

enum pm_err environment_begin_change(struct environment *env, int64_t deadline)
{
	const struct timespec until = deadline_timespec(deadline);
	int waited = 0;

	pthread_mutex_lock(&env->change_lock);
	while (env->changing && waited == 0)
		waited = pthread_cond_clockwait(&env->change_over, &env->change_lock,
						CLOCK_MONOTONIC, &until);
	bool mine = !env->changing;
	if (mine)
		env->changing = true;
	pthread_mutex_unlock(&env->change_lock);
	return mine ? PM_OK : PM_DEADLINE_EXCEEDED;
}

void environment_end_change(struct environment *env)
{
	pthread_mutex_lock(&env->change_lock);
	env->changing = false;
	/* Not signal: with several waiters glibc 2.36 (Debian 12) can lose one (its bug 25847). */
	pthread_cond_broadcast(&env->change_over);
	pthread_mutex_unlock(&env->change_lock);
}

/* True when the present signer has been checked; then *verdict is what came of it. */
static bool already_checked(struct environment *env, uint64_t generation, enum pm_err *verdict)
{
	pthread_rwlock_rdlock(&env->lock);
	bool checked = env->generation == generation;
	*verdict = env->refusal;
	pthread_rwlock_unlock(&env->lock);
	return checked;
}

static enum pm_err not_serving(const struct hsm_status *status)
{
	return status->state == HSM_SEALED ? PM_SEALED : PM_HSM_UNAVAILABLE;
}

/*
 * The token as it is now that it is our turn: records are loaded and used before they are checked,
 * which must not happen under a token that was taken into service while we waited.
 */
static enum pm_err enter_in_change(struct environment *env, int64_t deadline)
{
	struct hsm_status status;
	enum pm_err verdict = PM_OK;

	hsm_status(env->hsm, &status);
	if (status.state != HSM_SERVING)
		return not_serving(&status);
	if (already_checked(env, status.generation, &verdict))
		return verdict;
	return environment_attach(env, status.generation, deadline);
}

enum pm_err environment_enter(struct environment *env, int64_t deadline)
{
	struct hsm_status status;
	enum pm_err verdict = PM_OK;

	hsm_status(env->hsm, &status);
	if (status.state != HSM_SERVING)
		return not_serving(&status);
	if (already_checked(env, status.generation, &verdict))
		return verdict;
	if (environment_begin_change(env, deadline) != PM_OK)
		return PM_HSM_UNAVAILABLE;
	verdict = enter_in_change(env, deadline);
	environment_end_change(env);
	return verdict;
}

bool environment_in_service(struct environment *env)
{
	struct hsm_status status;
	enum pm_err verdict = PM_OK;

	hsm_status(env->hsm, &status);
	return status.state == HSM_SERVING && already_checked(env, status.generation, &verdict) &&
	       verdict == PM_OK;
}

static bool same_master(const struct master_record *a, const char *purpose, const char *name)
{
	return strcmp(a->purpose, purpose) == 0 && strcmp(a->name, name) == 0;
}

enum pm_err environment_master(struct environment *env, const char *purpose, const char *name,
			       uint32_t version, struct master_record *out)
{
	enum pm_err err = PM_NOT_FOUND;

	pthread_rwlock_rdlock(&env->lock);
	for (size_t i = 0; i < env->master_count && err != PM_OK; i++) {
		const struct master_record *master = &env->masters[i];

		if (!same_master(master, purpose, name))
			continue;
		if (version == 0 ? master->state == MASTER_ACTIVE : master->version == version) {
			*out = *master;
			err = PM_OK;
		}
	}
	pthread_rwlock_unlock(&env->lock);
	return err;
}

enum pm_err environment_master_of(struct environment *env, const uint8_t key_id[STORE_KEY_ID_LEN],
				  struct master_record *out)
{
	enum pm_err err = PM_NOT_FOUND;

	pthread_rwlock_rdlock(&env->lock);
	for (size_t i = 0; i < env->master_count && err != PM_OK; i++) {
		if (memcmp(env->masters[i].key_id, key_id, STORE_KEY_ID_LEN) != 0)
			continue;
		*out = env->masters[i];
		err = PM_OK;
	}
	pthread_rwlock_unlock(&env->lock);
	return err;
}

size_t environment_copy_masters(struct environment *env, struct master_record *out)
{
	pthread_rwlock_rdlock(&env->lock);
	size_t count = env->master_count;
	memcpy(out, env->masters, count * sizeof(*out));
	pthread_rwlock_unlock(&env->lock);
	return count;
}

static enum pm_err put_master(struct environment *env, const struct master_record *record)
{
	size_t i = 0;

	while (i < env->master_count &&
	       !(same_master(&env->masters[i], record->purpose, record->name) &&
		 env->masters[i].version == record->version))
		i++;
	if (i == MASTERS_MAX)
		return PM_TOO_LARGE;
	env->masters[i] = *record;
	if (i == env->master_count)
		env->master_count++;
	return PM_OK;
}

enum pm_err environment_put_masters(struct environment *env, const struct master_record *records,
				    size_t count)
{
	enum pm_err err = PM_OK;
	bool integrity = false;

	pthread_rwlock_wrlock(&env->lock);
	for (size_t i = 0; i < count && err == PM_OK; i++) {
		err = put_master(env, &records[i]);
		integrity = integrity || strcmp(records[i].purpose, PURPOSE_INTEGRITY) == 0;
	}
	if (integrity)
		sealed_forget(env->sealed);
	for (size_t i = 0; i < ENV_TOKENS_MAX; i++)
		env->tokens[i].check_at = 0; /* is the standby still what it must be? */
	pthread_rwlock_unlock(&env->lock);
	return err;
}

/* PM_OK: the token that answers now is the one that was checked. *generation says which. */
static enum pm_err check_generation(struct environment *env, uint64_t *generation)
{
	enum pm_err err = PM_HSM_UNAVAILABLE;
	struct hsm_status status;

	hsm_status(env->hsm, &status);
	*generation = status.generation;
	pthread_rwlock_rdlock(&env->lock);
	if (env->attaching != 0 && env->attaching == status.generation &&
	    pthread_equal(env->attacher, pthread_self()))
		err = PM_OK;
	else if (env->generation != 0 && env->generation == status.generation)
		err = env->refusal;
	pthread_rwlock_unlock(&env->lock);
	return err;
}

enum pm_err environment_token(struct environment *env, struct hsm **token, uint64_t *generation)
{
	*token = env->hsm;
	return check_generation(env, generation);
}

enum pm_err environment_same_token(struct environment *env, uint64_t generation)
{
	uint64_t now = 0;

	TRY(check_generation(env, &now));
	return now == generation ? PM_OK : PM_HSM_UNAVAILABLE;
}

static void count_uses(struct environment *env, const struct hsm_job *jobs, size_t count)
{
	size_t first = 0;

	for (size_t i = 1; i <= count; i++) {
		if (i < count &&
		    memcmp(&jobs[i].key, &jobs[first].key, sizeof(jobs[first].key)) == 0)
			continue;
		uses_count(env, jobs[first].key.bytes, i - first);
		first = i;
	}
}

enum pm_err environment_hmac(struct environment *env, struct hsm_job *jobs, size_t count,
			     int64_t deadline)
{
	struct hsm *token = NULL;
	uint64_t generation = 0;

	TRY(environment_token(env, &token, &generation));
	TRY(hsm_hmac(token, jobs, count, deadline));
	TRY(environment_same_token(env, generation));
	for (size_t i = 0; i < count; i++) {
		if (jobs[i].err == PM_NOT_FOUND) {
			log_error("vault: a master key of %s is not in its token any more",
				  env->name);
			atomic_store(&env->check_at, 0);
			return PM_TOKEN_MISMATCH;
		}
		TRY(jobs[i].err);
	}
	count_uses(env, jobs, count);
	return PM_OK;
}

void environment_quarantine(struct environment *env, const char *kind, const char *id)
{
	atomic_fetch_add(&env->quarantined, 1);
	log_error("vault: %s %s of %s does not bear the vault's seal: it was altered outside the "
		  "vault and is not used",
		  kind, id, env->name);
}
