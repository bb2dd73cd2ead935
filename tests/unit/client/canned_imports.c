/* ImportKeys with a memory: what was imported is there already, and a repeated request is not done again. */
#include "canned_answers.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS (1 << 16)
#define REQUESTS 1024

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the rest */

/* The beginnings of the values that were imported, in a table by their first bytes. */
static uint64_t known[SLOTS];

static struct {
	char id[65];
	bool made[CANNED_ITEMS];
} done[REQUESTS];

static size_t imported, requests, repeated, limit;
static bool forgotten;

void canned_imports_reset(void)
{
	pthread_mutex_lock(&lock);
	memset(known, 0, sizeof(known));
	imported = requests = repeated = 0;
	limit = CANNED_ITEMS;
	forgotten = false;
	pthread_mutex_unlock(&lock);
}

static size_t read_locked(const size_t *number)
{
	pthread_mutex_lock(&lock);
	size_t value = *number;
	pthread_mutex_unlock(&lock);
	return value;
}

size_t canned_imported(void)
{
	return read_locked(&imported);
}

size_t canned_repeated(void)
{
	return read_locked(&repeated);
}

void canned_imports_forget(void)
{
	pthread_mutex_lock(&lock);
	forgotten = true;
	pthread_mutex_unlock(&lock);
}

void canned_imports_limit(size_t max)
{
	pthread_mutex_lock(&lock);
	limit = max;
	pthread_mutex_unlock(&lock);
}

/* False if it was there. */
static bool add(ProtobufCBinaryData value)
{
	uint64_t mark = 0;

	memcpy(&mark, value.data, value.len < sizeof(mark) ? value.len : sizeof(mark));
	size_t slot = (size_t)(mark % SLOTS);
	while (known[slot] && known[slot] != mark)
		slot = (slot + 1) % SLOTS;
	if (known[slot] == mark || imported == SLOTS / 2)
		return false;
	known[slot] = mark;
	imported++;
	return true;
}

static void refuse(Peppermint__V1__ImportOutcome *outcome, Peppermint__V1__Error error,
		   char *message)
{
	outcome->error = error;
	outcome->message = message;
}

/* `made`: what it was at the first time, for a request that is repeated. */
static void fill_outcome(struct canned_answer *room, size_t i,
			 const Peppermint__V1__ImportedKey *key, bool again, bool *made)
{
	Peppermint__V1__ImportOutcome *outcome = &room->outcomes[i];

	*outcome = (Peppermint__V1__ImportOutcome)PEPPERMINT__V1__IMPORT_OUTCOME__INIT;
	room->pointers[i] = outcome;
	if (strcmp(key->account, CANNED_NOBODY) == 0) {
		refuse(outcome, PEPPERMINT__V1__ERROR__NOT_FOUND, "there is no such account");
		return;
	}
	*made = again ? *made : add(key->value);
	if (!*made) {
		refuse(outcome, PEPPERMINT__V1__ERROR__ALREADY_EXISTS, "it is there already");
		return;
	}
	snprintf(room->outcome_ids[i], sizeof(room->outcome_ids[i]), "IMP%013zu", i);
	outcome->key_id = room->outcome_ids[i];
}

static void answer(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
		   struct canned_answer *room)
{
	const Peppermint__V1__ImportKeysRequest *asked = request->import_keys;
	size_t at = 0;

	while (at < requests && strcmp(done[at].id, request->request_id) != 0)
		at++;
	bool again = at < requests;
	repeated += again;
	if (again && forgotten) {
		canned_refuse(reply, PEPPERMINT__V1__ERROR__ALREADY_DONE, "done before");
		return;
	}
	if (asked->n_keys > limit || at == REQUESTS) {
		canned_refuse(reply, PEPPERMINT__V1__ERROR__TOO_LARGE, "too many");
		return;
	}
	requests += !again;
	snprintf(done[at].id, sizeof(done[at].id), "%s", request->request_id);
	PREPARE(reply, room, import_keys, PEPPERMINT__V1__IMPORT_KEYS_REPLY__INIT);
	reply->import_keys->n_outcomes = asked->n_keys;
	reply->import_keys->outcomes = (void *)room->pointers;
	for (size_t i = 0; i < asked->n_keys; i++)
		fill_outcome(room, i, asked->keys[i], again, &done[at].made[i]);
}

void canned_answer_import(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			  struct canned_answer *room)
{
	pthread_mutex_lock(&lock);
	answer(request, reply, room);
	pthread_mutex_unlock(&lock);
}
