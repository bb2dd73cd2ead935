/* Signatures as a token makes them, by OpenSSL. */
#ifndef SUPPORT_SIGNING_H
#define SUPPORT_SIGNING_H

#include "tlog/note.h"

struct signer; /* a private key; ends the test program when there is no memory */

/* Ed25519 from a seed of the 32 bytes first, first + 1, …; with algorithm TLOG_COSIGNER a witness. */
struct signer *signer_from_seed(const char *name, enum tlog_algorithm algorithm, uint8_t first);
struct signer *signer_ecdsa(const char *name); /* a new P-256 key */
void signer_free(struct signer **signer);      /* for CLEANUP */

const struct tlog_key *signer_key(const struct signer *signer);

/* The raw signature, as tlog_line_format takes it; a witness's is of that time. */
struct raw_signature {
	uint8_t bytes[TLOG_SIGNATURE_MAX];
	size_t len;
};
struct raw_signature signer_sign(const struct signer *signer, struct bytes text, uint64_t time);

/* The note of the text with one line. */
struct note {
	uint8_t data[TLOG_NOTE_MAX];
	size_t len;
};
struct note signer_note(const struct signer *signer, struct bytes text);
struct bytes note_bytes(const struct note *note);

#endif
