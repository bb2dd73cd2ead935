#include "fold.h"

#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* Chains of counts by the hash of their names. A count never moves. */
struct shard {
	pthread_mutex_t lock;
	uint16_t heads[FOLDS_PER_SHARD]; /* index plus one; 0: no chain */
	uint16_t unused;                 /* chain of those given back */
	uint16_t touched;                /* those after it were never in use */
	struct fold folds[FOLDS_PER_SHARD];
};

struct folds {
	bool each;
	uint64_t seed;
	struct rates rates;
	struct shard shards[FOLD_SHARDS];
};

enum pm_err folds_new(bool each, uint32_t refusals, struct folds **out)
{
	struct folds *folds = calloc(1, sizeof(*folds));

	if (!folds)
		return PM_NO_MEMORY;
	folds->each = each;
	folds->rates.per_minute = refusals;
	for (size_t i = 0; i < FOLD_SHARDS; i++)
		pthread_mutex_init(&folds->shards[i].lock, NULL);
	*out = folds;
	if (RAND_bytes((uint8_t *)&folds->seed, sizeof(folds->seed)) == 1)
		return PM_OK;
	folds_free(folds);
	return PM_INTERNAL;
}

void folds_free(struct folds *folds)
{
	uint64_t lost = 0;

	if (!folds)
		return;
	for (size_t i = 0; i < FOLD_SHARDS; i++) {
		struct shard *shard = &folds->shards[i];

		for (size_t j = 0; j < shard->touched; j++)
			lost += shard->folds[j].count + shard->folds[j].missed;
		pthread_mutex_destroy(&shard->lock);
	}
	if (lost > 0)
		log_error("vault: %llu acts could not be told to the audit log and are in no entry",
			  (unsigned long long)lost);
	free(folds);
}

bool folds_each(const struct folds *folds)
{
	return folds->each;
}

struct rates *folds_rates(struct folds *folds)
{
	return &folds->rates;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = mix(hash, (uint8_t)*text);
	return mix(hash, 0);
}

static uint64_t hash_of(const struct folds *folds, const struct fold_name *name)
{
	uint64_t hash = mix(folds->seed, (uint64_t)name->type << 32 | (uint32_t)name->reason);

	hash = mix(hash, (uint64_t)name->err << 32 | name->version);
	hash = mix(hash, name->uid);
	hash = mix(hash, (uint64_t)name->minute);
	hash = mix(hash, (uintptr_t)name->env);
	return mix_text(mix_text(hash, name->key), name->operator_name);
}

static bool same_name(const struct fold_name *a, const struct fold_name *b)
{
	return a->type == b->type && a->err == b->err && a->reason == b->reason &&
	       a->version == b->version && a->uid == b->uid && a->minute == b->minute &&
	       a->env == b->env && strcmp(a->key, b->key) == 0 &&
	       strcmp(a->operator_name, b->operator_name) == 0;
}

static struct fold *find(struct shard *shard, uint16_t head, const struct fold_name *name)
{
	for (uint16_t i = head; i != 0; i = shard->folds[i - 1].next) {
		struct fold *fold = &shard->folds[i - 1];

		if (!fold->taken && same_name(&fold->name, name))
			return fold;
	}
	return NULL;
}

/* An unused one at the head of a chain, or NULL. */
static struct fold *add(struct shard *shard, uint16_t *head)
{
	uint16_t i = shard->unused;

	if (i != 0)
		shard->unused = shard->folds[i - 1].next;
	else if (shard->touched < FOLDS_PER_SHARD)
		i = ++shard->touched;
	else
		return NULL;
	struct fold *fold = &shard->folds[i - 1];
	fold->next = *head;
	*head = i;
	return fold;
}

static void begin(struct fold *fold, const struct fold_name *name, const struct actor *actor,
		  int64_t now)
{
	fold->name = *name;
	snprintf(fold->caller, sizeof(fold->caller), "%s", actor->caller);
	snprintf(fold->operator_name, sizeof(fold->operator_name), "%s", actor->operator_name);
	fold->uid = actor->uid;
	fold->pid = actor->pid;
	fold->connection = actor->connection;
	fold->other_operators = false;
	fold->other_connections = false;
	fold->other_uids = false;
	fold->count = 0;
	fold->missed = 0;
	fold->since = now;
	fold->taken = false;
}

static void add_to(struct fold *fold, const struct actor *actor, const struct fold_act *act,
		   int64_t now)
{
	fold->count += act->count;
	fold->missed += act->missed;
	fold->until = now;
	if (fold->uid != actor->uid)
		fold->other_uids = true;
	if (fold->connection != actor->connection)
		fold->other_connections = true;
	if (strcmp(fold->operator_name, actor->operator_name) != 0)
		fold->other_operators = true;
}

bool folds_count(struct folds *folds, const struct fold_name *name, const struct actor *actor,
		 const struct fold_act *act, int64_t now, size_t *shard_out)
{
	uint64_t hash = hash_of(folds, name);
	struct shard *shard = &folds->shards[hash % FOLD_SHARDS];
	uint16_t *head = &shard->heads[hash / FOLD_SHARDS % FOLDS_PER_SHARD];

	*shard_out = hash % FOLD_SHARDS;
	pthread_mutex_lock(&shard->lock);
	struct fold *fold = find(shard, *head, name);
	if (!fold) {
		fold = add(shard, head);
		if (fold)
			begin(fold, name, actor, now);
	}
	if (fold)
		add_to(fold, actor, act, now);
	pthread_mutex_unlock(&shard->lock);
	return fold != NULL;
}

bool folds_take(struct folds *folds, size_t number, int64_t minute, size_t *from,
		struct fold_batch *batch)
{
	struct shard *shard = &folds->shards[number];
	bool more = false;

	pthread_mutex_lock(&shard->lock);
	for (; *from < shard->touched; ++*from) {
		struct fold *fold = &shard->folds[*from];

		if (fold->count == 0 || fold->taken || fold->name.minute >= minute)
			continue;
		more = batch->count == STORE_CHANGES_MAX;
		if (more)
			break;
		fold->taken = true;
		batch->shards[batch->count] = (uint8_t)number;
		batch->folds[batch->count++] = fold;
	}
	pthread_mutex_unlock(&shard->lock);
	return more;
}

static void give_back(struct folds *folds, struct shard *shard, struct fold *fold)
{
	uint64_t hash = hash_of(folds, &fold->name);
	uint16_t *link = &shard->heads[hash / FOLD_SHARDS % FOLDS_PER_SHARD];
	uint16_t own = (uint16_t)(fold - shard->folds + 1);

	while (*link != own)
		link = &shard->folds[*link - 1].next;
	*link = fold->next;
	*fold = (struct fold){ .next = shard->unused };
	shard->unused = own;
}

void folds_settle(struct folds *folds, struct fold_batch *batch, bool written)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct shard *shard = &folds->shards[batch->shards[i]];

		pthread_mutex_lock(&shard->lock);
		if (written)
			give_back(folds, shard, batch->folds[i]);
		else
			batch->folds[i]->taken = false;
		pthread_mutex_unlock(&shard->lock);
	}
	batch->count = 0;
}
