/*
 * Finding the records of presented keys, and making sure of what is computed from them. A refusal that
 * rests on a MAC, or on the version that made it, is computed once more before it is believed, and the
 * record read again: it may have been moved away from that version meanwhile, and the version gone.
 */
#include <string.h>

#include "imported.h"
#include "verify_batch.h"

/* Of records that others keep changing under our hands. */
#define RELOADS 3

/*
 * An unknown id costs what a wrong secret costs, and cannot be told from it by time: the decoy is a key
 * that has one secret, of one layer. What rewrap has wrapped costs a frame more for each layer.
 */
enum pm_err verify_make_decoy(struct environment *env, struct key_record *decoy)
{
	struct master_record master;

	*decoy = (struct key_record){ .secrets[SECRET_CURRENT].version = 1 };
	strcpy(decoy->environment, env->name);
	TRY(environment_master(env, PURPOSE_INTEGRITY, INTEGRITY_NAME, 0, &master));
	decoy->seal.version = master.version;
	TRY(environment_master(env, PURPOSE_PEPPER, VAULT_API_KEYS_PEPPER, 0, &master));
	decoy->secrets[SECRET_CURRENT].pepper_version = master.version;
	return PM_OK;
}

static enum pm_err find(struct environment *env, struct item *item, int64_t deadline)
{
	if (!item->imported || item->named)
		return store_get_key(env->store, env->name, item->key.id, item->record);
	TRY(imported_find(env, bytes_of(item->text, item->text_len), item->record, deadline));
	strcpy(item->key.id, item->record->id);
	return PM_OK;
}

static enum pm_err load(struct environment *env, const struct key_record *decoy, struct item *item,
			int64_t deadline)
{
	enum pm_err err = find(env, item, deadline);

	item->found = err == PM_OK ? FOUND : err == PM_NOT_FOUND ? MISSING : DAMAGED;
	if (item->found == FOUND)
		return PM_OK;
	if (err != PM_NOT_FOUND && err != PM_RECORD_QUARANTINED)
		return err;
	*item->record = *decoy;
	return PM_OK;
}

static void forget_proofs(struct item *item)
{
	memset(&item->seal_proof, 0, sizeof(item->seal_proof));
	memset(item->secret_proofs, 0, sizeof(item->secret_proofs));
}

static void load_pending(struct environment *env, const struct key_record *decoy,
			 struct batch *batch, int64_t deadline)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];

		if (!item->pending)
			continue;
		forget_proofs(item);
		item->err = load(env, decoy, item, deadline);
		item->pending = item->err == PM_OK;
	}
}

static void fail_pending(struct batch *batch, enum pm_err err)
{
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->items[i].pending)
			batch->items[i].err = err;
	}
}

static bool any_pending(const struct batch *batch)
{
	bool any = false;

	for (size_t i = 0; i < batch->count; i++)
		any = any || batch->items[i].pending;
	return any;
}

static void compute_and_judge(struct environment *env, struct batch *batch, int64_t deadline)
{
	bool doubts = any_pending(batch);

	for (int computation = 0; computation < COMPUTATIONS && doubts; computation++) {
		enum pm_err err = verify_compute(env, batch, computation, deadline);

		if (err != PM_OK) {
			fail_pending(batch, err);
			return;
		}
		doubts = verify_judge(env, batch);
	}
}

/* Its lookups were computed twice, and no record that was there can have been moved away from them. */
static bool is_nowhere(const struct item *item)
{
	return item->imported && !item->named && item->found == MISSING;
}

/* Looks whether the doubted records are still what was judged; those that are not are pending. */
static bool load_again(struct environment *env, const struct key_record *decoy, struct batch *batch,
		       int64_t deadline)
{
	bool any = false;

	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];
		const uint64_t revision = item->record->revision;
		const enum found found = item->found;

		if (is_nowhere(item))
			item->pending = false;
		if (!item->pending || item->err != PM_OK)
			continue;
		item->err = load(env, decoy, item, deadline);
		item->pending = item->err == PM_OK &&
				(item->found != found || item->record->revision != revision);
		if (!item->pending)
			continue;
		forget_proofs(item);
		any = true;
	}
	return any;
}

void verify_prove(struct environment *env, const struct key_record *decoy, struct batch *batch,
		  int64_t deadline)
{
	load_pending(env, decoy, batch, deadline);
	compute_and_judge(env, batch, deadline);
	for (int i = 0; i < RELOADS && load_again(env, decoy, batch, deadline); i++)
		compute_and_judge(env, batch, deadline);
	for (size_t i = 0; i < batch->count; i++)
		batch->items[i].pending = false; /* whatever it is, it is final */
}
