/*
 * Connections of uids that the configuration does not name get no answer, but the audit log is told
 * of them: on a thread of its own, because that waits for the disk, and at most as many as fit its
 * queue, because whoever connects does not decide how much we remember. More are missed: the entry
 * of the next one that is told says how many. If none comes, the last of the missed is told.
 */
#ifndef RPC_STRANGERS_H
#define RPC_STRANGERS_H

#include "call.h"
#include "workers.h"

/* Never waits; what finds the queue full is missed. */
void strangers_tell(struct rpc *rpc, const struct peer *peer);

/* For workers_new. */
workers_run stranger_run;

/* Never waits. If some were missed a minute ago or more, and no other one came, tells of the last. */
void strangers_catch_up(struct rpc *rpc, int64_t now);

/* After the last of them: says in our log how many were missed that no entry has. */
void strangers_end(struct rpc *rpc);

#endif
