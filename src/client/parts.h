/*
 * Lists of a request as protobuf-c takes them, from the caller's texts and structs. They lie in the
 * wire's room. All give PM_TOO_LARGE when the request outgrows any message.
 */
#ifndef CLIENT_PARTS_H
#define CLIENT_PARTS_H

#include "exchange.h"

/* The words of a text, which blanks part; NULL is none. */
enum pm_err parts_words(struct exchange *x, const char *text, char ***out, size_t *count) NODISCARD;

enum pm_err parts_labels(struct exchange *x, const struct peppermint_label *labels,
			 size_t label_count, Peppermint__V1__Label ***out, size_t *count) NODISCARD;

/* `count` items of `size` bytes, zeroed, and an array of pointers to them. */
enum pm_err parts_items(struct exchange *x, size_t count, size_t size, void **items,
			void ***pointers) NODISCARD;

#endif
