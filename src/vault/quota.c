#include "quota.h"

#include <openssl/rand.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"

#define ROWS 4
#define PLACES 65536 /* of a row: 2 MiB in all */
#define KEY_LEN 32
#define COVER_ROOM 128
#define STEP (QUOTA_SECONDS * NS_PER_SECOND)

/*
 * A place is the time (monotonic nanoseconds) when all that was taken from it will have come back;
 * each one taken puts it off by a STEP. It is used up QUOTA_BURST steps ahead of now.
 */
struct quota {
	pthread_mutex_t lock; /* guards the places */
	uint8_t key[KEY_LEN];
	int64_t places[ROWS][PLACES];
};

enum pm_err quota_new(struct quota **out)
{
	struct quota *quota = calloc(1, sizeof(*quota));

	if (!quota)
		return PM_NO_MEMORY;
	if (RAND_priv_bytes(quota->key, sizeof(quota->key)) != 1) {
		log_error("vault: OpenSSL gives no random bytes");
		free(quota);
		return PM_INTERNAL;
	}
	pthread_mutex_init(&quota->lock, NULL);
	*out = quota;
	return PM_OK;
}

void quota_free(struct quota *quota)
{
	if (!quota)
		return;
	pthread_mutex_destroy(&quota->lock);
	free(quota);
}

static bool find_places(struct quota *quota, const char *key_id, int64_t *places[ROWS])
{
	uint8_t room[COVER_ROOM], digest[SHA256_DIGEST_LENGTH];
	struct buf buf = BUF(room);
	uint32_t numbers[ROWS];

	buf_put(&buf, bytes_of(quota->key, sizeof(quota->key)));
	buf_put(&buf, bytes_str(key_id));
	if (buf.full || !SHA256(buf.data, buf.len, digest))
		return false;
	memcpy(numbers, digest, sizeof(numbers));
	for (size_t row = 0; row < ROWS; row++)
		places[row] = &quota->places[row][numbers[row] % PLACES];
	return true;
}

/* From every place that has one: what a key took is counted in each of its places. */
static bool take(int64_t *const places[ROWS], int64_t now)
{
	bool taken = false;

	for (size_t row = 0; row < ROWS; row++) {
		int64_t back = *places[row] < now ? now : *places[row];

		if (back > now + (QUOTA_BURST - 1) * STEP)
			continue;
		*places[row] = back + STEP;
		taken = true;
	}
	return taken;
}

bool quota_take(struct quota *quota, const char *key_id, int64_t now)
{
	int64_t *places[ROWS];

	if (!find_places(quota, key_id, places))
		return false;
	pthread_mutex_lock(&quota->lock);
	bool taken = take(places, now);
	pthread_mutex_unlock(&quota->lock);
	return taken;
}
