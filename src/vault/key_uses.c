#include "key_uses.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define SETS 4096 /* a power of two */
#define WAYS 16   /* 65,536 keys, 4 MiB */
#define STRIPES 64
#define FIRST_SECONDS 5
#define EVERY_SECONDS 60
#define EARLY_MS 1000

/* A key's uses. Nobody's when nothing of it is unwritten and it is due, or it was never used. */
struct use {
	char id[STORE_ID_LEN];
	uint32_t fresh;   /* to be written */
	uint32_t away;    /* being written */
	int64_t last_at;  /* seconds since 1970, like the next */
	int64_t write_at; /* not before */
};

/* Locked a stripe at a time: set s belongs to stripe s % STRIPES. */
struct stripe {
	pthread_mutex_t lock;
	int64_t write_at; /* none of its keys with uses to write is due earlier; 0: there is none */
};

struct key_uses {
	struct stripe stripes[STRIPES];
	struct use sets[SETS][WAYS];
};

enum pm_err key_uses_new(struct key_uses **out)
{
	struct key_uses *uses = calloc(1, sizeof(*uses));

	if (!uses)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < STRIPES; i++)
		pthread_mutex_init(&uses->stripes[i].lock, NULL);
	*out = uses;
	return PM_OK;
}

void key_uses_free(struct key_uses *uses)
{
	for (size_t i = 0; uses && i < STRIPES; i++)
		pthread_mutex_destroy(&uses->stripes[i].lock);
	free(uses);
}

/* Ids are random characters, made by us. */
static size_t set_of(const char *key_id)
{
	uint64_t mixed = 0;

	for (size_t i = 0; i < STORE_ID_LEN; i++)
		mixed = (mixed ^ (uint8_t)key_id[i]) * UINT64_C(0x100000001b3);
	return (mixed ^ mixed >> 32) % SETS;
}

static struct use *find(struct key_uses *uses, size_t set, const char *key_id)
{
	for (size_t way = 0; way < WAYS; way++) {
		struct use *use = &uses->sets[set][way];

		if (memcmp(use->id, key_id, STORE_ID_LEN) == 0)
			return use;
	}
	return NULL;
}

/* `early`: also one that would wait longer than it has to. */
static struct use *find_free(struct key_uses *uses, size_t set, int64_t now, bool early)
{
	for (size_t way = 0; way < WAYS; way++) {
		struct use *use = &uses->sets[set][way];

		if (use->fresh == 0 && use->away == 0 && (early || use->write_at <= now))
			return use;
	}
	return NULL;
}

static struct use *find_or_add(struct key_uses *uses, size_t set, const char *key_id, int64_t now)
{
	struct use *use = find(uses, set, key_id);

	if (use)
		return use;
	use = find_free(uses, set, now, false);
	if (!use)
		use = find_free(uses, set, now, true);
	if (!use)
		return NULL;
	*use = (struct use){ .write_at = now + FIRST_SECONDS };
	memcpy(use->id, key_id, STORE_ID_LEN);
	return use;
}

/* False: there is no room for the key before others are written. */
static bool count(struct key_uses *uses, const char *key_id, int64_t now)
{
	const size_t set = set_of(key_id);
	struct stripe *stripe = &uses->stripes[set % STRIPES];

	pthread_mutex_lock(&stripe->lock);
	struct use *use = find_or_add(uses, set, key_id, now);
	if (use) {
		use->fresh++;
		use->last_at = now;
		if (stripe->write_at == 0 || use->write_at < stripe->write_at)
			stripe->write_at = use->write_at;
	}
	pthread_mutex_unlock(&stripe->lock);
	return use != NULL;
}

/* What goes into one commit. */
struct batch {
	size_t count;
	struct use *uses[STORE_CHANGES_MAX];
	struct key_use_record records[STORE_CHANGES_MAX];
	struct store_change changes[STORE_CHANGES_MAX];
};

/* Under the stripe's lock: its uses are on their way. */
static void take(struct environment *env, struct batch *batch, struct use *use)
{
	struct key_use_record *record = &batch->records[batch->count];

	*record = (struct key_use_record){ .uses = use->fresh, .last_at = use->last_at };
	strcpy(record->environment, env->name);
	memcpy(record->id, use->id, STORE_ID_LEN);
	use->away += use->fresh;
	use->fresh = 0;
	batch->changes[batch->count] =
		(struct store_change){ .op = STORE_ADD_KEY_USES, .key_use = record };
	batch->uses[batch->count++] = use;
}

/* All of one stripe. */
static enum pm_err commit(struct environment *env, struct stripe *stripe, struct batch *batch,
			  int64_t deadline)
{
	if (batch->count == 0)
		return PM_OK;
	enum pm_err err = store_commit(env->store, batch->changes, batch->count, deadline);
	pthread_mutex_lock(&stripe->lock);
	for (size_t i = 0; i < batch->count; i++) {
		struct use *use = batch->uses[i];
		const uint32_t uses = (uint32_t)batch->records[i].uses;

		use->away -= uses;
		if (err == PM_OK) {
			use->write_at = clock_unix() + EVERY_SECONDS;
			continue;
		}
		use->fresh += uses;
		stripe->write_at = 1; /* at once */
	}
	pthread_mutex_unlock(&stripe->lock);
	batch->count = 0;
	return err;
}

static bool is_due(const struct use *use, int64_t now, bool all)
{
	/* A clock that was set back must not keep uses for longer. */
	return use->fresh > 0 &&
	       (all || use->write_at <= now || use->write_at > now + EVERY_SECONDS);
}

/* The set's due uses, as far as there is room for them. */
static void take_due(struct environment *env, struct batch *batch, size_t set, int64_t now,
		     bool all)
{
	for (size_t way = 0; way < WAYS; way++) {
		struct use *use = &env->key_uses->sets[set][way];

		if (batch->count < STORE_CHANGES_MAX && is_due(use, now, all))
			take(env, batch, use);
	}
}

/* Some of the set's keys are written before their time, so that there is room for another. */
static enum pm_err write_early(struct environment *env, struct batch *batch, size_t set)
{
	struct stripe *stripe = &env->key_uses->stripes[set % STRIPES];

	pthread_mutex_lock(&stripe->lock);
	take_due(env, batch, set, clock_unix(), true);
	pthread_mutex_unlock(&stripe->lock);
	return commit(env, stripe, batch, deadline_in_ms(EARLY_MS));
}

void key_uses_count(struct environment *env, const char *key_id, int64_t now)
{
	struct batch *batch = NULL;

	if (count(env->key_uses, key_id, now))
		return;
	batch = calloc(1, sizeof(*batch));
	enum pm_err err = batch ? write_early(env, batch, set_of(key_id)) : PM_NO_MEMORY;
	free(batch);
	if (!count(env->key_uses, key_id, now))
		log_warn("vault: a use of key %s of %s is not counted: %s", key_id, env->name,
			 peppermint_error_name(err));
}

void key_uses_add(struct environment *env, struct key_use_record *record)
{
	const size_t set = set_of(record->id);
	struct stripe *stripe = &env->key_uses->stripes[set % STRIPES];

	pthread_mutex_lock(&stripe->lock);
	const struct use *use = find(env->key_uses, set, record->id);
	if (use) {
		record->uses += use->fresh + use->away;
		if (record->last_at < use->last_at)
			record->last_at = use->last_at;
	}
	pthread_mutex_unlock(&stripe->lock);
}

/* When the stripe has to be looked at again: nobody counts meanwhile. */
static void find_next(struct key_uses *uses, size_t stripe)
{
	int64_t next = 0;

	for (size_t set = stripe; set < SETS; set += STRIPES) {
		for (size_t way = 0; way < WAYS; way++) {
			const struct use *use = &uses->sets[set][way];

			if (use->fresh > 0 && (next == 0 || use->write_at < next))
				next = use->write_at;
		}
	}
	uses->stripes[stripe].write_at = next;
}

static enum pm_err write_stripe(struct environment *env, struct batch *batch, size_t number,
				bool all, int64_t now, int64_t deadline)
{
	struct stripe *stripe = &env->key_uses->stripes[number];
	bool more = true;

	while (more) {
		pthread_mutex_lock(&stripe->lock);
		for (size_t set = number; set < SETS && batch->count < STORE_CHANGES_MAX;
		     set += STRIPES)
			take_due(env, batch, set, now, all);
		more = batch->count == STORE_CHANGES_MAX;
		if (!more)
			find_next(env->key_uses, number);
		pthread_mutex_unlock(&stripe->lock);
		TRY(commit(env, stripe, batch, deadline));
	}
	return PM_OK;
}

static bool stripe_is_due(struct stripe *stripe, int64_t now, bool all)
{
	pthread_mutex_lock(&stripe->lock);
	int64_t at = stripe->write_at;
	pthread_mutex_unlock(&stripe->lock);
	return at != 0 && (all || at <= now || at > now + EVERY_SECONDS);
}

enum pm_err key_uses_write(struct environment *env, bool all, int64_t deadline)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	const int64_t now = clock_unix();
	enum pm_err err = PM_OK;

	if (!batch)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < STRIPES && err == PM_OK; i++) {
		if (stripe_is_due(&env->key_uses->stripes[i], now, all))
			err = write_stripe(env, batch, i, all, now, deadline);
	}
	free(batch);
	return err;
}
