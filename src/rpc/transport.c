#define _GNU_SOURCE
#include "transport.h"

#include <nng/nng.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "callers.h"
#include "connection.h"
#include "endpoint.h"
#include "server.h"
#include "strangers.h"

#define REST_MS 100 /* when nothing can be accepted, such as without descriptors */

/*
 * glibc 2.36 (Debian 12) can lose a pthread_cond_signal when several threads wait (its bug 25847),
 * and nng's task threads wait like that: a finished read or write then lies there until the next
 * one wakes a thread. Seen with a client that waits for its answer. The pulse is that next one.
 */
#define PULSE_MS 100

struct transport {
	struct rpc *rpc;
	nng_stream_listener *listener;
	nng_aio *accepting;
	nng_aio *pulse;
	bool resting; /* the accepting aio only waits */
	/* Whoever accepts has these two. */
	int64_t last_line; /* of the log, about connections */
	uint64_t accepted; /* connections, ever */

	pthread_mutex_t lock;
	pthread_cond_t quiet;       /* no slot is in use */
	uint32_t in_use;            /* slots */
	struct slot *free;          /* slots */
	struct connection *waiting; /* for a slot, the longest first */
	struct connection **last_waiting;
	struct connection *idle; /* connection objects */

	uint32_t made;                   /* connection objects */
	struct connection **connections; /* all of them */
	uint32_t slot_count;
	struct slot *slots;
};

struct slot *transport_take_slot(struct transport *transport, struct connection *connection)
{
	pthread_mutex_lock(&transport->lock);
	struct slot *slot = transport->free;
	if (slot) {
		transport->free = slot->next;
		transport->in_use++;
	} else {
		connection->next = NULL;
		*transport->last_waiting = connection;
		transport->last_waiting = &connection->next;
	}
	pthread_mutex_unlock(&transport->lock);
	return slot;
}

static void free_slot(struct transport *transport, struct slot *slot)
{
	slot->next = transport->free;
	transport->free = slot;
	if (--transport->in_use == 0)
		pthread_cond_broadcast(&transport->quiet);
}

void transport_return_slot(struct transport *transport, struct slot *slot)
{
	pthread_mutex_lock(&transport->lock);
	struct connection *next = transport->waiting;
	if (next) {
		transport->waiting = next->next;
		if (!transport->waiting)
			transport->last_waiting = &transport->waiting;
		next->granted = slot;
	} else {
		free_slot(transport, slot);
	}
	pthread_mutex_unlock(&transport->lock);
	if (next)
		connection_resume(next);
}

void slot_over(struct slot *slot)
{
	struct connection *connection = slot->connection;

	call_over(slot->call);
	connection_leave(connection);
	transport_return_slot(slot->transport, slot);
}

void transport_retire(struct transport *transport, struct connection *connection)
{
	pthread_mutex_lock(&transport->lock);
	connection->next = transport->idle;
	transport->idle = connection;
	pthread_mutex_unlock(&transport->lock);
}

/* An object for a new connection; NULL if there are as many as there may be. */
static struct connection *find_idle(struct transport *transport)
{
	pthread_mutex_lock(&transport->lock);
	struct connection *idle = transport->idle;
	if (idle)
		transport->idle = idle->next;
	pthread_mutex_unlock(&transport->lock);
	if (idle || transport->made == transport->rpc->config.connections)
		return idle;
	if (connection_new(transport->rpc, transport, &idle) != PM_OK)
		return NULL;
	transport->connections[transport->made++] = idle;
	return idle;
}

/* The kernel's word for who is at the other end, taken when he connected. */
static bool identify(nng_stream *stream, struct peer *peer)
{
	uint64_t uid = 0, gid = 0, pid = 0;

	if (nng_stream_get_uint64(stream, NNG_OPT_IPC_PEER_UID, &uid) != 0 ||
	    nng_stream_get_uint64(stream, NNG_OPT_IPC_PEER_GID, &gid) != 0 ||
	    nng_stream_get_uint64(stream, NNG_OPT_IPC_PEER_PID, &pid) != 0)
		return false;
	*peer = (struct peer){ .uid = (uint32_t)uid, .gid = (uint32_t)gid, .pid = (uint32_t)pid };
	return true;
}

/* One line a second: who tries to connect does not decide how much we write. */
static bool may_log(struct transport *transport)
{
	int64_t now = clock_now();

	if (transport->last_line != 0 && now - transport->last_line < NS_PER_SECOND)
		return false;
	transport->last_line = now;
	return true;
}

static void refuse(struct transport *transport, nng_stream *stream, const struct peer *peer,
		   const char *why)
{
	nng_stream_free(stream);
	if (may_log(transport))
		log_warn("rpc: refused a connection of uid %u (pid %u): %s", peer->uid, peer->pid,
			 why);
}

static void admit(struct transport *transport, nng_stream *stream)
{
	struct peer peer = { 0 };
	struct connection *connection = NULL;

	if (!identify(stream, &peer)) {
		refuse(transport, stream, &peer, "the kernel does not say who it is");
		return;
	}
	peer.connection = ++transport->accepted;
	if (!callers_know(transport->rpc->callers, peer.uid)) {
		strangers_tell(transport->rpc, &peer);
		refuse(transport, stream, &peer, "no caller in the configuration has that uid");
		return;
	}
	if (atomic_load(&transport->rpc->closing))
		refuse(transport, stream, &peer, "shutting down");
	else if ((connection = find_idle(transport)) == NULL)
		refuse(transport, stream, &peer, "too many connections");
	else
		connection_start(connection, stream, &peer);
}

static void on_accept(void *arg)
{
	struct transport *transport = arg;
	int rv = nng_aio_result(transport->accepting);

	if (rv == NNG_ECANCELED || rv == NNG_ECLOSED)
		return; /* the end */
	if (rv == 0 && !transport->resting)
		admit(transport, nng_aio_get_output(transport->accepting, 0));
	transport->resting = rv != 0;
	if (transport->resting) {
		if (may_log(transport))
			log_warn("rpc: cannot accept connections: %s", nng_strerror(rv));
		nng_sleep_aio(REST_MS, transport->accepting);
		return;
	}
	nng_stream_listener_accept(transport->listener, transport->accepting);
}

static void on_pulse(void *arg)
{
	struct transport *transport = arg;

	if (nng_aio_result(transport->pulse) == 0)
		nng_sleep_aio(PULSE_MS, transport->pulse);
}

static enum pm_err make_slots(struct transport *transport)
{
	uint32_t count = transport->rpc->config.requests;

	transport->slots = calloc(count, sizeof(*transport->slots));
	if (!transport->slots)
		return PM_NO_MEMORY;
	for (; transport->slot_count < count; transport->slot_count++) {
		struct slot *slot = &transport->slots[transport->slot_count];

		slot->transport = transport;
		slot->next = transport->free;
		TRY(call_new(transport->rpc, slot, &slot->call));
		transport->free = slot;
	}
	return PM_OK;
}

enum pm_err transport_new(struct rpc *rpc, struct transport **out)
{
	struct transport *transport = calloc(1, sizeof(*transport));

	if (!transport)
		return PM_NO_MEMORY;
	transport->rpc = rpc;
	transport->last_waiting = &transport->waiting;
	pthread_mutex_init(&transport->lock, NULL);
	pthread_cond_init(&transport->quiet, NULL);
	transport->connections = calloc(rpc->config.connections, sizeof(struct connection *));
	if (!transport->connections || make_slots(transport) != PM_OK ||
	    nng_aio_alloc(&transport->accepting, on_accept, transport) != 0 ||
	    nng_aio_alloc(&transport->pulse, on_pulse, transport) != 0) {
		log_error("rpc: no memory for %u requests and %u connections", rpc->config.requests,
			  rpc->config.connections);
		transport_free(transport);
		return PM_NO_MEMORY;
	}
	*out = transport;
	return PM_OK;
}

static enum pm_err bind_socket(struct transport *transport)
{
	char url[sizeof("ipc://") + ENDPOINT_PATH_MAX];
	int rv = 0;

	snprintf(url, sizeof(url), "ipc://%s", transport->rpc->config.socket);
	if ((rv = nng_stream_listener_alloc(&transport->listener, url)) == 0)
		rv = nng_stream_listener_listen(transport->listener);
	if (rv == 0)
		return PM_OK;
	log_error("rpc: cannot listen on %s: %s; its directory must exist and be writable",
		  transport->rpc->config.socket, nng_strerror(rv));
	return PM_CONFIG;
}

enum pm_err transport_listen(struct transport *transport)
{
	const struct rpc_config *config = &transport->rpc->config;

	TRY(endpoint_clear(config->socket));
	/* Nobody else can connect to it before endpoint_admit. */
	mode_t mask = umask(0177);
	enum pm_err err = bind_socket(transport);
	umask(mask);
	TRY(err);
	nng_sleep_aio(PULSE_MS, transport->pulse);
	nng_stream_listener_accept(transport->listener, transport->accepting);
	return endpoint_admit(config->socket, config->socket_mode, config->socket_gid);
}

void transport_drain(struct transport *transport, int64_t deadline)
{
	const struct timespec until = deadline_timespec(deadline);
	int rv = 0;

	pthread_mutex_lock(&transport->lock);
	while (transport->in_use > 0 && rv == 0)
		rv = pthread_cond_clockwait(&transport->quiet, &transport->lock, CLOCK_MONOTONIC,
					    &until);
	uint32_t left = transport->in_use;
	pthread_mutex_unlock(&transport->lock);
	if (left > 0)
		log_warn("rpc: %u requests had not been answered when time was up", left);
}

static void stop_accepting(struct transport *transport)
{
	if (transport->listener)
		nng_stream_listener_close(transport->listener); /* removes the socket's file */
	nng_aio_stop(transport->accepting);
}

static void stop_connections(struct transport *transport)
{
	for (uint32_t i = 0; i < transport->made; i++)
		connection_stop(transport->connections[i]);
}

void transport_free(struct transport *transport)
{
	if (!transport)
		return;
	stop_accepting(transport);
	/* First all stop, then all are freed: the end of one can still give a slot to another. */
	stop_connections(transport);
	pthread_mutex_lock(&transport->lock);
	transport->waiting = NULL;
	transport->last_waiting = &transport->waiting;
	pthread_mutex_unlock(&transport->lock);
	stop_connections(transport);
	nng_aio_stop(transport->pulse);
	for (uint32_t i = 0; i < transport->made; i++)
		connection_free(transport->connections[i]);
	for (uint32_t i = 0; i < transport->slot_count; i++)
		call_free(transport->slots[i].call);
	nng_aio_free(transport->accepting);
	nng_aio_free(transport->pulse);
	if (transport->listener)
		nng_stream_listener_free(transport->listener);
	pthread_cond_destroy(&transport->quiet);
	pthread_mutex_destroy(&transport->lock);
	free(transport->connections);
	free(transport->slots);
	free(transport);
}
