/*
 * Connections of uids that the configuration does not name get no answer, but the audit log is told
 * of them: on a thread of its own, because that waits for the disk, and at most as many as fit its
 * queue, because whoever connects does not decide how much we remember.
 */
#ifndef RPC_STRANGERS_H
#define RPC_STRANGERS_H

#include "call.h"
#include "workers.h"

/* Never waits; what finds the queue full is not told. */
void strangers_tell(struct rpc *rpc, const struct peer *peer);

/* For workers_new. */
workers_run stranger_run;

#endif
