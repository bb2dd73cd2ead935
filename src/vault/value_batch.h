/* Values on their way to the HSM: what hashing (value.c) and verifying hashes (value_verify.c) share. */
#ifndef VAULT_VALUE_BATCH_H
#define VAULT_VALUE_BATCH_H

#include "domain.h"

#define VALUE_OVERHEAD 128 /* bytes: more than value_cover adds to a value */
#define VALUE_ROOM ((size_t)3 * HSM_DATA_MAX)

struct value_batch {
	size_t count;
	struct hsm_job jobs[BATCH_MAX],
		again[BATCH_MAX];  /* again: those that do not match at once */
	size_t item[BATCH_MAX];    /* job → the caller's index */
	size_t doubted[BATCH_MAX]; /* one of `again` → one of `jobs` */
	size_t used;
	uint8_t room[VALUE_ROOM];
};

/*
 * What both calls begin with: the environment, a pepper that hashes values, its active version (one
 * for the whole request, even if it is rotated meanwhile), and a batch. `making`: that version must
 * be within its period.
 */
enum pm_err value_begin(struct vault *vault, struct actor *actor, const char *environment,
			const char *pepper, bool making, struct environment **env, uint32_t *active,
			struct value_batch **batch) NODISCARD;
void value_end(struct vault *vault, struct value_batch *batch);

/* An empty batch has room for anything: value_add then says what is too large. */
bool value_has_room(const struct value_batch *batch, struct bytes value);

/* The caller has seen to it that there is room. PM_NOT_FOUND: that version computes nothing. */
enum pm_err value_add(struct environment *env, const char *pepper, uint32_t version,
		      struct bytes value, size_t item, struct value_batch *batch) NODISCARD;

void value_reset(struct value_batch *batch);

#endif
