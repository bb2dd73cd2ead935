#define _GNU_SOURCE
#include "canned.h"

#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "canned_answers.h"

#define MESSAGE_MAX (256 * 1024)

struct canned {
	pthread_t thread;
	int socket;
	atomic_bool stop;
	pthread_mutex_t lock; /* guards the rest */
	enum canned_manner manner;
	void (*tweak)(Peppermint__V1__Reply *reply);
	size_t count;
	uint8_t last[MESSAGE_MAX];
	size_t last_len;
	uint8_t answer[MESSAGE_MAX];
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "canned vault: %s: %s\n", what, nn_strerror(nn_errno()));
	abort();
}

static size_t make_answer(struct canned *canned, const Peppermint__V1__Request *request)
{
	static struct canned_answer room;
	Peppermint__V1__Reply reply = PEPPERMINT__V1__REPLY__INIT;

	canned_answer(request, &reply, &room);
	if (canned->tweak)
		canned->tweak(&reply);
	must(peppermint__v1__reply__get_packed_size(&reply) <= MESSAGE_MAX, "answer too large");
	return peppermint__v1__reply__pack(&reply, canned->answer);
}

static void serve(struct canned *canned, const void *message, size_t len)
{
	Peppermint__V1__Request *request = peppermint__v1__request__unpack(NULL, len, message);

	must(request && len <= MESSAGE_MAX, "not a request");
	pthread_mutex_lock(&canned->lock);
	canned->count++;
	memcpy(canned->last, message, len);
	canned->last_len = len;
	enum canned_manner manner = canned->manner;
	len = make_answer(canned, request);
	if (manner == CANNED_JUNK)
		memset(canned->answer, 0xff, len);
	if (manner != CANNED_SILENCE)
		must(nn_send(canned->socket, canned->answer, manner == CANNED_EMPTY ? 0 : len, 0) >=
			     0,
		     "send");
	pthread_mutex_unlock(&canned->lock);
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void *serve_all(void *arg)
{
	struct canned *canned = arg;

	while (!atomic_load(&canned->stop)) {
		void *message = NULL;
		int len = nn_recv(canned->socket, &message, NN_MSG, 0);

		if (len < 0) {
			must(nn_errno() == ETIMEDOUT || nn_errno() == EINTR, "receive");
			continue;
		}
		serve(canned, message, (size_t)len);
		nn_freemsg(message);
	}
	return NULL;
}

struct canned *canned_start(const char *path)
{
	struct canned *canned = calloc(1, sizeof(*canned));
	char url[160];
	int timeout = 20;

	must(canned != NULL, "memory");
	canned_masters_reset();
	canned_imports_reset();
	snprintf(url, sizeof(url), "ipc://%s", path);
	pthread_mutex_init(&canned->lock, NULL);
	canned->socket = nn_socket(AF_SP, NN_REP);
	must(canned->socket >= 0, "socket");
	must(nn_setsockopt(canned->socket, NN_SOL_SOCKET, NN_RCVTIMEO, &timeout, sizeof(timeout)) ==
		     0,
	     "timeout");
	must(nn_bind(canned->socket, url) >= 0, "bind");
	must(pthread_create(&canned->thread, NULL, serve_all, canned) == 0, "thread");
	return canned;
}

void canned_stop(struct canned *canned)
{
	atomic_store(&canned->stop, true);
	pthread_join(canned->thread, NULL);
	nn_close(canned->socket);
	pthread_mutex_destroy(&canned->lock);
	free(canned);
}

void canned_behave(struct canned *canned, enum canned_manner manner)
{
	pthread_mutex_lock(&canned->lock);
	canned->manner = manner;
	pthread_mutex_unlock(&canned->lock);
}

void canned_tweak(struct canned *canned, void (*tweak)(Peppermint__V1__Reply *reply))
{
	pthread_mutex_lock(&canned->lock);
	canned->tweak = tweak;
	pthread_mutex_unlock(&canned->lock);
}

Peppermint__V1__Request *canned_last(struct canned *canned)
{
	pthread_mutex_lock(&canned->lock);
	Peppermint__V1__Request *last =
		peppermint__v1__request__unpack(NULL, canned->last_len, canned->last);
	pthread_mutex_unlock(&canned->lock);
	return last;
}

size_t canned_count(struct canned *canned)
{
	pthread_mutex_lock(&canned->lock);
	size_t count = canned->count;
	pthread_mutex_unlock(&canned->lock);
	return count;
}
