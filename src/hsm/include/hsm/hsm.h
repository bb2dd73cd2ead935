/*
 * The only door to key material: one environment's HSM, reached through a peppermint-signer process
 * for each of its tokens. hsm_open starts and supervises these; hsm_close ends them. Every other
 * call may come from any thread, blocks until its deadline at most, and never returns key material.
 *
 * A signer that dies is started again by itself, with back-off; calls in flight then fail with
 * PM_HSM_UNAVAILABLE. One that reports a PIN failure is not started again: the state is HSM_SEALED
 * and calls fail with PM_SEALED, until hsm_unseal brings another PIN. (A set-up failure is a token
 * that was taken out and may be put back, unless it is what hsm_open's own starts meet.)
 *
 * With a standby token there are two signers. Calls go to the active one's; when that falls and the
 * other serves, the other becomes the active one. Each start of the active one, and each change of
 * which it is, is a new generation: whoever relies on which token is behind the door checks it again
 * when the generation has changed.
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
#define HSM_IMPORT_MIN 16    /* bytes of a key that is brought in */
#define HSM_IMPORT_MAX 64
#define HSM_IV_LEN 12     /* AES-GCM's */
#define HSM_TAG_LEN 16    /* likewise; never truncated */
#define HSM_PLAIN_MAX 512 /* bytes of one hsm_encrypt input */

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
	int pin_fd;              /* or -1: sealed to begin with. Stays the caller's */
	const char
		*module_env; /* NAME=VALUE words, space-separated: the signer's only environment */
	const char *init_args; /* for C_Initialize's pReserved, where a module wants it; or NULL */
	uint32_t sessions;     /* that compute at the same time, at most; 0: one */
	int64_t call_timeout_ms; /* a frame unanswered this long kills the signer */
	int64_t reload_ms; /* between two starts after failures of module or device; less than 100 is 100 */
	/* A clone of the token, made by its vendor's means; standby_uri NULL: there is none. The other
	 * three are the same as the token's where they are NULL. */
	const char *standby_uri, *standby_module, *standby_module_env, *standby_pin_file;
};

/*
 * Starts the signers and waits for their first answers. All strings are copied; optional ones may be
 * empty instead of NULL. A mistake in the configuration (no such module or token, of all tokens:
 * PM_CONFIG) is returned and logged in one line; after any other failure there is an open hsm that is
 * sealed, for want of a good PIN, or keeps trying.
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
	HSM_AES256_GCM = 5, /* CKM_AES_GCM, a secret key */
};

struct hsm_object {
	struct hsm_id id;
	char label[HSM_LABEL_MAX + 1];
	enum hsm_algorithm algorithm;
	bool sensitive, always_sensitive, extractable, never_extractable, local, sign;
	bool private, modifiable, destroyable;
	bool restricted; /* CKA_ALLOWED_MECHANISMS holds the one mechanism that it is for */
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

/* The same for a 256-bit AES key that encrypts and decrypts. PM_HSM_UNAVAILABLE where the token has
 * no CKM_AES_GCM, as the log says. */
enum pm_err hsm_generate_aes(struct hsm *hsm, const struct hsm_id *id, const char *label,
			     struct hsm_object *out, int64_t deadline) NODISCARD;

/*
 * Brings in an HMAC key that was made elsewhere (C_CreateObject), HSM_IMPORT_MIN to HSM_IMPORT_MAX
 * bytes: from then on it is as sensitive and as little extractable as others, and forever neither
 * local, always sensitive nor never extractable. `value` stays the caller's to wipe; the frame is
 * wiped. Errors as hsm_generate's.
 */
enum pm_err hsm_import(struct hsm *hsm, const struct hsm_id *id, const char *label,
		       struct bytes value, struct hsm_object *out, int64_t deadline) NODISCARD;

/*
 * AES-256-GCM in the token: `out` gets the ciphertext, as long as `plain`, and the tag. `iv` must never
 * serve two messages under one key. `aad` is at most HSM_PLAIN_MAX bytes, like `plain`, which may be
 * empty. PM_NOT_FOUND: the token has no such key.
 */
enum pm_err hsm_encrypt(struct hsm *hsm, const struct hsm_id *id, const uint8_t iv[HSM_IV_LEN],
			struct bytes aad, struct bytes plain, uint8_t *out,
			int64_t deadline) NODISCARD;

/*
 * The other way: `sealed` is what hsm_encrypt gave, `out` gets sealed.len - HSM_TAG_LEN bytes, which are
 * the caller's to wipe. PM_BAD_REQUEST: that key did not encrypt this, with this iv and aad.
 */
enum pm_err hsm_decrypt(struct hsm *hsm, const struct hsm_id *id, const uint8_t iv[HSM_IV_LEN],
			struct bytes aad, struct bytes sealed, uint8_t *out,
			int64_t deadline) NODISCARD;

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

/*
 * Destroys what has that id in the token, and looks that it is gone. Not being there is success, so
 * it may be repeated. PM_CONFLICT: what has the id bears another label; it was left alone.
 * PM_OUTCOME_UNKNOWN: the signer was lost meanwhile; look with hsm_list.
 */
enum pm_err hsm_destroy(struct hsm *hsm, const struct hsm_id *id, const char *label,
			int64_t deadline) NODISCARD;

enum hsm_proof { HSM_NOT_TRIED, HSM_PROVEN, HSM_DISPROVEN };

struct hsm_mechanism {
	char name[40]; /* "CKM_SHA256_HMAC" */
	uint64_t type;
	bool announced;       /* by C_GetMechanismInfo, which proves nothing */
	enum hsm_proof proof; /* by a known answer */
	bool enforced;        /* the token keeps to CKA_ALLOWED_MECHANISMS */
};

#define HSM_MECHANISMS_MAX 16

/* What a token is and can do. */
struct hsm_inspection {
	char label[33], manufacturer[33], model[17], serial[17], firmware[8], hardware[8];
	uint64_t flags;               /* CK_TOKEN_INFO's */
	uint64_t max_sessions;        /* 0: not told or without limit */
	uint64_t free_private_memory; /* bytes; UINT64_MAX: not told */
	uint32_t sessions;            /* in use, to compute */
	bool session_copies;          /* keys are used through session objects */
	struct hsm_mechanism mechanisms[HSM_MECHANISMS_MAX];
	size_t mechanism_count;
};

enum pm_err hsm_inspect(struct hsm *hsm, struct hsm_inspection *out, int64_t deadline) NODISCARD;

/* `len` random bytes from the token, at most HSM_RANDOM_MAX. */
enum pm_err hsm_random(struct hsm *hsm, uint8_t *out, size_t len, int64_t deadline) NODISCARD;

/*
 * Forgets the PIN and ends the signers: HSM_SEALED until hsm_unseal. Calls in flight fail at once, with
 * PM_SEALED or PM_OUTCOME_UNKNOWN; what its module is doing a signer may finish within a second.
 */
enum pm_err hsm_seal(struct hsm *hsm) NODISCARD;

/*
 * Starts the sealed signers with this PIN, each trying it once, and waits for what comes of it.
 * PM_SEALED: one refused it. PM_CONFLICT: nothing is sealed. PM_BAD_REQUEST: no PIN has that length.
 * PM_HSM_UNAVAILABLE: one failed for another reason, and is started again as always, with this PIN.
 * PM_DEADLINE_EXCEEDED: one is still starting.
 * Until the next hsm_seal the PIN is in the kernel's memory (a pipe), where later starts find it
 * and no process does; `pin` stays the caller's to wipe.
 */
enum pm_err hsm_unseal(struct hsm *hsm, struct bytes pin, int64_t deadline) NODISCARD;

/*
 * C_SetPIN on each token, all of which must serve, and the new PIN is the one for later starts until
 * hsm_seal or hsm_close. PM_DENIED: the old one is wrong; it was tried once. PM_BAD_REQUEST: the token
 * takes no such new PIN. PM_HSM_UNAVAILABLE: also where a wrong one more would lock it, so that none
 * was tried. PM_CONFLICT: one token changed it and the other did not, as the log says.
 * PM_OUTCOME_UNKNOWN.
 */
enum pm_err hsm_change_pin(struct hsm *hsm, struct bytes old_pin, struct bytes new_pin,
			   int64_t deadline) NODISCARD;

/*
 * One of the tokens by itself, 0 the configured one and 1 the standby, whichever is active: for
 * hsm_hmac, hsm_encrypt, hsm_list, hsm_destroy, hsm_inspect and hsm_status. NULL: there is no such.
 * Lives as long as `hsm`.
 */
struct hsm *hsm_member(struct hsm *hsm, size_t index);

/*
 * Makes that token (numbered as for hsm_member) the active one, if its signer serves: after an
 * operator's wish, or when the first is back. Where it is active already nothing happens, and it is
 * PM_OK. PM_HSM_UNAVAILABLE: it does not serve. PM_CONFLICT: there is no such.
 */
enum pm_err hsm_switch(struct hsm *hsm, size_t member) NODISCARD;

enum hsm_state {
	HSM_STARTING, /* first start, or starting again */
	HSM_SERVING,
	HSM_SEALED, /* no PIN, or it was refused, or hsm_seal; `reason` says what to do */
};

/* What took the last signer away, or keeps one from serving. It stays told while the next serves. */
enum hsm_cause {
	HSM_CAUSE_NONE,
	HSM_CAUSE_CRASH,    /* it ended by itself, or said nonsense */
	HSM_CAUSE_HANG,     /* it was silent and was killed */
	HSM_CAUSE_DEVICE,   /* module, device, session or login were lost beyond mending in place */
	HSM_CAUSE_SETUP,    /* no module, no such token, no such mechanism */
	HSM_CAUSE_PIN,      /* missing, unreadable, refused or locked */
	HSM_CAUSE_OPERATOR, /* hsm_seal */
};

struct hsm_status {
	enum hsm_state state;
	enum hsm_cause cause;
	uint64_t
		generation; /* counts starts that came to serve, and switches; 0 before the first */
	uint32_t restarts;
	int pid;          /* the signer's, or 0 */
	char reason[256]; /* why it does not serve */
	/* CK_TOKEN_INFO, trimmed, of the present or last generation */
	char label[33], manufacturer[33], model[17], serial[17];
	char firmware[8];  /* "2.6" */
	uint32_t sessions; /* that compute at the same time */
	bool proven;       /* HMAC gave a known answer at the start */
	uint32_t members;  /* tokens: 1, or 2 with a standby */
	uint32_t active;   /* which of them */
};

/* Of the active token's signer. */
void hsm_status(struct hsm *hsm, struct hsm_status *out);

#endif
