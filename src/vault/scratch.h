/*
 * Locked working memory for batches: blocks that are taken for one call and given back wiped, so
 * that a busy vault makes no system call for them. Any thread.
 */
#ifndef VAULT_SCRATCH_H
#define VAULT_SCRATCH_H

#include <pthread.h>

#include "base/err.h"

#define SCRATCH_MAX 512 /* blocks, all threads together */

struct scratch_pool {
	pthread_mutex_t lock;
	size_t size; /* of a block */
	void *blocks[SCRATCH_MAX];
	size_t idle;  /* of `blocks` */
	size_t total; /* made so far */
};

void scratch_init(struct scratch_pool *pool, size_t size);
void scratch_end(struct scratch_pool *pool); /* every block is back */

/* A zeroed block, or NULL when locked memory or SCRATCH_MAX is exhausted. */
void *scratch_take(struct scratch_pool *pool);
/* `used` bytes from its beginning were written to. */
void scratch_give(struct scratch_pool *pool, void *block, size_t used);

#endif
