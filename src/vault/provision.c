/* The first start of an environment that is new in the database and in the token. */
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "audit.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "master.h"
#include "object.h"
#include "seal.h"

/* An interrupted first start left the intent of the integrity key behind, and nothing else. */
static bool find_intent(const struct environment *env, struct master_record *intent)
{
	if (env->master_count != 1 || !attach_is_integrity(&env->masters[0]) ||
	    env->masters[0].state != MASTER_STAGED || env->masters[0].seal.version != 0)
		return false;
	*intent = env->masters[0];
	return true;
}

/*
 * A database that knows nothing must not meet a token that holds keys: it was lost or exchanged. The
 * one object that may be there is what the intent, if there is one, had made.
 */
static enum pm_err check_token_is_new(struct environment *env, const struct master_record *intent,
				      int64_t deadline)
{
	struct hsm_object *objects CLEANUP(free_ptr) = calloc(HSM_OBJECTS_MAX, sizeof(*objects));
	char label[HSM_LABEL_MAX + 1] = "";
	size_t count = 0;

	if (!objects)
		return PM_NO_MEMORY;
	TRY(object_list(env, env->hsm, objects, &count, deadline));
	if (intent)
		master_label(intent, label);
	for (size_t i = 0; i < count; i++) {
		if (!intent || strcmp(objects[i].label, label) != 0 ||
		    memcmp(objects[i].id.bytes, intent->key_id, sizeof(intent->key_id)) != 0)
			return attach_refuse(
				env,
				"the token holds %s, which this database does not know: "
				"restore the database, or use an empty token",
				objects[i].label);
	}
	return PM_OK;
}

/* Its intent cannot be sealed yet. With the key already made, the same CKA_ID is found again. */
static enum pm_err provision_integrity(struct environment *env, bool resumed,
				       struct master_record *record, int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	struct hsm_object object;
	struct hsm_id id;
	char label[HSM_LABEL_MAX + 1];

	if (!resumed) {
		TRY(master_stage(env, PURPOSE_INTEGRITY, INTEGRITY_NAME, record));
		master_leaf(&leaf, LEAF_MASTER_STAGE, NULL, env, record);
		TRY(master_commit(env, STORE_INSERT_MASTER, record, NULL, &leaf, deadline));
	}
	master_label(record, label);
	memcpy(id.bytes, record->key_id, sizeof(id.bytes));
	enum pm_err err = hsm_generate(env->hsm, &id, label, &object, deadline);
	if (err != PM_ALREADY_EXISTS)
		TRY(err);
	return master_check_value(env, record, record->check, deadline);
}

static enum pm_err commit(struct environment *env, const struct master_record *integrity,
			  const struct environment_record *record, int64_t deadline)
{
	struct leaf active CLEANUP(leaf_drop);
	struct leaf provision CLEANUP(leaf_drop);
	const struct store_change changes[] = {
		{ .op = STORE_UPDATE_MASTER, .master = integrity },
		{ .op = STORE_INSERT_ENVIRONMENT, .environment = record },
		{ .op = STORE_APPEND_LEAF, .leaf = &active.record },
		{ .op = STORE_APPEND_LEAF, .leaf = &provision.record },
	};

	master_leaf(&active, LEAF_MASTER_ACTIVATE, NULL, env, integrity);
	leaf_begin(&provision, LEAF_ENV_PROVISION, NULL, env->audit, env);
	leaf_text(&provision, "token", record->token_serial);
	TRY(leaf_end(&active));
	TRY(leaf_end(&provision));
	return audit_commit(env->audit, changes, 4, NULL, deadline);
}

enum pm_err attach_provision(struct environment *env, int64_t deadline)
{
	struct master_record integrity;
	struct environment_record record = { .created_at = clock_unix(), .revision = 1 };
	struct hsm_status status;
	struct seal_task tasks[2];

	hsm_status(env->hsm, &status);
	if (status.active != 0)
		return attach_refuse(env, "a new environment begins with its own token, not with "
					  "the standby: attach that token");
	TRY(attach_load_masters(env));
	bool resumed = find_intent(env, &integrity);
	if (!resumed && env->master_count > 0)
		return attach_refuse(env,
				     "the environment's record is gone from the database: restore "
				     "it from a backup");
	TRY(check_token_is_new(env, resumed ? &integrity : NULL, deadline));
	TRY(provision_integrity(env, resumed, &integrity, deadline));

	integrity.state = MASTER_ACTIVE;
	integrity.activated_at = clock_unix();
	integrity.revision++;
	TRY(environment_put_masters(env, &integrity, 1)); /* it seals its own record */

	hsm_status(env->hsm, &status);
	strcpy(record.name, env->name);
	strcpy(record.token_serial, status.serial);
	seal_cover_master(&tasks[0], &integrity);
	seal_cover_environment(&tasks[1], &record);
	TRY(seal_make(env, tasks, 2, deadline));
	TRY(commit(env, &integrity, &record, deadline));
	log_info("vault: environment %s is new; it belongs to token %s from now on", env->name,
		 record.token_serial);
	return PM_OK;
}
