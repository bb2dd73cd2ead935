/*
 * How often each key was used and when last: counted in memory and written at most once a minute per
 * key, the first use within seconds. Bounded; what does not fit is written early. What was counted and not
 * yet written is lost when the host dies. One per environment, owned by it. Any thread.
 */
#ifndef VAULT_KEY_USES_H
#define VAULT_KEY_USES_H

#include "environment.h"

struct key_uses;

enum pm_err key_uses_new(struct key_uses **out) NODISCARD;
void key_uses_free(struct key_uses *uses); /* NULL is allowed */

void key_uses_count(struct environment *env, const char *key_id, int64_t now);

/* Adds what is counted and not yet written to what the store has. */
void key_uses_add(struct environment *env, struct key_use_record *record);

/* What is due; `all`: whatever there is, at the end. */
enum pm_err key_uses_write(struct environment *env, bool all, int64_t deadline) NODISCARD;

#endif
