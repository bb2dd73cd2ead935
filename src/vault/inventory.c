/* The master keys of all environments: as recorded, and as their tokens tell now. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "domain.h"
#include "master.h"
#include "object.h"
#include "report.h"
#include "vault/audit.h"

/* Of one environment. */
struct work {
	struct master_record masters[MASTERS_MAX];
	struct hsm_object objects[HSM_OBJECTS_MAX];
	size_t master_count, object_count;
};

/* The records that were checked when the environment was attached; before that, those there are. */
static enum pm_err load_masters(struct environment *env, struct work *work)
{
	pthread_rwlock_rdlock(&env->lock);
	work->master_count = env->master_count;
	memcpy(work->masters, env->masters, env->master_count * sizeof(work->masters[0]));
	pthread_rwlock_unlock(&env->lock);
	if (work->master_count > 0)
		return PM_OK;
	return store_list_masters(env->store, env->name, work->masters, MASTERS_MAX,
				  &work->master_count);
}

/* One HSM that hangs leaves time for the others, and for the entry in the log. */
static void load_objects(struct environment *env, struct work *work, int64_t deadline)
{
	int64_t now = clock_now();
	struct hsm_status status;

	work->object_count = 0;
	hsm_status(env->hsm, &status);
	if (status.state != HSM_SERVING)
		return;
	enum pm_err err = object_list(env, env->hsm, work->objects, &work->object_count,
				      now + (deadline - now) / 2);
	if (err == PM_OK)
		return;
	work->object_count = 0; /* some may have been filled in */
	log_warn("vault: the keys of %s are not read back from its token: %s", env->name,
		 peppermint_error_name(err));
}

static const struct hsm_object *find_object(const struct work *work,
					    const struct master_record *master)
{
	for (size_t i = 0; i < work->object_count; i++) {
		if (memcmp(work->objects[i].id.bytes, master->key_id, sizeof(master->key_id)) == 0)
			return &work->objects[i];
	}
	return NULL;
}

/* vault.proto's numbers are hsm.h's, which has one more. */
static int algorithm(const struct master_record *master, const struct hsm_object *object)
{
	if (object)
		return object->algorithm == HSM_ALGORITHM_OTHER ? 0 : (int)object->algorithm;
	if (master_is_cipher(master))
		return (int)HSM_AES256_GCM;
	return master_is_pair(master) ? 0 : (int)HSM_HMAC_SHA256;
}

static void fill(const struct environment *env, const struct master_record *master,
		 const struct hsm_object *object, struct vault_master_key *key)
{
	*key = (struct vault_master_key){
		.version = master->version,
		.state = (enum pepper_state)master->state,
		.algorithm = algorithm(master, object),
		.created_at = master->created_at,
		.changed_at = master->changed_at,
	};
	copy_text(key->environment, sizeof(key->environment), env->name);
	copy_text(key->purpose, sizeof(key->purpose), master->purpose);
	copy_text(key->name, sizeof(key->name), master->name);
	memcpy(key->key_id, master->key_id, sizeof(key->key_id));
	memcpy(key->check_value, master->check, sizeof(key->check_value));
	if (!object)
		return;
	key->read_back = true;
	key->sensitive = object->sensitive;
	key->always_sensitive = object->always_sensitive;
	key->extractable = object->extractable;
	key->never_extractable = object->never_extractable;
	key->local = object->local;
}

static enum pm_err list_environment(struct environment *env, int64_t deadline, struct work *work,
				    struct vault_master_key *keys, size_t max, size_t *count)
{
	TRY(load_masters(env, work));
	if (work->master_count > max - *count)
		return PM_TOO_LARGE;
	load_objects(env, work, deadline);
	for (size_t i = 0; i < work->master_count; i++)
		fill(env, &work->masters[i], find_object(work, &work->masters[i]),
		     &keys[(*count)++]);
	return PM_OK;
}

enum pm_err vault_inventory(struct vault *vault, struct actor *actor, uint32_t report,
			    struct vault_master_key *keys, size_t max, size_t *count)
{
	const struct fold_act act = { .type = LEAF_INVENTORY_READ,
				      .key = report_name(report),
				      .count = 1 };
	struct work *work CLEANUP(free_ptr) = malloc(sizeof(*work));

	*count = 0;
	if (!work)
		return PM_NO_MEMORY;
	TRY(audit_admit(vault->audit));
	for (size_t i = 0; i < vault->environment_count; i++)
		TRY(list_environment(&vault->environments[i], actor->deadline, work, keys, max,
				     count));
	return audit_acts(vault->audit, actor, &act, 1);
}
