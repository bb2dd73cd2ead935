/*
 * The handle behind struct peppermint: where the vault is, and a bounded pool of wires, one per
 * call under way. Any thread.
 */
#ifndef CLIENT_HANDLE_H
#define CLIENT_HANDLE_H

#include <pthread.h>
#include <sys/un.h>

#include "peppermint/client.h"
#include "wire.h"

struct peppermint {
	char socket[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	char operator_name[PEPPERMINT_OPERATOR_MAX + 1];
	uint32_t timeout_ms;

	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t given_back;
	size_t idle_count;
	struct wire *idle[PEPPERMINT_CONNECTIONS_MAX]; /* the last one given back is used first */
	size_t wire_count;
	struct wire wires[PEPPERMINT_CONNECTIONS_MAX];
};

/* A wire of the caller's own until it is given back. PM_BUSY when the deadline passes first. */
enum pm_err handle_take(struct peppermint *handle, int64_t deadline, struct wire **out) NODISCARD;
void handle_give(struct peppermint *handle, struct wire *wire);

#endif
