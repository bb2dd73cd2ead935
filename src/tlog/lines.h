/* Texts made of lines, each ended by a newline, that come from outside. */
#ifndef TLOG_LINES_H
#define TLOG_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "tlog/merkle.h"

/* Takes the first line, without its newline, off `*rest`. False: none is complete. */
bool line_take(struct bytes *rest, struct bytes *line);

/* Takes `prefix` off the front of `*text`. False: it does not stand there. */
bool prefix_take(struct bytes *text, struct bytes prefix);

bool bytes_same(struct bytes a, struct bytes b);

/* Decimal digits without a leading zero, at most `max`. */
bool decimal_read(struct bytes text, uint64_t max, uint64_t *out);

/* A hash in base64. */
#define HASH_TEXT_LEN 44
bool hash_read(struct bytes text, struct tlog_hash *out);

#endif
