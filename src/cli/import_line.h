/* A line of an import: what it says of a key. */
#ifndef CLI_IMPORT_LINE_H
#define CLI_IMPORT_LINE_H

#include "import_batch.h"

/* No fault of the line: it belongs into the next batch. */
extern const char import_no_room[];

/*
 * Reads a line's object to `key`, whose texts lie in the batch's room, and adds what it takes in a message.
 * NULL, or what is wrong with it.
 */
const char *import_line(const struct reader_line *line, struct import_batch *batch,
			struct peppermint_import *key);

#endif
