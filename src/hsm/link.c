#define _GNU_SOURCE
#include "link.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"

#define NO_DEADLINE INT64_MAX
#define ARENA_KEEP ((size_t)192 * 1024) /* a full frame of MACs, unpacked */

enum pm_err link_open(struct link *link, int stop_fd, int64_t timeout_ms)
{
	*link = (struct link){ .fd = -1, .stop_fd = stop_fd, .timeout_ms = timeout_ms };
	link->frame.data = secret_alloc(FRAME_MAX);
	link->frame.cap = FRAME_MAX;
	link->room = secret_alloc(FRAME_MAX);
	if (!link->frame.data || !link->room)
		return PM_NO_MEMORY;
	return arena_new(FRAME_ARENA_MAX, ARENA_KEEP, &link->arena);
}

void link_close(struct link *link)
{
	link_attach(link, -1);
	secret_free(link->frame.data, FRAME_MAX);
	secret_free(link->room, FRAME_MAX);
	arena_free(link->arena);
}

void link_attach(struct link *link, int fd)
{
	close_fd(&link->fd);
	link->fd = fd;
}

static int poll_timeout(int64_t deadline)
{
	int64_t left = deadline_left_ms(deadline);

	if (deadline == NO_DEADLINE)
		return -1;
	return left > INT_MAX ? INT_MAX : (int)left;
}

/* Waits for the signer or, if wake_fd is not -1, for work. */
static enum link_end wait_for(const struct link *link, int wake_fd, int64_t deadline)
{
	struct pollfd fds[] = {
		{ .fd = link->stop_fd, .events = POLLIN },
		{ .fd = link->fd, .events = POLLIN },
		{ .fd = wake_fd, .events = POLLIN },
	};
	int ready;

	do {
		ready = poll(fds, 3, poll_timeout(deadline));
	} while (ready < 0 && errno == EINTR);
	if (fds[0].revents != 0)
		return LINK_STOPPED;
	return ready > 0 ? LINK_OK : LINK_SILENT;
}

static enum link_end send_frame(struct link *link)
{
	ssize_t sent =
		send(link->fd, link->frame.data, link->frame.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	int err = errno;

	secret_wipe(link->frame.data, link->frame.len);
	if (sent >= 0) /* a datagram is sent whole or not at all */
		return LINK_OK;
	if (err == EPIPE || err == ECONNRESET)
		return LINK_CLOSED;
	log_error("hsm: cannot send %zu bytes to the signer: %s", link->frame.len, strerror(err));
	return LINK_SILENT;
}

/* MSG_TRUNC makes an over-long datagram show its true length. */
static enum link_end receive_frame(struct link *link, struct bytes *out)
{
	ssize_t len = recv(link->fd, link->room, FRAME_MAX, MSG_DONTWAIT | MSG_TRUNC);

	if (len == 0 || (len < 0 && errno == ECONNRESET))
		return LINK_CLOSED;
	if (len < 0 || (size_t)len > FRAME_MAX)
		return LINK_GARBAGE;
	*out = bytes_of(link->room, (size_t)len);
	return LINK_OK;
}

static bool ends_signer(enum fault fault)
{
	return fault != FAULT_CALLER && fault != FAULT_CAPACITY;
}

static enum link_end read_reply(struct link *link)
{
	struct bytes frame = { 0 };
	enum link_end end = receive_frame(link, &frame);

	if (end != LINK_OK)
		return end;
	enum pm_err err = reply_unpack(frame, link->arena, &link->reply);
	secret_wipe(link->room, frame.len);
	if (err != PM_OK || link->reply.id != link->id)
		return LINK_GARBAGE;
	return link->reply.kind == REPLY_FAILED && ends_signer(link->reply.fault) ? LINK_FAILED
										  : LINK_OK;
}

enum link_end link_ask(struct link *link)
{
	enum link_end end = send_frame(link);

	if (end == LINK_OK)
		end = wait_for(link, -1, deadline_in_ms(link->timeout_ms));
	return end == LINK_OK ? read_reply(link) : end;
}

void link_forget(struct link *link)
{
	arena_reset(link->arena);
	link->reply = (struct reply){ 0 };
}

enum link_end link_idle(struct link *link, int wake_fd)
{
	enum link_end end = wait_for(link, wake_fd, NO_DEADLINE);
	eventfd_t count;
	struct bytes unasked;

	if (end != LINK_OK)
		return end;
	if (eventfd_read(wake_fd, &count) == 0)
		return LINK_OK;
	/* Not work, so it was the signer, who is not to speak first. */
	return receive_frame(link, &unasked) == LINK_CLOSED ? LINK_CLOSED : LINK_GARBAGE;
}
