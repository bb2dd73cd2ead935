#define _GNU_SOURCE
#include "wire.h"

#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/secret.h"
#include "outcome.h"

#define ANSWER_MAX (128 * 1024)     /* twice what a vault sends */
#define NEVER_MS (24 * 3600 * 1000) /* longer than any call waits */
#define RECONNECT_MS 100            /* nanomsg's own default */
#define LOOK_EVERY_MS 200           /* for a vault that hangs up on us */
#define HANG_UPS_MAX 3

static enum pm_err probe_refused(int why, const char *path, struct peppermint_call *call)
{
	switch (why) {
	case ENOENT:
	case ENOTDIR:
	case ECONNREFUSED:
	case EPROTOTYPE:
		return outcome(call, PM_UNREACHABLE,
			       "no vault listens at %s (%s); start peppermintd, or name its socket "
			       "with PEPPERMINT_SOCKET",
			       path, strerrordesc_np(why));
	case EACCES:
	case EPERM:
		return outcome(call, PM_DENIED,
			       "this program's user may not use the socket %s; ask the vault's "
			       "administrator to be put into the socket's group",
			       path);
	default:
		return outcome(call, PM_UNREACHABLE, "cannot connect to %s: %s", path,
			       strerrordesc_np(why));
	}
}

static enum pm_err probe(const char *path, struct peppermint_call *call)
{
	int fd CLEANUP(close_fd) = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (fd < 0)
		return outcome(call, PM_NO_MEMORY, "cannot make a socket: %s",
			       strerrordesc_np(errno));
	memcpy(address.sun_path, path, strlen(path) + 1); /* its length was checked at open */
	/* EAGAIN: it listens, and its backlog is full. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno != EAGAIN)
		return probe_refused(errno, path, call);
	return PM_OK;
}

static int set_option(int socket, int level, int option, int value)
{
	return nn_setsockopt(socket, level, option, &value, sizeof(value));
}

static enum pm_err dial(struct wire *wire, const char *path, struct peppermint_call *call)
{
	char url[sizeof(struct sockaddr_un) + sizeof("ipc://")];

	snprintf(url, sizeof(url), "ipc://%s", path);
	wire->socket = nn_socket(AF_SP, NN_REQ);
	if (wire->socket < 0 ||
	    set_option(wire->socket, NN_REQ, NN_REQ_RESEND_IVL, NEVER_MS) != 0 ||
	    set_option(wire->socket, NN_SOL_SOCKET, NN_RECONNECT_IVL,
		       wire->once ? NEVER_MS : RECONNECT_MS) != 0 ||
	    set_option(wire->socket, NN_SOL_SOCKET, NN_RCVMAXSIZE, ANSWER_MAX) != 0 ||
	    nn_connect(wire->socket, url) < 0) {
		int why = nn_errno();

		wire_hang_up(wire);
		return outcome(call, PM_NO_MEMORY, "cannot open a nanomsg socket: %s",
			       nn_strerror(why));
	}
	return PM_OK;
}

enum pm_err wire_ready(struct wire *wire, const char *path, struct peppermint_call *call)
{
	if (wire->socket >= 0 && nn_get_statistic(wire->socket, NN_STAT_CURRENT_CONNECTIONS) > 0)
		return PM_OK;
	wire_hang_up(wire); /* the vault went away since the last call */
	wire->once = false;
	TRY(probe(path, call));
	return dial(wire, path, call);
}

enum pm_err wire_ready_once(struct wire *wire, const char *path, struct peppermint_call *call)
{
	wire_hang_up(wire);
	wire->once = true;
	TRY(probe(path, call));
	return dial(wire, path, call);
}

enum pm_err wire_send(struct wire *wire, struct bytes request, struct peppermint_call *call)
{
	int sent = -1;

	do
		sent = nn_send(wire->socket, request.data, request.len, 0);
	while (sent < 0 && nn_errno() == EINTR);
	if (sent < 0)
		return outcome(call, PM_NO_MEMORY, "cannot send: %s", nn_strerror(nn_errno()));
	return PM_OK;
}

enum pm_err wire_receive(struct wire *wire, int64_t deadline, struct bytes *answer)
{
	uint64_t hang_ups_max = wire->once ? 1 : HANG_UPS_MAX;

	for (;;) {
		int64_t left = deadline_left_ms(deadline);
		void *message = NULL;

		if (left == 0)
			return PM_DEADLINE_EXCEEDED;
		if (set_option(wire->socket, NN_SOL_SOCKET, NN_RCVTIMEO,
			       left < LOOK_EVERY_MS ? (int)left : LOOK_EVERY_MS) != 0)
			return PM_INTERNAL;
		int len = nn_recv(wire->socket, &message, NN_MSG, 0);
		if (len >= 0) {
			*answer = bytes_of(message, (size_t)len);
			return PM_OK;
		}
		int why = nn_errno();
		if (why != ETIMEDOUT && why != EAGAIN && why != EINTR)
			return PM_INTERNAL;
		if (nn_get_statistic(wire->socket, NN_STAT_BROKEN_CONNECTIONS) >= hang_ups_max)
			return PM_DENIED;
	}
}

void wire_release(struct bytes *answer)
{
	void *message = (void *)(uintptr_t)answer->data;

	if (!message)
		return;
	secret_wipe(message, answer->len);
	nn_freemsg(message);
	*answer = bytes_of(NULL, 0);
}

void wire_hang_up(struct wire *wire)
{
	if (wire->socket < 0)
		return;
	while (nn_close(wire->socket) != 0 && nn_errno() == EINTR)
		;
	wire->socket = -1;
}
