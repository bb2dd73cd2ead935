#include "master.h"

#include <ctype.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "check.h"
#include "seal.h"
#include "state.h"
#include "sure.h"

void master_label(const struct master_record *record, char label[HSM_LABEL_MAX + 1])
{
	snprintf(label, HSM_LABEL_MAX + 1, "peppermint/%s/%s/%s/v%u", record->environment,
		 record->purpose, record->name, record->version);
}

bool master_is_name(const char *name)
{
	if (!islower((unsigned char)name[0]) || strlen(name) > VAULT_PEPPER_NAME_MAX)
		return false;
	for (const char *c = name; *c; c++) {
		if (!isascii(*c) ||
		    !(islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '-'))
			return false;
	}
	return true;
}

bool master_is_pair(const struct master_record *record)
{
	return strcmp(record->purpose, PURPOSE_AUDIT) == 0 &&
	       strcmp(record->name, AUDIT_LOG_NAME) == 0;
}

bool master_is_cipher(const struct master_record *record)
{
	return strcmp(record->purpose, PURPOSE_WRAP) == 0;
}

bool master_is_import(const struct master_record *record)
{
	return strcmp(record->purpose, PURPOSE_IMPORT) == 0;
}

static enum pm_err find_public(struct hsm *token, const struct master_record *record,
			       struct hsm_object *out, int64_t deadline)
{
	struct hsm_object *found CLEANUP(free_ptr) = calloc(HSM_OBJECTS_MAX, sizeof(*found));
	char label[HSM_LABEL_MAX + 1];
	size_t count = 0;

	if (!found)
		return PM_NO_MEMORY;
	master_label(record, label);
	TRY(hsm_list(token, label, found, &count, deadline));
	for (size_t i = 0; i < count; i++) {
		if (memcmp(found[i].id.bytes, record->key_id, sizeof(record->key_id)) != 0 ||
		    found[i].public_len == 0)
			continue;
		*out = found[i];
		return PM_OK;
	}
	return PM_NOT_FOUND;
}

static bool same_public(const struct hsm_object *a, const struct hsm_object *b)
{
	return a->algorithm == b->algorithm && a->public_len == b->public_len &&
	       memcmp(a->public_key, b->public_key, a->public_len) == 0;
}

enum pm_err master_public_in(struct hsm *token, const struct master_record *record,
			     struct hsm_object *out, int64_t deadline)
{
	struct hsm_object again;

	enum pm_err err = find_public(token, record, out, deadline);
	if (err != PM_OK && err != PM_NOT_FOUND)
		return err;
	if (find_public(token, record, &again, deadline) == err &&
	    (err == PM_NOT_FOUND || same_public(out, &again)))
		return err;
	log_error("vault: a token does not tell the same of %s %s version %u twice",
		  record->purpose, record->name, record->version);
	return PM_HSM_UNAVAILABLE;
}

static enum pm_err missing(const struct environment *env, const struct master_record *record)
{
	log_error("vault: %s %s version %u is not in %s's token any more", record->purpose,
		  record->name, record->version, env->name);
	return PM_TOKEN_MISMATCH;
}

enum pm_err master_public(struct environment *env, const struct master_record *record,
			  struct hsm_object *out, int64_t deadline)
{
	struct hsm *token = NULL;
	uint64_t generation = 0;

	TRY(environment_token(env, &token, &generation));
	enum pm_err err = master_public_in(token, record, out, deadline);
	TRY(environment_same_token(env, generation));
	return err == PM_NOT_FOUND ? missing(env, record) : err;
}

static enum pm_err check_value_of_cipher(struct environment *env,
					 const struct master_record *record,
					 uint8_t check[STORE_CHECK_LEN], int64_t deadline)
{
	uint8_t again[STORE_CHECK_LEN];
	struct hsm *token = NULL;
	uint64_t generation = 0;

	TRY(environment_token(env, &token, &generation));
	enum pm_err err = check_of_cipher(token, record, check, deadline);
	if (err == PM_OK)
		err = check_of_cipher(token, record, again, deadline);
	TRY(environment_same_token(env, generation));
	if (err == PM_NOT_FOUND)
		return missing(env, record);
	TRY(err);
	if (secret_equal(check, again, sizeof(again)))
		return PM_OK;
	log_error("vault: %s's token gave two tags of one text: nothing is kept of it", env->name);
	return PM_HSM_UNAVAILABLE;
}

enum pm_err master_check_value(struct environment *env, const struct master_record *record,
			       uint8_t check[STORE_CHECK_LEN], int64_t deadline)
{
	struct hsm_job job = check_job(record);
	struct hsm_object object;

	if (master_is_pair(record)) {
		TRY(master_public(env, record, &object, deadline));
		return check_of_pair(&object, check);
	}
	if (master_is_cipher(record))
		return check_value_of_cipher(env, record, check, deadline);
	TRY(sure_hmac(env, &job, 1, deadline));
	memcpy(check, job.mac, STORE_CHECK_LEN);
	return PM_OK;
}

static uint32_t newest_version(struct environment *env, const char *purpose, const char *name)
{
	uint32_t newest = 0;

	pthread_rwlock_rdlock(&env->lock);
	for (size_t i = 0; i < env->master_count; i++) {
		const struct master_record *master = &env->masters[i];

		if (strcmp(master->purpose, purpose) == 0 && strcmp(master->name, name) == 0 &&
		    master->version > newest)
			newest = master->version;
	}
	pthread_rwlock_unlock(&env->lock);
	return newest;
}

enum pm_err master_stage(struct environment *env, const char *purpose, const char *name,
			 struct master_record *out)
{
	uint32_t newest = newest_version(env, purpose, name);

	if (newest >= VAULT_PEPPER_VERSIONS_MAX)
		return PM_TOO_LARGE;
	*out = (struct master_record){
		.version = newest + 1,
		.state = MASTER_STAGED,
		.created_at = clock_unix(),
		.revision = 1,
	};
	out->changed_at = out->created_at;
	snprintf(out->environment, sizeof(out->environment), "%s", env->name);
	snprintf(out->purpose, sizeof(out->purpose), "%s", purpose);
	snprintf(out->name, sizeof(out->name), "%s", name);
	if (RAND_bytes(out->key_id, sizeof(out->key_id)) != 1) {
		log_error("vault: OpenSSL gives no random bytes");
		return PM_INTERNAL;
	}
	return PM_OK;
}

enum pm_err master_seal(struct environment *env, struct master_record *record, int64_t deadline)
{
	struct seal_task task;

	seal_cover_master(&task, record);
	return seal_make(env, &task, 1, deadline);
}

enum pm_err master_set_state(struct environment *env, struct master_record *record,
			     enum master_state state, int64_t deadline)
{
	record->state = state;
	record->changed_at = clock_unix();
	return master_revise(env, record, deadline);
}

enum pm_err master_revise(struct environment *env, struct master_record *record, int64_t deadline)
{
	record->revision++;
	return master_seal(env, record, deadline);
}

void master_leaf(struct leaf *leaf, enum leaf_type type, const struct actor *actor,
		 struct environment *env, const struct master_record *record)
{
	char id[2 * STORE_KEY_ID_LEN + 1], check[2 * STORE_CHECK_LEN + 1];

	hex_encode(bytes_of(record->key_id, sizeof(record->key_id)), id);
	hex_encode(bytes_of(record->check, sizeof(record->check)), check);
	leaf_begin(leaf, type, actor, env->audit, env);
	leaf_text(leaf, "purpose", record->purpose);
	leaf_text(leaf, "name", record->name);
	leaf_number(leaf, "version", record->version);
	leaf_text(leaf, "key_id", id);
	if (state_is_finished(record))
		leaf_text(leaf, "check_value", check);
}

enum pm_err master_seal_executed(struct environment *env, const struct master_record *record,
				 struct executed_record *executed, int64_t deadline)
{
	struct seal_task task;

	snprintf(executed->subject, sizeof(executed->subject), "%s/v%u", record->name,
		 record->version);
	seal_cover_executed(&task, executed);
	return seal_make(env, &task, 1, deadline);
}

enum pm_err master_commit(struct environment *env, enum store_op op,
			  const struct master_record *record, struct executed_record *executed,
			  struct leaf *leaf, int64_t deadline)
{
	struct store_change changes[3] = { { .op = op, .master = record } };
	size_t count = 1;

	if (executed) {
		TRY(master_seal_executed(env, record, executed, deadline));
		changes[count++] =
			(struct store_change){ .op = STORE_INSERT_EXECUTED, .executed = executed };
	}
	TRY(leaf_end(leaf));
	changes[count++] = (struct store_change){ .op = STORE_APPEND_LEAF, .leaf = &leaf->record };
	TRY(audit_commit(env->audit, changes, count, NULL, deadline));
	return environment_put_masters(env, record, 1);
}

enum pm_err master_abandon(struct environment *env, struct master_record *record, int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };

	log_warn("vault: %s %s version %u of %s was never finished; its number is not used again",
		 record->purpose, record->name, record->version, env->name);
	TRY(master_set_state(env, record, MASTER_DESTROYED, deadline));
	master_leaf(&leaf, LEAF_MASTER_ABANDON, NULL, env, record);
	return master_commit(env, STORE_UPDATE_MASTER, record, NULL, &leaf, deadline);
}
