#include "standby.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "leaf.h"
#include "seal.h"

/* This long without a break, and the configured token is trusted to stay. */
#define STEADY_SECONDS 30

size_t standby_tokens(struct environment *env)
{
	struct hsm_status status;

	hsm_status(env->hsm, &status);
	return status.members == 2 ? 2 : 1;
}

static enum pm_err pin(struct environment *env, struct environment_record *record,
		       const char *serial, int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	const struct store_change changes[] = {
		{ .op = STORE_UPDATE_ENVIRONMENT, .environment = record },
		{ .op = STORE_APPEND_LEAF, .leaf = &leaf.record },
	};
	struct seal_task task;

	snprintf(record->standby_serial, sizeof(record->standby_serial), "%s", serial);
	record->revision++;
	seal_cover_environment(&task, record);
	TRY(seal_make(env, &task, 1, deadline));
	leaf_begin(&leaf, LEAF_ENV_STANDBY, NULL, env->audit, env);
	leaf_text(&leaf, "token", serial);
	TRY(leaf_end(&leaf));
	TRY(audit_commit(env->audit, changes, 2, NULL, deadline));
	log_info("vault: %s is the standby token of environment %s from now on", serial, env->name);
	return PM_OK;
}

enum pm_err standby_pin_active(struct environment *env, struct environment_record *record,
			       int64_t deadline)
{
	struct hsm_status status;

	hsm_status(env->hsm, &status);
	if (status.active == 0 || record->standby_serial[0])
		return PM_OK;
	return pin(env, record, status.serial, deadline);
}

static enum pm_err load_record(struct environment *env, struct environment_record *record,
			       int64_t deadline)
{
	struct seal_task task;

	TRY(store_get_environment(env->store, env->name, record));
	seal_cover_environment(&task, record);
	return seal_check_one(env, &task, deadline);
}

static enum pm_err check_keys(struct environment *env, struct hsm *token,
			      char detail[CHECK_TEXT_MAX], int64_t deadline)
{
	struct master_record *masters CLEANUP(free_ptr) = calloc(MASTERS_MAX, sizeof(*masters));
	struct check_finding finding;

	if (!masters)
		return PM_NO_MEMORY;
	size_t count = environment_copy_masters(env, masters);
	enum pm_err err = check_values(token, masters, count, &finding, deadline);
	if (err == PM_TOKEN_MISMATCH)
		check_describe(&finding, detail);
	return err;
}

/* PM_TOKEN_MISMATCH with a detail: it cannot take over. The standby's serial is pinned here. */
static enum pm_err check(struct environment *env, uint32_t index, char detail[CHECK_TEXT_MAX],
			 int64_t deadline)
{
	struct hsm *token = hsm_member(env->hsm, index);
	struct environment_record record;
	struct hsm_status status;

	hsm_status(token, &status);
	TRY(load_record(env, &record, deadline));
	const char *expected = index == 0 ? record.token_serial : record.standby_serial;
	bool known = expected[0] != '\0';
	if (known ? strcmp(status.serial, expected) != 0
		  : strcmp(status.serial, record.token_serial) == 0) {
		snprintf(detail, CHECK_TEXT_MAX, known ? "its serial is %s, not %s" : "it is %s%s",
			 status.serial, known ? expected : ", the very same token");
		return PM_TOKEN_MISMATCH;
	}
	TRY(check_keys(env, token, detail, deadline));
	return known ? PM_OK : pin(env, &record, status.serial, deadline);
}

static void settle(struct environment *env, uint32_t index, enum pm_err err, const char *detail)
{
	struct env_token *token = &env->tokens[index];

	if (err != PM_OK && err != PM_TOKEN_MISMATCH)
		return; /* tried again in a second */
	pthread_rwlock_wrlock(&env->lock);
	bool told = err == PM_OK ? token->fit == TOKEN_FIT
				 : token->fit == TOKEN_UNFIT && strcmp(token->detail, detail) == 0;
	token->fit = err == PM_OK ? TOKEN_FIT : TOKEN_UNFIT;
	token->check_at = clock_now() + env->check_every;
	snprintf(token->detail, sizeof(token->detail), "%s", detail);
	pthread_rwlock_unlock(&env->lock);
	if (told)
		return;
	if (err == PM_OK)
		log_info("vault: token %u of environment %s has all its keys and can take over",
			 index, env->name);
	else
		log_error("vault: token %u of environment %s cannot take over: %s", index,
			  env->name, detail);
}

/* Inside a change: no version comes or goes meanwhile. */
static void look(struct environment *env, uint32_t index, int64_t deadline)
{
	char detail[CHECK_TEXT_MAX] = "";

	if (environment_begin_change(env, deadline) != PM_OK)
		return;
	enum pm_err err = check(env, index, detail, deadline);
	settle(env, index, err, detail);
	environment_end_change(env);
}

/* Has it served without a break, and since when; whether it is to be looked at again. */
static bool follow(struct environment *env, uint32_t index, const struct hsm_status *status,
		   struct env_token *out)
{
	struct env_token *token = &env->tokens[index];

	pthread_rwlock_wrlock(&env->lock);
	if (status->state != HSM_SERVING || status->generation != token->generation) {
		*token = (struct env_token){ .steady_since = clock_now() };
		token->generation = status->state == HSM_SERVING ? status->generation : 0;
	}
	*out = *token;
	pthread_rwlock_unlock(&env->lock);
	return status->state == HSM_SERVING && clock_now() >= out->check_at;
}

/* In a change: nobody is making a key in the token that goes. */
static void go_back(struct environment *env, int64_t deadline)
{
	if (environment_begin_change(env, deadline) != PM_OK)
		return;
	enum pm_err err = hsm_switch(env->hsm, 0);
	environment_end_change(env);
	if (err != PM_OK)
		log_warn("vault: environment %s does not go back to its first token: %s", env->name,
			 peppermint_error_name(err));
}

/*
 * At once where nothing is served anyway, because the standby is not what it must be: then nothing can
 * be checked before, and all is checked after.
 */
static bool is_time_to_go_back(const struct env_token *first, bool in_service)
{
	if (first->generation == 0)
		return false;
	return !in_service || (first->fit == TOKEN_FIT &&
			       clock_now() - first->steady_since >= STEADY_SECONDS * NS_PER_SECOND);
}

void standby_tend(struct environment *env, int64_t deadline)
{
	struct hsm_status active, other;
	struct env_token token;

	hsm_status(env->hsm, &active);
	if (active.members != 2)
		return;
	uint32_t index = active.active == 0 ? 1 : 0;
	bool in_service = environment_in_service(env);
	hsm_status(hsm_member(env->hsm, index), &other);
	if (follow(env, index, &other, &token) && in_service) {
		look(env, index, deadline);
		follow(env, index, &other, &token);
	}
	if (index == 0 && is_time_to_go_back(&token, in_service))
		go_back(env, deadline);
}

enum pm_err standby_all_have(struct environment *env, const struct master_record *master,
			     char detail[CHECK_TEXT_MAX], int64_t deadline)
{
	struct master_record wanted = *master;

	wanted.state = MASTER_ACTIVE; /* which must be there */
	for (size_t i = 0; i < standby_tokens(env); i++) {
		struct hsm *token = hsm_member(env->hsm, i);
		struct check_finding finding;
		struct hsm_status status;

		enum pm_err err = check_values(token, &wanted, 1, &finding, deadline);
		if (err == PM_OK)
			continue;
		if (err != PM_TOKEN_MISMATCH)
			return err;
		hsm_status(token, &status);
		snprintf(detail, CHECK_TEXT_MAX, "token %s: version %u is %s", status.serial,
			 master->version, finding.missing ? "not in it" : "another key in it");
		return err;
	}
	return PM_OK;
}
