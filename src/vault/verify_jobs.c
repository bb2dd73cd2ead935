#include <string.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "imported.h"
#include "layer.h"
#include "verify_batch.h"

static struct hsm_job *next_job(struct batch *batch, uint8_t place[HSM_MAC_LEN])
{
	batch->places[batch->job_count] = place;
	return &batch->jobs[batch->job_count++];
}

static enum pm_err add_seal(struct environment *env, struct batch *batch, struct item *item,
			    int computation)
{
	struct hsm_job job = { 0 };

	seal_cover_key(item->seal, item->record);
	enum pm_err err = seal_job(env, item->seal, &job);
	item->seal_proof.possible = err == PM_OK;
	if (err == PM_RECORD_QUARANTINED)
		return PM_OK;
	TRY(err);
	*next_job(batch, item->seal_proof.macs[computation]) = job;
	return PM_OK;
}

struct known {
	uint8_t bytes[IMPORTED_KNOWN_MAX];
};

static void known_wipe(struct known *known)
{
	secret_wipe(known, sizeof(*known));
}

/* One of our own secrets is none of another system's: it is computed all the same, for the time it takes. */
static enum pm_err cover_imported(struct environment *env, const struct item *item,
				  const struct secret_record *secret, struct buf *covered,
				  int64_t deadline)
{
	struct known known CLEANUP(known_wipe);
	const uint32_t form = secret->form == SECRET_OURS ? SECRET_TEXT : secret->form;
	size_t len = 0;

	TRY(imported_known(env, form, item->record->import_key,
			   bytes_of(item->text, item->text_len), known.bytes, &len, deadline));
	imported_cover(env, item->key.id, secret->version, form, bytes_of(known.bytes, len),
		       covered);
	return PM_OK;
}

static enum pm_err cover(struct environment *env, const struct item *item, int which,
			 uint32_t layer, const uint8_t below[HSM_MAC_LEN], struct buf *covered,
			 int64_t deadline)
{
	const struct secret_record *secret = &item->record->secrets[which];

	if (layer > 0)
		layer_cover(env, item->key.id, secret, layer, below, covered);
	else if (item->imported)
		return cover_imported(env, item, secret, covered, deadline);
	else
		secret_cover(env, &item->key, secret->version, covered);
	return PM_OK;
}

/* A version of a key that is gone can compute nothing: then there is no match. */
static enum pm_err add_layer(struct environment *env, struct batch *batch, struct item *item,
			     int which, uint32_t layer, int computation, int64_t deadline)
{
	const struct secret_record *secret = &item->record->secrets[which];
	struct proof *proof = &item->secret_proofs[which];
	struct buf covered = BUF(item->rooms[which]);
	uint8_t *place = proof->macs[computation];
	struct master_record pepper;

	enum pm_err err =
		pepper_in_token(env, VAULT_API_KEYS_PEPPER, layer_version(secret, layer), &pepper);
	if (err == PM_OK)
		err = cover(env, item, which, layer, place, &covered, deadline);
	proof->possible = err == PM_OK;
	if (err == PM_NOT_FOUND)
		return PM_OK;
	TRY(err);
	if (covered.full)
		return PM_INTERNAL;
	struct hsm_job *job = next_job(batch, place);
	memcpy(job->key.bytes, pepper.key_id, sizeof(job->key.bytes));
	job->data = buf_bytes(&covered);
	return PM_OK;
}

static bool has_layer(const struct item *item, int which, uint32_t layer)
{
	const struct secret_record *secret = &item->record->secrets[which];

	return secret->version != 0 && layer < layer_count(secret) &&
	       (layer == 0 || item->secret_proofs[which].possible);
}

static enum pm_err add_layers(struct environment *env, struct batch *batch, struct item *item,
			      uint32_t layer, int computation, int64_t deadline)
{
	for (int i = 0; i < SECRETS_PER_KEY; i++) {
		if (has_layer(item, i, layer))
			TRY(add_layer(env, batch, item, i, layer, computation, deadline));
	}
	return PM_OK;
}

/* The seals first and then the secrets: jobs of one key side by side are counted at once. */
static enum pm_err add_jobs(struct environment *env, struct batch *batch, uint32_t layer,
			    int computation, int64_t deadline)
{
	for (size_t i = 0; layer == 0 && i < batch->count; i++) {
		if (batch->items[i].pending)
			TRY(add_seal(env, batch, &batch->items[i], computation));
	}
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->items[i].pending)
			TRY(add_layers(env, batch, &batch->items[i], layer, computation, deadline));
	}
	return PM_OK;
}

/* *any: some item has that many layers. */
static enum pm_err compute_layer(struct environment *env, struct batch *batch, uint32_t layer,
				 int computation, bool *any, int64_t deadline)
{
	batch->job_count = 0;
	TRY(add_jobs(env, batch, layer, computation, deadline));
	*any = batch->job_count > 0;
	if (!*any)
		return PM_OK;
	TRY(environment_hmac(env, batch->jobs, batch->job_count, deadline));
	for (size_t i = 0; i < batch->job_count; i++)
		memcpy(batch->places[i], batch->jobs[i].mac, HSM_MAC_LEN);
	return PM_OK;
}

static void settle(struct proof *proof, const uint8_t stored[HSM_MAC_LEN], int computation)
{
	bool same = secret_equal(proof->macs[computation], stored, HSM_MAC_LEN);

	proof->holds = proof->holds || (proof->possible && same);
	proof->unsure = proof->possible && !proof->holds && computation > 0 &&
			!secret_equal(proof->macs[0], proof->macs[computation], HSM_MAC_LEN);
}

/* Every secret is compared, whichever matches. */
static void settle_item(struct item *item, int computation)
{
	settle(&item->seal_proof, item->record->seal.mac, computation);
	for (int i = 0; i < SECRETS_PER_KEY; i++)
		settle(&item->secret_proofs[i], item->record->secrets[i].mac, computation);
}

enum pm_err verify_compute(struct environment *env, struct batch *batch, int computation,
			   int64_t deadline)
{
	bool any = true;

	for (uint32_t layer = 0; layer < LAYERS_MAX && any; layer++)
		TRY(compute_layer(env, batch, layer, computation, &any, deadline));
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->items[i].pending)
			settle_item(&batch->items[i], computation);
	}
	return PM_OK;
}
