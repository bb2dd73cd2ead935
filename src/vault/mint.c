#include <stdio.h>
#include <string.h>

#include "account.h"
#include "authority.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "domain.h"
#include "fresh.h"
#include "key_fields.h"

#define REFERENCE_LEN 20

/* Everything of `params` that means something by itself. */
static enum pm_err check_form(const struct environment *env, struct actor *actor,
			      const struct mint_params *params, struct key_record *record)
{
	const struct fresh_terms terms = { params->recoverable, params->recipient };

	TRY(key_fields_end(actor, params->expires_at));
	TRY(key_fields_span(actor, params->not_before, params->expires_at));
	TRY(key_fields_scopes(actor, &params->scopes, record->scopes));
	TRY(key_fields_labels(actor, &params->labels, record->labels));
	TRY(key_fields_networks(actor, &params->networks, record->networks));
	return fresh_check(env, actor, &terms);
}

static enum pm_err name_it(const struct environment *env, const struct actor *actor,
			   const char *external_ref, struct key_record *record)
{
	snprintf(record->created_by, sizeof(record->created_by), "%s%s%s", actor->caller,
		 actor->operator_name[0] ? "/" : "", actor->operator_name);
	TRY(apikey_new_id(record->id));
	if (external_ref && external_ref[0] != '\0')
		return copy_text(record->external_ref, sizeof(record->external_ref), external_ref)
			       ? PM_OK
			       : PM_TOO_LARGE;
	if (!env->policy.generate_reference)
		return PM_OK;
	return apikey_random(record->external_ref, REFERENCE_LEN);
}

/* The record but for its secret, and whether its account is registered. */
static enum pm_err describe(const struct environment *env, struct actor *actor,
			    const struct mint_params *params, struct key_record *record)
{
	int64_t now = clock_unix();

	*record = (struct key_record){
		.created_at = now,
		.expires_at = params->expires_at,
		.not_before = params->not_before,
		.disabled_at = params->disabled ? now : 0,
		.revision = 1,
	};
	TRY(check_form(env, actor, params, record));
	if (!copy_text(record->environment, sizeof(record->environment), env->name) ||
	    !copy_text(record->account, sizeof(record->account), params->account) ||
	    !copy_text(record->product, sizeof(record->product), params->product) ||
	    !copy_text(record->name, sizeof(record->name), params->name))
		return PM_TOO_LARGE;
	return name_it(env, actor, params->external_ref, record);
}

void mint_leaf(struct leaf *leaf, const struct actor *actor, struct environment *env,
	       const struct key_record *record)
{
	leaf_begin(leaf, LEAF_KEY_MINT, actor, env->audit, env);
	key_leaf_fill(leaf, record);
	leaf_hide(leaf, "account", record->account);
	leaf_hide(leaf, "product", record->product);
	leaf_hide(leaf, "name", record->name);
	if (record->expires_at != 0)
		leaf_time(leaf, "expires", record->expires_at);
}

static enum pm_err commit(struct actor *actor, struct environment *env, struct key_record *record,
			  const struct store_change *value)
{
	struct leaf leaf CLEANUP(leaf_drop);

	mint_leaf(&leaf, actor, env, record);
	enum pm_err err = request_commit_key(env, actor, STORE_INSERT_KEY, record, value, &leaf);
	if (err == PM_ALREADY_EXISTS)
		actor->why = "external_reference: another key of the account has it";
	return err;
}

static enum pm_err admit(struct vault *vault, struct environment *env, struct actor *actor,
			 struct key_record *record, struct key_secret *secret)
{
	char subject[VAULT_ACCOUNT_MAX + 1 + VAULT_PRODUCT_MAX + 1];
	struct account_record account;

	snprintf(subject, sizeof(subject), "%s/%s", record->account, record->product);
	TRY(authority_over_keys(vault, env, actor, record->account, ACT_MINT, subject, NULL));
	TRY(account_admits(env, record->account, record->product, &record->registered, &account,
			   actor->deadline));
	copy_text(secret->merchant, sizeof(secret->merchant),
		  account_user(record->registered ? &account : NULL, record));
	return PM_OK;
}

static enum pm_err mint(struct vault *vault, struct environment *env, struct actor *actor,
			const struct mint_params *params, struct key_record *record,
			struct key_secret *secret)
{
	const struct fresh_terms terms = { params->recoverable, params->recipient };
	struct fresh_value value;

	TRY(describe(env, actor, params, record));
	TRY(admit(vault, env, actor, record, secret));
	TRY(fresh_secret(env, record, &terms, secret, &value, actor->deadline));
	return commit(actor, env, record, params->recoverable ? &value.change : NULL);
}

enum pm_err vault_mint(struct vault *vault, struct actor *actor, const struct mint_params *params,
		       struct key_info *info, struct key_secret *secret)
{
	const struct key_facts facts = { .recoverable = params->recoverable };
	struct environment *env = NULL;
	struct key_record record;

	*secret = (struct key_secret){ .text = { "" } };
	TRY(vault_enter(vault, actor, params->environment, &env));
	TRY(request_begin(env, actor));
	enum pm_err err = mint(vault, env, actor, params, &record, secret);
	if (err == PM_OK)
		key_info_fill(env, &record, &facts, info);
	else
		key_secret_wipe(secret);
	return err;
}

enum pm_err mint_first(struct environment *env, struct actor *actor,
		       const struct account_record *account, const char *recipient,
		       struct key_record *record, struct key_secret *secret)
{
	const struct mint_params params = {
		.environment = env->name,
		.account = account->id,
		.product = account->first_product,
		.name = "",
		.recipient = recipient,
	};
	const struct fresh_terms terms = { .recipient = recipient };
	struct fresh_value none;

	*secret = (struct key_secret){ .text = { "" } };
	TRY(describe(env, actor, &params, record));
	record->registered = true;
	copy_text(secret->merchant, sizeof(secret->merchant), account_user(account, record));
	return fresh_secret(env, record, &terms, secret, &none, actor->deadline);
}
