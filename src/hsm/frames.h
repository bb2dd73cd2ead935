/*
 * What goes over the socketpair, packed and unpacked: the only file of this layer that knows
 * protobuf-c. Unpacking is total: any bytes give a reply that holds what its kind promises, or an
 * error. No state; the arena is the caller's and holds what a reply points to until it is emptied.
 */
#ifndef HSM_FRAMES_H
#define HSM_FRAMES_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "hsm/hsm.h"

#define FRAME_MAX ((size_t)128 * 1024) /* bytes of one datagram, either way */
#define FRAME_ITEMS_MAX 1024           /* items of one HmacBatch */
#define FRAME_HMAC_MAX ((size_t)120 * 1024)
#define FRAME_ARENA_MAX ((size_t)1024 * 1024) /* what packing or unpacking one frame may take */

/* An upper bound of what one item adds to a frame; the sum must not pass FRAME_HMAC_MAX. */
size_t frame_item_size(struct bytes data);

/* Each packs one request into `out`, replacing its content; PM_TOO_LARGE if it does not fit. */
enum pm_err frame_start(uint64_t id, const struct hsm_config *config, struct buf *out) NODISCARD;
enum pm_err frame_hmac(uint64_t id, const struct hsm_job *const *jobs, size_t count,
		       struct arena *arena, struct buf *out) NODISCARD;
enum pm_err frame_generate(uint64_t id, const struct hsm_id *key, const char *label,
			   struct buf *out) NODISCARD;
enum pm_err frame_generate_pair(uint64_t id, const struct hsm_id *key, const char *label,
				struct buf *out) NODISCARD;
enum pm_err frame_sign(uint64_t id, const struct hsm_id *key, enum hsm_algorithm algorithm,
		       struct bytes data, struct buf *out) NODISCARD;
enum pm_err frame_list(uint64_t id, const char *prefix, struct buf *out) NODISCARD;
enum pm_err frame_random(uint64_t id, size_t len, struct buf *out) NODISCARD;

/* How far a failure reaches. Every one but FAULT_CALLER ends the signer that reports it. */
enum fault {
	FAULT_NONE,
	FAULT_CALLER, /* the request's own: no such key, id taken, list too long */
	FAULT_DEVICE, /* session, login, handle, module, capacity: a new start may mend it */
	FAULT_PIN,    /* must not be tried again */
	FAULT_SETUP,  /* no module, no such token, more than one, no such mechanism */
};

enum reply_kind {
	REPLY_FAILED,
	REPLY_STARTED,
	REPLY_MACS,
	REPLY_OBJECTS,
	REPLY_RANDOM,
	REPLY_SIGNATURE,
};

struct reply {
	uint64_t id;
	enum reply_kind kind;
	/* REPLY_FAILED: never FAULT_NONE; clean text for log and status. */
	enum fault fault;
	uint64_t ck_rv; /* 0: the signer's own judgement, not the module's */
	char detail[256];
	/* REPLY_STARTED: trimmed, clean text. */
	char label[33], manufacturer[33], model[17], serial[17], firmware[8];
	/* REPLY_MACS: HSM_MAC_LEN bytes each, or NULL where the token has no such key. */
	const uint8_t **macs;
	/* REPLY_OBJECTS: of list, or the one of generate or generate_pair; at most HSM_OBJECTS_MAX.
	 * The algorithm is one of the enum's, and a public key is as long as its algorithm's is. */
	struct hsm_object *objects;
	size_t count; /* of macs or objects */
	struct bytes random;
	const uint8_t *signature; /* REPLY_SIGNATURE: HSM_SIGNATURE_LEN bytes */
};

/* PM_BAD_REPLY: not a reply, or one that breaks a promise of signer.proto. */
enum pm_err reply_unpack(struct bytes frame, struct arena *arena, struct reply *out) NODISCARD;

#endif
