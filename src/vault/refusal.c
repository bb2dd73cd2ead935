#include "refusal.h"

#include <string.h>

#include "act.h"
#include "base/cleanup.h"
#include "domain.h"
#include "vault/audit.h"

enum pm_err refusal_of_quarantined(struct environment *env, struct actor *actor, const char *key)
{
	const struct fold_act act = {
		.type = LEAF_KEY_QUARANTINE,
		.env = env,
		.key = key,
		.reason = PM_REASON_QUARANTINED,
		.count = 1,
	};

	return audit_refusals(env->audit, actor, &act, 1);
}

static enum pm_err tell_act(struct environment *env, const struct actor *actor, const char *why,
			    const char *key)
{
	struct leaf leaf CLEANUP(leaf_drop);

	leaf_begin(&leaf, LEAF_ACT_REFUSE, actor, env->audit, env);
	leaf_number(&leaf, "rpc", actor->rpc);
	leaf_text(&leaf, "why", why);
	if (key)
		leaf_text(&leaf, "key", key);
	leaf_fail(&leaf, PM_NOT_FOUND);
	leaf_resolve(&leaf, actor->deadline);
	return audit_append(env->audit, &leaf, NULL, actor->deadline);
}

enum pm_err refusal_of_act(struct environment *env, struct actor *actor, const char *why,
			   const char *key)
{
	const struct fold_act act = { .type = LEAF_ACT_REFUSE, .env = env, .count = 1 };

	return audit_refusal_allowed(env->audit, actor->uid)
		       ? tell_act(env, actor, why, key)
		       : act_count_refusal(env->audit, actor, &act, PM_NOT_FOUND);
}

static struct environment *find(struct vault *vault, const char *name)
{
	size_t index = 0;

	if (!name || vault_find_environment(vault, name, &index) != PM_OK)
		return NULL;
	return &vault->environments[index];
}

struct refusal {
	struct fold_act act;
	const char *rpc;         /* NULL: none */
	const char *environment; /* as the caller named it, or NULL */
	enum pm_err why;
};

static enum pm_err tell(struct vault *vault, struct actor *actor, const struct refusal *refusal)
{
	struct leaf leaf CLEANUP(leaf_drop);

	leaf_begin(&leaf, refusal->act.type, actor, vault->audit, refusal->act.env);
	if (refusal->rpc)
		leaf_text(&leaf, "rpc", refusal->rpc);
	if (refusal->environment && !refusal->act.env)
		leaf_hide(&leaf, "environment", refusal->environment);
	if (actor->key_id[0])
		leaf_text(&leaf, "key", actor->key_id);
	if (refusal->act.missed > 0)
		leaf_number(&leaf, "missed", (int64_t)refusal->act.missed);
	leaf_fail(&leaf, refusal->why);
	leaf_resolve(&leaf, actor->deadline);
	return audit_append(vault->audit, &leaf, &actor->receipt, actor->deadline);
}

/* A caller's. */
static enum pm_err tell_or_count(struct vault *vault, struct actor *actor,
				 const struct refusal *refusal)
{
	TRY(audit_admit(vault->audit));
	return audit_refusal_allowed(vault->audit, actor->uid)
		       ? tell(vault, actor, refusal)
		       : act_count_refusal(vault->audit, actor, &refusal->act, refusal->why);
}

enum pm_err vault_audit_refusal(struct vault *vault, struct actor *actor, const char *rpc,
				const char *environment, enum pm_err why)
{
	const struct refusal refusal = {
		.act = { .type = LEAF_CALL_REFUSE, .env = find(vault, environment), .count = 1 },
		.rpc = rpc,
		.environment = environment,
		.why = why,
	};

	return tell_or_count(vault, actor, &refusal);
}

enum pm_err vault_audit_stranger(struct vault *vault, struct actor *actor, uint64_t missed)
{
	const struct refusal refusal = {
		.act = { .type = LEAF_CALL_UNKNOWN, .count = 1, .missed = missed },
		.why = PM_DENIED,
	};

	TRY(audit_admit(vault->audit));
	return act_stranger_allowed(vault->audit, actor->uid)
		       ? tell(vault, actor, &refusal)
		       : act_count_refusal(vault->audit, actor, &refusal.act, PM_DENIED);
}

/* What a failed change is told as. */
static const struct {
	const char *rpc;
	enum leaf_type type;
} changes[] = {
	{ "MintKey", LEAF_KEY_MINT },
	{ "RotateKey", LEAF_KEY_ROTATE },
	{ "ResetSecret", LEAF_KEY_RESET },
	{ "RollbackKey", LEAF_KEY_ROLLBACK },
	{ "UpdateKey", LEAF_KEY_UPDATE },
	{ "RevealKey", LEAF_KEY_REVEAL },
	{ "RevokeKey", LEAF_KEY_REVOKE },
	{ "CreatePepper", LEAF_PEPPER_CREATE },
	{ "CreateAccount", LEAF_ACCOUNT_CREATE },
	{ "UpdateAccount", LEAF_ACCOUNT_UPDATE },
	{ "CreateOperator", LEAF_OPERATOR_CREATE },
	{ "UpdateOperator", LEAF_OPERATOR_UPDATE },
	{ "ChangeOperatorPin", LEAF_OPERATOR_PIN },
	{ "ImportKeys", LEAF_KEY_IMPORT },
	{ "ImportHmacKey", LEAF_IMPORT_KEY },
	{ "ReportLeaks", LEAF_KEY_LEAK },
	{ "RotatePepper", LEAF_PEPPER_ROTATE },
	{ "RotateLog", LEAF_LOG_ROTATE },
	{ "AddCosignature", LEAF_LOG_COSIGN },
	{ "ChangeMaster", LEAF_MASTER_REFUSE },
	{ "SettleOrphan", LEAF_ORPHAN_REFUSE },
	{ "Seal", LEAF_HSM_SEAL },
	{ "Unseal", LEAF_HSM_UNSEAL },
	{ "ChangePin", LEAF_HSM_CHANGE_PIN },
};

static enum leaf_type change_type(const char *rpc)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		if (strcmp(changes[i].rpc, rpc) == 0)
			return changes[i].type;
	}
	return LEAF_CALL_REFUSE;
}

/*
 * Some leave no room for an entry, and one is no failure yet: a change whose outcome is unknown is
 * there with its entry or not there.
 */
bool vault_audit_tells(enum pm_err why)
{
	switch (why) {
	case PM_BUSY:
	case PM_DEADLINE_EXCEEDED:
	case PM_SHUTTING_DOWN:
	case PM_NO_MEMORY:
	case PM_OUTCOME_UNKNOWN:
	case PM_AUDIT_BLOCKED:
		return false;
	default:
		return true;
	}
}

enum pm_err vault_audit_failure(struct vault *vault, struct actor *actor, const char *rpc,
				const char *environment, enum pm_err why)
{
	const struct refusal refusal = {
		.act = { .type = change_type(rpc), .env = find(vault, environment), .count = 1 },
		.rpc = rpc,
		.environment = environment,
		.why = why,
	};

	if (!vault_audit_tells(why))
		return PM_OK;
	return tell_or_count(vault, actor, &refusal);
}
