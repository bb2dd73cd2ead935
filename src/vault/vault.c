#include <stdlib.h>
#include <string.h>

#include "audit_state.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "confirms.h"
#include "domain.h"
#include "key_uses.h"
#include "leaks.h"
#include "period.h"
#include "pin_turns.h"
#include "rewrap.h"
#include "upkeep.h"
#include "uses.h"
#include "value.h"
#include "verify.h"

#define TEND_TIMEOUT_MS 5000

static size_t largest_batch(void)
{
	size_t verify = verify_scratch_size(), value = value_scratch_size();

	return verify > value ? verify : value;
}

static void vault_closep(struct vault **vault)
{
	vault_close(*vault);
}

enum pm_err vault_open(struct store *store, const struct vault_environment *environments,
		       size_t count, const struct vault_audit_config *audit, struct vault **out)
{
	struct vault *vault CLEANUP(vault_closep) = NULL;

	if (count == 0 || count > VAULT_ENVIRONMENTS_MAX)
		return PM_CONFIG;
	vault = calloc(1, sizeof(*vault));
	if (!vault)
		return PM_NO_MEMORY;
	vault->store = store;
	scratch_init(&vault->scratch, largest_batch());
	TRY(leaks_new(&vault->leaks));
	TRY(confirms_new(&vault->confirms));
	TRY(pin_turns_new(&vault->pin_turns));
	for (size_t i = 0; i < count; i++) {
		vault->environment_count++;
		TRY(environment_init(&vault->environments[i], &environments[i], store));
	}
	TRY(audit_open(store, vault->environments, count, audit, &vault->audit));
	if (audit->background)
		TRY(rewrap_start(vault));
	*out = TAKE(vault);
	return PM_OK;
}

static void close_environment(struct environment *env)
{
	if (env->key_uses && key_uses_write(env, true, deadline_in_ms(TEND_TIMEOUT_MS)) != PM_OK)
		log_warn("vault: the last uses of %s's API keys are not counted", env->name);
	if (env->uses && uses_write(env, deadline_in_ms(TEND_TIMEOUT_MS)) != PM_OK)
		log_warn("vault: the last uses of %s's keys are not counted", env->name);
	environment_end(env);
}

void vault_close(struct vault *vault)
{
	if (!vault)
		return;
	rewrap_stop(vault);
	audit_close(vault->audit);
	for (size_t i = 0; i < vault->environment_count; i++)
		close_environment(&vault->environments[i]);
	scratch_end(&vault->scratch);
	leaks_free(vault->leaks);
	confirms_free(vault->confirms);
	pin_turns_free(vault->pin_turns);
	free(vault);
}

static enum pm_err tend_one(struct vault *vault, size_t i)
{
	struct environment *env = &vault->environments[i];

	TRY(audit_admit(vault->audit));
	watch_tend(vault->audit, &vault->audit->watches[i], env);
	enum pm_err err = environment_enter(env, deadline_in_ms(TEND_TIMEOUT_MS));
	if (err != PM_OK && err != PM_TOKEN_MISMATCH)
		return err;
	upkeep_tend(env, deadline_in_ms(TEND_TIMEOUT_MS));
	return environment_enter(env, deadline_in_ms(TEND_TIMEOUT_MS));
}

enum pm_err vault_tend(struct vault *vault)
{
	enum pm_err first = PM_OK;

	for (size_t i = 0; i < vault->environment_count; i++) {
		enum pm_err err = tend_one(vault, i);
		if (first == PM_OK)
			first = err;
	}
	return first;
}

size_t vault_environment_count(const struct vault *vault)
{
	return vault->environment_count;
}

enum pm_err vault_find_environment(const struct vault *vault, const char *name, size_t *index)
{
	for (size_t i = 0; i < vault->environment_count; i++) {
		if (strcmp(vault->environments[i].name, name) == 0) {
			*index = i;
			return PM_OK;
		}
	}
	return PM_NOT_FOUND;
}

enum pm_err vault_enter(struct vault *vault, const struct actor *actor, const char *name,
			struct environment **out)
{
	size_t index = 0;

	TRY(audit_admit(vault->audit));
	TRY(vault_find_environment(vault, name, &index));
	*out = &vault->environments[index];
	return environment_enter(*out, actor->deadline);
}

static enum environment_state state_of(struct environment *env, const struct hsm_status *status)
{
	if (status->state != HSM_SERVING)
		return status->state == HSM_SEALED ? ENV_HSM_SEALED : ENV_HSM_DOWN;
	pthread_rwlock_rdlock(&env->lock);
	bool checked = env->generation == status->generation;
	enum pm_err refusal = env->refusal;
	pthread_rwlock_unlock(&env->lock);
	if (!checked)
		return ENV_HSM_DOWN;
	return refusal == PM_OK ? ENV_SERVING : ENV_REFUSING;
}

enum environment_state vault_environment_state(struct vault *vault, size_t index)
{
	struct hsm_status status;

	hsm_status(vault->environments[index].hsm, &status);
	return state_of(&vault->environments[index], &status);
}

static void fill_detail(struct environment *env, const struct hsm_status *status,
			struct environment_info *info)
{
	pthread_rwlock_rdlock(&env->lock);
	info->orphans = env->orphans;
	copy_text(info->detail, sizeof(info->detail),
		  status->state == HSM_SERVING ? env->detail : status->reason);
	pthread_rwlock_unlock(&env->lock);
	info->warnings = period_warnings(env);
	info->checked_at = atomic_load(&env->checked_at);
}

/* The numbers are vault.proto's TokenState. */
enum token_state { TOKEN_IS_READY = 1, TOKEN_IS_DOWN, TOKEN_IS_SEALED, TOKEN_IS_UNFIT };

static enum token_state state_of_active(struct environment *env, const struct hsm_status *status)
{
	switch (state_of(env, status)) {
	case ENV_SERVING:
		return TOKEN_IS_READY;
	case ENV_REFUSING:
		return TOKEN_IS_UNFIT;
	default:
		return TOKEN_IS_DOWN;
	}
}

static enum token_state state_of_standby(const struct env_token *token,
					 const struct hsm_status *status)
{
	if (token->generation != status->generation || token->fit == TOKEN_UNCHECKED)
		return TOKEN_IS_DOWN;
	return token->fit == TOKEN_FIT ? TOKEN_IS_READY : TOKEN_IS_UNFIT;
}

static void fill_token(struct environment *env, const struct hsm_status *active, uint32_t index,
		       struct token_info *out)
{
	struct hsm_status status;
	struct env_token token;

	hsm_status(hsm_member(env->hsm, index), &status);
	pthread_rwlock_rdlock(&env->lock);
	token = env->tokens[index];
	if (index == active->active)
		copy_text(token.detail, sizeof(token.detail), env->detail);
	pthread_rwlock_unlock(&env->lock);
	out->active = index == active->active;
	out->restarts = status.restarts;
	strcpy(out->label, status.label);
	strcpy(out->serial, status.serial);
	copy_text(out->detail, sizeof(out->detail), status.reason);
	if (status.state != HSM_SERVING) {
		out->state = status.state == HSM_SEALED ? TOKEN_IS_SEALED : TOKEN_IS_DOWN;
		return;
	}
	out->state = (int)(out->active ? state_of_active(env, active)
				       : state_of_standby(&token, &status));
	copy_text(out->detail, sizeof(out->detail),
		  out->state == TOKEN_IS_DOWN ? "its keys are being checked" : token.detail);
}

static void fill_tokens(struct environment *env, const struct hsm_status *active,
			struct environment_info *info)
{
	info->token_count = active->members == 2 ? 2 : 1;
	for (uint32_t i = 0; i < info->token_count; i++)
		fill_token(env, active, i, &info->tokens[i]);
}

enum pm_err vault_environment_status(struct vault *vault, size_t index,
				     struct environment_info *info)
{
	struct hsm_status status;

	if (index >= vault->environment_count)
		return PM_NOT_FOUND;
	struct environment *env = &vault->environments[index];

	*info = (struct environment_info){ 0 };
	strcpy(info->name, env->name);
	strcpy(info->prefix, env->prefix);
	hsm_status(env->hsm, &status);
	info->state = state_of(env, &status);
	fill_detail(env, &status, info);
	strcpy(info->token_label, status.label);
	strcpy(info->token_serial, status.serial);
	strcpy(info->token_model, status.model);
	strcpy(info->token_manufacturer, status.manufacturer);
	info->signer_restarts = status.restarts;
	info->sessions = status.sessions;
	info->proven = status.proven;
	fill_tokens(env, &status, info);
	info->quarantined = atomic_load(&env->quarantined);
	return store_count_keys(vault->store, env->name, &info->keys);
}
