/*
 * How often each version of a master key was used and when last, as the store has it and since then:
 * counted in memory, written from time to time. What was counted and not yet written is lost when the
 * host dies. One per environment, owned by it. Any thread.
 */
#ifndef VAULT_USES_H
#define VAULT_USES_H

#include "environment.h"

struct uses;

enum pm_err uses_new(struct uses **out) NODISCARD;
void uses_free(struct uses *uses); /* NULL is allowed */

/* `count` MACs or signatures under the master key with that CKA_ID, if there is one. */
void uses_count(struct environment *env, const uint8_t key_id[STORE_KEY_ID_LEN], uint64_t count);

/* What the store has of the masters in memory; once, at the first attach. */
enum pm_err uses_load(struct environment *env) NODISCARD;

void uses_get(struct environment *env, const struct master_record *master, uint64_t *count,
	      int64_t *last_at);

enum pm_err uses_write(struct environment *env, int64_t deadline) NODISCARD;

/* When something was last done about a version: monotonic nanoseconds, 0: never. */
enum uses_mark { USES_WARNED, USES_ROTATED, USES_MARKS };
int64_t uses_marked(struct environment *env, const struct master_record *master,
		    enum uses_mark mark);
void uses_set_mark(struct environment *env, const struct master_record *master, enum uses_mark mark,
		   int64_t at);

#endif
