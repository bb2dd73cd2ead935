/*
 * A fuzz target is one function that takes any bytes. Under the preset `fuzz` libFuzzer calls it;
 * in every other build replay.c calls it once for each file of its corpus.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for every input; assert() would be gone from the builds without it. */
#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

/* One arena for all inputs, of `limit` bytes at its first use; the target empties it. */
static inline struct arena *fuzz_arena(size_t limit)
{
	static struct arena *arena;

	if (!arena)
		MUST(arena_new(limit, limit, &arena) == PM_OK);
	return arena;
}

#endif
