#include "account.h"

#include <stdio.h>
#include <string.h>

#include "account_info.h"
#include "authority.h"
#include "base/cleanup.h"
#include "grants.h"
#include "products.h"
#include "refusal.h"

static enum pm_err check(struct environment *env, struct account_record *record, int64_t deadline)
{
	struct seal_task task;

	seal_cover_account(&task, record);
	TRY(seal_check_known(env, &task, 1, deadline));
	return task.holds ? PM_OK : PM_RECORD_QUARANTINED;
}

enum pm_err account_load(struct environment *env, const char *id, struct account_record *out,
			 int64_t deadline)
{
	enum pm_err err = store_get_account(env->store, env->name, id, out);

	if (err == PM_OK)
		err = check(env, out, deadline);
	if (err == PM_RECORD_QUARANTINED)
		environment_quarantine(env, "account", id);
	return err;
}

enum pm_err account_admits(struct environment *env, const char *account, const char *product,
			   bool *registered, struct account_record *record, int64_t deadline)
{
	struct account_record loaded;

	*registered = false;
	if (strcmp(account, EVERY_ACCOUNT) == 0)
		return PM_ACCOUNT_NOT_APPROVED;
	enum pm_err err = account_load(env, account, &loaded, deadline);
	*registered = err == PM_OK;
	if (err == PM_NOT_FOUND)
		return env->policy.any_account ? PM_OK : PM_ACCOUNT_NOT_APPROVED;
	TRY(err);
	if (record)
		*record = loaded;
	if (loaded.status != ACCOUNT_APPROVED)
		return PM_ACCOUNT_NOT_APPROVED;
	return products_enabled(loaded.products, product) ? PM_OK : PM_PRODUCT_NOT_ENABLED;
}

enum pm_reason account_judge(const struct account_record *account, const struct key_record *key)
{
	if (!account)
		return key->registered ? PM_REASON_ACCOUNT_INACTIVE : PM_REASON_NONE;
	if (account->status == ACCOUNT_CLOSED)
		return PM_REASON_ACCOUNT_IS_CLOSED;
	if (account->status != ACCOUNT_APPROVED)
		return PM_REASON_ACCOUNT_INACTIVE;
	/* Keys that were minted or imported for no product are for none that could be disabled. */
	if (key->product[0] == '\0' || products_enabled(account->products, key->product))
		return PM_REASON_NONE;
	return PM_REASON_PRODUCT_DISABLED;
}

const char *account_user(const struct account_record *account, const struct key_record *key)
{
	return account && account->merchant[0] ? account->merchant : key->account;
}

void account_info_fill(const struct account_record *record, struct account_info *info)
{
	bool before = record->status == ACCOUNT_ONBOARDING || record->status == ACCOUNT_PENDING;

	*info = (struct account_info){
		.status = (enum vault_account_status)record->status,
		.pending_activation = before && record->first_key[0] == '\0',
		.created_at = record->created_at,
		.changed_at = record->changed_at,
		.approved_at = record->approved_at,
		.closed_at = record->closed_at,
	};
	info->product_count = products_read(record->products, info->products);
	strcpy(info->environment, record->environment);
	strcpy(info->id, record->id);
	strcpy(info->name, record->name);
	strcpy(info->merchant, record->merchant);
	strcpy(info->first_product, record->first_product);
	strcpy(info->client_id, record->first_key);
	snprintf(info->created_by, sizeof(info->created_by), "%s", record->created_by);
}

static enum pm_err tell_read(struct environment *env, struct actor *actor)
{
	const struct fold_act act = { .type = LEAF_ACCOUNT_READ, .env = env, .count = 1 };

	return audit_acts(env->audit, actor, &act, 1);
}

enum pm_err vault_get_account(struct vault *vault, struct actor *actor, const char *environment,
			      const char *id, struct account_info *info)
{
	struct environment *env = NULL;
	struct account_record record;

	TRY(vault_enter(vault, actor, environment, &env));
	TRY(authority_over_account(vault, env, actor, id, NEED_ACCOUNT, 0, ""));
	enum pm_err err = account_load(env, id, &record, actor->deadline);
	if (err == PM_RECORD_QUARANTINED)
		TRY(refusal_of_quarantined(env, actor, NULL));
	TRY(err);
	account_info_fill(&record, info);
	return tell_read(env, actor);
}

struct listing {
	struct account_record records[VAULT_ACCOUNT_PAGE_MAX];
	struct seal_task tasks[VAULT_ACCOUNT_PAGE_MAX];
};

/* Its fields mean nothing: only that it is there is told. */
static enum pm_err fill_quarantined(struct environment *env, struct actor *actor,
				    const struct account_record *record, struct account_info *info)
{
	environment_quarantine(env, "account", record->id);
	*info = (struct account_info){ .status = 0 };
	strcpy(info->environment, env->name);
	strcpy(info->id, record->id);
	return refusal_of_quarantined(env, actor, NULL);
}

static enum pm_err fill(struct environment *env, struct actor *actor, struct listing *listing,
			struct account_info *infos, size_t count)
{
	for (size_t i = 0; i < count; i++)
		seal_cover_account(&listing->tasks[i], &listing->records[i]);
	TRY(seal_check_known(env, listing->tasks, count, actor->deadline));
	for (size_t i = 0; i < count; i++) {
		if (listing->tasks[i].holds)
			account_info_fill(&listing->records[i], &infos[i]);
		else
			TRY(fill_quarantined(env, actor, &listing->records[i], &infos[i]));
	}
	return PM_OK;
}

enum pm_err vault_list_accounts(struct vault *vault, struct actor *actor, const char *environment,
				enum vault_account_status status, const char *after,
				struct account_info *infos, size_t max, size_t *count,
				uint64_t *total)
{
	struct listing *listing CLEANUP(free_ptr) = calloc(1, sizeof(*listing));
	struct environment *env = NULL;

	if (!listing)
		return PM_NO_MEMORY;
	if (max > VAULT_ACCOUNT_PAGE_MAX)
		return PM_TOO_LARGE;
	TRY(vault_enter(vault, actor, environment, &env));
	TRY(authority_over_account(vault, env, actor, EVERY_ACCOUNT, NEED_ACCOUNT, 0, ""));
	TRY(store_list_accounts(env->store, env->name, (enum account_status)status, after,
				listing->records, max, count, total));
	TRY(fill(env, actor, listing, infos, *count));
	return tell_read(env, actor);
}
