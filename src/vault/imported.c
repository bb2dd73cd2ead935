#include "imported.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "state.h"
#include "sure.h"

/* How the text may be known to its record: by each digest, and by each import key's HMAC. */
#define WAYS_MAX (2 + IMPORTED_KEYS_MAX)

struct way {
	uint32_t form;
	char key[sizeof(((struct key_record *)NULL)->import_key)]; /* of SECRET_HMAC */
	struct hsm_id key_id;
	uint8_t known[SHA512_DIGEST_LENGTH];
	size_t len;
	struct buf covered;
	uint8_t room[IMPORTED_LOOKUP_ROOM];
};

/* Holds what its owner alone knows. */
struct search {
	struct way ways[WAYS_MAX];
	size_t way_count;
	struct master_record indexes[VAULT_PEPPER_VERSIONS_MAX];
	size_t index_count;
};

static void search_free(struct search **search)
{
	if (*search)
		secret_free(*search, sizeof(**search));
}

static bool has_form(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] <= ' ' || text.data[i] > '~')
			return false;
	}
	return text.len >= IMPORTED_TEXT_MIN && text.len <= VAULT_IMPORT_TEXT_MAX;
}

/* An environment has an index key from its first import on. */
bool imported_is_possible(struct environment *env, struct bytes text)
{
	struct master_record index;

	return has_form(text) &&
	       environment_master(env, PURPOSE_INDEX, INDEX_NAME, 0, &index) == PM_OK;
}

bool imported_is_text(struct bytes text)
{
	return has_form(text);
}

enum pm_err imported_hmac_key(struct environment *env, const char *name, struct master_record *out)
{
	enum pm_err err = PM_NOT_FOUND;

	pthread_rwlock_rdlock(&env->lock);
	for (size_t i = 0; i < env->master_count; i++) {
		const struct master_record *master = &env->masters[i];

		if (strcmp(master->purpose, PURPOSE_IMPORT) != 0 ||
		    strcmp(master->name, name) != 0 || !state_in_token(master))
			continue;
		*out = *master;
		err = PM_OK;
	}
	pthread_rwlock_unlock(&env->lock);
	return err;
}

size_t imported_hmac_keys(struct environment *env)
{
	size_t count = 0;

	pthread_rwlock_rdlock(&env->lock);
	for (size_t i = 0; i < env->master_count; i++)
		count += strcmp(env->masters[i].purpose, PURPOSE_IMPORT) == 0 &&
			 state_in_token(&env->masters[i]);
	pthread_rwlock_unlock(&env->lock);
	return count;
}

void imported_cover(const struct environment *env, const char *key_id, uint32_t version,
		    uint32_t form, struct bytes known, struct buf *buf)
{
	buf_put_field(buf, bytes_str("peppermint/v1/imported-key"));
	buf_put_field(buf, bytes_str(env->name));
	buf_put_field(buf, bytes_str(key_id));
	buf_put_u32(buf, version);
	buf_put_u32(buf, form);
	buf_put_field(buf, known);
}

void imported_lookup_cover(const struct environment *env, uint32_t form, const char *hmac_key,
			   struct bytes known, struct buf *buf)
{
	buf_put_field(buf, bytes_str("peppermint/v1/imported-lookup"));
	buf_put_field(buf, bytes_str(env->name));
	buf_put_u32(buf, form);
	buf_put_field(buf, bytes_str(hmac_key));
	buf_put_field(buf, known);
}

static enum pm_err hmac(struct environment *env, const struct hsm_id *key, struct bytes text,
			uint8_t out[HSM_MAC_LEN], int64_t deadline)
{
	struct hsm_job job = { .key = *key, .data = text };

	TRY(sure_hmac(env, &job, 1, deadline));
	memcpy(out, job.mac, HSM_MAC_LEN);
	secret_wipe(job.mac, sizeof(job.mac));
	return PM_OK;
}

static enum pm_err known_by_key(struct environment *env, const char *hmac_key, struct bytes text,
				uint8_t out[HSM_MAC_LEN], int64_t deadline)
{
	struct master_record master;
	struct hsm_id id;

	TRY(imported_hmac_key(env, hmac_key, &master));
	if (!state_rules(master.state)->vouches)
		return PM_NOT_FOUND;
	memcpy(id.bytes, master.key_id, sizeof(id.bytes));
	return hmac(env, &id, text, out, deadline);
}

enum pm_err imported_known(struct environment *env, uint32_t form, const char *hmac_key,
			   struct bytes text, uint8_t out[IMPORTED_KNOWN_MAX], size_t *len,
			   int64_t deadline)
{
	if (text.len > IMPORTED_KNOWN_MAX)
		return PM_TOO_LARGE;
	switch (form) {
	case SECRET_TEXT:
		memcpy(out, text.data, text.len);
		*len = text.len;
		return PM_OK;
	case SECRET_SHA256:
		*len = SHA256_DIGEST_LENGTH;
		return SHA256(text.data, text.len, out) ? PM_OK : PM_INTERNAL;
	case SECRET_SHA512:
		*len = SHA512_DIGEST_LENGTH;
		return SHA512(text.data, text.len, out) ? PM_OK : PM_INTERNAL;
	case SECRET_HMAC:
		*len = HSM_MAC_LEN;
		return known_by_key(env, hmac_key, text, out, deadline);
	default:
		return PM_NOT_FOUND;
	}
}

/* What stands where, as long as the lock is held; then each is as good as it was. */
static void plan(struct environment *env, struct search *search)
{
	search->ways[search->way_count++].form = SECRET_SHA256;
	search->ways[search->way_count++].form = SECRET_SHA512;
	pthread_rwlock_rdlock(&env->lock);
	for (size_t i = 0; i < env->master_count; i++) {
		const struct master_record *master = &env->masters[i];

		if (!state_rules(master->state)->vouches)
			continue;
		if (strcmp(master->purpose, PURPOSE_INDEX) == 0 &&
		    search->index_count < VAULT_PEPPER_VERSIONS_MAX)
			search->indexes[search->index_count++] = *master;
		if (strcmp(master->purpose, PURPOSE_IMPORT) != 0 || search->way_count == WAYS_MAX)
			continue;
		struct way *way = &search->ways[search->way_count++];
		way->form = SECRET_HMAC;
		memcpy(way->key, master->name, sizeof(way->key));
		memcpy(way->key_id.bytes, master->key_id, sizeof(way->key_id.bytes));
	}
	pthread_rwlock_unlock(&env->lock);
}

/* One frame for all import keys' HMACs, if there are any. */
static enum pm_err compute_hmacs(struct environment *env, struct search *search, struct bytes text,
				 int64_t deadline)
{
	struct hsm_job jobs[IMPORTED_KEYS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < search->way_count; i++) {
		if (search->ways[i].form == SECRET_HMAC)
			jobs[count++] = (struct hsm_job){ search->ways[i].key_id, .data = text };
	}
	enum pm_err err = count > 0 ? sure_hmac(env, jobs, count, deadline) : PM_OK;
	for (size_t i = 0, job = 0; i < search->way_count && err == PM_OK; i++) {
		struct way *way = &search->ways[i];

		if (way->form != SECRET_HMAC)
			continue;
		memcpy(way->known, jobs[job++].mac, HSM_MAC_LEN);
		way->len = HSM_MAC_LEN;
	}
	secret_wipe(jobs, sizeof(jobs));
	return err;
}

static enum pm_err compute_known(struct environment *env, struct search *search, struct bytes text,
				 int64_t deadline)
{
	struct way *sha256 = &search->ways[0], *sha512 = &search->ways[1];

	if (!SHA256(text.data, text.len, sha256->known) ||
	    !SHA512(text.data, text.len, sha512->known))
		return PM_INTERNAL;
	sha256->len = SHA256_DIGEST_LENGTH;
	sha512->len = SHA512_DIGEST_LENGTH;
	TRY(compute_hmacs(env, search, text, deadline));
	for (size_t i = 0; i < search->way_count; i++) {
		struct way *way = &search->ways[i];

		way->covered = BUF(way->room);
		imported_lookup_cover(env, way->form, way->key, bytes_of(way->known, way->len),
				      &way->covered);
		if (way->covered.full)
			return PM_INTERNAL;
	}
	return PM_OK;
}

/* All lookups, whichever is the one, in frames as large as they may be. */
static enum pm_err compute_lookups(struct environment *env, const struct search *search,
				   struct hsm_job *jobs, size_t count, int64_t deadline)
{
	for (size_t i = 0; i < count; i++) {
		const struct master_record *index = &search->indexes[i / search->way_count];

		memcpy(jobs[i].key.bytes, index->key_id, sizeof(jobs[i].key.bytes));
		jobs[i].data = buf_bytes(&search->ways[i % search->way_count].covered);
	}
	for (size_t done = 0; done < count; done += SURE_JOBS_MAX) {
		size_t some = count - done < SURE_JOBS_MAX ? count - done : SURE_JOBS_MAX;

		TRY(sure_hmac(env, jobs + done, some, deadline));
	}
	return PM_OK;
}

/* The first that there is; the store is asked for all of them either way. */
static enum pm_err look_up(struct environment *env, const struct hsm_job *jobs, size_t count,
			   struct key_record *out)
{
	struct key_record record;
	enum pm_err found = PM_NOT_FOUND;

	for (size_t i = 0; i < count; i++) {
		enum pm_err err = store_find_key(env->store, env->name, jobs[i].mac, &record);

		if (err == PM_NOT_FOUND || found == PM_OK)
			continue;
		found = err;
		*out = record;
	}
	return found;
}

enum pm_err imported_find(struct environment *env, struct bytes text, struct key_record *out,
			  int64_t deadline)
{
	struct search *search CLEANUP(search_free) = NULL;
	struct hsm_job *jobs CLEANUP(free_ptr) = NULL;

	if (!imported_is_possible(env, text))
		return PM_NOT_FOUND;
	search = secret_alloc(sizeof(*search));
	if (!search)
		return PM_NO_MEMORY;
	plan(env, search);
	const size_t count = search->way_count * search->index_count;
	jobs = calloc(count + 1, sizeof(*jobs));
	if (!jobs)
		return PM_NO_MEMORY;
	TRY(compute_known(env, search, text, deadline));
	TRY(compute_lookups(env, search, jobs, count, deadline));
	return look_up(env, jobs, count, out);
}
