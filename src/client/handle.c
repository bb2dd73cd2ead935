#define _GNU_SOURCE
#include "handle.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

static void handle_freep(struct peppermint **handle)
{
	peppermint_close(*handle);
}

static const char *socket_path(const struct peppermint_options *options)
{
	if (options->socket)
		return options->socket;
	/* Not from the environment of a set-uid program. */
	const char *path = secure_getenv("PEPPERMINT_SOCKET");
	return path ? path : PEPPERMINT_SOCKET_DEFAULT;
}

static enum pm_err copy_text(const char *text, char *to, size_t size)
{
	size_t len = strlen(text);

	if (len >= size)
		return PM_CONFIG;
	memcpy(to, text, len + 1);
	return PM_OK;
}

static enum pm_err configure(struct peppermint *handle, const struct peppermint_options *options)
{
	const char *operator_name = options->operator_name;

	TRY(copy_text(socket_path(options), handle->socket, sizeof(handle->socket)));
	if (handle->socket[0] == '\0')
		return PM_CONFIG;
	TRY(copy_text(operator_name ? operator_name : "", handle->operator_name,
		      sizeof(handle->operator_name)));
	handle->timeout_ms =
		options->timeout_ms ? options->timeout_ms : PEPPERMINT_TIMEOUT_MS_DEFAULT;
	handle->wire_count =
		options->connections ? options->connections : PEPPERMINT_CONNECTIONS_DEFAULT;
	return handle->wire_count <= PEPPERMINT_CONNECTIONS_MAX ? PM_OK : PM_CONFIG;
}

enum pm_err peppermint_open(const struct peppermint_options *options, struct peppermint **out)
{
	static const struct peppermint_options defaults = { 0 };

	*out = NULL;
	struct peppermint *raw = calloc(1, sizeof(*raw));
	if (!raw)
		return PM_NO_MEMORY;
	pthread_mutex_init(&raw->lock, NULL);
	pthread_cond_init(&raw->given_back, NULL);
	struct peppermint *handle CLEANUP(handle_freep) = raw;
	TRY(configure(handle, options ? options : &defaults));
	for (size_t i = 0; i < handle->wire_count; i++) {
		handle->wires[i].socket = -1;
		handle->idle[handle->idle_count++] = &handle->wires[i];
	}
	*out = TAKE(handle);
	return PM_OK;
}

void peppermint_close(struct peppermint *handle)
{
	if (!handle)
		return;
	/* A handle that peppermint_open gave up on has no wires yet. */
	for (size_t i = 0; i < handle->idle_count; i++) {
		wire_hang_up(handle->idle[i]);
		room_close(&handle->idle[i]->room);
	}
	pthread_cond_destroy(&handle->given_back);
	pthread_mutex_destroy(&handle->lock);
	free(handle);
}

enum pm_err handle_take(struct peppermint *handle, int64_t deadline, struct wire **out)
{
	struct timespec until = deadline_timespec(deadline);
	int waited = 0;

	pthread_mutex_lock(&handle->lock);
	while (handle->idle_count == 0 && waited == 0)
		waited = pthread_cond_clockwait(&handle->given_back, &handle->lock, CLOCK_MONOTONIC,
						&until);
	struct wire *wire = handle->idle_count > 0 ? handle->idle[--handle->idle_count] : NULL;
	pthread_mutex_unlock(&handle->lock);
	if (!wire)
		return PM_BUSY;
	if (!wire->room.base && room_open(&wire->room) != PM_OK) {
		handle_give(handle, wire);
		return PM_NO_MEMORY;
	}
	*out = wire;
	return PM_OK;
}

void handle_give(struct peppermint *handle, struct wire *wire)
{
	pthread_mutex_lock(&handle->lock);
	handle->idle[handle->idle_count++] = wire;
	/* Not signal: with several waiters glibc 2.36 (Debian 12) can lose one (its bug 25847). */
	pthread_cond_broadcast(&handle->given_back);
	pthread_mutex_unlock(&handle->lock);
}
