#define _GNU_SOURCE
#include "rpc/rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "call.h"
#include "callers.h"
#include "refusals.h"
#include "replay.h"
#include "server.h"
#include "strangers.h"
#include "transport.h"
#include "vault/vault.h"
#include "workers.h"

#define TEXT_MAX 256
#define VALUE_MAX 16384
#define JANITOR_PERIOD_MS 250
#define LOG_WORKERS 2 /* one long reading leaves room for another */
#define REFUSAL_WORKERS 2
#define PIN_WORKERS 1 /* a token gets one PIN after the other */
#define SEAL_WORKERS 1
#define PIN_QUEUE 16
#define PIN_REPLAY_BYTES 65536
#define PIN_REPLAY_SECONDS 3600 /* nanomsg's req socket asks again after a minute */

static void tidy(struct rpc *rpc)
{
	int64_t now = clock_now();

	for (size_t i = 0; i < rpc->environments; i++) {
		workers_expire(rpc->workers[i], now);
		workers_expire(rpc->pin_workers[i], now);
		workers_expire(rpc->seal_workers[i], now);
	}
	for (size_t i = 0; i < POOLS; i++)
		workers_expire(rpc->pools[i], now);
	replay_sweep(rpc->replay, now);
	replay_sweep(rpc->pin_replay, now);
	strangers_catch_up(rpc, now);
	refusals_report(rpc, now);
}

static void *janitor(void *arg)
{
	struct rpc *rpc = arg;

	pthread_mutex_lock(&rpc->lock);
	while (!rpc->stopping) {
		const struct timespec until = deadline_timespec(deadline_in_ms(JANITOR_PERIOD_MS));

		pthread_cond_clockwait(&rpc->stop, &rpc->lock, CLOCK_MONOTONIC, &until);
		pthread_mutex_unlock(&rpc->lock);
		tidy(rpc);
		pthread_mutex_lock(&rpc->lock);
	}
	pthread_mutex_unlock(&rpc->lock);
	return NULL;
}

static void stop_janitor(struct rpc *rpc)
{
	if (!rpc->janitor_runs)
		return;
	pthread_mutex_lock(&rpc->lock);
	rpc->stopping = true;
	pthread_cond_signal(&rpc->stop);
	pthread_mutex_unlock(&rpc->lock);
	pthread_join(rpc->janitor, NULL);
	rpc->janitor_runs = false;
}

/* A connection is a descriptor: as many as the hard limit allows. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_warn("rpc: cannot raise the limit of open files: %s", strerror(errno));
}

static enum pm_err check_config(const struct rpc_config *config, size_t environments)
{
	bool counts = config->requests > 0 && config->per_connection > 0 &&
		      config->per_caller > 0 && config->connections > 0 && config->batch > 0 &&
		      config->workers > 0 && config->queue > 0 && config->send_timeout_ms > 0 &&
		      config->replay_bytes > 0 && config->message_bytes > 0;

	if (!counts) {
		log_error("rpc: every limit of the socket must be at least 1");
		return PM_CONFIG;
	}
	if (environments > RPC_ENVIRONMENTS_MAX) {
		log_error("rpc: %zu environments; the most is %d", environments,
			  RPC_ENVIRONMENTS_MAX);
		return PM_CONFIG;
	}
	return PM_OK;
}

static enum pm_err copy_config(struct rpc *rpc, const struct rpc_config *config)
{
	rpc->config = *config;
	rpc->socket = strdup(config->socket);
	rpc->version = strdup(config->version);
	rpc->config.socket = rpc->socket;
	rpc->config.version = rpc->version;
	rpc->limits = (struct wire_limits){ .text = TEXT_MAX,
					    .bytes = VALUE_MAX,
					    .items = config->batch };
	return rpc->socket && rpc->version ? PM_OK : PM_NO_MEMORY;
}

static enum pm_err start_janitor(struct rpc *rpc)
{
	int rv = pthread_create(&rpc->janitor, NULL, janitor, rpc);

	if (rv != 0) {
		log_error("rpc: cannot start a thread: %s", strerror(rv));
		return PM_NO_MEMORY;
	}
	rpc->janitor_runs = true;
	return PM_OK;
}

static enum pm_err open_workers(struct rpc *rpc)
{
	const struct rpc_config *config = &rpc->config;
	struct workers **pools = rpc->pools;
	uint32_t queue = config->queue;

	for (size_t i = 0; i < rpc->environments; i++) {
		TRY(workers_new(config->workers, queue, call_run, &rpc->workers[i]));
		TRY(workers_new(PIN_WORKERS, PIN_QUEUE, call_run, &rpc->pin_workers[i]));
		TRY(workers_new(SEAL_WORKERS, PIN_QUEUE, call_run, &rpc->seal_workers[i]));
	}
	TRY(workers_new(1, queue, call_run, &pools[POOL_STATUS]));
	TRY(workers_new(LOG_WORKERS, queue, call_run, &pools[POOL_LOG]));
	TRY(workers_new(REFUSAL_WORKERS, queue, call_run_refused, &pools[POOL_REFUSALS]));
	return workers_new(1, queue, stranger_run, &pools[POOL_STRANGERS]);
}

static enum pm_err open_parts(struct rpc *rpc, const struct rpc_caller *callers, size_t count)
{
	const struct rpc_config *config = &rpc->config;

	TRY(callers_new(config->per_caller, &rpc->callers));
	TRY(callers_set(rpc->callers, callers, count));
	TRY(replay_new(config->replay_bytes, config->replay_seconds, &rpc->replay));
	TRY(replay_new(PIN_REPLAY_BYTES, PIN_REPLAY_SECONDS, &rpc->pin_replay));
	TRY(open_workers(rpc));
	TRY(start_janitor(rpc));
	TRY(transport_new(rpc, &rpc->transport));
	return transport_listen(rpc->transport);
}

enum pm_err rpc_open(struct vault *vault, const struct rpc_config *config,
		     const struct rpc_caller *callers, size_t count, struct rpc **out)
{
	size_t environments = vault_environment_count(vault);

	TRY(check_config(config, environments));
	struct rpc *rpc = calloc(1, sizeof(*rpc));
	if (!rpc)
		return PM_NO_MEMORY;
	rpc->vault = vault;
	rpc->started = clock_now();
	rpc->environments = environments;
	pthread_mutex_init(&rpc->missed.lock, NULL);
	pthread_mutex_init(&rpc->lock, NULL);
	pthread_cond_init(&rpc->stop, NULL);
	raise_descriptor_limit();
	enum pm_err err = copy_config(rpc, config);
	if (err == PM_OK)
		err = open_parts(rpc, callers, count);
	if (err != PM_OK) {
		rpc_close(rpc, clock_now());
		return err;
	}
	*out = rpc;
	return PM_OK;
}

enum pm_err rpc_check_callers(struct rpc *rpc, const struct rpc_caller *callers, size_t count)
{
	return callers_check(rpc->callers, callers, count);
}

enum pm_err rpc_set_callers(struct rpc *rpc, const struct rpc_caller *callers, size_t count)
{
	return callers_set(rpc->callers, callers, count);
}

static void stop_workers(struct rpc *rpc)
{
	for (size_t i = 0; i < rpc->environments; i++) {
		if (rpc->workers[i])
			workers_stop(rpc->workers[i]);
		if (rpc->pin_workers[i])
			workers_stop(rpc->pin_workers[i]);
		if (rpc->seal_workers[i])
			workers_stop(rpc->seal_workers[i]);
	}
	for (size_t i = 0; i < POOLS; i++) {
		if (rpc->pools[i])
			workers_stop(rpc->pools[i]);
	}
}

void rpc_close(struct rpc *rpc, int64_t deadline)
{
	if (!rpc)
		return;
	atomic_store(&rpc->closing, true);
	if (rpc->transport)
		transport_drain(rpc->transport, deadline);
	stop_janitor(rpc);
	stop_workers(rpc);
	/* The last callbacks of nng may still look at what is freed after it. */
	transport_free(rpc->transport);
	strangers_end(rpc);
	refusals_end(rpc);
	for (size_t i = 0; i < rpc->environments; i++) {
		workers_free(rpc->workers[i]);
		workers_free(rpc->pin_workers[i]);
		workers_free(rpc->seal_workers[i]);
	}
	for (size_t i = 0; i < POOLS; i++)
		workers_free(rpc->pools[i]);
	replay_free(rpc->replay);
	replay_free(rpc->pin_replay);
	callers_free(rpc->callers);
	pthread_cond_destroy(&rpc->stop);
	pthread_mutex_destroy(&rpc->missed.lock);
	pthread_mutex_destroy(&rpc->lock);
	free(rpc->socket);
	free(rpc->version);
	free(rpc);
}
