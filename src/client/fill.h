/*
 * From the decoded reply to the caller's structs, checked: nothing that is too long or could trick
 * a terminal or a log gets through. All give PM_BAD_REPLY with a message.
 */
#ifndef CLIENT_FILL_H
#define CLIENT_FILL_H

#include "exchange.h"

enum pm_err fill_text(struct exchange *x, const char *from, char *to, size_t size) NODISCARD;
#define FILL_TEXT(x, from, array) fill_text((x), (from), (array), sizeof(array))

/* Exactly `size` bytes. */
enum pm_err fill_bytes(struct exchange *x, ProtobufCBinaryData from, uint8_t *to,
		       size_t size) NODISCARD;

/*
 * Bytes as a text with a NUL behind it, in `size` bytes: a note or a proof, which is lines of clean
 * text; an entry of the log, which is one and at most PEPPERMINT_ENTRY_MAX long.
 */
enum pm_err fill_note(struct exchange *x, ProtobufCBinaryData from, char *to, size_t size,
		      size_t *len) NODISCARD;
enum pm_err fill_entry(struct exchange *x, ProtobufCBinaryData from, char *to, size_t size,
		       size_t *len) NODISCARD;

/* A key of that environment and, unless NULL, of that id; `from` may be missing. */
enum pm_err fill_key(struct exchange *x, const Peppermint__V1__Key *from, const char *environment,
		     const char *key_id, struct peppermint_key *to) NODISCARD;

enum pm_err fill_environment(struct exchange *x, const Peppermint__V1__EnvironmentStatus *from,
			     struct peppermint_environment *to) NODISCARD;

enum peppermint_pepper_state fill_pepper_state(Peppermint__V1__PepperState state);
enum peppermint_algorithm fill_algorithm(Peppermint__V1__Algorithm number);

/* PM_BAD_REPLY unless a list has as many items as were asked for. */
enum pm_err fill_count(struct exchange *x, size_t got, size_t asked) NODISCARD;

#endif
