#define _GNU_SOURCE
#include "log_vault.h"

#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "log_answers.h"
#include "tmpdir.h"

#define MESSAGE_MAX (256 * 1024)
#define CALLS_MAX 64

struct log_vault {
	pthread_t thread;
	int socket;
	atomic_bool stop;
	pthread_mutex_t lock; /* guards the rest */
	struct logbook book;
	size_t requests, hang_after;
	struct {
		uint8_t *data;
		size_t len;
	} last[CALLS_MAX];
};

static struct log_vault *vault; /* of the test that runs */

static void keep_last(const Peppermint__V1__Request *request, const void *message, size_t len)
{
	assert_true(request->call_case < CALLS_MAX);
	vault->last[request->call_case].data = realloc(vault->last[request->call_case].data, len);
	memcpy(vault->last[request->call_case].data, message, len);
	vault->last[request->call_case].len = len;
}

static void serve(const void *message, size_t len)
{
	static uint8_t answer[MESSAGE_MAX];
	Peppermint__V1__Request *request = peppermint__v1__request__unpack(NULL, len, message);
	Peppermint__V1__Reply reply = PEPPERMINT__V1__REPLY__INIT;

	pthread_mutex_lock(&vault->lock);
	vault->requests++;
	keep_last(request, message, len);
	if (vault->requests <= vault->hang_after) {
		logbook_answer(&vault->book, request, &reply);
		assert_true(peppermint__v1__reply__get_packed_size(&reply) <= MESSAGE_MAX);
		size_t size = peppermint__v1__reply__pack(&reply, answer);
		nn_send(vault->socket, answer, size, 0);
	}
	pthread_mutex_unlock(&vault->lock);
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void *serve_all(void *arg)
{
	(void)arg;
	while (!atomic_load(&vault->stop)) {
		void *message = NULL;
		int len = nn_recv(vault->socket, &message, NN_MSG, 0);

		if (len < 0)
			continue;
		serve(message, (size_t)len);
		nn_freemsg(message);
	}
	return NULL;
}

int log_fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int timeout = 20;
	char url[160];

	assert_non_null(f);
	tmpdir_make(f->dir);
	snprintf(f->socket, sizeof(f->socket), "%s/vault.sock", f->dir);
	setenv("PEPPERMINT_SOCKET", f->socket, 1);
	vault = calloc(1, sizeof(*vault));
	assert_non_null(vault);
	pthread_mutex_init(&vault->lock, NULL);
	vault->hang_after = SIZE_MAX;
	logbook_begin(&vault->book);
	vault->socket = nn_socket(AF_SP, NN_REP);
	assert_true(vault->socket >= 0);
	nn_setsockopt(vault->socket, NN_SOL_SOCKET, NN_RCVTIMEO, &timeout, sizeof(timeout));
	snprintf(url, sizeof(url), "ipc://%s", f->socket);
	assert_true(nn_bind(vault->socket, url) >= 0);
	assert_int_equal(pthread_create(&vault->thread, NULL, serve_all, NULL), 0);
	*state = f;
	return 0;
}

int log_fixture_teardown(void **state)
{
	struct fixture *f = *state;

	atomic_store(&vault->stop, true);
	pthread_join(vault->thread, NULL);
	nn_close(vault->socket);
	pthread_mutex_destroy(&vault->lock);
	logbook_end(&vault->book);
	for (size_t i = 0; i < CALLS_MAX; i++)
		free(vault->last[i].data);
	free(vault);
	tmpdir_remove(f->dir);
	free(f);
	return 0;
}

static struct logbook *lock(void)
{
	pthread_mutex_lock(&vault->lock);
	return &vault->book;
}

static void unlock(void)
{
	pthread_mutex_unlock(&vault->lock);
}

void log_append_at(int64_t when, const char *type, const char *members)
{
	logbook_append(lock(), when, type, members);
	unlock();
}

void log_append(const char *type, const char *members)
{
	struct logbook *book = lock();

	logbook_append(book, LOG_TIME + (int64_t)logbook_newest(book)->count, type, members);
	unlock();
}

void log_fill(size_t count)
{
	for (size_t i = 0; i < count; i++)
		log_append("key.mint", NULL);
}

void log_sign(void)
{
	logbook_sign(lock());
	unlock();
}

void log_rotate(void)
{
	log_append("log.close", NULL);
	log_sign();
	struct logbook *book = lock();
	logbook_newest(book)->state = PEPPERMINT__V1__LOG_STATE__LOG_CLOSED;
	logbook_open(book);
	unlock();
	log_append("log.open", NULL);
}

void log_abandon(void)
{
	struct logbook *book = lock();

	logbook_newest(book)->state = PEPPERMINT__V1__LOG_STATE__LOG_ABANDONED;
	logbook_open(book);
	unlock();
}

void log_restore(uint64_t size)
{
	struct book_log *log = logbook_newest(lock());

	for (uint64_t i = size; i < log->count; i++)
		free(log->entries[i]);
	log->count = size;
	unlock();
	log_sign();
}

void log_alter(uint64_t index)
{
	char *kind = strstr(logbook_newest(lock())->entries[index], "key.mint");

	assert_non_null(kind);
	memcpy(kind, "key.mind", strlen("key.mind"));
	unlock();
}

void log_prune(uint64_t minimum)
{
	logbook_newest(lock())->minimum = minimum;
	unlock();
}

uint64_t log_size(void)
{
	uint64_t size = logbook_newest(lock())->count;

	unlock();
	return size;
}

const char *log_vkey(uint32_t log)
{
	const char *vkey = lock()->logs[log - 1].vkey;

	unlock();
	return vkey;
}

const char *log_entry(uint32_t log, uint64_t index)
{
	const char *entry = lock()->logs[log - 1].entries[index];

	unlock();
	return entry;
}

void log_answer_max(size_t entries)
{
	lock()->answer_max = entries;
	unlock();
}

void log_hang_after(size_t requests)
{
	lock();
	vault->hang_after = requests == SIZE_MAX ? SIZE_MAX : vault->requests + requests;
	unlock();
}

void log_refuse_entry(uint64_t index, Peppermint__V1__Error error)
{
	struct logbook *book = lock();

	book->refused_index = index;
	book->refusal = error;
	unlock();
}

void log_damage(uint64_t first, uint64_t end)
{
	struct logbook *book = lock();

	book->damage_first = first;
	book->damage_end = end;
	unlock();
}

Peppermint__V1__Request *log_last(Peppermint__V1__Request__CallCase call)
{
	lock();
	Peppermint__V1__Request *request = peppermint__v1__request__unpack(
		NULL, vault->last[call].len, vault->last[call].data);
	unlock();
	return request;
}

size_t log_requests(void)
{
	lock();
	size_t requests = vault->requests;
	unlock();
	return requests;
}

void log_tell_periods(int64_t make_until, int64_t verify_until)
{
	struct logbook *book = lock();

	book->tells_periods = true;
	book->make_until = make_until;
	book->verify_until = verify_until;
	unlock();
}

void log_tweak_inventory(void (*tweak)(Peppermint__V1__GetInventoryReply *reply))
{
	lock()->tweak = tweak;
	unlock();
}
