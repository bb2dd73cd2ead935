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

/* Words as one text, parted by blanks. */
enum pm_err fill_words(struct exchange *x, char *const *from, size_t count, char *to,
		       size_t size) NODISCARD;
#define FILL_WORDS(x, from, count, array) fill_words((x), (from), (count), (array), sizeof(array))

enum pm_err fill_labels(struct exchange *x, Peppermint__V1__Label *const *from, size_t from_count,
			struct peppermint_label to[PEPPERMINT_LABELS_MAX], size_t *count) NODISCARD;

/* A page's size, as the vault takes it; PM_BAD_REQUEST if there is no room for an item. */
enum pm_err fill_page_size(struct exchange *x, size_t *capacity, size_t max) NODISCARD;

enum pm_err fill_environment(struct exchange *x, const Peppermint__V1__EnvironmentStatus *from,
			     struct peppermint_environment *to) NODISCARD;

/*
 * One of that environment, and of that purpose and name unless they are empty; `from` may be missing.
 */
enum pm_err fill_master(struct exchange *x, const Peppermint__V1__MasterVersion *from,
			const char *environment, const char *purpose, const char *name,
			struct peppermint_master *to) NODISCARD;

enum peppermint_pepper_state fill_pepper_state(Peppermint__V1__PepperState state);
enum peppermint_algorithm fill_algorithm(Peppermint__V1__Algorithm number);

/* PM_BAD_REPLY unless a list has as many items as were asked for. */
enum pm_err fill_count(struct exchange *x, size_t got, size_t asked) NODISCARD;

#endif
