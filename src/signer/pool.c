#include "pool.h"

#include <string.h>

#include "base/log.h"

#define STACK_SIZE ((size_t)512 * 1024) /* for the module's calls; locked as it fills */

/* What a thread is told when it starts; for as long as the process. */
struct helper {
	struct pool *pool;
	size_t worker;
};

/* The answer has no room for why; to say it once in a run is enough. */
static void refuse(struct pool *pool, struct job *job, const char *why)
{
	job->state = JOB_REFUSED;
	if (!atomic_exchange(&pool->said, true))
		log_warn("hmac refused: %s", why);
}

static void compute(struct pool *pool, size_t worker, struct job *job)
{
	struct outcome *outcome = &pool->outcomes[worker];
	enum pm_err err = sign_data(pool->token, worker, ALGORITHM_HMAC_SHA256, job->key, job->data,
				    job->mac, &outcome->failure);

	if (err == PM_OK)
		job->state = JOB_DONE;
	else if (outcome->failure.class == FAILURE_CALLER)
		refuse(pool, job, outcome->failure.detail);
	else
		outcome->err = err;
}

/* Takes jobs until there are no more, or its session is not to be used for the next. */
static void work(struct pool *pool, size_t worker, struct job *jobs, size_t count)
{
	while (pool->outcomes[worker].err == PM_OK && !pool->token->suspect[worker]) {
		size_t i = atomic_fetch_add(&pool->next, 1);

		if (i >= count)
			return;
		if (jobs[i].state == JOB_OPEN)
			compute(pool, worker, &jobs[i]);
	}
}

static bool has_part(const struct pool *pool, size_t worker, uint64_t last_run)
{
	return pool->jobs && pool->run != last_run && worker < pool->workers;
}

static void *help(void *arg)
{
	const struct helper *helper = arg;
	struct pool *pool = helper->pool;
	uint64_t last_run = 0;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		while (!has_part(pool, helper->worker, last_run))
			pthread_cond_wait(&pool->wake, &pool->lock);
		struct job *jobs = pool->jobs;
		size_t count = pool->count;

		last_run = pool->run;
		pool->busy++;
		pthread_mutex_unlock(&pool->lock);
		work(pool, helper->worker, jobs, count);
		pthread_mutex_lock(&pool->lock);
		if (--pool->busy == 0)
			pthread_cond_broadcast(&pool->done);
	}
	return NULL;
}

static bool start_helper(struct pool *pool, struct helper *helper, size_t worker)
{
	pthread_attr_t attributes;
	pthread_t thread;

	*helper = (struct helper){ .pool = pool, .worker = worker };
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	int err = pthread_create(&thread, &attributes, help, helper);
	pthread_attr_destroy(&attributes);
	if (err != 0)
		log_warn("no thread for session %zu: %s", worker + 1, strerror(err));
	return err == 0;
}

void pool_start(struct pool *pool, struct token *token)
{
	static struct helper helpers[SESSIONS_MAX];

	pool->token = token;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wake, NULL);
	pthread_cond_init(&pool->done, NULL);
	size_t threads = 1; /* the main one */
	while (threads < token->workers && start_helper(pool, &helpers[threads], threads))
		threads++;
	token->workers = token->workers_max = threads;
}

static void run_together(struct pool *pool, struct job *jobs, size_t count)
{
	pthread_mutex_lock(&pool->lock);
	pool->jobs = jobs;
	pool->count = count;
	pool->workers = pool->token->workers;
	pool->run++;
	pthread_cond_broadcast(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
	work(pool, 0, jobs, count);
	pthread_mutex_lock(&pool->lock);
	pool->jobs = NULL; /* who has not woken by now is not needed */
	while (pool->busy > 0)
		pthread_cond_wait(&pool->done, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
}

enum pm_err pool_run(struct pool *pool, struct job *jobs, size_t count, struct failure *failure)
{
	atomic_store(&pool->next, 0);
	atomic_store(&pool->said, false);
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		pool->outcomes[i].err = PM_OK;
	if (pool->token->workers > 1 && count > 1)
		run_together(pool, jobs, count);
	else
		work(pool, 0, jobs, count);
	for (size_t i = 0; i < pool->token->workers; i++) {
		if (pool->outcomes[i].err != PM_OK) {
			*failure = pool->outcomes[i].failure;
			return pool->outcomes[i].err;
		}
	}
	return PM_OK;
}
