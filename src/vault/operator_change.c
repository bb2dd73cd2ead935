/*
 * CreateOperator and UpdateOperator. The platform's own staff may all of it; a portal acts for an operator,
 * who reaches only as far as he is SUPERADMIN: over every account in which the other one has a role, before
 * and after. So he can neither give nor take what is another's, nor become who has more than he by setting
 * that one's PIN.
 */
#include <string.h>

#include "authority.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "operator_pin.h"
#include "refusal.h"

/* A change under way. */
struct change {
	struct vault *vault;
	struct environment *env;
	struct actor *actor;
	const struct operator_params *params;
	enum store_op op;
	struct grants own; /* of the operator who acts, if one does */
	struct pin_image pin;
	bool sets_pin;
	struct operator_record record;
};

static enum pm_err refuse(const struct change *change, const char *why)
{
	change->actor->why = why;
	return PM_BAD_REQUEST;
}

static enum pm_err check_form(const struct change *change)
{
	const struct operator_params *params = change->params;
	size_t len = strlen(params->id);

	if (len == 0 || len > VAULT_OPERATOR_MAX)
		return refuse(change, "id: 1 to 64 bytes");
	if (change->sets_pin && (params->new_pin.len < VAULT_OPERATOR_PIN_MIN ||
				 params->new_pin.len > VAULT_OPERATOR_PIN_MAX))
		return refuse(change, "new_pin: 4 to 64 bytes");
	/* Or whoever has an operator's session, and not his PIN, could set one. */
	if (change->actor->on_behalf && change->sets_pin &&
	    strcmp(params->id, change->actor->operator_name) == 0)
		return refuse(change, "new_pin: ChangeOperatorPin is for one's own");
	return PM_OK;
}

static bool reaches(const struct change *change, const char *roles)
{
	struct grants others;

	grants_read(roles, &others);
	return grants_reach(&change->own, &others);
}

/* The operator as he is to be, in memory, if whoever acts reaches him as he is and as he will be. */
static enum pm_err apply(struct change *change)
{
	const struct operator_params *params = change->params;
	struct operator_record *record = &change->record;
	bool foreign = change->actor->on_behalf && change->op == STORE_UPDATE_OPERATOR &&
		       !reaches(change, record->roles);

	if (params->set_grants) {
		enum pm_err err = grants_write(params->grants, params->grant_count, record->roles);

		if (err == PM_BAD_REQUEST)
			return refuse(change, "grants: each account once, and a role");
		TRY(err);
	}
	/* Who takes somebody's last role needs not reach everybody who has none. */
	bool beyond = change->actor->on_behalf && !reaches(change, record->roles) &&
		      (change->op == STORE_INSERT_OPERATOR || record->roles[0]);
	if (foreign || beyond)
		return authority_refuse(change->env, change->actor, "REACH", NULL);
	if (params->set_name && !copy_text(record->name, sizeof(record->name), params->name))
		return PM_TOO_LARGE;
	record->changed_at = clock_unix();
	if (params->set_disabled && params->disabled != (record->disabled_at != 0))
		record->disabled_at = params->disabled ? record->changed_at : 0;
	return PM_OK;
}

static void begin_record(struct change *change)
{
	change->record = (struct operator_record){ .created_at = clock_unix() };
	strcpy(change->record.environment, change->env->name);
	strcpy(change->record.id, change->params->id);
	operator_maker(change->actor, change->record.created_by);
}

static enum pm_err load_record(struct change *change)
{
	struct actor *actor = change->actor;

	if (change->op == STORE_INSERT_OPERATOR) {
		begin_record(change);
		return PM_OK;
	}
	enum pm_err err =
		operator_load(change->env, change->params->id, &change->record, actor->deadline);
	if (err == PM_RECORD_QUARANTINED) {
		TRY(refusal_of_quarantined(change->env, actor, NULL));
		actor->receipt = (struct vault_receipt){ 0 };
	}
	return err;
}

static void begin_leaf(const struct change *change, struct leaf *leaf)
{
	const struct operator_params *params = change->params;
	bool made = change->op == STORE_INSERT_OPERATOR;

	leaf_begin(leaf, made ? LEAF_OPERATOR_CREATE : LEAF_OPERATOR_UPDATE, change->actor,
		   change->env->audit, change->env);
	if (made || params->set_grants)
		leaf_number(leaf, "grants", (int64_t)params->grant_count);
	if (params->set_disabled)
		leaf_flag(leaf, "disabled", params->disabled);
	leaf_flag(leaf, "pin", change->sets_pin);
	leaf_hide(leaf, "who", params->id);
}

static enum pm_err try_change(struct change *change)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };

	TRY(load_record(change));
	TRY(apply(change));
	if (change->sets_pin)
		operator_pin_set(&change->record, &change->pin);
	change->record.revision++;
	begin_leaf(change, &leaf);
	return operator_commit(change->env, change->actor, change->op, &change->record, &leaf);
}

/* All that can be found out before the actor's PIN is tried. */
static enum pm_err authorize(struct change *change)
{
	struct actor *actor = change->actor;

	if (actor->on_behalf)
		TRY(authority_over_operators(change->env, actor, &change->own));
	TRY(load_record(change));
	TRY(apply(change));
	return authority_step_up(change->vault, change->env, actor, ACT_OPERATORS,
				 change->params->id);
}

static enum pm_err run(struct change *change, struct operator_info *info)
{
	const struct operator_params *params = change->params;
	struct actor *actor = change->actor;
	enum pm_err err = PM_CONFLICT;

	change->sets_pin = params->new_pin.len > 0;
	TRY(check_form(change));
	TRY(vault_enter(change->vault, actor, params->environment, &change->env));
	TRY(request_begin(change->env, actor));
	TRY(authorize(change));
	if (change->sets_pin)
		TRY(operator_pin_make(change->vault, change->env, actor, params->id,
				      params->new_pin, &change->pin));
	for (int i = 0; i < CHANGE_ATTEMPTS && err == PM_CONFLICT; i++)
		err = try_change(change);
	if (err == PM_OK)
		operator_info_fill(&change->record, info);
	return err;
}

enum pm_err vault_create_operator(struct vault *vault, struct actor *actor,
				  const struct operator_params *params, struct operator_info *info)
{
	struct operator_params all = *params;
	struct change change = {
		.vault = vault,
		.actor = actor,
		.params = &all,
		.op = STORE_INSERT_OPERATOR,
	};

	all.set_name = params->name != NULL;
	all.set_grants = true;
	all.set_disabled = false;
	return run(&change, info);
}

enum pm_err vault_update_operator(struct vault *vault, struct actor *actor,
				  const struct operator_params *params, struct operator_info *info)
{
	struct change change = {
		.vault = vault,
		.actor = actor,
		.params = params,
		.op = STORE_UPDATE_OPERATOR,
	};

	return run(&change, info);
}
