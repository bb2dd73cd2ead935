/*
 * Refusals that should have had an entry in the audit log and got none, because too many waited for
 * one or it took too long. Their callers were told BUSY or DEADLINE_EXCEEDED instead; our own log
 * says how many they are.
 */
#ifndef RPC_REFUSALS_H
#define RPC_REFUSALS_H

#include <stdint.h>

struct rpc;

/* Any thread; never waits. */
void refusals_miss(struct rpc *rpc);

/* The janitor's. Logs how many were missed since it last did, once a minute at most. */
void refusals_report(struct rpc *rpc, int64_t now);

/* After the last of them: logs what is left. */
void refusals_end(struct rpc *rpc);

#endif
