/*
 * Changes to a stored key. A record is read, checked, changed, sealed and written only if nobody
 * changed it meanwhile; if somebody did, all of it is done again. Whether the actor may is asked
 * once.
 */
#ifndef VAULT_CHANGE_H
#define VAULT_CHANGE_H

#include "domain.h"

struct key_change {
	struct environment *env;
	struct actor *actor;
	const char *key_id;
	int64_t now;
	struct key_record record; /* as stored, its seal checked */
	struct key_facts facts;
};

/*
 * The environment, in service, and nothing executed yet; then, once for all, the actor's authority.
 */
enum pm_err change_begin(struct key_change *change, struct vault *vault, struct actor *actor,
			 const char *environment, const char *key_id) NODISCARD;
enum pm_err change_authorize(struct key_change *change, struct vault *vault,
			     enum vault_act act) NODISCARD;

/*
 * Reads the record and its facts, and sets actor->key_id. PM_RECORD_QUARANTINED, told as such. Of a
 * key that is not read to be changed, too.
 */
enum pm_err change_load(struct key_change *change) NODISCARD;

/* PM_RECORD_QUARANTINED, once the log knows that something of the key was altered. */
enum pm_err change_tell_altered(struct key_change *change) NODISCARD;

/* Changes what was loaded, checks and commits. PM_CONFLICT without actor->why: once more. */
typedef enum pm_err change_step(struct key_change *change, void *arg);
enum pm_err change_run(struct key_change *change, change_step *step, void *arg) NODISCARD;

/* PM_CONFLICT, with why: the key is revoked (by itself, or with its account), or has expired. */
enum pm_err change_needs_unrevoked(const struct key_change *change) NODISCARD;
enum pm_err change_needs_live(const struct key_change *change) NODISCARD;

/* Commits the changed record and `also` (may be NULL), as one revision more. */
enum pm_err change_commit(struct key_change *change, const struct store_change *also,
			  struct leaf *leaf) NODISCARD;

/* A leaf about the record as it is now. */
void change_leaf(const struct key_change *change, struct leaf *leaf, enum leaf_type type);

void change_info(const struct key_change *change, struct key_info *info);

#endif
