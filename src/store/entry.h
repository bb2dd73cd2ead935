/*
 * The exact text of an entry: the head that the writer gives it, and the leaf's text. An entry says
 * its own index, so one that was moved to another place is noticed.
 */
#ifndef STORE_ENTRY_H
#define STORE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "store/audit.h"
#include "tlog/note.h"

/* A name that stands between quotes in JSON as it is. */
bool entry_is_origin(const char *origin);

/* PM_INTERNAL: the text is not what leaf_record says it is. */
enum pm_err entry_make(uint64_t index, struct bytes text, struct buf *out) NODISCARD;

/* The first one of a log; `prev` is where the log before ended, NULL if there was none. */
enum pm_err entry_make_first(const struct tlog_checkpoint *prev, struct bytes text,
			     struct buf *out) NODISCARD;

/* Does the entry say that this is its index? */
bool entry_is_at(struct bytes entry, uint64_t index);

/* An entry's place in the table. */
int64_t entry_position(uint32_t log, uint64_t index);

#endif
