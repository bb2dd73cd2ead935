/*
 * One request on its way: envelope → who → may → limits → body → handler → reply → wipe. A call is
 * made once for a place on the wire (a slot) and used for one request after the other. It passes
 * from nng's thread to a worker and back; one thread at a time has it.
 */
#ifndef RPC_CALL_H
#define RPC_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "dispatch.h"
#include "envelope.h"
#include "replay.h"
#include "rpc/rpc.h"
#include "vault/vault.h"
#include "workers.h"

#define CALL_REFUSAL_MAX 128

struct rpc;
struct slot;

/* Who sent it, in the kernel's word, on which connection, and whether that is over its share. */
struct peer {
	uint32_t uid, gid, pid;
	uint64_t connection; /* its number, counted from 1 */
	bool over_share;
};

struct call {
	struct rpc *rpc;   /* lent */
	struct slot *slot; /* lent: where the answer goes */
	struct arena *arena;
	struct job job;
	struct replay_ticket ticket;
	bool executing;  /* the ticket waits for replay_end */
	bool entered;    /* the handler has run */
	bool counted;    /* among the caller's requests in flight */
	bool over_share; /* the caller's or the connection's */

	struct rpc_caller caller;
	struct envelope envelope;
	struct actor actor;
	const struct rpc_row *row;
	size_t environment;           /* the vault's index */
	const char *environment_name; /* as asked for; NULL: not yet known, or it cannot be one */
	const ProtobufCMessage *body;
	Peppermint__V1__Reply reply;
	Peppermint__V1__Receipt receipt;
	enum pm_err refused;            /* why, if it was; `refusal` is about that */
	char refusal[CALL_REFUSAL_MAX]; /* the reply's message, "" for the error's own text */
};

enum pm_err call_new(struct rpc *rpc, struct slot *slot, struct call **out) NODISCARD;
void call_free(struct call *call); /* NULL is allowed */

/* A request has come; it is copied. Never waits. Ends, now or later, in slot_send or slot_drop. */
void call_receive(struct call *call, const struct peer *peer, struct bytes request);

/* The slot is done with the request: nothing of it is in flight any more, and it is wiped. */
void call_over(struct call *call);

/* For workers_new: runs the handler and answers. */
workers_run call_run;

/* Likewise for a call refused before its handler: its entry in the audit log, then the answer. */
workers_run call_run_refused;

/* For handlers: `err` with a text for the client, "field: what". */
enum pm_err call_refuse(struct call *call, enum pm_err err, const char *field, const char *what);

#endif
