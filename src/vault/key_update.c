/* What of a key may be changed: its state, its time, and what it is good for. */
#include "base/cleanup.h"
#include "change.h"
#include "key_fields.h"

static enum pm_err change_lists(struct actor *actor, const struct update_params *params,
				struct key_record *record)
{
	if (params->set_scopes)
		TRY(key_fields_scopes(actor, &params->scopes, record->scopes));
	if (params->set_labels)
		TRY(key_fields_labels(actor, &params->labels, record->labels));
	if (params->set_networks)
		TRY(key_fields_networks(actor, &params->networks, record->networks));
	if (params->set_name && !copy_text(record->name, sizeof(record->name), params->name))
		return PM_TOO_LARGE;
	return PM_OK;
}

/* A previous secret does not outlive the key; one whose end was not set yet ends with it anyway. */
static void cap_overlap(struct key_record *record)
{
	struct secret_record *previous = &record->secrets[SECRET_PREVIOUS];

	if (record->expires_at != 0 && previous->not_after > record->expires_at)
		previous->not_after = record->expires_at;
}

static enum pm_err change_times(struct actor *actor, const struct update_params *params,
				struct key_record *record)
{
	if (params->set_expires_at) {
		record->expires_at = params->expires_at;
		cap_overlap(record);
	}
	if (params->set_not_before)
		record->not_before = params->not_before;
	return params->set_expires_at || params->set_not_before
		       ? key_fields_span(actor, record->not_before, record->expires_at)
		       : PM_OK;
}

/* One that is disabled already stays so from when it was. */
static void change_disabled(const struct update_params *params, struct key_record *record,
			    int64_t now)
{
	if (!params->set_disabled)
		return;
	if (!params->disabled)
		record->disabled_at = 0;
	else if (record->disabled_at == 0)
		record->disabled_at = now;
}

static void tell_time(struct leaf *leaf, const char *field, int64_t time)
{
	if (time != 0)
		leaf_time(leaf, field, time);
	else
		leaf_text(leaf, field, "none");
}

static void tell(struct leaf *leaf, const struct update_params *params,
		 const struct key_record *record)
{
	if (params->set_disabled)
		leaf_flag(leaf, "disabled", params->disabled);
	if (params->set_not_before)
		tell_time(leaf, "not_before", record->not_before);
	if (params->set_expires_at)
		tell_time(leaf, "expires", record->expires_at);
	if (params->set_scopes)
		leaf_flag(leaf, "scopes", true);
	if (params->set_labels)
		leaf_flag(leaf, "labels", true);
	if (params->set_networks)
		leaf_flag(leaf, "networks", true);
	if (params->set_name)
		leaf_hide(leaf, "name", record->name);
}

static enum pm_err update_once(struct key_change *change, void *arg)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	const struct update_params *params = arg;

	TRY(change_needs_live(change));
	TRY(change_lists(change->actor, params, &change->record));
	TRY(change_times(change->actor, params, &change->record));
	change_disabled(params, &change->record, change->now);
	change_leaf(change, &leaf, LEAF_KEY_UPDATE);
	tell(&leaf, params, &change->record);
	return change_commit(change, NULL, &leaf);
}

enum pm_err vault_update(struct vault *vault, struct actor *actor,
			 const struct update_params *params, struct key_info *info)
{
	struct update_params mine = *params;
	struct key_record draft;
	struct key_change change;

	TRY(change_begin(&change, vault, actor, params->environment, params->key_id));
	TRY(change_lists(actor, params, &draft));
	if (params->set_expires_at)
		TRY(key_fields_end(actor, params->expires_at));
	TRY(change_authorize(&change, vault, ACT_UPDATE));
	TRY(change_run(&change, update_once, &mine));
	change_info(&change, info);
	return PM_OK;
}
