/* Objects with our label that no record in use names, settled by a custodian's word. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "check.h"
#include "domain.h"
#include "master.h"
#include "object.h"
#include "standby.h"
#include "state.h"
#include "upkeep.h"
#include "usage.h"

struct orphan {
	struct environment *env;
	struct actor *actor;
	struct hsm_object object;
	struct object_label label;
	bool ours; /* the label is one that the vault gives */
};

static enum pm_err find_in(struct hsm *token, const struct environment *env,
			   const uint8_t key_id[16], struct hsm_object *out, int64_t deadline)
{
	struct hsm_object *objects CLEANUP(free_ptr) = calloc(HSM_OBJECTS_MAX, sizeof(*objects));
	size_t count = 0;

	if (!objects)
		return PM_NO_MEMORY;
	TRY(object_list(env, token, objects, &count, deadline));
	for (size_t i = 0; i < count; i++) {
		if (memcmp(objects[i].id.bytes, key_id, sizeof(objects[i].id.bytes)) != 0)
			continue;
		*out = objects[i];
		return PM_OK;
	}
	return PM_NOT_FOUND;
}

/* In the active token, or in the other. */
static enum pm_err find(struct orphan *orphan, const uint8_t key_id[16])
{
	struct environment *env = orphan->env;
	enum pm_err err = find_in(env->hsm, env, key_id, &orphan->object, orphan->actor->deadline);

	for (size_t i = 0; i < standby_tokens(env) && err == PM_NOT_FOUND; i++)
		err = find_in(hsm_member(env->hsm, i), env, key_id, &orphan->object,
			      orphan->actor->deadline);
	TRY(err);
	orphan->ours = object_parse_label(env, orphan->object.label, &orphan->label);
	return PM_OK;
}

static enum pm_err refuse(struct orphan *orphan, const char *why)
{
	orphan->actor->why = why;
	return PM_CONFLICT;
}

static enum pm_err check_unnamed(struct orphan *orphan)
{
	struct master_record master;

	if (environment_master_of(orphan->env, orphan->object.id.bytes, &master) == PM_OK &&
	    state_in_token(&master))
		return refuse(orphan, "a record names it: it is in use");
	return PM_OK;
}

static enum pm_err check_adoptable(struct orphan *orphan)
{
	struct master_record given;

	if (!orphan->ours)
		return refuse(orphan, "its label is none that the vault gives: destroy it");
	if (!object_is_sound(orphan->env, &orphan->object))
		return refuse(orphan, "it is not as the vault makes keys: destroy it");
	if (environment_master(orphan->env, orphan->label.purpose, orphan->label.name,
			       orphan->label.version, &given) == PM_OK)
		return refuse(orphan, "its version number was given to another, or was never "
				      "finished: destroy it");
	return PM_OK;
}

static struct master_record new_record(const struct orphan *orphan)
{
	struct master_record record = {
		.version = orphan->label.version,
		.state = MASTER_VERIFY_ONLY,
		.created_at = clock_unix(),
		.revision = 0, /* 1 when it is sealed */
	};

	record.changed_at = record.created_at;
	strcpy(record.environment, orphan->env->name);
	strcpy(record.purpose, orphan->label.purpose);
	strcpy(record.name, orphan->label.name);
	memcpy(record.key_id, orphan->object.id.bytes, sizeof(record.key_id));
	return record;
}

static enum pm_err check_tokens(struct orphan *orphan, const struct master_record *record)
{
	static _Thread_local char detail[CHECK_TEXT_MAX];

	enum pm_err err = standby_all_have(orphan->env, record, detail, orphan->actor->deadline);
	if (err == PM_TOKEN_MISMATCH)
		orphan->actor->why = detail;
	return err;
}

static enum pm_err adopt(struct orphan *orphan, bool dry_run)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	struct environment *env = orphan->env;
	struct actor *actor = orphan->actor;
	struct executed_record executed;

	TRY(check_adoptable(orphan));
	struct master_record record = new_record(orphan);
	TRY(master_check_value(env, &record, record.check, actor->deadline));
	TRY(check_tokens(orphan, &record));
	if (dry_run)
		return PM_OK;
	TRY(master_revise(env, &record, actor->deadline));
	master_leaf(&leaf, LEAF_ORPHAN_ADOPT, actor, env, &record);
	leaf_resolve(&leaf, actor->deadline);
	request_record(env, actor, "", &executed);
	TRY(master_commit(env, STORE_INSERT_MASTER, &record, &executed, &leaf, actor->deadline));
	audit_receipt(&leaf.receipt, &actor->receipt);
	log_warn("vault: %s of %s is VERIFY_ONLY from now on", orphan->object.label, env->name);
	return PM_OK;
}

static enum pm_err tell_destruction(struct orphan *orphan, const char *key_id)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	struct actor *actor = orphan->actor;

	leaf_begin(&leaf, LEAF_ORPHAN_DESTROY, actor, orphan->env->audit, orphan->env);
	leaf_text(&leaf, "label", orphan->object.label);
	leaf_text(&leaf, "key_id", key_id);
	leaf_resolve(&leaf, actor->deadline);
	return audit_append(orphan->env->audit, &leaf, &actor->receipt, actor->deadline);
}

static enum pm_err note_executed(struct orphan *orphan, const char *key_id)
{
	struct executed_record executed;
	const struct store_change change = { .op = STORE_INSERT_EXECUTED, .executed = &executed };
	struct seal_task task;

	request_record(orphan->env, orphan->actor, key_id, &executed);
	seal_cover_executed(&task, &executed);
	TRY(seal_make(orphan->env, &task, 1, orphan->actor->deadline));
	return audit_commit(orphan->env->audit, &change, 1, NULL, orphan->actor->deadline);
}

/*
 * The record that names a key can be lost and those that need it not, by whoever deletes a row: then
 * nothing verifies them any more once the key is gone.
 */
static enum pm_err check_unneeded(struct orphan *orphan)
{
	const struct object_label *label = &orphan->label;
	struct usage lines[VAULT_PEPPER_VERSIONS_MAX];
	struct master_record given;
	size_t count = 0;

	if (!orphan->ours || environment_master(orphan->env, label->purpose, label->name,
						label->version, &given) == PM_OK)
		return PM_OK;
	TRY(usage_count(orphan->env, label->purpose, label->name, lines, VAULT_PEPPER_VERSIONS_MAX,
			&count));
	if (usage_of(lines, count, label->version).needed == 0)
		return PM_OK;
	return refuse(orphan, "records need it, though its own is lost: adopt it");
}

/* Its entry comes first: what is gone cannot be brought back for want of one. */
static enum pm_err destroy(struct orphan *orphan, bool dry_run)
{
	struct environment *env = orphan->env;
	char key_id[2 * HSM_ID_LEN + 1];

	TRY(check_unneeded(orphan));
	if (dry_run)
		return PM_OK;
	hex_encode(bytes_of(orphan->object.id.bytes, HSM_ID_LEN), key_id);
	TRY(tell_destruction(orphan, key_id));
	TRY(destroy_object(env, &orphan->object.id, orphan->object.label, orphan->actor->deadline));
	log_warn("vault: %s, which no record named, was destroyed in the token of %s",
		 orphan->object.label, env->name);
	return note_executed(orphan, key_id);
}

/* Inside a change of the environment. */
static enum pm_err settle(struct orphan *orphan, const uint8_t key_id[16], bool adopting,
			  bool dry_run, struct object_info *out)
{
	if (!dry_run)
		TRY(request_begin(orphan->env, orphan->actor));
	TRY(find(orphan, key_id));
	TRY(check_unnamed(orphan));
	object_info_fill(orphan->env, &orphan->object, out);
	TRY(adopting ? adopt(orphan, dry_run) : destroy(orphan, dry_run));
	if (dry_run)
		return PM_OK;
	object_info_fill(orphan->env, &orphan->object, out);
	return PM_OK;
}

enum pm_err vault_settle_orphan(struct vault *vault, struct actor *actor, const char *environment,
				const uint8_t key_id[16], bool adopting, bool dry_run,
				struct object_info *out)
{
	struct orphan orphan = { .actor = actor };

	*out = (struct object_info){ .version = 0 };
	TRY(vault_enter(vault, actor, environment, &orphan.env));
	TRY(environment_begin_change(orphan.env, actor->deadline));
	enum pm_err err = settle(&orphan, key_id, adopting, dry_run, out);
	/* Whatever came of it: if they cannot be counted now, the next look does it. */
	if (object_report_orphans(orphan.env, actor->deadline) != PM_OK)
		atomic_store(&orphan.env->check_at, 0);
	environment_end_change(orphan.env);
	return err;
}
