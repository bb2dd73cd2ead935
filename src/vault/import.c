/*
 * Keys of other systems, taken over: what is known of each is hashed under the pepper and under the index
 * key at once, and nothing bare is kept. All that is new of a request goes into one commit.
 */
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "import_item.h"
#include "master.h"
#include "state.h"
#include "sure.h"

#define COVER_ROOM 448 /* bytes: of a text and what it is bound to */
/* Ids of one request begin alike, so that its rows stand on few pages of the index: writing those is
 * what a large import takes longest for. The rest of an id is random as ever. */
#define IDS_ALIKE 5

/* What goes to the token for one item. Holds what the other system kept of its text. */
struct covers {
	uint8_t digest[SHA256_DIGEST_LENGTH];
	uint8_t room[COVER_ROOM];
};

_Static_assert(VAULT_IMPORT_MAX <= SURE_JOBS_MAX && VAULT_IMPORT_MAX <= STORE_IMPORT_MAX,
	       "a request is computed and stored at once");

struct import {
	const struct vault *vault;
	struct environment *env;
	struct actor *actor;
	const struct import_item *items;
	struct import_outcome *outcomes;
	size_t count;
	struct master_record index, pepper;
	/* Of those that are still to be taken over: their records, close together, and whose they are. */
	struct key_record records[VAULT_IMPORT_MAX];
	size_t places[VAULT_IMPORT_MAX];
	size_t record_count;
	uint32_t exists, refused;
	struct covers *covers;
	struct hsm_job jobs[VAULT_IMPORT_MAX];
	enum pm_err stored[VAULT_IMPORT_MAX];
	char digest[2 * SHA256_DIGEST_LENGTH + 1]; /* of the records' ids, as the log has it */
};

static void import_end(struct import **import)
{
	if (*import && (*import)->covers)
		secret_free((*import)->covers, VAULT_IMPORT_MAX * sizeof(struct covers));
	free(*import);
}

static enum pm_err import_new(struct import **out)
{
	struct import *import CLEANUP(import_end) = calloc(1, sizeof(*import));

	if (!import)
		return PM_NO_MEMORY;
	import->covers = secret_alloc(VAULT_IMPORT_MAX * sizeof(struct covers));
	if (!import->covers)
		return PM_NO_MEMORY;
	*out = TAKE(import);
	return PM_OK;
}

static void refuse(struct import *import, size_t place, enum pm_err err, const char *why)
{
	import->outcomes[place] = (struct import_outcome){ .error = err, .why = why };
	if (err == PM_ALREADY_EXISTS)
		import->exists++;
	else
		import->refused++;
}

/* What fails without a reason of the item's own is no verdict on it. */
static enum pm_err describe_all(struct import *import)
{
	struct import_account account = { .id = "" };
	char alike[IDS_ALIKE + 1];

	TRY(apikey_random(alike, IDS_ALIKE));
	for (size_t i = 0; i < import->count; i++) {
		struct key_record *record = &import->records[import->record_count];
		const char *why = NULL;

		enum pm_err err = import_describe(import->vault, import->env, import->actor,
						  &import->items[i], &account, record, &why);
		if (err == PM_OK) {
			memcpy(record->id, alike, IDS_ALIKE);
			import->places[import->record_count++] = i;
		} else if (why) {
			refuse(import, i, err, why);
		} else {
			return err;
		}
	}
	return PM_OK;
}

static enum pm_err cover_lookup(struct import *import, size_t i)
{
	const struct import_item *item = &import->items[import->places[i]];
	const struct key_record *record = &import->records[i];
	uint32_t form = record->secrets[SECRET_CURRENT].form;
	struct covers *covers = &import->covers[i];
	struct buf covered = BUF(covers->room);

	imported_lookup_cover(import->env, form == SECRET_TEXT ? SECRET_SHA256 : form,
			      record->import_key, import_looked_up(item, covers->digest), &covered);
	import->jobs[i] = (struct hsm_job){ .data = buf_bytes(&covered) };
	memcpy(import->jobs[i].key.bytes, import->index.key_id, sizeof(import->jobs[i].key.bytes));
	return covered.full ? PM_INTERNAL : PM_OK;
}

static enum pm_err cover_secret(struct import *import, size_t i)
{
	const struct import_item *item = &import->items[import->places[i]];
	const struct key_record *record = &import->records[i];
	const struct secret_record *secret = &record->secrets[SECRET_CURRENT];
	struct buf covered = BUF(import->covers[i].room);

	imported_cover(import->env, record->id, secret->version, secret->form, item->value,
		       &covered);
	import->jobs[i] = (struct hsm_job){ .data = buf_bytes(&covered) };
	memcpy(import->jobs[i].key.bytes, import->pepper.key_id, sizeof(import->jobs[i].key.bytes));
	return covered.full ? PM_INTERNAL : PM_OK;
}

/* One after the other: what is there already needs no MAC. */
static enum pm_err compute(struct import *import,
			   enum pm_err (*cover)(struct import *import, size_t i))
{
	if (import->record_count == 0)
		return PM_OK;
	for (size_t i = 0; i < import->record_count; i++)
		TRY(cover(import, i));
	return sure_hmac(import->env, import->jobs, import->record_count, import->actor->deadline);
}

static bool same_key(const struct key_record *a, const struct key_record *b)
{
	return memcmp(a->lookup, b->lookup, sizeof(a->lookup)) == 0;
}

static bool same_reference(const struct key_record *a, const struct key_record *b)
{
	return a->external_ref[0] != '\0' && strcmp(a->external_ref, b->external_ref) == 0 &&
	       strcmp(a->account, b->account) == 0;
}

/*
 * PM_ALREADY_EXISTS: that key is there. PM_CONFLICT: it is not, and another one has its reference. As far as
 * can be seen before the commit: in the database, and earlier in the request.
 */
static enum pm_err find_existing(struct import *import, size_t kept,
				 const struct key_record *record)
{
	struct key_record stored;
	bool conflict = false;

	for (size_t i = 0; i < kept; i++) {
		if (same_key(&import->records[i], record))
			return PM_ALREADY_EXISTS;
		conflict = conflict || same_reference(&import->records[i], record);
	}
	enum pm_err err =
		store_find_key(import->env->store, import->env->name, record->lookup, &stored);
	if (err == PM_NOT_FOUND)
		return conflict ? PM_CONFLICT : PM_OK;
	return err == PM_RECORD_QUARANTINED || err == PM_OK ? PM_ALREADY_EXISTS : err;
}

static const char *why_not(enum pm_err err)
{
	return err == PM_CONFLICT ? "another key of the account has its external reference"
				  : "it was imported before";
}

static enum pm_err take_lookups(struct import *import)
{
	size_t kept = 0;

	for (size_t i = 0; i < import->record_count; i++) {
		struct key_record *record = &import->records[i];

		record->lookup_version = import->index.version;
		memcpy(record->lookup, import->jobs[i].mac, sizeof(record->lookup));
		enum pm_err err = find_existing(import, kept, record);
		if (err == PM_ALREADY_EXISTS || err == PM_CONFLICT) {
			refuse(import, import->places[i], err, why_not(err));
			continue;
		}
		TRY(err);
		if (kept != i)
			import->records[kept] = *record;
		import->places[kept++] = import->places[i];
	}
	import->record_count = kept;
	return PM_OK;
}

static enum pm_err look_up_under(struct import *import, const struct master_record *index)
{
	import->index = *index;
	TRY(compute(import, cover_lookup));
	return take_lookups(import);
}

/* What was imported before may be found by an older version only; what is new gets the active one's. */
static enum pm_err look_up(struct import *import, const struct master_record *active)
{
	struct master_record index;

	for (uint32_t version = 1; version <= VAULT_PEPPER_VERSIONS_MAX; version++) {
		if (version != active->version &&
		    environment_master(import->env, PURPOSE_INDEX, INDEX_NAME, version, &index) ==
			    PM_OK &&
		    state_rules(index.state)->vouches)
			TRY(look_up_under(import, &index));
	}
	return look_up_under(import, active);
}

static void take_macs(struct import *import)
{
	for (size_t i = 0; i < import->record_count; i++) {
		struct secret_record *secret = &import->records[i].secrets[SECRET_CURRENT];

		secret->pepper_version = import->pepper.version;
		memcpy(secret->mac, import->jobs[i].mac, sizeof(secret->mac));
	}
}

static enum pm_err seal_all(struct import *import)
{
	struct seal_task *tasks CLEANUP(free_ptr) = calloc(SEAL_TASKS_MAX, sizeof(*tasks));

	if (!tasks)
		return PM_NO_MEMORY;
	for (size_t done = 0; done < import->record_count; done += SEAL_TASKS_MAX) {
		size_t left = import->record_count - done;
		size_t some = left < SEAL_TASKS_MAX ? left : SEAL_TASKS_MAX;

		for (size_t i = 0; i < some; i++)
			seal_cover_key(&tasks[i], &import->records[done + i]);
		TRY(seal_make(import->env, tasks, some, import->actor->deadline));
	}
	return PM_OK;
}

static void free_md(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

/* The ids of the records that are stored (before the commit: all of them), or of those that are not. */
static enum pm_err digest_ids(struct import *import, bool stored)
{
	EVP_MD_CTX *ctx CLEANUP(free_md) = EVP_MD_CTX_new();
	uint8_t digest[SHA256_DIGEST_LENGTH];

	if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		return PM_INTERNAL;
	for (size_t i = 0; i < import->record_count; i++) {
		if ((import->stored[i] == PM_OK) == stored &&
		    (EVP_DigestUpdate(ctx, import->records[i].id, STORE_ID_LEN) != 1 ||
		     EVP_DigestUpdate(ctx, "\n", 1) != 1))
			return PM_INTERNAL;
	}
	if (EVP_DigestFinal_ex(ctx, digest, NULL) != 1)
		return PM_INTERNAL;
	hex_encode(bytes_of(digest, sizeof(digest)), import->digest);
	return PM_OK;
}

static void fill_leaf(const struct import *import, struct leaf *leaf)
{
	leaf_begin(leaf, LEAF_KEY_IMPORT, import->actor, import->env->audit, import->env);
	leaf_number(leaf, "count", (int64_t)import->record_count);
	leaf_number(leaf, "exists", import->exists);
	leaf_number(leaf, "refused", import->refused);
	if (import->record_count == 0)
		return;
	leaf_text(leaf, "digest", import->digest);
	leaf_text(leaf, "first", import->records[0].id);
	leaf_text(leaf, "last", import->records[import->record_count - 1].id);
}

static enum pm_err commit(struct import *import)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	struct actor *actor = import->actor;
	struct executed_record executed;
	const struct key_import keys = { import->records, import->record_count, import->stored };
	struct store_change changes[3];
	struct seal_task task;
	size_t count = 0;

	TRY(digest_ids(import, true));
	fill_leaf(import, &leaf);
	request_record(import->env, actor, import->digest, &executed);
	seal_cover_executed(&task, &executed);
	TRY(seal_make_with_leaf(import->env, &task, 1, &leaf, actor->deadline));
	TRY(leaf_end(&leaf));
	if (import->record_count > 0)
		changes[count++] =
			(struct store_change){ .op = STORE_IMPORT_KEYS, .import = &keys };
	changes[count++] =
		(struct store_change){ .op = STORE_INSERT_EXECUTED, .executed = &executed };
	changes[count++] = (struct store_change){ .op = STORE_APPEND_LEAF, .leaf = &leaf.record };
	return audit_commit(import->env->audit, changes, count, &actor->receipt, actor->deadline);
}

/* The entry told of more than there is now: another one says so. */
static enum pm_err tell_late(struct import *import, int64_t exists, int64_t conflicts)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };

	TRY(digest_ids(import, false));
	leaf_begin(&leaf, LEAF_KEY_IMPORT, import->actor, import->env->audit, import->env);
	leaf_number(&leaf, "exists", exists);
	leaf_number(&leaf, "refused", conflicts);
	leaf_text(&leaf, "digest", import->digest);
	leaf_fail(&leaf, exists > 0 ? PM_ALREADY_EXISTS : PM_CONFLICT);
	leaf_resolve(&leaf, import->actor->deadline);
	return audit_append(import->env->audit, &leaf, NULL, import->actor->deadline);
}

static enum pm_err conclude(struct import *import)
{
	int64_t exists = 0, conflicts = 0;

	for (size_t i = 0; i < import->record_count; i++) {
		struct import_outcome *outcome = &import->outcomes[import->places[i]];

		*outcome = (struct import_outcome){ .error = import->stored[i] };
		if (outcome->error == PM_OK) {
			strcpy(outcome->key_id, import->records[i].id);
			continue;
		}
		outcome->why = why_not(outcome->error);
		exists += outcome->error == PM_ALREADY_EXISTS;
		conflicts += outcome->error == PM_CONFLICT;
	}
	return exists + conflicts == 0 ? PM_OK : tell_late(import, exists, conflicts);
}

static enum pm_err import_all(struct import *import)
{
	struct environment *env = import->env;
	int64_t deadline = import->actor->deadline;
	struct master_record active;

	TRY(request_begin(env, import->actor));
	TRY(master_need(env, PURPOSE_INDEX, INDEX_NAME, &active, deadline));
	TRY(pepper_active(env, VAULT_API_KEYS_PEPPER, &import->pepper));
	TRY(describe_all(import));
	TRY(look_up(import, &active));
	TRY(compute(import, cover_secret));
	take_macs(import);
	TRY(seal_all(import));
	TRY(commit(import));
	return conclude(import);
}

enum pm_err vault_import_keys(struct vault *vault, struct actor *actor, const char *environment,
			      const struct import_item *items, size_t count,
			      struct import_outcome *outcomes)
{
	struct import *import CLEANUP(import_end) = NULL;
	struct environment *env = NULL;

	if (actor->on_behalf)
		return PM_DENIED;
	if (count == 0 || count > VAULT_IMPORT_MAX) {
		actor->why = "keys: 1 to 512";
		return PM_BAD_REQUEST;
	}
	TRY(vault_enter(vault, actor, environment, &env));
	TRY(import_new(&import));
	import->vault = vault;
	import->env = env;
	import->actor = actor;
	import->items = items;
	import->count = count;
	import->outcomes = outcomes;
	return import_all(import);
}
