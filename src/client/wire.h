/*
 * One connection to the vault: a nanomsg REQ socket and the memory of the call that uses it. Opens
 * when it is first needed and after a failure. This is the only module that sees nanomsg. Used by
 * one thread at a time.
 */
#ifndef CLIENT_WIRE_H
#define CLIENT_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "room.h"

struct peppermint_call;

struct wire {
	int socket; /* nanomsg's; -1 when closed */
	bool once;  /* it ends when its connection breaks */
	struct room room;
};

/*
 * Makes sure that a vault listens at the path and that we are connected or about to be: nanomsg
 * itself would connect to nothing and wait. PM_UNREACHABLE, PM_DENIED (the socket's permissions) or
 * PM_NO_MEMORY, with a message.
 */
enum pm_err wire_ready(struct wire *wire, const char *path, struct peppermint_call *call) NODISCARD;

/*
 * Likewise, and what is sent then goes to no vault that is started meanwhile. (When a connection breaks
 * nanomsg makes it again at once, which only finds a vault that still listens, and so remembers.)
 */
enum pm_err wire_ready_once(struct wire *wire, const char *path,
			    struct peppermint_call *call) NODISCARD;

/* Hands the request to nanomsg, which copies it, and may send it again after a reconnection. */
enum pm_err wire_send(struct wire *wire, struct bytes request,
		      struct peppermint_call *call) NODISCARD;

/*
 * The answer; give it back with wire_release. PM_DEADLINE_EXCEEDED: none came. PM_DENIED: the vault
 * closed our connection, again and again if it was made again. After an error the request may have been executed.
 */
enum pm_err wire_receive(struct wire *wire, int64_t deadline, struct bytes *answer) NODISCARD;
void wire_release(struct bytes *answer); /* wipes; nothing to do for an empty one */

/* Ends the connection, and with it nanomsg's resending of a request without an answer. */
void wire_hang_up(struct wire *wire);

#endif
