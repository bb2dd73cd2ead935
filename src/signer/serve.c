#include "serve.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/secret.h"
#include "ops.h"

#define FRAME_MAX ((size_t)128 * 1024)
#define ARENA_LIMIT ((size_t)1024 * 1024)
#define ARENA_KEEP ((size_t)512 * 1024) /* what a full batch takes */

/* Requests carry what is being verified: frames and all that is decoded from them are wiped. */
struct frames {
	uint8_t in[FRAME_MAX], out[FRAME_MAX];
	size_t in_len, out_len;
};

static void *arena_alloc_pb(void *arena, size_t size)
{
	return arena_alloc(arena, size);
}

static void arena_free_pb(void *arena, void *ptr)
{
	(void)arena;
	(void)ptr; /* all at once, when the request is done */
}

static enum pm_err receive(int fd, struct frames *frames)
{
	ssize_t len = 0;

	do
		len = recv(fd, frames->in, sizeof(frames->in), MSG_TRUNC);
	while (len < 0 && errno == EINTR);
	if (len == 0 || (len < 0 && errno == ECONNRESET))
		return PM_SHUTTING_DOWN;
	if (len < 0) {
		log_error("cannot receive: %s", strerror(errno));
		return PM_INTERNAL;
	}
	frames->in_len = (size_t)len < sizeof(frames->in) ? (size_t)len : sizeof(frames->in);
	if ((size_t)len > sizeof(frames->in)) {
		log_error("a request of %zd bytes is over the limit of %zu", len,
			  sizeof(frames->in));
		return PM_TOO_LARGE;
	}
	return PM_OK;
}

static enum pm_err decode(struct arena *arena, const struct frames *frames,
			  Peppermint__Signer__V1__SignerRequest **out)
{
	ProtobufCAllocator allocator = { .alloc = arena_alloc_pb,
					 .free = arena_free_pb,
					 .allocator_data = arena };

	*out = peppermint__signer__v1__signer_request__unpack(&allocator, frames->in_len,
							      frames->in);
	if (!*out) {
		log_error("a request of %zu bytes cannot be read", frames->in_len);
		return PM_BAD_REQUEST;
	}
	return PM_OK;
}

static enum pm_err reply_pack(struct frames *frames,
			      const Peppermint__Signer__V1__SignerReply *reply)
{
	if (peppermint__signer__v1__signer_reply__get_packed_size(reply) > sizeof(frames->out)) {
		log_error("a reply is over the limit of %zu bytes", sizeof(frames->out));
		return PM_INTERNAL;
	}
	frames->out_len = peppermint__signer__v1__signer_reply__pack(reply, frames->out);
	return PM_OK;
}

static enum pm_err reply_send(int fd, const struct frames *frames)
{
	ssize_t sent = 0;

	do
		sent = send(fd, frames->out, frames->out_len, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return PM_OK;
	if (errno == EPIPE || errno == ECONNRESET)
		return PM_SHUTTING_DOWN;
	log_error("cannot send: %s", strerror(errno));
	return PM_INTERNAL;
}

/* Does what the request asks; the answer, if there is to be one, is then packed in `out`. */
static enum pm_err work(struct signer *signer, struct frames *frames)
{
	Peppermint__Signer__V1__SignerReply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;
	Peppermint__Signer__V1__Failure failure = PEPPERMINT__SIGNER__V1__FAILURE__INIT;
	Peppermint__Signer__V1__SignerRequest *request = NULL;

	TRY(decode(signer->arena, frames, &request));
	enum pm_err err = ops_run(signer, request, &reply);
	if (err == PM_UNKNOWN_RPC) {
		log_error("a request is unknown or out of order (operation %d)", request->op_case);
		return err;
	}
	reply.id = request->id;
	if (err != PM_OK) {
		failure.class_ = (Peppermint__Signer__V1__FailureClass)signer->failure.class;
		failure.ck_rv = signer->failure.rv;
		failure.detail = signer->failure.detail;
		reply.failure = &failure;
	}
	TRY(reply_pack(frames, &reply));
	return err != PM_OK && signer->failure.class == FAILURE_CALLER ? PM_OK : err;
}

/* What was presented is gone before anybody hears the answer. */
static void forget_request(struct signer *signer, struct frames *frames)
{
	arena_reset(signer->arena);
	secret_wipe(frames->in, frames->in_len);
	frames->in_len = 0;
}

/*
 * Answers one request. A failure that is not the caller's own is one that mend.c could not mend:
 * then the answer is the last thing this process does. Nothing in the module can be relied on any
 * more, and peppermintd starts a process that has none of that.
 */
static enum pm_err answer(struct signer *signer, int fd, struct frames *frames)
{
	frames->out_len = 0;
	enum pm_err err = work(signer, frames);
	forget_request(signer, frames);
	if (frames->out_len > 0)
		TRY(reply_send(fd, frames));
	secret_wipe(frames->out, frames->out_len);
	return err;
}

static void free_frames(struct frames **frames)
{
	secret_free(*frames, sizeof(**frames));
}

enum pm_err serve(int fd, int pin_fd, const char *environment)
{
	static struct signer signer; /* its key table is large, and there is one */
	struct arena *arena CLEANUP(arena_freep) = NULL;
	struct frames *frames CLEANUP(free_frames) = secret_alloc(sizeof(*frames));

	if (!frames)
		return PM_NO_MEMORY;
	TRY(arena_new(ARENA_LIMIT, ARENA_KEEP, &arena));
	signer = (struct signer){
		.environment = environment, .pin_fd = pin_fd, .lock_fd = -1, .arena = arena
	};
	for (;;) {
		TRY(receive(fd, frames));
		TRY(answer(&signer, fd, frames));
	}
}
