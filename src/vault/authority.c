#include "authority.h"

#include <string.h>

#include "base/cleanup.h"
#include "confirms.h"
#include "credential.h"
#include "operator_pin.h"
#include "refusal.h"

#define BIT(role) (UINT32_C(1) << (role))
#define KEYS_SCOPE "keys" /* what an API key must be for, to manage others */

/* What is asked, of whom, and for what. */
struct question {
	struct vault *vault;
	struct environment *env;
	struct actor *actor;
	const char *account;
	enum authority_need need;
	enum vault_act act;
	const char *subject;
	const char *key_id; /* may be NULL */
};

static bool is_given(const char *text)
{
	return text && text[0];
}

enum pm_err authority_refuse(struct environment *env, struct actor *actor, const char *why,
			     const char *key_id)
{
	TRY(refusal_of_act(env, actor, why, key_id));
	return PM_NOT_FOUND;
}

static enum pm_err refuse(const struct question *q, const char *why)
{
	return authority_refuse(q->env, q->actor, why, q->key_id);
}

/* Step-up. */

static bool is_covered(const struct environment *env, enum vault_act act)
{
	const uint32_t usual = ~BIT(ACT_UPDATE);
	uint32_t acts = env->policy.step_up != 0 ? env->policy.step_up : usual;

	return act != 0 && !env->policy.no_step_up && (acts & BIT(act));
}

bool authority_asks_pin(const struct environment *env, const struct actor *actor,
			enum vault_act act)
{
	return actor->on_behalf && is_covered(env, act);
}

/* A reset cannot be taken back, so everybody confirms it. */
static bool asks_confirmation(const struct environment *env, const struct actor *actor,
			      enum vault_act act)
{
	return act == ACT_RESET || authority_asks_pin(env, actor, act);
}

enum pm_err authority_step_up(struct vault *vault, struct environment *env, struct actor *actor,
			      enum vault_act act, const char *subject)
{
	bool pin = authority_asks_pin(env, actor, act);

	if (!asks_confirmation(env, actor, act))
		return PM_OK;
	/* Without both nothing is tried. */
	if (!is_given(actor->confirmation) || (pin && actor->pin.len == 0))
		return PM_STEP_UP_REQUIRED;
	if (!confirms_use(vault->confirms, env, actor, act, subject)) {
		actor->why = "the confirmation is not for this, was used, or has expired: ask "
			     "Confirm for another";
		return PM_STEP_UP_REQUIRED;
	}
	return pin ? operator_pin_check(vault, env, actor, NULL) : PM_OK;
}

/* On behalf of an operator. */

static uint32_t roles_that_may(enum authority_need need, enum vault_act act)
{
	uint32_t superadmin = BIT(OPERATOR_SUPERADMIN);

	switch (need) {
	case NEED_KEYS:
		return superadmin | BIT(OPERATOR_ADMIN);
	case NEED_ACCOUNT:
		return superadmin | BIT(OPERATOR_ADMIN) | BIT(OPERATOR_VIEWER) |
		       BIT(OPERATOR_AUDITOR);
	case NEED_OPERATORS:
		return act == 0 ? superadmin | BIT(OPERATOR_AUDITOR) : superadmin;
	}
	return 0;
}

static enum pm_err load_grants(struct environment *env, struct actor *actor, const char *key_id,
			       struct grants *grants)
{
	struct operator_record operator_record;

	enum pm_err err =
		operator_load(env, actor->operator_name, &operator_record, actor->deadline);
	if (err == PM_NOT_FOUND)
		return authority_refuse(env, actor, "OPERATOR_UNKNOWN", key_id);
	if (err == PM_RECORD_QUARANTINED)
		TRY(refusal_of_quarantined(env, actor, NULL));
	TRY(err);
	if (operator_record.disabled_at != 0)
		return authority_refuse(env, actor, "OPERATOR_DISABLED", key_id);
	grants_read(operator_record.roles, grants);
	return PM_OK;
}

static enum pm_err ask_operator(const struct question *q)
{
	struct grants grants;

	TRY(load_grants(q->env, q->actor, q->key_id, &grants));
	if (!(grants_in(&grants, q->account) & roles_that_may(q->need, q->act)))
		return refuse(q, "ROLE");
	return authority_step_up(q->vault, q->env, q->actor, q->act, q->subject);
}

enum pm_err authority_over_operators(struct environment *env, struct actor *actor,
				     struct grants *grants)
{
	struct grants own;

	if (is_given(actor->authorization) || !is_given(actor->operator_name))
		return authority_refuse(env, actor, "IDENTITY", NULL);
	TRY(load_grants(env, actor, NULL, &own));
	if (!(grants_anywhere(&own) & BIT(OPERATOR_SUPERADMIN)))
		return authority_refuse(env, actor, "ROLE", NULL);
	if (grants)
		*grants = own;
	return PM_OK;
}

/* On behalf of an API key's holder. */

/* The environment that the text claims to be of, among those that the caller may use. */
static struct environment *find_home(const struct question *q, const char *text)
{
	struct apikey key CLEANUP(apikey_wipe) = { 0 };

	for (size_t i = 0; i < q->vault->environment_count; i++) {
		struct environment *env = &q->vault->environments[i];

		if ((q->actor->environments & BIT(i)) &&
		    apikey_parse(bytes_str(text), env->prefix, &key) == PM_REASON_NONE)
			return env;
	}
	return NULL;
}

static enum pm_err verify(const struct question *q, const struct environment *home,
			  struct verdict *verdict)
{
	const char *const headers[] = { q->actor->authorization };
	const char *const scopes[] = { KEYS_SCOPE };
	const struct presented presented = {
		.headers = headers,
		.header_count = 1,
		.scopes = { .items = scopes, .count = 1 },
	};
	struct actor actor = *q->actor;

	TRY(vault_verify(q->vault, &actor, home->name, &presented, 1, verdict, NULL));
	return verdict->error;
}

static enum pm_err ask_holder(const struct question *q)
{
	struct credential credential CLEANUP(credential_wipe) = { .basic = false };
	struct verdict verdict = { .valid = false };

	if (q->need == NEED_OPERATORS)
		return refuse(q, "ROLE");
	if (credential_parse(bytes_str(q->actor->authorization), &credential) != PM_REASON_NONE)
		return refuse(q, "CREDENTIAL");
	const struct environment *home = find_home(q, credential.text);
	if (!home)
		return refuse(q, "CREDENTIAL");
	if (home != q->env && !q->env->policy.cross_environment)
		return refuse(q, "ENVIRONMENT");
	TRY(verify(q, home, &verdict));
	if (!verdict.valid)
		return refuse(q, peppermint_reason_name(verdict.reason));
	/* An account that is called `*` is still but one. */
	if (strcmp(verdict.account, q->account) != 0 || strcmp(q->account, EVERY_ACCOUNT) == 0)
		return refuse(q, "ACCOUNT");
	if (!asks_confirmation(q->env, q->actor, q->act))
		return PM_OK;
	q->actor->why = "an API key's holder cannot step up: let an operator do it";
	return PM_STEP_UP_REQUIRED;
}

static enum pm_err ask(const struct question *q)
{
	bool has_operator = is_given(q->actor->operator_name);

	if (!q->actor->on_behalf)
		return authority_step_up(q->vault, q->env, q->actor, q->act, q->subject);
	if (has_operator == is_given(q->actor->authorization))
		return refuse(q, "IDENTITY");
	return has_operator ? ask_operator(q) : ask_holder(q);
}

enum pm_err authority_over_keys(struct vault *vault, struct environment *env, struct actor *actor,
				const char *account, enum vault_act act, const char *subject,
				const char *key_id)
{
	const struct question q = {
		.vault = vault,
		.env = env,
		.actor = actor,
		.account = account,
		.need = NEED_KEYS,
		.act = act,
		.subject = subject,
		.key_id = key_id,
	};

	return ask(&q);
}

enum pm_err authority_over_account(struct vault *vault, struct environment *env,
				   struct actor *actor, const char *account,
				   enum authority_need need, enum vault_act act,
				   const char *subject)
{
	const struct question q = {
		.vault = vault,
		.env = env,
		.actor = actor,
		.account = account,
		.need = need,
		.act = act,
		.subject = subject,
	};

	return ask(&q);
}

enum pm_err authority_load_key(struct environment *env, struct actor *actor, const char *key_id,
			       struct key_record *out)
{
	if (!apikey_is_id(key_id))
		return PM_NOT_FOUND;
	enum pm_err err = store_get_key(env->store, env->name, key_id, out);
	if (err == PM_RECORD_QUARANTINED)
		environment_quarantine(env, "key", key_id);
	else if (err == PM_OK)
		err = seal_check_key(env, out, actor->deadline);
	if (err == PM_RECORD_QUARANTINED)
		TRY(refusal_of_quarantined(env, actor, key_id));
	return err;
}

enum pm_err authority_over_key(struct vault *vault, struct environment *env, struct actor *actor,
			       const char *key_id, enum vault_act act)
{
	struct key_record key;

	if (!actor->on_behalf)
		return authority_step_up(vault, env, actor, act, key_id);
	TRY(authority_load_key(env, actor, key_id, &key));
	return authority_over_keys(vault, env, actor, key.account, act, key_id, key.id);
}
