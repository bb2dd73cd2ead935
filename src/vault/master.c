#include "master.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "seal.h"

#define CHECK_TEXT "peppermint/v1/check-value"

void master_label(const struct master_record *record, char label[HSM_LABEL_MAX + 1])
{
	snprintf(label, HSM_LABEL_MAX + 1, "peppermint/%s/%s/%s/v%u", record->environment,
		 record->purpose, record->name, record->version);
}

enum pm_err master_check_value(struct environment *env, const struct master_record *record,
			       uint8_t check[STORE_CHECK_LEN], int64_t deadline)
{
	struct hsm_job job = { .data = bytes_str(CHECK_TEXT) };

	memcpy(job.key.bytes, record->key_id, sizeof(job.key.bytes));
	TRY(environment_hmac(env, &job, 1, deadline));
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

static enum pm_err seal(struct environment *env, struct master_record *record, int64_t deadline)
{
	struct seal_task task;

	seal_cover_master(&task, record);
	return seal_make(env, &task, 1, deadline);
}

static enum pm_err update_master(struct environment *env, struct master_record *record,
				 enum master_state state, int64_t deadline)
{
	record->state = state;
	record->changed_at = clock_unix();
	record->revision++;
	return seal(env, record, deadline);
}

enum pm_err master_abandon(struct environment *env, struct master_record *record, int64_t deadline)
{
	struct store_change change = { .op = STORE_UPDATE_MASTER, .master = record };

	log_warn("vault: %s %s version %u of %s was never finished; its number is not used again",
		 record->purpose, record->name, record->version, env->name);
	TRY(update_master(env, record, MASTER_DESTROYED, deadline));
	TRY(store_commit(env->store, &change, 1, deadline));
	return environment_put_masters(env, record, 1);
}

static enum pm_err generate(struct environment *env, struct master_record *record, int64_t deadline)
{
	struct hsm_object object;
	struct hsm_id id;
	char label[HSM_LABEL_MAX + 1];

	master_label(record, label);
	memcpy(id.bytes, record->key_id, sizeof(id.bytes));
	TRY(hsm_generate(env->hsm, &id, label, &object, deadline));
	return master_check_value(env, record, record->check, deadline);
}

/* The new version takes over from the one that is active now, in one commit. */
static enum pm_err activate(struct environment *env, const struct master_record *staged,
			    struct executed_record *executed, int64_t deadline)
{
	struct master_record versions[2] = { *staged };
	struct store_change changes[3];
	struct seal_task task;
	size_t count = 1, change_count = 0;

	TRY(update_master(env, &versions[0], MASTER_ACTIVE, deadline));
	if (environment_master(env, staged->purpose, staged->name, 0, &versions[1]) == PM_OK) {
		TRY(update_master(env, &versions[1], MASTER_VERIFY_ONLY, deadline));
		count = 2;
	}
	for (size_t i = 0; i < count; i++)
		changes[change_count++] =
			(struct store_change){ .op = STORE_UPDATE_MASTER, .master = &versions[i] };
	if (executed) {
		snprintf(executed->subject, sizeof(executed->subject), "%s/v%u", staged->name,
			 staged->version);
		seal_cover_executed(&task, executed);
		TRY(seal_make(env, &task, 1, deadline));
		changes[change_count++] =
			(struct store_change){ .op = STORE_INSERT_EXECUTED, .executed = executed };
	}
	TRY(store_commit(env->store, changes, change_count, deadline));
	return environment_put_masters(env, versions, count);
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
	size_t count = 0;

	if (!found)
		return PM_NO_MEMORY;
	master_label(next, label);
	size_t stem = (size_t)(strrchr(label, 'v') + 1 - label);
	label[stem] = '\0';
	TRY(hsm_list(env->hsm, label, found, &count, deadline));
	for (size_t i = 0; i < count; i++) {
		if (strtoul(found[i].label + stem, NULL, 10) >= next->version)
			return PM_TOKEN_MISMATCH;
	}
	return PM_OK;
}

enum pm_err master_create(struct environment *env, const char *purpose, const char *name,
			  struct executed_record *executed, int64_t deadline)
{
	struct master_record record;
	struct store_change intent = { .op = STORE_INSERT_MASTER, .master = &record };

	TRY(master_stage(env, purpose, name, &record));
	TRY(refuse_lost(env, &record, deadline));
	TRY(seal(env, &record, deadline));
	TRY(store_commit(env->store, &intent, 1, deadline));
	TRY(environment_put_masters(env, &record, 1));

	struct master_record staged = record;
	enum pm_err err = generate(env, &record, deadline);
	if (err == PM_OK)
		err = activate(env, &record, executed, deadline);
	/*
	 * A commit whose deadline passed was not done, so the record in the store is still the
	 * staged one. If abandoning fails as well, the next start finds it.
	 */
	if (err != PM_OK && master_abandon(env, &staged, deadline) != PM_OK)
		log_warn("vault: %s %s version %u of %s stays staged until the next start", purpose,
			 name, staged.version, env->name);
	return err;
}
