/*
 * What a signer answers, unpacked. This is total: any bytes give a reply that holds what its kind
 * promises, or an error. No state; the arena is the caller's and holds what a reply points to until
 * it is emptied, and so do the bytes of the frame.
 */
#ifndef HSM_REPLY_H
#define HSM_REPLY_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "frames.h"
#include "hsm/hsm.h"

/* How far a failure reaches. After the first three the signer may stay; the others end it. */
enum fault {
	FAULT_NONE,
	FAULT_CALLER,   /* the request's own: no such key, id taken, list too long */
	FAULT_CAPACITY, /* no sessions or memory left in the device for this one */
	FAULT_DEVICE, /* the module, or a session, login or handle that the signer could not mend */
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
	REPLY_ENCRYPTED,
	REPLY_DECRYPTED,
	REPLY_DESTROYED,
	REPLY_INSPECTION,
	REPLY_PIN_CHANGED,
};

/* CK_TOKEN_INFO's texts are trimmed and clean. */
struct reply_token {
	char label[33], manufacturer[33], model[17], serial[17], firmware[8];
	uint32_t sessions;
	bool session_copies, proven;
};

struct reply {
	uint64_t id;
	enum reply_kind kind;
	/* REPLY_FAILED: never FAULT_NONE; clean text for log and status. */
	enum fault fault;
	uint64_t ck_rv; /* 0: the signer's own judgement, not the module's */
	char detail[256];
	struct reply_token token; /* REPLY_STARTED */
	/* REPLY_MACS: HSM_MAC_LEN bytes each, or NULL where the token has no such key. */
	const uint8_t **macs;
	/* REPLY_OBJECTS: of list, or the one that was made; at most HSM_OBJECTS_MAX.
	 * The algorithm is one of the enum's, and a public key is as long as its algorithm's is. */
	struct hsm_object *objects;
	size_t count;       /* of macs or objects */
	struct bytes bytes; /* REPLY_RANDOM, REPLY_ENCRYPTED, REPLY_DECRYPTED: of any length */
	const uint8_t *signature;          /* REPLY_SIGNATURE: HSM_SIGNATURE_LEN bytes */
	struct hsm_inspection *inspection; /* REPLY_INSPECTION */
};

/* PM_BAD_REPLY: not a reply, or one that breaks a promise of signer.proto. */
enum pm_err reply_unpack(struct bytes frame, struct arena *arena, struct reply *out) NODISCARD;

#endif
