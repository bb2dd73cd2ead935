#define _GNU_SOURCE
#include "base/arena.h"

#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/secret.h"

#define ARENA_STEP ((size_t)16 * 1024) /* grows by this much: a multiple of any page size here */

struct arena {
	uint8_t *base;
	size_t limit; /* reserved, PROT_NONE past `ready` */
	size_t ready; /* locked and writable */
	size_t keep;
	size_t used;
};

static size_t round_up(size_t size, size_t unit)
{
	return (size + unit - 1) / unit * unit;
}

static enum pm_err arena_grow(struct arena *arena, size_t need)
{
	size_t ready = round_up(need, ARENA_STEP);

	if (need > arena->limit)
		return PM_TOO_LARGE;
	uint8_t *more = arena->base + arena->ready;
	if (mprotect(more, ready - arena->ready, PROT_READ | PROT_WRITE) != 0) {
		log_error("arena: mprotect: %s", strerror(errno));
		return PM_NO_MEMORY;
	}
	TRY(secret_lock(more, ready - arena->ready));
	arena->ready = ready;
	return PM_OK;
}

enum pm_err arena_new(size_t limit, size_t keep, struct arena **out)
{
	struct arena *arena CLEANUP(arena_freep) = calloc(1, sizeof(*arena));

	if (!arena)
		return PM_NO_MEMORY;
	arena->limit = round_up(limit, ARENA_STEP);
	arena->keep = round_up(keep, ARENA_STEP);
	void *base = mmap(NULL, arena->limit, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED) {
		log_error("arena: mmap: %s", strerror(errno));
		return PM_NO_MEMORY;
	}
	arena->base = base;
	TRY(arena_grow(arena, arena->keep));
	*out = TAKE(arena);
	return PM_OK;
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	if (arena->base) {
		secret_wipe(arena->base, arena->used);
		munmap(arena->base, arena->limit);
	}
	free(arena);
}

void arena_freep(struct arena **arena)
{
	arena_free(*arena);
}

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size > arena->limit - arena->used)
		return NULL;
	size_t end = round_up(arena->used + size, alignof(max_align_t));
	if (end > arena->ready && arena_grow(arena, end) != PM_OK)
		return NULL;
	void *ptr = arena->base + arena->used;
	arena->used = end;
	return ptr;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t total = 0;

	return __builtin_mul_overflow(count, size, &total) ? NULL : arena_alloc(arena, total);
}

char *arena_text(struct arena *arena, struct bytes text)
{
	char *copy = arena_alloc(arena, text.len + 1);

	if (copy && text.len > 0)
		memcpy(copy, text.data, text.len);
	return copy;
}

void arena_reset(struct arena *arena)
{
	secret_wipe(arena->base, arena->used);
	arena->used = 0;
	if (arena->ready <= arena->keep)
		return;
	uint8_t *rest = arena->base + arena->keep;
	size_t len = arena->ready - arena->keep;
	/* Cannot fail on our own mapping; if it did, the pages would stay locked, and wiped. */
	if (munlock(rest, len) == 0 && madvise(rest, len, MADV_DONTNEED) == 0 &&
	    mprotect(rest, len, PROT_NONE) == 0)
		arena->ready = arena->keep;
}
