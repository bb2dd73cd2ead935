#include "uses.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define SLOTS ((size_t)2 * MASTERS_MAX)

struct use {
	uint8_t key_id[STORE_KEY_ID_LEN];
	struct uses_record record; /* which version; its counts are not used */
	atomic_uint_fast64_t stored, fresh;
	atomic_int_fast64_t last_at;
	atomic_int_fast64_t marks[USES_MARKS];
};

/* Versions are added and never removed, so whoever has found one may keep it. */
struct uses {
	pthread_rwlock_t lock; /* guards what follows, but not what is atomic */
	uint16_t slots[SLOTS]; /* by CKA_ID, which is random: index plus one */
	struct use uses[MASTERS_MAX];
	size_t count;
	bool loaded;
	pthread_mutex_t writing; /* one at a time */
};

enum pm_err uses_new(struct uses **out)
{
	struct uses *uses = calloc(1, sizeof(*uses));

	if (!uses)
		return PM_NO_MEMORY;
	pthread_rwlock_init(&uses->lock, NULL);
	pthread_mutex_init(&uses->writing, NULL);
	*out = uses;
	return PM_OK;
}

void uses_free(struct uses *uses)
{
	if (!uses)
		return;
	pthread_rwlock_destroy(&uses->lock);
	pthread_mutex_destroy(&uses->writing);
	free(uses);
}

/* The slot of that id, or the empty one where it belongs: there are twice as many as versions. */
static uint16_t *find_slot(struct uses *uses, const uint8_t key_id[STORE_KEY_ID_LEN])
{
	size_t slot = (key_id[0] | (size_t)key_id[1] << 8) % SLOTS;

	while (uses->slots[slot] != 0 &&
	       memcmp(uses->uses[uses->slots[slot] - 1].key_id, key_id, STORE_KEY_ID_LEN) != 0)
		slot = (slot + 1) % SLOTS;
	return &uses->slots[slot];
}

static struct use *find(struct uses *uses, const uint8_t key_id[STORE_KEY_ID_LEN])
{
	pthread_rwlock_rdlock(&uses->lock);
	const uint16_t *slot = find_slot(uses, key_id);
	struct use *use = *slot == 0 ? NULL : &uses->uses[*slot - 1];
	pthread_rwlock_unlock(&uses->lock);
	return use;
}

static struct use *add_locked(struct uses *uses, const struct master_record *master)
{
	uint16_t *slot = find_slot(uses, master->key_id);

	if (*slot != 0)
		return &uses->uses[*slot - 1];
	if (uses->count == MASTERS_MAX)
		return NULL;
	struct use *use = &uses->uses[uses->count++];
	*slot = (uint16_t)uses->count;
	memcpy(use->key_id, master->key_id, sizeof(use->key_id));
	use->record.version = master->version;
	strcpy(use->record.environment, master->environment);
	strcpy(use->record.purpose, master->purpose);
	strcpy(use->record.name, master->name);
	return use;
}

/* NULL only when there are more versions than an environment has room for. */
static struct use *find_or_add(struct uses *uses, const struct master_record *master)
{
	struct use *use = find(uses, master->key_id);

	if (use)
		return use;
	pthread_rwlock_wrlock(&uses->lock);
	use = add_locked(uses, master);
	pthread_rwlock_unlock(&uses->lock);
	return use;
}

void uses_count(struct environment *env, const uint8_t key_id[STORE_KEY_ID_LEN], uint64_t count)
{
	struct use *use = find(env->uses, key_id);
	struct master_record master;

	if (!use && environment_master_of(env, key_id, &master) == PM_OK)
		use = find_or_add(env->uses, &master);
	if (!use)
		return;
	atomic_fetch_add(&use->fresh, count);
	atomic_store(&use->last_at, clock_unix());
}

static void take_stored(struct environment *env, const struct uses_record *record)
{
	struct master_record master;

	if (environment_master(env, record->purpose, record->name, record->version, &master) !=
	    PM_OK)
		return;
	struct use *use = find_or_add(env->uses, &master);
	if (!use)
		return;
	atomic_store(&use->stored, record->uses);
	if (atomic_load(&use->last_at) < record->last_at)
		atomic_store(&use->last_at, record->last_at);
}

/* Inside a change: nobody else loads. */
enum pm_err uses_load(struct environment *env)
{
	struct uses_record *records CLEANUP(free_ptr) = NULL;
	size_t count = 0;

	if (env->uses->loaded)
		return PM_OK;
	records = calloc(MASTERS_MAX, sizeof(*records));
	if (!records)
		return PM_NO_MEMORY;
	TRY(store_list_uses(env->store, env->name, records, MASTERS_MAX, &count));
	for (size_t i = 0; i < count; i++)
		take_stored(env, &records[i]);
	env->uses->loaded = true;
	return PM_OK;
}

void uses_get(struct environment *env, const struct master_record *master, uint64_t *count,
	      int64_t *last_at)
{
	struct use *use = find(env->uses, master->key_id);

	*count = use ? atomic_load(&use->stored) + atomic_load(&use->fresh) : 0;
	*last_at = use ? atomic_load(&use->last_at) : 0;
}

int64_t uses_marked(struct environment *env, const struct master_record *master,
		    enum uses_mark mark)
{
	struct use *use = find(env->uses, master->key_id);

	return use ? atomic_load(&use->marks[mark]) : 0;
}

void uses_set_mark(struct environment *env, const struct master_record *master, enum uses_mark mark,
		   int64_t at)
{
	struct use *use = find_or_add(env->uses, master);

	if (use)
		atomic_store(&use->marks[mark], at);
}

/* What goes into one commit. */
struct uses_batch {
	struct use *uses[STORE_CHANGES_MAX];
	struct uses_record records[STORE_CHANGES_MAX];
	struct store_change changes[STORE_CHANGES_MAX];
	size_t count;
};

static void add_to_batch(struct uses_batch *batch, struct use *use)
{
	struct uses_record *record = &batch->records[batch->count];

	*record = use->record;
	record->uses = atomic_load(&use->fresh);
	record->last_at = atomic_load(&use->last_at);
	batch->uses[batch->count] = use;
	batch->changes[batch->count] =
		(struct store_change){ .op = STORE_ADD_USES, .uses = record };
	batch->count++;
}

static enum pm_err write_batch(struct environment *env, struct uses_batch *batch, int64_t deadline)
{
	if (batch->count == 0)
		return PM_OK;
	TRY(store_commit(env->store, batch->changes, batch->count, deadline));
	for (size_t i = 0; i < batch->count; i++) {
		atomic_fetch_add(&batch->uses[i]->stored, batch->records[i].uses);
		atomic_fetch_sub(&batch->uses[i]->fresh, batch->records[i].uses);
	}
	return PM_OK;
}

static enum pm_err write_all(struct environment *env, struct uses_batch *batch, int64_t deadline)
{
	pthread_rwlock_rdlock(&env->uses->lock);
	size_t count = env->uses->count;
	pthread_rwlock_unlock(&env->uses->lock);

	for (size_t i = 0; i < count; i++) {
		struct use *use = &env->uses->uses[i];

		if (atomic_load(&use->fresh) == 0)
			continue;
		add_to_batch(batch, use);
		if (batch->count < STORE_CHANGES_MAX)
			continue;
		TRY(write_batch(env, batch, deadline));
		batch->count = 0;
	}
	return write_batch(env, batch, deadline);
}

enum pm_err uses_write(struct environment *env, int64_t deadline)
{
	struct uses_batch *batch CLEANUP(free_ptr) = calloc(1, sizeof(*batch));

	if (!batch)
		return PM_NO_MEMORY;
	pthread_mutex_lock(&env->uses->writing);
	enum pm_err err = write_all(env, batch, deadline);
	pthread_mutex_unlock(&env->uses->writing);
	return err;
}
