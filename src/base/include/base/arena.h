/*
 * One request's memory: a bump allocator in locked pages, bounded, wiped and emptied in one step.
 * Its address range is reserved once and locked as it fills; a part stays locked between requests
 * so that an ordinary request makes no system call. One thread at a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"

struct arena;

/* `limit` bounds what the arena ever holds; `keep` bytes stay locked when it is emptied. */
enum pm_err arena_new(size_t limit, size_t keep, struct arena **out) NODISCARD;
void arena_free(struct arena *arena);
void arena_freep(struct arena **arena); /* for CLEANUP */

/* Zeroed, aligned for any type; NULL over the limit. Valid until the arena is emptied. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t count, size_t size); /* NULL on overflow too */
char *arena_text(struct arena *arena, struct bytes text);          /* a NUL-terminated copy */

/* Wipes everything that was handed out. */
void arena_reset(struct arena *arena);

#endif
