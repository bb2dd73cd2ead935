/*
 * One client's connection: reads SP frames into a buffer of its own, hands each to a slot, and
 * writes the slots' answers one after the other. Objects are made once and used for one connection
 * after the other; one goes back to the transport when it is closed and its last slot is over.
 * What arrives runs on one nng thread at a time, answers come from any.
 */
#ifndef RPC_CONNECTION_H
#define RPC_CONNECTION_H

#include <nng/nng.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "call.h"
#include "sp.h"

struct transport;

struct slot {
	struct transport *transport;
	struct call *call;
	struct connection *connection; /* while it is in use */
	struct slot *next;             /* among the free ones, or among answers to send */
	uint8_t head[SP_HEADER_LEN + SP_TRACE_MAX];
	size_t trace_len;
	struct bytes answer;
};

struct connection {
	const struct rpc *rpc;
	struct transport *transport;
	struct connection *next; /* among the idle ones, or among those that wait for a slot */
	struct slot *granted;    /* what it waited for */
	struct peer peer;

	/* The reader's own: what came and was not yet handed on. */
	nng_aio *reading;
	uint8_t *buffer;
	size_t size, start, end;
	bool greeted;

	/* Under the lock. */
	pthread_mutex_t lock;
	nng_stream *stream;
	uint32_t users;     /* the reader, the writer while it sends, and the slots */
	uint32_t in_flight; /* slots */
	bool closed;
	bool sending;
	struct slot *first; /* answers that wait for the writer */
	struct slot **last;

	/* The writer's own: what it sends, and of it what is still to go. */
	nng_aio *writing;
	struct slot *answering; /* NULL: the greeting */
	struct bytes rest[2];
	int64_t send_deadline;
};

enum pm_err connection_new(const struct rpc *rpc, struct transport *transport,
			   struct connection **out) NODISCARD;

/* Starts to talk; the stream becomes the connection's. */
void connection_start(struct connection *connection, nng_stream *stream, const struct peer *peer);

/* A slot that it waited for is in `granted`. */
void connection_resume(struct connection *connection);

/* From now on nothing more is read or sent. For its users. */
void connection_close(struct connection *connection);

/* A slot of it is over. */
void connection_leave(struct connection *connection);

/* For the end: first all connections stop, then all are freed. NULL is allowed. */
void connection_stop(struct connection *connection);
void connection_free(struct connection *connection);

/* What a connection asks of the transport: a free slot; if there is none, NULL and a place in the
 * line (connection_resume follows); and where it goes when it is done. */
struct slot *transport_take_slot(struct transport *transport, struct connection *connection);
void transport_return_slot(struct transport *transport, struct slot *slot);
void transport_retire(struct transport *transport, struct connection *connection);

/* The request is over, whatever became of it. */
void slot_over(struct slot *slot);

#endif
