/*
 * The only door to key material: one environment's HSM, reached through its peppermint-signer
 * process. hsm_open starts and supervises that process; hsm_close ends it. Every other call may
 * come from any thread, blocks until its deadline at most, and never returns key material.
 *
 * A signer that dies is started again by itself, with back-off; calls in flight then fail with
 * PM_HSM_UNAVAILABLE. A signer that reports a PIN failure, or a set-up failure before any has
 * served, is not started again: the state is HSM_SEALED and calls fail with PM_SEALED. (Later, a
 * set-up failure is a token that was taken out and may be put back.) Each start is a new
 * generation: whoever relies on which token is behind the door checks it again when the generation
 * has changed.
 *
 * Unit tests link a fake behind this header.
 */
#ifndef HSM_HSM_H
#define HSM_HSM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define HSM_MAC_LEN 32      /* HMAC-SHA-256, never truncated */
#define HSM_ID_LEN 16       /* our CKA_IDs: random, unique in the token */
#define HSM_LABEL_MAX 127   /* bytes of a CKA_LABEL */
#define HSM_DATA_MAX 32768  /* bytes of one hmac input */
#define HSM_RANDOM_MAX 1024 /* bytes of one hsm_random */
#define HSM_OBJECTS_MAX 512 /* objects of one hsm_list: more is PM_TOO_LARGE */
#define HSM_ENVIRONMENT_MAX 32
#define HSM_PUBLIC_MAX 128   /* bytes of a public key */
#define HSM_SIGNATURE_LEN 64 /* Ed25519's (RFC 8032); ECDSA P-256's r || s */
#define HSM_SIGNED_MAX 1024  /* bytes of one hsm_sign input */

struct hsm;

struct hsm_id {
	uint8_t bytes[HSM_ID_LEN];
};

struct hsm_config {
	const char *environment; /* for names in logs and the process title */
	const char *signer;      /* path of the peppermint-signer program */
	const char *module;      /* path of the PKCS#11 module */
	const char *token_uri;   /* RFC 7512; must match exactly one token */
	const char *pin_file;    /* path, read by the signer only; NULL: the PIN is on pin_fd */
	int pin_fd;              /* or -1; stays the caller's. A pipe serves one start only */
	const char
		*module_env; /* NAME=VALUE words, space-separated: the signer's only environment */
	int64_t call_timeout_ms; /* a frame unanswered this long kills the signer */
};

/*
 * Starts the signer and waits for its first answer. All strings are copied. A failure that starting
 * again cannot mend (module, token, PIN: PM_CONFIG) is returned and logged in one line; any other
 * leaves an open hsm that keeps trying.
 */
enum pm_err hsm_open(const struct hsm_config *config, struct hsm **out) NODISCARD;
void hsm_close(struct hsm *hsm); /* NULL is allowed; no call may be in progress */

struct hsm_job {
	struct hsm_id key;
	struct bytes data;        /* borrowed until the call returns */
	uint8_t mac[HSM_MAC_LEN]; /* out, if err is PM_OK */
	enum pm_err err;          /* out: PM_NOT_FOUND when the token has no such key */
};

/*
 * HMAC-SHA-256 (CKM_SHA256_HMAC) of each job's data. Jobs of several threads share frames. Returns
 * PM_OK when every job was answered, be it with an err of its own; otherwise no mac is valid and
 * every job's err is the returned one.
 */
enum pm_err hsm_hmac(struct hsm *hsm, struct hsm_job *jobs, size_t count,
		     int64_t deadline) NODISCARD;

enum hsm_algorithm {
	HSM_HMAC_SHA256 = 1, /* CKM_SHA256_HMAC, a secret key */
	HSM_ED25519 = 2,     /* CKM_EDDSA, the private key of a pair */
	HSM_ECDSA_P256 = 3,  /* CKM_ECDSA, likewise */
	HSM_ALGORITHM_OTHER = 4,
};

struct hsm_object {
	struct hsm_id id;
	char label[HSM_LABEL_MAX + 1];
	enum hsm_algorithm algorithm;
	bool sensitive, always_sensitive, extractable, never_extractable, local, sign;
	/* Of a pair: Ed25519's 32 bytes, or P-256's SubjectPublicKeyInfo (DER, 91 bytes). */
	uint8_t public_key[HSM_PUBLIC_MAX];
	size_t public_len; /* 0: not a pair, or its public half is not in the token */
};

/*
 * Makes a 256-bit HMAC key in the token. Its attributes were read back and are as they must be
 * (sensitive always, extractable never, made in the token), else it was destroyed and the error is
 * PM_HSM_UNAVAILABLE. PM_ALREADY_EXISTS: an object has that id. PM_OUTCOME_UNKNOWN: the signer was
 * lost meanwhile; look with hsm_list before anything else.
 */
enum pm_err hsm_generate(struct hsm *hsm, const struct hsm_id *id, const char *label,
			 struct hsm_object *out, int64_t deadline) NODISCARD;

/*
 * The same for a pair that signs: Ed25519 where the token has it, otherwise ECDSA P-256. Both halves
 * have the id and the label.
 */
enum pm_err hsm_generate_pair(struct hsm *hsm, const struct hsm_id *id, const char *label,
			      struct hsm_object *out, int64_t deadline) NODISCARD;

/*
 * Signs with a pair's private key: Ed25519 the data itself, ECDSA_P256 its SHA-256, which `data`
 * then is (32 bytes, else PM_BAD_REQUEST). PM_NOT_FOUND: the token has no such key. May be repeated.
 */
enum pm_err hsm_sign(struct hsm *hsm, const struct hsm_id *id, enum hsm_algorithm algorithm,
		     struct bytes data, uint8_t signature[HSM_SIGNATURE_LEN],
		     int64_t deadline) NODISCARD;

/*
 * The token's secret and private keys whose label begins with `prefix`, at most HSM_OBJECTS_MAX, with
 * their attributes as they are read back now.
 */
enum pm_err hsm_list(struct hsm *hsm, const char *prefix, struct hsm_object *out, size_t *count,
		     int64_t deadline) NODISCARD;

/* `len` random bytes from the token, at most HSM_RANDOM_MAX. */
enum pm_err hsm_random(struct hsm *hsm, uint8_t *out, size_t len, int64_t deadline) NODISCARD;

enum hsm_state {
	HSM_STARTING, /* first start, or starting again */
	HSM_SERVING,
	HSM_SEALED, /* gave up: PIN or set-up; `reason` says what to do */
};

struct hsm_status {
	enum hsm_state state;
	uint64_t generation; /* counts starts that came to serve; 0 before the first */
	uint32_t restarts;
	int pid;          /* the signer's, or 0 */
	char reason[256]; /* why it does not serve */
	/* CK_TOKEN_INFO, trimmed, of the present or last generation */
	char label[33], manufacturer[33], model[17], serial[17];
	char firmware[8]; /* "2.6" */
};

void hsm_status(struct hsm *hsm, struct hsm_status *out);

#endif
