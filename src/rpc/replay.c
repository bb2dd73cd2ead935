#include "replay.h"

#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "vault/vault.h"

#define SALT_LEN 16
#define SECRET_LEN 32
#define BUCKET_BYTES 1024 /* of memory for each bucket: about one answer */
#define NOWHERE UINT32_MAX

/* A kept answer, in the ring. */
struct record {
	uint32_t size; /* of all of it */
	uint32_t next; /* in its bucket: an offset or NOWHERE */
	int64_t expires;
	uint32_t call;
	uint32_t answer_len;
	uint8_t key[REPLAY_DIGEST_LEN];
	uint8_t content[REPLAY_DIGEST_LEN];
	uint8_t answer[];
};

/*
 * Records stand in the ring in the order in which they came and will leave:
 *
 *   not wrapped:  ....[tail ... head)....
 *   wrapped:      [0 ... head)....[tail ... end)....    (the next did not fit behind `end`)
 */
struct ring {
	uint8_t *base;
	size_t size;
	size_t head, tail, end;
	bool wrapped;
	size_t count;
};

struct replay {
	pthread_mutex_t lock;
	int64_t keep; /* nanoseconds */
	uint8_t salt[SALT_LEN];
	uint8_t secret[SECRET_LEN]; /* of contents' HMACs */
	struct replay_ticket *running;
	struct ring ring;
	uint32_t *buckets;
	size_t bucket_count;
};

enum pm_err replay_new(size_t bytes, uint32_t seconds, struct replay **out)
{
	struct replay *replay = secret_alloc(sizeof(*replay));

	if (!replay)
		return PM_NO_MEMORY;
	pthread_mutex_init(&replay->lock, NULL);
	replay->keep = seconds * NS_PER_SECOND;
	replay->bucket_count = bytes / BUCKET_BYTES + 1;
	replay->buckets = calloc(replay->bucket_count, sizeof(uint32_t));
	replay->ring.size = bytes;
	replay->ring.base = bytes < NOWHERE ? secret_alloc(bytes) : NULL;
	if (!replay->buckets || !replay->ring.base || RAND_bytes(replay->salt, SALT_LEN) != 1 ||
	    RAND_bytes(replay->secret, SECRET_LEN) != 1) {
		replay_free(replay);
		return PM_NO_MEMORY;
	}
	for (size_t i = 0; i < replay->bucket_count; i++)
		replay->buckets[i] = NOWHERE;
	*out = replay;
	return PM_OK;
}

void replay_free(struct replay *replay)
{
	if (!replay)
		return;
	pthread_mutex_destroy(&replay->lock);
	secret_free(replay->ring.base, replay->ring.size);
	free(replay->buckets);
	secret_free(replay, sizeof(*replay));
}

static struct record *record_at(const struct replay *replay, uint32_t offset)
{
	return (struct record *)(void *)(replay->ring.base + offset);
}

static uint32_t *bucket_of(struct replay *replay, const uint8_t key[REPLAY_DIGEST_LEN])
{
	uint32_t hash = 0;

	memcpy(&hash, key, sizeof(hash));
	return &replay->buckets[hash % replay->bucket_count];
}

static void evict_oldest(struct replay *replay)
{
	struct ring *ring = &replay->ring;
	uint32_t offset = (uint32_t)ring->tail;
	struct record *oldest = record_at(replay, offset);
	uint32_t *link = bucket_of(replay, oldest->key);
	size_t size = oldest->size;

	while (*link != offset)
		link = &record_at(replay, *link)->next;
	*link = oldest->next;
	secret_wipe(oldest, size);
	ring->count--;
	ring->tail += size;
	if (ring->wrapped && ring->tail == ring->end) {
		ring->tail = 0;
		ring->wrapped = false;
	}
}

static void sweep(struct replay *replay, int64_t now)
{
	struct ring *ring = &replay->ring;

	while (ring->count > 0 && record_at(replay, (uint32_t)ring->tail)->expires <= now)
		evict_oldest(replay);
}

/* Moves `head` to where `size` bytes are free, if they are without another eviction. */
static bool find_room(struct ring *ring, size_t size)
{
	if (ring->count == 0)
		ring->head = ring->tail = 0;
	if (ring->wrapped)
		return ring->tail - ring->head >= size;
	if (ring->size - ring->head >= size)
		return true;
	if (ring->tail < size)
		return false;
	ring->end = ring->head;
	ring->head = 0;
	ring->wrapped = true;
	return true;
}

static void keep(struct replay *replay, const struct replay_ticket *ticket, struct bytes answer,
		 int64_t now)
{
	struct ring *ring = &replay->ring;
	size_t unit = alignof(struct record);
	size_t size = (sizeof(struct record) + answer.len + unit - 1) / unit * unit;

	sweep(replay, now);
	if (size > ring->size)
		return; /* the vault's own record of the id must do */
	while (!find_room(ring, size))
		evict_oldest(replay);

	uint32_t offset = (uint32_t)ring->head;
	struct record *record = record_at(replay, offset);
	uint32_t *bucket = bucket_of(replay, ticket->key);
	*record = (struct record){
		.size = (uint32_t)size,
		.next = *bucket,
		.expires = now + replay->keep,
		.call = ticket->call,
		.answer_len = (uint32_t)answer.len,
	};
	memcpy(record->key, ticket->key, REPLAY_DIGEST_LEN);
	memcpy(record->content, ticket->content, REPLAY_DIGEST_LEN);
	memcpy(record->answer, answer.data, answer.len);
	*bucket = offset;
	ring->head += size;
	ring->count++;
}

static const struct record *find_kept(struct replay *replay, const struct replay_ticket *ticket)
{
	uint32_t offset = *bucket_of(replay, ticket->key);

	while (offset != NOWHERE) {
		const struct record *record = record_at(replay, offset);

		if (memcmp(record->key, ticket->key, REPLAY_DIGEST_LEN) == 0)
			return record;
		offset = record->next;
	}
	return NULL;
}

static struct replay_ticket *find_running(struct replay *replay, const struct replay_ticket *ticket)
{
	struct replay_ticket *running = replay->running;

	while (running && memcmp(running->key, ticket->key, REPLAY_DIGEST_LEN) != 0)
		running = running->next;
	return running;
}

static enum pm_err answer_again(const struct record *record, const struct replay_ticket *ticket,
				struct arena *arena, struct bytes *answer)
{
	if (record->call != ticket->call ||
	    memcmp(record->content, ticket->content, REPLAY_DIGEST_LEN) != 0)
		return PM_CONFLICT;
	uint8_t *copy = arena_alloc(arena, record->answer_len);
	if (!copy)
		return PM_NO_MEMORY;
	memcpy(copy, record->answer, record->answer_len);
	*answer = bytes_of(copy, record->answer_len);
	return PM_OK;
}

static enum pm_err begin(struct replay *replay, struct replay_ticket *ticket, struct arena *arena,
			 enum replay_step *step, struct bytes *answer)
{
	struct replay_ticket *running = find_running(replay, ticket);
	const struct record *kept = running ? NULL : find_kept(replay, ticket);

	if (kept) {
		*step = REPLAY_ANSWER;
		return answer_again(kept, ticket, arena, answer);
	}
	if (!running) {
		*step = REPLAY_EXECUTE;
		ticket->next = replay->running;
		replay->running = ticket;
		return PM_OK;
	}
	if (running->call != ticket->call ||
	    memcmp(running->content, ticket->content, REPLAY_DIGEST_LEN) != 0)
		return PM_CONFLICT;
	*step = REPLAY_PARKED;
	ticket->next = running->repeats;
	running->repeats = ticket;
	return PM_OK;
}

enum pm_err replay_begin(struct replay *replay, struct replay_ticket *ticket, int64_t now,
			 struct arena *arena, enum replay_step *step, struct bytes *answer)
{
	pthread_mutex_lock(&replay->lock);
	sweep(replay, now);
	enum pm_err err = begin(replay, ticket, arena, step, answer);
	pthread_mutex_unlock(&replay->lock);
	return err;
}

static bool hmac(const struct replay *replay, struct bytes data, uint8_t out[REPLAY_DIGEST_LEN])
{
	return HMAC(EVP_sha256(), replay->secret, SECRET_LEN, data.data, data.len, out, NULL);
}

/* Into what was added before. */
static bool add_part(const struct replay *replay, struct bytes part, uint32_t number,
		     uint8_t content[REPLAY_DIGEST_LEN])
{
	uint8_t digest[REPLAY_DIGEST_LEN] = { 0 };
	uint8_t room[REPLAY_DIGEST_LEN + sizeof(uint32_t) + REPLAY_DIGEST_LEN];
	struct buf joined = BUF(room);

	bool added = hmac(replay, part, digest);
	buf_put(&joined, bytes_of(content, REPLAY_DIGEST_LEN));
	buf_put_u32(&joined, number);
	buf_put(&joined, bytes_of(digest, REPLAY_DIGEST_LEN));
	added = added && !joined.full && hmac(replay, buf_bytes(&joined), content);
	secret_wipe(digest, sizeof(digest));
	secret_wipe(room, sizeof(room));
	return added;
}

static bool add_parts(const struct replay *replay, const struct bytes *parts, size_t count,
		      uint8_t content[REPLAY_DIGEST_LEN])
{
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > 0 && !add_part(replay, parts[i], (uint32_t)i, content))
			return false;
	}
	return true;
}

enum pm_err replay_ticket_fill(struct replay *replay, struct replay_ticket *ticket, uint32_t uid,
			       const char *request_id, uint32_t call, const struct bytes *parts,
			       size_t count)
{
	uint8_t room[SALT_LEN + sizeof(uint32_t) + VAULT_REQUEST_ID_MAX];
	struct buf key = BUF(room);

	/* Salted, so that nobody can choose ids that meet in one bucket. */
	buf_put(&key, bytes_of(replay->salt, SALT_LEN));
	buf_put_u32(&key, uid);
	buf_put(&key, bytes_str(request_id));
	*ticket = (struct replay_ticket){ .call = call };
	if (key.full || !SHA256(key.data, key.len, ticket->key) ||
	    !add_parts(replay, parts, count, ticket->content)) {
		log_error("rpc: cannot hash a request id");
		return PM_INTERNAL;
	}
	return PM_OK;
}

static void unlink_running(struct replay *replay, const struct replay_ticket *ticket)
{
	struct replay_ticket **link = &replay->running;

	while (*link != ticket)
		link = &(*link)->next;
	*link = ticket->next;
}

struct replay_ticket *replay_end(struct replay *replay, struct replay_ticket *ticket,
				 struct bytes answer, int64_t now)
{
	pthread_mutex_lock(&replay->lock);
	unlink_running(replay, ticket);
	if (answer.len > 0)
		keep(replay, ticket, answer, now);
	struct replay_ticket *repeats = ticket->repeats;
	pthread_mutex_unlock(&replay->lock);
	return repeats;
}

void replay_sweep(struct replay *replay, int64_t now)
{
	pthread_mutex_lock(&replay->lock);
	sweep(replay, now);
	pthread_mutex_unlock(&replay->lock);
}

size_t replay_count(struct replay *replay)
{
	pthread_mutex_lock(&replay->lock);
	size_t count = replay->ring.count;
	pthread_mutex_unlock(&replay->lock);
	return count;
}
