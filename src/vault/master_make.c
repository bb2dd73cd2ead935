/* The making of a version, step by step; master.h tells what a crash between them leaves. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/secret.h"
#include "check.h"
#include "master.h"

/* The public half that was told when the pair was made is the one that is there. */
static enum pm_err check_told(const struct environment *env, const struct master_record *record,
			      const struct hsm_object *object)
{
	uint8_t told[STORE_CHECK_LEN];

	TRY(check_of_pair(object, told));
	if (secret_equal(told, record->check, sizeof(told)))
		return PM_OK;
	log_error("vault: %s's token gave two public halves of one pair: it is not used",
		  env->name);
	return PM_HSM_UNAVAILABLE;
}

/* The token has taken the whole value, and no other. */
static enum pm_err check_brought(const struct environment *env, const struct master_record *record,
				 struct bytes value)
{
	uint8_t expected[STORE_CHECK_LEN];

	TRY(check_of_value(value, expected));
	if (secret_equal(expected, record->check, sizeof(expected)))
		return PM_OK;
	log_error("vault: %s's token took another key than it was given: it is not used",
		  env->name);
	return PM_HSM_UNAVAILABLE;
}

static enum pm_err make_object(struct hsm *token, const struct master_record *record,
			       struct bytes value, struct hsm_object *object, int64_t deadline)
{
	struct hsm_id id;
	char label[HSM_LABEL_MAX + 1];

	master_label(record, label);
	memcpy(id.bytes, record->key_id, sizeof(id.bytes));
	if (master_is_pair(record))
		return hsm_generate_pair(token, &id, label, object, deadline);
	if (master_is_cipher(record))
		return hsm_generate_aes(token, &id, label, object, deadline);
	if (master_is_import(record))
		return hsm_import(token, &id, label, value, object, deadline);
	return hsm_generate(token, &id, label, object, deadline);
}

static enum pm_err make(struct environment *env, const struct master_making *making,
			struct master_record *record, struct hsm_object *object, int64_t deadline)
{
	TRY(make_object(env->hsm, record, making->value, object, deadline));
	TRY(master_check_value(env, record, record->check, deadline));
	if (master_is_import(record))
		return check_brought(env, record, making->value);
	return master_is_pair(record) ? check_told(env, record, object) : PM_OK;
}

/*
 * A version in the token that the database does not know, or one after it: the database has lost
 * records. Made again, the number would name two keys, and what the lost one hashed could never
 * match.
 */
static enum pm_err refuse_lost(struct environment *env, const struct master_record *next,
			       int64_t deadline)
{
	struct hsm_object *found CLEANUP(free_ptr) = calloc(HSM_OBJECTS_MAX, sizeof(*found));
	char label[HSM_LABEL_MAX + 1];
	struct hsm *token = NULL;
	uint64_t generation = 0;
	size_t count = 0;

	if (!found)
		return PM_NO_MEMORY;
	master_label(next, label);
	size_t stem = (size_t)(strrchr(label, 'v') + 1 - label);
	label[stem] = '\0';
	TRY(environment_token(env, &token, &generation));
	TRY(hsm_list(token, label, found, &count, deadline));
	TRY(environment_same_token(env, generation));
	for (size_t i = 0; i < count; i++) {
		if (strtoul(found[i].label + stem, NULL, 10) < next->version)
			continue;
		log_error(
			"vault: the token of %s has %s, of which the database knows nothing: was a "
			"backup restored? No newer version is made while it is there",
			env->name, found[i].label);
		return PM_TOKEN_MISMATCH;
	}
	return PM_OK;
}

/* The number is taken before the token is asked for anything. */
static enum pm_err declare(struct environment *env, const struct master_making *making,
			   struct master_record *record, int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };

	TRY(master_stage(env, making->purpose, making->name, record));
	TRY(refuse_lost(env, record, deadline));
	TRY(master_seal(env, record, deadline));
	master_leaf(&leaf, LEAF_MASTER_STAGE, NULL, env, record);
	return master_commit(env, STORE_INSERT_MASTER, record, NULL, &leaf, deadline);
}

static enum pm_err finish(struct environment *env, const struct master_making *making,
			  struct master_record *record, const struct hsm_object *object,
			  int64_t deadline)
{
	bool import = master_is_import(record);

	if (!making->stage_only && !import)
		return takeover_commit(env, record, object, &making->terms, deadline);
	TRY(master_set_state(env, record, import ? MASTER_VERIFY_ONLY : MASTER_STAGED, deadline));
	leaf_number(making->terms.leaf, "version", record->version);
	return master_commit(env, STORE_UPDATE_MASTER, record, making->terms.executed,
			     making->terms.leaf, deadline);
}

enum pm_err master_make(struct environment *env, struct master_making *making, int64_t deadline)
{
	struct master_record record;
	struct hsm_object object;

	TRY(declare(env, making, &record, deadline));
	struct master_record staged = record;
	enum pm_err err = make(env, making, &record, &object, deadline);
	if (err == PM_OK)
		err = finish(env, making, &record, &object, deadline);
	making->made = record;
	if (err == PM_OK)
		return PM_OK;
	/*
	 * A commit whose deadline passed was not done, so the record in the store is still the
	 * staged one. If abandoning fails as well, the next look at the token does it, which also
	 * finds the object.
	 */
	atomic_store(&env->check_at, 0);
	if (master_abandon(env, &staged, deadline) != PM_OK)
		log_warn("vault: %s %s version %u of %s stays staged for the moment",
			 making->purpose, making->name, staged.version, env->name);
	return err;
}

static enum pm_err have(struct environment *env, const char *purpose, const char *name,
			struct master_record *active, int64_t deadline)
{
	struct master_making making = { .purpose = purpose, .name = name };

	/* Somebody may have been faster. */
	if (environment_master(env, purpose, name, 0, active) == PM_OK)
		return PM_OK;
	TRY(master_make(env, &making, deadline));
	*active = making.made;
	return PM_OK;
}

enum pm_err master_need(struct environment *env, const char *purpose, const char *name,
			struct master_record *active, int64_t deadline)
{
	if (environment_master(env, purpose, name, 0, active) == PM_OK)
		return PM_OK;
	TRY(environment_begin_change(env, deadline));
	enum pm_err err = have(env, purpose, name, active, deadline);
	environment_end_change(env);
	return err;
}
