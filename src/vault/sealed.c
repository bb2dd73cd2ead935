#include "sealed.h"

#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define SETS 16384 /* a power of two */
#define WAYS 4     /* 65,536 rows, a MiB */
#define KEY_LEN 32
#define COVER_ROOM (KEY_LEN + 8 + 4 + 4 + SEAL_ROOM + STORE_MAC_LEN)

/*
 * 128 bits of a keyed hash. Its halves are read and written each by itself: two halves of different
 * rows are no row's.
 */
struct slot {
	atomic_uint_fast64_t halves[2];
};

struct print {
	uint64_t halves[2];
	size_t set, way;
};

struct sealed {
	uint8_t key[KEY_LEN];
	atomic_uint_fast64_t epoch; /* is hashed too: what was learnt in another is unknown */
	struct slot slots[SETS][WAYS];
};

enum pm_err sealed_new(struct sealed **out)
{
	struct sealed *sealed = calloc(1, sizeof(*sealed));

	if (!sealed)
		return PM_NO_MEMORY;
	if (RAND_priv_bytes(sealed->key, sizeof(sealed->key)) != 1) {
		log_error("vault: OpenSSL gives no random bytes");
		free(sealed);
		return PM_INTERNAL;
	}
	*out = sealed;
	return PM_OK;
}

void sealed_free(struct sealed *sealed)
{
	free(sealed);
}

/* False: the hash could not be computed, and the row is unknown. */
static bool take_print(struct sealed *sealed, const struct seal_task *task, struct print *print)
{
	uint8_t room[COVER_ROOM], digest[SHA256_DIGEST_LENGTH];
	struct buf buf = BUF(room);
	uint64_t place = 0;

	buf_put(&buf, bytes_of(sealed->key, sizeof(sealed->key)));
	buf_put_u64(&buf, atomic_load(&sealed->epoch));
	buf_put_u32(&buf, task->seal->version);
	buf_put_field(&buf, buf_bytes(&task->covered));
	buf_put(&buf, bytes_of(task->seal->mac, sizeof(task->seal->mac)));
	if (task->covered.full || buf.full || !SHA256(buf.data, buf.len, digest))
		return false;
	memcpy(print->halves, digest, sizeof(print->halves));
	memcpy(&place, digest + sizeof(print->halves), sizeof(place));
	print->set = place % SETS;
	print->way = place / SETS % WAYS;
	return true;
}

bool sealed_knows(struct sealed *sealed, const struct seal_task *task)
{
	struct print print;
	bool known = false;

	if (!take_print(sealed, task, &print))
		return false;
	for (size_t way = 0; way < WAYS && !known; way++) {
		struct slot *slot = &sealed->slots[print.set][way];

		known = atomic_load(&slot->halves[0]) == print.halves[0] &&
			atomic_load(&slot->halves[1]) == print.halves[1];
	}
	return known;
}

void sealed_learn(struct sealed *sealed, const struct seal_task *task)
{
	struct print print;

	if (sealed_knows(sealed, task) || !take_print(sealed, task, &print))
		return;
	struct slot *slot = &sealed->slots[print.set][print.way];
	atomic_store(&slot->halves[0], print.halves[0]);
	atomic_store(&slot->halves[1], print.halves[1]);
}

void sealed_forget(struct sealed *sealed)
{
	atomic_fetch_add(&sealed->epoch, 1);
}
