/*
 * Acts that change nothing are many: successful ones are counted per minute, and so are refusals
 * beyond a caller's rate. `struct folds` is those counts; struct audit owns one. Whatever callers
 * do, it has FOLDS_MAX counts at most: who finds no room has some written out first (act.c, which makes
 * entries of them). Any thread.
 */
#ifndef VAULT_FOLD_H
#define VAULT_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit.h"
#include "base/err.h"
#include "rate.h"
#include "store/store.h"

#define FOLD_SHARDS 64
#define FOLDS_PER_SHARD 1024
#define FOLDS_MAX (FOLD_SHARDS * FOLDS_PER_SHARD)
#define FOLD_KEY_MAX VAULT_PEPPER_NAME_MAX

/* What is counted together. */
struct fold_name {
	enum leaf_type type;
	enum pm_err err; /* PM_OK: a success */
	enum pm_reason reason;
	uint32_t version;
	uint32_t uid; /* of strangers: the allowance that they share */
	int64_t minute;
	struct environment *env;
	char key[FOLD_KEY_MAX + 1];
	char operator_name[VAULT_OPERATOR_MAX + 1]; /* "" where operators are counted together */
};

struct fold {
	struct fold_name name;
	char caller[VAULT_CALLER_MAX + 1];
	char operator_name[VAULT_OPERATOR_MAX + 1]; /* of the first act, like the next three */
	uint32_t uid, pid;
	uint64_t connection;
	bool other_operators, other_connections, other_uids;
	uint64_t count;       /* 0: not in use */
	uint64_t missed;      /* beside them: of which there is no entry */
	int64_t since, until; /* seconds since 1970 */
	bool taken;           /* is being written: counts no more */
	uint16_t next;        /* in its chain: index plus one; 0: the last */
};

struct folds;

/* `each`: successful acts are not counted but get an entry each. `refusals`: per caller and minute.
 */
enum pm_err folds_new(bool each, uint32_t refusals, struct folds **out) NODISCARD;
void folds_free(struct folds *folds); /* NULL is allowed; what was not written is lost, and said */

bool folds_each(const struct folds *folds);
struct rates *folds_rates(struct folds *folds);

/* Counts an act of that name; false: there is no room in `shard`, which is set then. */
bool folds_count(struct folds *folds, const struct fold_name *name, const struct actor *actor,
		 const struct fold_act *act, int64_t now, size_t *shard) NODISCARD;

/* Some that are taken out to be written. */
struct fold_batch {
	size_t count;
	struct fold *folds[STORE_CHANGES_MAX];
	uint8_t shards[STORE_CHANGES_MAX];
};

/*
 * Takes counts of minutes before `minute` out of a shard, from place *from on, until the batch is
 * full; false: there are no more.
 */
bool folds_take(struct folds *folds, size_t shard, int64_t minute, size_t *from,
		struct fold_batch *batch);
/* They were written, or not: then they are counts again. Empties the batch. */
void folds_settle(struct folds *folds, struct fold_batch *batch, bool written);

#endif
