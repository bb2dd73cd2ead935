#include "connection.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/secret.h"
#include "server.h"
#include "transport.h"

#define GREETING_TIMEOUT_MS 10000

static void on_read(void *arg);
static void on_written(void *arg);

enum pm_err connection_new(const struct rpc *rpc, struct transport *transport,
			   struct connection **out)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		return PM_NO_MEMORY;
	pthread_mutex_init(&connection->lock, NULL);
	connection->rpc = rpc;
	connection->transport = transport;
	connection->size = SP_HEADER_LEN + SP_TRACE_MAX + rpc->config.message_bytes;
	connection->buffer = calloc(1, connection->size);
	if (!connection->buffer || nng_aio_alloc(&connection->reading, on_read, connection) != 0 ||
	    nng_aio_alloc(&connection->writing, on_written, connection) != 0) {
		connection_free(connection);
		return PM_NO_MEMORY;
	}
	*out = connection;
	return PM_OK;
}

void connection_stop(struct connection *connection)
{
	nng_aio_stop(connection->reading);
	nng_aio_stop(connection->writing);
}

void connection_free(struct connection *connection)
{
	if (!connection)
		return;
	nng_aio_free(connection->reading);
	nng_aio_free(connection->writing);
	if (connection->stream)
		nng_stream_free(connection->stream);
	pthread_mutex_destroy(&connection->lock);
	if (connection->buffer)
		secret_wipe(connection->buffer, connection->end);
	free(connection->buffer);
	free(connection);
}

static bool is_closed(struct connection *connection)
{
	pthread_mutex_lock(&connection->lock);
	bool closed = connection->closed;
	pthread_mutex_unlock(&connection->lock);
	return closed;
}

void connection_close(struct connection *connection)
{
	pthread_mutex_lock(&connection->lock);
	bool first = !connection->closed;
	connection->closed = true;
	pthread_mutex_unlock(&connection->lock);
	if (first)
		nng_stream_close(connection->stream); /* ends what is being read or sent */
}

/*
 * Begins to read or to send, unless the connection is closed: what nng is given after its
 * nng_stream_close, it neither does nor ends. Its callbacks never come from inside this.
 */
static bool submit(struct connection *connection, void (*begin)(nng_stream *, nng_aio *),
		   nng_aio *aio)
{
	pthread_mutex_lock(&connection->lock);
	bool open = !connection->closed;
	if (open)
		begin(connection->stream, aio);
	pthread_mutex_unlock(&connection->lock);
	return open;
}

static void drop_user(struct connection *connection)
{
	pthread_mutex_lock(&connection->lock);
	bool last = --connection->users == 0;
	pthread_mutex_unlock(&connection->lock);
	if (!last)
		return;
	nng_stream_free(connection->stream);
	connection->stream = NULL;
	secret_wipe(connection->buffer, connection->end);
	connection->start = connection->end = 0;
	transport_retire(connection->transport, connection);
}

void connection_leave(struct connection *connection)
{
	pthread_mutex_lock(&connection->lock);
	connection->in_flight--;
	pthread_mutex_unlock(&connection->lock);
	drop_user(connection);
}

/* Reading. */

static void end_reading(struct connection *connection)
{
	connection_close(connection);
	if (connection->granted)
		transport_return_slot(connection->transport, TAKE(connection->granted));
	drop_user(connection);
}

static void read_more(struct connection *connection)
{
	size_t held = connection->end - connection->start;
	uint8_t *buffer = connection->buffer;

	if (connection->start > 0) {
		memmove(buffer, buffer + connection->start, held);
		secret_wipe(buffer + held, connection->start);
		connection->start = 0;
		connection->end = held;
	}
	nng_iov room = { .iov_buf = buffer + held, .iov_len = connection->size - held };
	nng_aio_set_timeout(connection->reading,
			    connection->greeted ? NNG_DURATION_INFINITE : GREETING_TIMEOUT_MS);
	nng_aio_set_iov(connection->reading, 1, &room);
	if (!submit(connection, nng_stream_recv, connection->reading))
		end_reading(connection);
}

static void consume(struct connection *connection, size_t len)
{
	secret_wipe(connection->buffer + connection->start, len);
	connection->start += len;
}

enum progress {
	TAKEN,     /* go on */
	MORE,      /* must come first */
	NO_SLOT,   /* connection_resume goes on: the connection is not ours until then */
	UNREADABLE /* what came is not SP, or the connection is closed */
};

/* The request counts from here on; its call may have ended it when this returns. */
static void hand_over(struct connection *connection, struct slot *slot, struct bytes trace,
		      struct bytes body)
{
	uint32_t share = connection->rpc->config.per_connection;
	struct peer peer = connection->peer;

	pthread_mutex_lock(&connection->lock);
	uint32_t ours = ++connection->in_flight;
	connection->users++;
	pthread_mutex_unlock(&connection->lock);
	slot->connection = connection;
	slot->trace_len = trace.len;
	memcpy(slot->head + SP_HEADER_LEN, trace.data, trace.len);
	peer.over_share = ours > share;
	if ((ours - 1) / 2 >= share) /* beyond twice its share */
		slot_drop(slot);
	else
		call_receive(slot->call, &peer, body);
}

static enum progress take_frame(struct connection *connection)
{
	size_t held = connection->end - connection->start;
	const uint8_t *at = connection->buffer + connection->start;
	struct bytes trace, body;
	size_t len = 0;

	if (held < SP_HEADER_LEN)
		return MORE;
	if (!sp_read_header(at, connection->size - SP_HEADER_LEN, &len))
		return UNREADABLE;
	if (held < SP_HEADER_LEN + len)
		return MORE;
	if (!sp_split(bytes_of(at + SP_HEADER_LEN, len), &trace, &body) ||
	    body.len > connection->rpc->config.message_bytes)
		return UNREADABLE;
	struct slot *slot = TAKE(connection->granted);
	if (!slot)
		slot = transport_take_slot(connection->transport, connection);
	if (!slot)
		return NO_SLOT;
	hand_over(connection, slot, trace, body);
	consume(connection, SP_HEADER_LEN + len);
	return TAKEN;
}

static enum progress take_greeting(struct connection *connection)
{
	if (connection->end < SP_GREETING_LEN)
		return MORE;
	if (!sp_is_req(connection->buffer))
		return UNREADABLE;
	connection->greeted = true;
	consume(connection, SP_GREETING_LEN);
	return TAKEN;
}

static void read_on(struct connection *connection)
{
	enum progress progress = TAKEN;

	while (progress == TAKEN) {
		if (is_closed(connection))
			progress = UNREADABLE;
		else if (!connection->greeted)
			progress = take_greeting(connection);
		else
			progress = take_frame(connection);
	}
	if (progress == MORE)
		read_more(connection);
	else if (progress == UNREADABLE)
		end_reading(connection);
}

static void on_read(void *arg)
{
	struct connection *connection = arg;

	if (nng_aio_result(connection->reading) != 0) {
		end_reading(connection);
		return;
	}
	connection->end += nng_aio_count(connection->reading);
	read_on(connection);
}

void connection_resume(struct connection *connection)
{
	/* On one of nng's threads, not on the one that happened to free the slot. */
	nng_sleep_aio(0, connection->reading);
}

/* Writing. */

/* The next answer for the writer; NULL: it stops. */
static struct slot *next_answer(struct connection *connection)
{
	pthread_mutex_lock(&connection->lock);
	struct slot *next = connection->first;
	connection->sending = next != NULL;
	if (next) {
		connection->first = next->next;
		if (!connection->first)
			connection->last = &connection->first;
	}
	pthread_mutex_unlock(&connection->lock);
	return next;
}

static void end_answer(struct connection *connection)
{
	struct slot *done = TAKE(connection->answering);

	if (done)
		slot_over(done);
}

static void end_writing(struct connection *connection)
{
	struct slot *unsent = NULL;

	connection_close(connection);
	end_answer(connection);
	while ((unsent = next_answer(connection)) != NULL)
		slot_over(unsent);
	drop_user(connection);
}

static void write_rest(struct connection *connection)
{
	nng_iov iov[2];
	unsigned count = 0;

	for (size_t i = 0; i < 2; i++) {
		if (connection->rest[i].len == 0)
			continue;
		iov[count].iov_buf = (void *)(uintptr_t)connection->rest[i].data;
		iov[count++].iov_len = connection->rest[i].len;
	}
	int64_t left = deadline_left_ms(connection->send_deadline);
	nng_aio_set_timeout(connection->writing, left > 0 ? (nng_duration)left : 1);
	nng_aio_set_iov(connection->writing, count, iov);
	if (!submit(connection, nng_stream_send, connection->writing))
		end_writing(connection);
}

static void begin_sending(struct connection *connection, struct bytes first, struct bytes second)
{
	connection->rest[0] = first;
	connection->rest[1] = second;
	connection->send_deadline = deadline_in_ms(connection->rpc->config.send_timeout_ms);
	write_rest(connection);
}

static void send_answer(struct connection *connection, struct slot *slot)
{
	sp_write_header(slot->head, slot->trace_len + slot->answer.len);
	connection->answering = slot;
	begin_sending(connection, bytes_of(slot->head, SP_HEADER_LEN + slot->trace_len),
		      slot->answer);
}

static void advance(struct connection *connection, size_t sent)
{
	for (size_t i = 0; i < 2; i++) {
		struct bytes *rest = &connection->rest[i];
		size_t step = sent < rest->len ? sent : rest->len;

		if (step == 0)
			continue; /* its data may be NULL */
		rest->data += step;
		rest->len -= step;
		sent -= step;
	}
}

static void on_written(void *arg)
{
	struct connection *connection = arg;

	if (nng_aio_result(connection->writing) != 0) {
		end_writing(connection); /* gone, or does not read its answers */
		return;
	}
	advance(connection, nng_aio_count(connection->writing));
	if (connection->rest[0].len + connection->rest[1].len > 0) {
		write_rest(connection);
		return;
	}
	end_answer(connection);
	struct slot *next = next_answer(connection);
	if (next)
		send_answer(connection, next);
	else
		drop_user(connection);
}

void slot_send(struct slot *slot, struct bytes answer)
{
	struct connection *connection = slot->connection;

	slot->answer = answer;
	slot->next = NULL;
	pthread_mutex_lock(&connection->lock);
	bool closed = connection->closed;
	bool start = !closed && !connection->sending;
	if (start) {
		connection->sending = true;
		connection->users++;
	} else if (!closed) {
		*connection->last = slot;
		connection->last = &slot->next;
	}
	pthread_mutex_unlock(&connection->lock);
	if (closed)
		slot_over(slot);
	else if (start)
		send_answer(connection, slot);
}

void slot_drop(struct slot *slot)
{
	connection_close(slot->connection);
	slot_over(slot);
}

void connection_start(struct connection *connection, nng_stream *stream, const struct peer *peer)
{
	connection->stream = stream;
	connection->peer = *peer;
	connection->greeted = false;
	connection->closed = false;
	connection->first = NULL;
	connection->last = &connection->first;
	connection->sending = true;
	connection->users = 2; /* the writer with the greeting, and the reader */
	begin_sending(connection, bytes_of(sp_greeting, SP_GREETING_LEN), bytes_str(""));
	read_more(connection);
}
