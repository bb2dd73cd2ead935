#include "scratch.h"

#include "base/secret.h"

void scratch_init(struct scratch_pool *pool, size_t size)
{
	pthread_mutex_init(&pool->lock, NULL);
	pool->size = size;
	pool->idle = 0;
	pool->total = 0;
}

void scratch_end(struct scratch_pool *pool)
{
	while (pool->idle > 0)
		secret_free(pool->blocks[--pool->idle], pool->size);
	pthread_mutex_destroy(&pool->lock);
}

void *scratch_take(struct scratch_pool *pool)
{
	void *block = NULL;

	pthread_mutex_lock(&pool->lock);
	if (pool->idle > 0) {
		block = pool->blocks[--pool->idle];
	} else if (pool->total < SCRATCH_MAX) {
		block = secret_alloc(pool->size);
		if (block)
			pool->total++;
	}
	pthread_mutex_unlock(&pool->lock);
	return block;
}

void scratch_give(struct scratch_pool *pool, void *block, size_t used)
{
	secret_wipe(block, used);
	pthread_mutex_lock(&pool->lock);
	pool->blocks[pool->idle++] = block;
	pthread_mutex_unlock(&pool->lock);
}
