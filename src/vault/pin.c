/*
 * PINs and sealing. They work whatever state the environment is in, so nothing of them is recorded as
 * executed: who calls sees to it that a request is not repeated. No PIN is kept, told or logged here.
 */
#include <string.h>

#include "audit.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "domain.h"

#define TELL_TIMEOUT_MS 2000

static enum pm_err find(struct vault *vault, const char *name, struct environment **out)
{
	size_t index = 0;

	TRY(audit_admit(vault->audit));
	TRY(vault_find_environment(vault, name, &index));
	*out = &vault->environments[index];
	return PM_OK;
}

/* Its texts stay `hidden` where the token does not serve. */
static enum pm_err tell(struct environment *env, struct actor *actor, enum leaf_type type,
			enum pm_err outcome)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	int64_t least = deadline_in_ms(TELL_TIMEOUT_MS);

	leaf_begin(&leaf, type, actor, env->audit, env);
	if (outcome != PM_OK)
		leaf_fail(&leaf, outcome);
	leaf_resolve(&leaf, actor->deadline);
	return audit_append(env->audit, &leaf, &actor->receipt,
			    actor->deadline > least ? actor->deadline : least);
}

/* Told first, while the texts of its entry can still be hidden. */
enum pm_err vault_seal(struct vault *vault, struct actor *actor, const char *environment)
{
	struct environment *env = NULL;

	TRY(find(vault, environment, &env));
	TRY(tell(env, actor, LEAF_HSM_SEAL, PM_OK));
	return hsm_seal(env->hsm);
}

static const char *reason_of(struct hsm *token, struct hsm_status *status)
{
	if (!token)
		return NULL;
	hsm_status(token, status);
	return status->state == HSM_SEALED && status->reason[0] ? status->reason : NULL;
}

/*
 * Of the token that is still sealed: its PIN was refused, or was not even tried because the next wrong
 * one would lock it. Lives until the next call by this thread, as whoever answers still reads it.
 */
static const char *why_sealed(struct environment *env)
{
	static _Thread_local struct hsm_status status;
	const char *why = NULL;

	for (size_t i = 0; i < ENV_TOKENS_MAX && !why; i++)
		why = reason_of(hsm_member(env->hsm, i), &status);
	return why;
}

/* An unsealing that no entry tells of is none. */
enum pm_err vault_unseal(struct vault *vault, struct actor *actor, const char *environment,
			 struct bytes pin)
{
	struct environment *env = NULL;

	TRY(find(vault, environment, &env));
	enum pm_err err = hsm_unseal(env->hsm, pin, actor->deadline);
	if (err == PM_CONFLICT)
		actor->why = "it is not sealed";
	if (err == PM_SEALED)
		actor->why = why_sealed(env);
	TRY(err);
	enum pm_err told = tell(env, actor, LEAF_HSM_UNSEAL, PM_OK);
	if (told != PM_OK && hsm_seal(env->hsm) != PM_OK)
		log_error("vault: %s was unsealed without an entry in the audit log", env->name);
	return told;
}

enum pm_err vault_change_pin(struct vault *vault, struct actor *actor, const char *environment,
			     struct bytes old_pin, struct bytes new_pin)
{
	struct environment *env = NULL;

	TRY(find(vault, environment, &env));
	enum pm_err err = hsm_change_pin(env->hsm, old_pin, new_pin, actor->deadline);
	if (err == PM_CONFLICT)
		actor->why = "one token has the new PIN and the other does not: see the log";
	if (err != PM_OK && err != PM_OUTCOME_UNKNOWN)
		return err;
	enum pm_err told = tell(env, actor, LEAF_HSM_CHANGE_PIN, err);
	return err == PM_OK ? told : err;
}
