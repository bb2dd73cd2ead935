/*
 * Signed notes, checkpoints, cosignatures and offline proofs: the texts of C2SP signed-note,
 * tlog-checkpoint, tlog-cosignature and tlog-proof. Public keys only: a signature is made in a token
 * by others and put in here. Everything that is read is bounded and total over any bytes. Plain
 * values, any thread.
 */
#ifndef TLOG_NOTE_H
#define TLOG_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "tlog/merkle.h"

#define TLOG_NAME_MAX 127     /* bytes of a key name or an origin; no space, no '+', no control */
#define TLOG_PUBLIC_MAX 128   /* bytes: Ed25519 32, P-256 SubjectPublicKeyInfo 91 */
#define TLOG_SIGNATURE_MAX 96 /* bytes after the key id: Ed25519 64, ECDSA DER 72, cosigned 72 */
#define TLOG_VKEY_MAX 400     /* characters of a key's text */
#define TLOG_NOTE_MAX 8192    /* bytes of a note with all its signatures */
#define TLOG_LINES_MAX 16     /* signature lines of a note; more is malformed */

enum tlog_algorithm {
	TLOG_ED25519 = 1,  /* public key: 32 bytes */
	TLOG_ECDSA = 2,    /* public key: SubjectPublicKeyInfo, P-256; signs SHA-256 of the text */
	TLOG_COSIGNER = 4, /* Ed25519 of a witness: signs text and time (tlog-cosignature v1) */
};

/* A verifier key. */
struct tlog_key {
	char name[TLOG_NAME_MAX + 1];
	enum tlog_algorithm algorithm;
	uint8_t id[4];
	uint8_t public_key[TLOG_PUBLIC_MAX];
	size_t public_len;
};

/* Sets the key id as well. PM_BAD_REQUEST: the name, the algorithm or the length is impossible. */
enum pm_err tlog_key_make(const char *name, enum tlog_algorithm algorithm, struct bytes public_key,
			  struct tlog_key *out) NODISCARD;
/* name+hex(id)+base64(algorithm || public key). The id must be the key's. PM_BAD_REQUEST. */
enum pm_err tlog_key_parse(struct bytes vkey, struct tlog_key *out) NODISCARD;
void tlog_key_format(const struct tlog_key *key, char out[TLOG_VKEY_MAX + 1]);
bool tlog_is_name(const char *name);

struct tlog_checkpoint {
	char origin[TLOG_NAME_MAX + 1];
	uint64_t size;
	struct tlog_hash root;
};

/* The text that is signed: three lines, each with its newline. */
#define TLOG_TEXT_MAX 256
size_t tlog_checkpoint_format(const struct tlog_checkpoint *checkpoint, char out[TLOG_TEXT_MAX]);
/* From a whole note or a text alone; extension lines are refused. PM_BAD_REQUEST. */
enum pm_err tlog_checkpoint_parse(struct bytes note, struct tlog_checkpoint *out) NODISCARD;

/*
 * One signature line with its newline, from the raw signature: Ed25519's 64 bytes; for ECDSA the
 * token's r || s (64 bytes), which is encoded as DER here. PM_TOO_LARGE, PM_BAD_REQUEST.
 */
#define TLOG_LINE_MAX 384
enum pm_err tlog_line_format(const struct tlog_key *key, struct bytes raw,
			     char out[TLOG_LINE_MAX]) NODISCARD;

/* Text, blank line, lines. `lines` is one line or several. PM_TOO_LARGE over TLOG_NOTE_MAX. */
enum pm_err tlog_note_join(struct bytes text, struct bytes lines, struct buf *out) NODISCARD;
/* Splits a whole note; checks the form of every line. PM_BAD_REQUEST. */
enum pm_err tlog_note_split(struct bytes note, struct bytes *text, struct bytes *lines) NODISCARD;

/*
 * Does the note bear a good signature of this key? PM_OK; PM_NOT_FOUND: no line of that key;
 * PM_DENIED: a line claims to be of that key (name and id) and does not verify; PM_BAD_REQUEST: not
 * a note. `time` (may be NULL) is a cosignature's, in seconds since 1970; 0 for others.
 */
enum pm_err tlog_note_verify(struct bytes note, const struct tlog_key *key,
			     int64_t *time) NODISCARD;

/* Does a raw signature, as tlog_line_format takes it, verify the text under the key? */
bool tlog_signature_holds(const struct tlog_key *key, struct bytes text, struct bytes raw);

/* A c2sp.org/tlog-proof@v1 text: one entry's index and inclusion proof, and the checkpoint's note. */
enum pm_err tlog_proof_format(uint64_t index, const struct tlog_proof *proof, struct bytes note,
			      struct buf *out) NODISCARD;
enum pm_err tlog_proof_parse(struct bytes text, uint64_t *index, struct tlog_proof *proof,
			     struct bytes *note) NODISCARD;

#endif
