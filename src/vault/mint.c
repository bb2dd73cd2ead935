#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "domain.h"

#define YEAR_10000 INT64_C(253402300800) /* RFC 3339 has four digits for a year */

static enum pm_err check_params(struct actor *actor, const struct mint_params *params)
{
	int64_t at = params->expires_at;

	if (at == 0 || (at > clock_unix() && at < YEAR_10000))
		return PM_OK;
	actor->why = at < YEAR_10000 ? "expires_at: must be in the future, or 0 for never"
				     : "expires_at: must be before the year 10000, or 0 for never";
	return PM_BAD_REQUEST;
}

static enum pm_err describe(const struct environment *env, const struct actor *actor,
			    const struct mint_params *params, struct key_record *record)
{
	*record = (struct key_record){
		.created_at = clock_unix(),
		.expires_at = params->expires_at,
		.revision = 1,
	};
	snprintf(record->created_by, sizeof(record->created_by), "%s%s%s", actor->caller,
		 actor->operator_name[0] ? "/" : "", actor->operator_name);
	if (!copy_text(record->environment, sizeof(record->environment), env->name) ||
	    !copy_text(record->account, sizeof(record->account), params->account) ||
	    !copy_text(record->product, sizeof(record->product), params->product) ||
	    !copy_text(record->name, sizeof(record->name), params->name))
		return PM_TOO_LARGE;
	return apikey_new_id(record->id);
}

static enum pm_err commit(struct actor *actor, struct environment *env, struct key_record *record)
{
	struct leaf leaf CLEANUP(leaf_drop);

	leaf_begin(&leaf, LEAF_KEY_MINT, actor, env->audit, env);
	key_leaf_fill(&leaf, record);
	leaf_hide(&leaf, "account", record->account);
	leaf_hide(&leaf, "product", record->product);
	leaf_hide(&leaf, "name", record->name);
	if (record->expires_at != 0)
		leaf_time(&leaf, "expires", record->expires_at);
	return request_commit_key(env, actor, STORE_INSERT_KEY, record, &leaf);
}

static enum pm_err mint(struct actor *actor, struct environment *env,
			const struct mint_params *params, struct key_record *record,
			struct key_text *text)
{
	TRY(check_params(actor, params));
	TRY(describe(env, actor, params, record));
	TRY(secret_renew(env, record, 1, text, actor->deadline));
	return commit(actor, env, record);
}

enum pm_err vault_mint(struct vault *vault, struct actor *actor, const struct mint_params *params,
		       struct key_info *info, struct key_text *text)
{
	struct environment *env = NULL;
	struct key_record record;

	TRY(vault_enter(vault, actor, params->environment, &env));
	TRY(request_begin(env, actor));
	enum pm_err err = mint(actor, env, params, &record, text);
	if (err == PM_OK)
		key_info_fill(&record, info);
	else
		key_text_wipe(text);
	return err;
}
