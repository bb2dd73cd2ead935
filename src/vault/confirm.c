/* The first of two steps: what an act will do, and a token that lets it be done, once. */
#include <stdio.h>
#include <string.h>

#include "authority.h"
#include "base/cleanup.h"
#include "confirms.h"

/* How each act is told: before, and after, what it is about. NULL: it is about no key. */
static const struct {
	const char *name; /* in the audit log */
	const char *does;
} acts[] = {
	[ACT_MINT] = { "mint", NULL },
	[ACT_ROTATE] = { "rotate", "gets a new secret; the present one ends after the overlap" },
	[ACT_RESET] = { "reset",
			"gets a new secret; every present one ends at once, which is final" },
	[ACT_REVOKE] = { "revoke", "is revoked at once, which is final" },
	[ACT_UPDATE] = { "update", "is changed" },
	[ACT_REVEAL] = { "reveal", "is shown in clear" },
	[ACT_OPERATORS] = { "operators", NULL },
};

static enum pm_err confirm_key(struct vault *vault, struct environment *env, struct actor *actor,
			       enum vault_act act, const char *key_id, struct confirmation *out)
{
	struct key_record key;

	TRY(authority_load_key(env, actor, key_id, &key));
	TRY(authority_over_keys(vault, env, actor, key.account, 0, key_id, key.id));
	snprintf(out->text, sizeof(out->text), "key %s (…%s) of account %s %s", key.id, key.tail,
		 key.account, acts[act].does);
	return PM_OK;
}

/* ACCOUNT/PRODUCT: an account's name may hold a `/`, a product's does not. */
static enum pm_err confirm_mint(struct vault *vault, struct environment *env, struct actor *actor,
				const char *subject, struct confirmation *out)
{
	char account[VAULT_ACCOUNT_MAX + 1];
	const char *split = strrchr(subject, '/');
	size_t len = split ? (size_t)(split - subject) : 0;

	if (len == 0 || len > VAULT_ACCOUNT_MAX) {
		actor->why = "subject: ACCOUNT/PRODUCT";
		return PM_BAD_REQUEST;
	}
	memcpy(account, subject, len);
	account[len] = '\0';
	TRY(authority_over_keys(vault, env, actor, account, 0, subject, NULL));
	snprintf(out->text, sizeof(out->text), "account %s gets a new key%s%s", account,
		 split[1] ? " for product " : "", split + 1);
	return PM_OK;
}

static enum pm_err confirm_operator(struct environment *env, struct actor *actor, const char *id,
				    struct confirmation *out)
{
	if (actor->on_behalf)
		TRY(authority_over_operators(env, actor, NULL));
	snprintf(out->text, sizeof(out->text), "operator %s is made or changed", id);
	return PM_OK;
}

static enum pm_err describe(struct vault *vault, struct environment *env, struct actor *actor,
			    enum vault_act act, const char *subject, struct confirmation *out)
{
	if (act == ACT_MINT)
		return confirm_mint(vault, env, actor, subject, out);
	if (act == ACT_OPERATORS)
		return confirm_operator(env, actor, subject, out);
	return confirm_key(vault, env, actor, act, subject, out);
}

static enum pm_err tell(struct environment *env, struct actor *actor, enum vault_act act,
			const char *subject)
{
	struct leaf leaf CLEANUP(leaf_drop);

	leaf_begin(&leaf, LEAF_ACT_CONFIRM, actor, env->audit, env);
	leaf_text(&leaf, "act", acts[act].name);
	leaf_hide(&leaf, "subject", subject);
	leaf_resolve(&leaf, actor->deadline);
	return audit_append(env->audit, &leaf, &actor->receipt, actor->deadline);
}

static enum pm_err check_form(struct actor *actor, enum vault_act act, const char *subject)
{
	if (act < ACT_MINT || act > ACT_OPERATORS)
		actor->why = "act: none that is to be confirmed";
	else if (subject[0] == '\0' || strlen(subject) > CONFIRM_SUBJECT_MAX)
		actor->why = "subject: 1 to 129 bytes";
	else
		return PM_OK;
	return PM_BAD_REQUEST;
}

enum pm_err vault_confirm(struct vault *vault, struct actor *actor, const char *environment,
			  enum vault_act act, const char *subject, struct confirmation *out)
{
	struct environment *env = NULL;

	*out = (struct confirmation){ .expires_at = 0 };
	TRY(check_form(actor, act, subject));
	TRY(vault_enter(vault, actor, environment, &env));
	TRY(describe(vault, env, actor, act, subject, out));
	if (actor->on_behalf && actor->operator_name[0] == '\0') {
		actor->why = "an API key's holder cannot step up: let an operator do it";
		return PM_STEP_UP_REQUIRED;
	}
	out->pin_needed = authority_asks_pin(env, actor, act);
	TRY(tell(env, actor, act, subject));
	return confirms_open(vault->confirms, env, actor, act, subject, out);
}
