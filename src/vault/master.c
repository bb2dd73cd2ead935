#include "master.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "seal.h"

#define CHECK_TEXT "peppermint/v1/check-value"

void master_label(const struct master_record *record, char label[HSM_LABEL_MAX + 1])
{
	snprintf(label, HSM_LABEL_MAX + 1, "peppermint/%s/%s/%s/v%u", record->environment,
		 record->purpose, record->name, record->version);
}

bool master_is_pair(const struct master_record *record)
{
	return strcmp(record->purpose, PURPOSE_AUDIT) == 0 &&
	       strcmp(record->name, AUDIT_LOG_NAME) == 0;
}

enum pm_err master_public(struct environment *env, const struct master_record *record,
			  struct hsm_object *out, int64_t deadline)
{
	struct hsm_object *found CLEANUP(free_ptr) = calloc(HSM_OBJECTS_MAX, sizeof(*found));
	char label[HSM_LABEL_MAX + 1];
	size_t count = 0;

	if (!found)
		return PM_NO_MEMORY;
	master_label(record, label);
	TRY(hsm_list(env->hsm, label, found, &count, deadline));
	for (size_t i = 0; i < count; i++) {
		if (memcmp(found[i].id.bytes, record->key_id, sizeof(record->key_id)) != 0 ||
		    found[i].public_len == 0)
			continue;
		*out = found[i];
		return PM_OK;
	}
	log_error("vault: %s is not in %s's token any more", label, env->name);
	return PM_TOKEN_MISMATCH;
}

static enum pm_err check_pair(const struct hsm_object *object, uint8_t check[STORE_CHECK_LEN])
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(object->public_key, object->public_len, digest, NULL, EVP_sha256(), NULL) !=
	    1) {
		log_error("vault: OpenSSL makes no SHA-256");
		return PM_INTERNAL;
	}
	memcpy(check, digest, STORE_CHECK_LEN);
	return PM_OK;
}

enum pm_err master_check_value(struct environment *env, const struct master_record *record,
			       uint8_t check[STORE_CHECK_LEN], int64_t deadline)
{
	struct hsm_job job = { .data = bytes_str(CHECK_TEXT) };
	struct hsm_object object;

	if (master_is_pair(record)) {
		TRY(master_public(env, record, &object, deadline));
		return check_pair(&object, check);
	}
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

void master_leaf(struct leaf *leaf, enum leaf_type type, struct environment *env,
		 const struct master_record *record)
{
	char id[2 * STORE_KEY_ID_LEN + 1], check[2 * STORE_CHECK_LEN + 1];

	hex_encode(bytes_of(record->key_id, sizeof(record->key_id)), id);
	hex_encode(bytes_of(record->check, sizeof(record->check)), check);
	leaf_begin(leaf, type, NULL, env->audit, env);
	leaf_text(leaf, "purpose", record->purpose);
	leaf_text(leaf, "name", record->name);
	leaf_number(leaf, "version", record->version);
	leaf_text(leaf, "key_id", id);
	if (record->state == MASTER_ACTIVE || record->state == MASTER_VERIFY_ONLY)
		leaf_text(leaf, "check_value", check);
}

enum pm_err master_commit(struct environment *env, const struct store_change *change,
			  enum leaf_type type, int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop);
	const struct store_change changes[] = {
		*change,
		{ .op = STORE_APPEND_LEAF, .leaf = &leaf.record },
	};

	master_leaf(&leaf, type, env, change->master);
	TRY(leaf_end(&leaf));
	return audit_commit(env->audit, changes, 2, NULL, deadline);
}

enum pm_err master_abandon(struct environment *env, struct master_record *record, int64_t deadline)
{
	struct store_change change = { .op = STORE_UPDATE_MASTER, .master = record };

	log_warn("vault: %s %s version %u of %s was never finished; its number is not used again",
		 record->purpose, record->name, record->version, env->name);
	TRY(update_master(env, record, MASTER_DESTROYED, deadline));
	TRY(master_commit(env, &change, LEAF_MASTER_ABANDON, deadline));
	return environment_put_masters(env, record, 1);
}

static enum pm_err generate(struct environment *env, struct master_record *record,
			    struct hsm_object *object, int64_t deadline)
{
	struct hsm_id id;
	char label[HSM_LABEL_MAX + 1];

	master_label(record, label);
	memcpy(id.bytes, record->key_id, sizeof(id.bytes));
	if (master_is_pair(record))
		TRY(hsm_generate_pair(env->hsm, &id, label, object, deadline));
	else
		TRY(hsm_generate(env->hsm, &id, label, object, deadline));
	return master_check_value(env, record, record->check, deadline);
}

enum { NEW_VERSION, OLD_VERSION, VERSIONS };

/* All that one commit changes when a version takes over from the one before. */
struct takeover {
	struct master_record versions[VERSIONS];
	struct leaf leaves[VERSIONS];
	size_t version_count; /* 1 for a first version */
	struct store_change changes[2 * VERSIONS + 2 + MASTER_COMPANY_MAX];
	size_t change_count;
};

static void takeover_end(struct takeover *takeover)
{
	for (size_t i = 0; i < VERSIONS; i++)
		leaf_drop(&takeover->leaves[i]);
}

static void add_change(struct takeover *takeover, struct store_change change)
{
	takeover->changes[takeover->change_count++] = change;
}

static enum pm_err add_versions(struct environment *env, struct takeover *takeover,
				int64_t deadline)
{
	struct master_record *versions = takeover->versions;
	const struct master_record *next = &versions[NEW_VERSION];

	takeover->version_count = environment_master(env, next->purpose, next->name, 0,
						     &versions[OLD_VERSION]) == PM_OK
					  ? VERSIONS
					  : 1;
	TRY(update_master(env, &versions[NEW_VERSION], MASTER_ACTIVE, deadline));
	if (takeover->version_count == VERSIONS)
		TRY(update_master(env, &versions[OLD_VERSION], MASTER_VERIFY_ONLY, deadline));
	for (size_t i = 0; i < takeover->version_count; i++)
		add_change(takeover, (struct store_change){ .op = STORE_UPDATE_MASTER,
							    .master = &versions[i] });
	return PM_OK;
}

static enum pm_err add_executed(struct environment *env, struct executed_record *executed,
				struct takeover *takeover, int64_t deadline)
{
	const struct master_record *next = &takeover->versions[NEW_VERSION];
	struct seal_task task;

	snprintf(executed->subject, sizeof(executed->subject), "%s/v%u", next->name, next->version);
	seal_cover_executed(&task, executed);
	TRY(seal_make(env, &task, 1, deadline));
	add_change(takeover,
		   (struct store_change){ .op = STORE_INSERT_EXECUTED, .executed = executed });
	return PM_OK;
}

static enum pm_err add_leaf(struct leaf *leaf, struct takeover *takeover)
{
	TRY(leaf_end(leaf));
	add_change(takeover,
		   (struct store_change){ .op = STORE_APPEND_LEAF, .leaf = &leaf->record });
	return PM_OK;
}

/* The caller's is the last. */
static enum pm_err add_leaves(struct environment *env, struct leaf *callers,
			      struct takeover *takeover)
{
	static const enum leaf_type types[VERSIONS] = { LEAF_MASTER_ACTIVATE, LEAF_MASTER_RETIRE };

	for (size_t i = 0; i < takeover->version_count && i < VERSIONS; i++) {
		master_leaf(&takeover->leaves[i], types[i], env, &takeover->versions[i]);
		TRY(add_leaf(&takeover->leaves[i], takeover));
	}
	if (!callers)
		return PM_OK;
	leaf_number(callers, "version", takeover->versions[NEW_VERSION].version);
	return add_leaf(callers, takeover);
}

/* The new version takes over from the one that is active now, in one commit. */
static enum pm_err activate(struct environment *env, const struct master_record *staged,
			    const struct hsm_object *object, struct executed_record *executed,
			    struct leaf *leaf, const struct master_company *company,
			    int64_t deadline)
{
	struct takeover takeover CLEANUP(takeover_end) = { .versions = { *staged } };

	TRY(add_versions(env, &takeover, deadline));
	if (executed)
		TRY(add_executed(env, executed, &takeover, deadline));
	if (company)
		TRY(company->add(company->arg, &takeover.versions[NEW_VERSION], object,
				 takeover.changes, &takeover.change_count));
	TRY(add_leaves(env, leaf, &takeover));
	TRY(audit_commit(env->audit, takeover.changes, takeover.change_count, NULL, deadline));
	return environment_put_masters(env, takeover.versions, takeover.version_count);
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

enum pm_err master_create_with(struct environment *env, const char *purpose, const char *name,
			       struct executed_record *executed, struct leaf *leaf,
			       const struct master_company *company, int64_t deadline)
{
	struct master_record record;
	struct hsm_object object;
	struct store_change intent = { .op = STORE_INSERT_MASTER, .master = &record };

	TRY(master_stage(env, purpose, name, &record));
	TRY(refuse_lost(env, &record, deadline));
	TRY(seal(env, &record, deadline));
	TRY(master_commit(env, &intent, LEAF_MASTER_STAGE, deadline));
	TRY(environment_put_masters(env, &record, 1));

	struct master_record staged = record;
	enum pm_err err = generate(env, &record, &object, deadline);
	if (err == PM_OK)
		err = activate(env, &record, &object, executed, leaf, company, deadline);
	/*
	 * A commit whose deadline passed was not done, so the record in the store is still the
	 * staged one. If abandoning fails as well, the next start finds it.
	 */
	if (err != PM_OK && master_abandon(env, &staged, deadline) != PM_OK)
		log_warn("vault: %s %s version %u of %s stays staged until the next start", purpose,
			 name, staged.version, env->name);
	return err;
}

enum pm_err master_create(struct environment *env, const char *purpose, const char *name,
			  struct executed_record *executed, struct leaf *leaf, int64_t deadline)
{
	return master_create_with(env, purpose, name, executed, leaf, NULL, deadline);
}
