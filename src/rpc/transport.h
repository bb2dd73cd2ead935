/*
 * The socket: nng's streams on ipc://, nanomsg's SP protocol on them, and a fixed number of slots,
 * one per request in flight. A slot belongs to its call from call_receive until slot_send or
 * slot_drop, which any thread may call. nng's threads run the rest and never wait.
 *
 * Why not nng's own REP socket: in 1.5.2 its listener stops for good when a client hangs up before
 * the greeting was written to it (nng issue 1518); one connect and close would end the service.
 */
#ifndef RPC_TRANSPORT_H
#define RPC_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

struct rpc;
struct slot;
struct transport;

/* Connections and slots with their calls; nothing listens yet. */
enum pm_err transport_new(struct rpc *rpc, struct transport **out) NODISCARD;

/* PM_CONFIG, logged, if the socket cannot be made. From here on requests come. */
enum pm_err transport_listen(struct transport *transport) NODISCARD;

/* Waits until no request is in flight, or until the deadline. */
void transport_drain(struct transport *transport, int64_t deadline);

/* No slot may be with a worker any more. NULL is allowed. */
void transport_free(struct transport *transport);

/* Sends the answer, which must stay where it is until call_over. */
void slot_send(struct slot *slot, struct bytes answer);

/* No answer: the connection is closed. */
void slot_drop(struct slot *slot);

#endif
