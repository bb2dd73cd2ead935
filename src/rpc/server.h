/* What the parts of this layer share: everything that rpc_open makes and rpc_close ends. */
#ifndef RPC_SERVER_H
#define RPC_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "call.h"
#include "rpc/rpc.h"
#include "wire.h"

#define RPC_ENVIRONMENTS_MAX 32 /* bits of rpc_caller.environments */

struct callers;
struct replay;
struct transport;
struct vault;
struct workers;

/* The threads of what belongs to no environment. */
enum rpc_pool {
	POOL_STATUS,    /* never behind anything slow */
	POOL_LOG,       /* reading and keeping the audit log */
	POOL_REFUSALS,  /* entries of the audit log before a refusal is answered */
	POOL_STRANGERS, /* entries of connections that get no answer */
	POOLS,
};

/* Strangers that the audit log was not told of so far. */
struct missed {
	pthread_mutex_t lock;
	uint64_t count;
	struct peer last;
	int64_t since; /* of the first, or the last time that they were to be told */
};

struct rpc {
	struct vault *vault;      /* lent */
	struct rpc_config config; /* its strings are the two below */
	char *socket;
	char *version;
	struct wire_limits limits;
	int64_t started; /* monotonic */
	atomic_bool closing;

	struct callers *callers;
	struct replay *replay;
	struct replay *pin_replay; /* of calls about PINs, which no other change drives out */
	struct transport *transport;
	size_t environments;
	struct workers *workers[RPC_ENVIRONMENTS_MAX]; /* by the vault's environment index */
	/* Of calls with PINs; and of Seal, which waits behind nothing that an HSM keeps waiting. */
	struct workers *pin_workers[RPC_ENVIRONMENTS_MAX];
	struct workers *seal_workers[RPC_ENVIRONMENTS_MAX];
	struct workers *pools[POOLS];
	int64_t strangers_quiet; /* POOL_STRANGERS's thread: it logs nothing before then */
	struct missed missed;    /* strangers */
	atomic_uint_fast64_t refusals_missed; /* that no entry has, since our log was last told */
	int64_t refusals_quiet; /* the janitor's: it logs no such number before then */

	/* The janitor: tells what was missed, ends what waits too long and wipes old answers. */
	pthread_t janitor;
	bool janitor_runs;
	pthread_mutex_t lock;
	pthread_cond_t stop;
	bool stopping;
};

#endif
