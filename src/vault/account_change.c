/* CreateAccount and UpdateAccount: statuses, products, and the first key that approval mints. */
#include <string.h>

#include "account_info.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "grants.h"
#include "operator.h"
#include "products.h"
#include "refusal.h"

#define BIT(status) (1U << (status))

/* Which statuses may follow on each. */
static const unsigned int next_statuses[] = {
	[ACCOUNT_ONBOARDING] = BIT(ACCOUNT_ONBOARDING) | BIT(ACCOUNT_PENDING) |
			       BIT(ACCOUNT_APPROVED) | BIT(ACCOUNT_CLOSED),
	[ACCOUNT_PENDING] = BIT(ACCOUNT_PENDING) | BIT(ACCOUNT_APPROVED) | BIT(ACCOUNT_CLOSED),
	[ACCOUNT_APPROVED] = BIT(ACCOUNT_APPROVED) | BIT(ACCOUNT_SUSPENDED) | BIT(ACCOUNT_CLOSED),
	[ACCOUNT_SUSPENDED] = BIT(ACCOUNT_SUSPENDED) | BIT(ACCOUNT_APPROVED) | BIT(ACCOUNT_CLOSED),
	[ACCOUNT_CLOSED] = 0,
};

static const char *const status_names[] = {
	[ACCOUNT_ONBOARDING] = "ONBOARDING", [ACCOUNT_PENDING] = "PENDING",
	[ACCOUNT_APPROVED] = "APPROVED",     [ACCOUNT_SUSPENDED] = "SUSPENDED",
	[ACCOUNT_CLOSED] = "CLOSED",
};

bool account_may_become(enum account_status from, enum account_status to)
{
	return from >= ACCOUNT_ONBOARDING && from <= ACCOUNT_CLOSED && to >= ACCOUNT_ONBOARDING &&
	       to <= ACCOUNT_CLOSED && (next_statuses[from] & BIT(to));
}

/* A change under way. */
struct change {
	struct environment *env;
	struct actor *actor;
	const struct account_params *params;
	enum store_op op;
	struct account_record record;
	enum account_status before; /* 0: there was none */
	size_t products;            /* that are not as they were */
	bool mints;
	struct key_record key; /* if it mints one */
	struct key_secret *secret;
};

static enum pm_err refuse(struct change *change, enum pm_err err, const char *why)
{
	change->actor->why = why;
	return err;
}

static enum pm_err set_texts(struct change *change)
{
	const struct account_params *params = change->params;
	struct account_record *record = &change->record;

	if (params->set_name && !copy_text(record->name, sizeof(record->name), params->name))
		return PM_TOO_LARGE;
	if (params->set_merchant &&
	    !copy_text(record->merchant, sizeof(record->merchant), params->merchant))
		return PM_TOO_LARGE;
	if (params->set_first_product &&
	    !copy_text(record->first_product, sizeof(record->first_product), params->first_product))
		return PM_TOO_LARGE;
	/* They stand in Basic's user name, and in the lists. */
	if (record->merchant[0] && !product_is_name(record->merchant))
		return refuse(change, PM_BAD_REQUEST, "merchant: of a-z A-Z 0-9 . _ -");
	if (record->first_product[0] && !product_is_name(record->first_product))
		return refuse(change, PM_BAD_REQUEST, "first_product: of a-z A-Z 0-9 . _ -");
	return PM_OK;
}

static enum pm_err set_products(struct change *change)
{
	enum pm_err err = products_change(change->record.products, change->params->products,
					  change->params->product_count, &change->products);

	if (err == PM_BAD_REQUEST)
		return refuse(change, err, "products: each once, its name of a-z A-Z 0-9 . _ -");
	if (err == PM_TOO_LARGE)
		return refuse(change, err,
			      "products: at most 32 of an account, 2,048 bytes in all");
	return err;
}

static void set_status(struct change *change)
{
	struct account_record *record = &change->record;
	enum account_status to = (enum account_status)change->params->status;
	int64_t now = clock_unix();

	record->changed_at = now;
	if (to == 0 || to == record->status)
		return;
	record->status = to;
	if (to == ACCOUNT_APPROVED)
		record->approved_at = now;
	if (to == ACCOUNT_CLOSED) {
		record->closed_at = now;
		record->closing = true;
	}
}

/* The key that approval brings along; its record is inserted with the account's. */
static enum pm_err mint(struct change *change)
{
	struct account_record *record = &change->record;

	change->mints = change->params->status == VAULT_ACCOUNT_APPROVED &&
			record->first_product[0] && record->first_key[0] == '\0';
	if (!change->mints)
		return PM_OK;
	if (!products_enabled(record->products, record->first_product))
		return refuse(change, PM_PRODUCT_NOT_ENABLED,
			      "first_product: enable it, or approval cannot mint its key");
	TRY(mint_first(change->env, change->actor, record, change->params->recipient, &change->key,
		       change->secret));
	strcpy(record->first_key, change->key.id);
	return PM_OK;
}

static void begin_leaf(const struct change *change, struct leaf *leaf)
{
	const struct account_record *record = &change->record;
	bool made = change->before == 0;

	leaf_begin(leaf, made ? LEAF_ACCOUNT_CREATE : LEAF_ACCOUNT_UPDATE, change->actor,
		   change->env->audit, change->env);
	leaf_text(leaf, "status", status_names[record->status]);
	if (!made)
		leaf_text(leaf, "before", status_names[change->before]);
	if (change->products > 0)
		leaf_number(leaf, "products", (int64_t)change->products);
	leaf_hide(leaf, "account", record->id);
	if (made)
		leaf_hide(leaf, "name", record->name);
	if (change->mints)
		leaf_text(leaf, "key", change->key.id);
}

/* Account, key, what was executed, and an entry of each: all or none. */
static enum pm_err commit_leaves(struct change *change, struct leaf leaves[2])
{
	struct executed_record executed;
	struct store_change changes[5] = {
		{ .op = change->op, .account = &change->record },
		{ .op = STORE_INSERT_EXECUTED, .executed = &executed },
	};
	struct seal_task tasks[3];
	size_t count = 2, records = 2;

	request_record(change->env, change->actor, change->record.id, &executed);
	seal_cover_account(&tasks[0], &change->record);
	seal_cover_executed(&tasks[1], &executed);
	if (change->mints) {
		seal_cover_key(&tasks[records++], &change->key);
		changes[count++] =
			(struct store_change){ .op = STORE_INSERT_KEY, .key = &change->key };
		leaves_resolve(&leaves[1], 1, change->env, change->actor->deadline);
		TRY(leaf_end(&leaves[1]));
		changes[count++] =
			(struct store_change){ .op = STORE_APPEND_LEAF, .leaf = &leaves[1].record };
	}
	TRY(seal_make_with_leaf(change->env, tasks, records, &leaves[0], change->actor->deadline));
	TRY(leaf_end(&leaves[0]));
	changes[count++] =
		(struct store_change){ .op = STORE_APPEND_LEAF, .leaf = &leaves[0].record };
	return audit_commit(change->env->audit, changes, count, &change->actor->receipt,
			    change->actor->deadline);
}

static enum pm_err commit(struct change *change)
{
	struct leaf leaves[2];

	change->record.revision++;
	begin_leaf(change, &leaves[0]);
	leaves[1].fields = NULL;
	if (change->mints)
		mint_leaf(&leaves[1], change->actor, change->env, &change->key);
	enum pm_err err = commit_leaves(change, leaves);
	leaf_drop(&leaves[0]);
	leaf_drop(&leaves[1]);
	return err;
}

static enum pm_err change_and_commit(struct change *change)
{
	TRY(set_texts(change));
	TRY(set_products(change));
	set_status(change);
	TRY(mint(change));
	return commit(change);
}

/* Accounts are the platform's own: nobody changes them on somebody's behalf. */
static enum pm_err begin(struct vault *vault, struct actor *actor,
			 const struct account_params *params, struct environment **env)
{
	size_t len = strlen(params->id);

	if (actor->on_behalf)
		return PM_DENIED;
	if (len == 0 || len > VAULT_ACCOUNT_MAX || strcmp(params->id, EVERY_ACCOUNT) == 0) {
		actor->why = "id: 1 to 64 bytes, and not `*`, which stands for every account";
		return PM_BAD_REQUEST;
	}
	if (params->status > VAULT_ACCOUNT_CLOSED) {
		actor->why = "status: no such";
		return PM_BAD_REQUEST;
	}
	TRY(vault_enter(vault, actor, params->environment, env));
	return request_begin(*env, actor);
}

static enum pm_err finish(struct change *change, enum pm_err err, struct account_info *info)
{
	if (err == PM_OK)
		account_info_fill(&change->record, info);
	else
		key_secret_wipe(change->secret);
	return err;
}

enum pm_err vault_create_account(struct vault *vault, struct actor *actor,
				 const struct account_params *params, struct account_info *info,
				 struct key_secret *secret)
{
	struct account_params all = *params;
	struct change change = {
		.actor = actor,
		.params = &all,
		.op = STORE_INSERT_ACCOUNT,
		.record = { .status = ACCOUNT_ONBOARDING, .created_at = clock_unix() },
		.secret = secret,
	};

	key_secret_wipe(secret);
	all.set_name = params->name != NULL;
	all.set_merchant = params->merchant != NULL;
	all.set_first_product = params->first_product != NULL;
	if (params->status == VAULT_ACCOUNT_CLOSED)
		return refuse(&change, PM_BAD_REQUEST, "status: a new account is not CLOSED");
	TRY(begin(vault, actor, params, &change.env));
	strcpy(change.record.environment, change.env->name);
	strcpy(change.record.id, params->id);
	operator_maker(actor, change.record.created_by);
	return finish(&change, change_and_commit(&change), info);
}

static enum pm_err try_update(struct change *change)
{
	enum account_status to = (enum account_status)change->params->status;
	struct environment *env = change->env;
	struct actor *actor = change->actor;

	enum pm_err err = account_load(env, change->params->id, &change->record, actor->deadline);
	if (err == PM_RECORD_QUARANTINED) {
		TRY(refusal_of_quarantined(env, actor, NULL));
		actor->receipt = (struct vault_receipt){ 0 };
	}
	TRY(err);
	change->before = change->record.status;
	if (change->before == ACCOUNT_CLOSED)
		return refuse(change, PM_CONFLICT, "the account is closed, which is final");
	if (to != 0 && !account_may_become(change->before, to))
		return refuse(change, PM_CONFLICT,
			      "the account's status goes ONBOARDING, PENDING, APPROVED, then "
			      "SUSPENDED and back, and CLOSED from any");
	return change_and_commit(change);
}

enum pm_err vault_update_account(struct vault *vault, struct actor *actor,
				 const struct account_params *params, struct account_info *info,
				 struct key_secret *secret)
{
	struct change change = {
		.actor = actor,
		.params = params,
		.op = STORE_UPDATE_ACCOUNT,
		.secret = secret,
	};
	enum pm_err err = PM_CONFLICT;

	key_secret_wipe(secret);
	TRY(begin(vault, actor, params, &change.env));
	/* A conflict with a reason is the answer; one without is somebody else's write. */
	for (int i = 0; i < CHANGE_ATTEMPTS && err == PM_CONFLICT && !actor->why; i++)
		err = try_update(&change);
	return finish(&change, err, info);
}
