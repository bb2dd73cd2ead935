/*
 * How often it may be asked whether a text is a key's secret: QUOTA_BURST times in a row, then once in
 * QUOTA_SECONDS. Nothing is kept per key, so nobody can push a key's count out by asking for others:
 * each key has a place in every one of a few rows of counts, chosen by a keyed hash, which it may share
 * with other keys. It is refused when all of its places are used up, so never more is allowed than
 * that; and others are held up only by who wears out all of their places, which he cannot find but by
 * wearing out nearly everything. Any thread.
 */
#ifndef VAULT_QUOTA_H
#define VAULT_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define QUOTA_BURST 10
#define QUOTA_SECONDS 10

struct quota;

enum pm_err quota_new(struct quota **out) NODISCARD;
void quota_free(struct quota *quota); /* NULL is allowed */

/* Takes one, if there is one left at `now` (monotonic nanoseconds). */
bool quota_take(struct quota *quota, const char *key_id, int64_t now);

#endif
