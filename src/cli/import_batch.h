/*
 * Lines of an import that travel in one message: as many as fit, so that the same file always gives
 * the same batches. One JSON object a line:
 *
 *	{"sha256": "…", "account": "acme", "product": "payments", "tail": "x7Q"}
 */
#ifndef CLI_IMPORT_BATCH_H
#define CLI_IMPORT_BATCH_H

#include "import_reader.h"
#include "peppermint/client.h"

#define BATCH_KEYS PEPPERMINT_BATCH_MAX
#define BATCH_FAULTS 512

/* A line that is not sent, and why. */
struct import_fault {
	uint64_t line;
	const char *reason; /* static */
};

struct import_batch {
	uint64_t number; /* from 0 */
	/* Where the next one begins. */
	uint64_t end_offset, end_line;
	uint64_t line_count; /* empty ones are none */

	size_t count;
	struct peppermint_import keys[BATCH_KEYS];
	uint64_t lines[BATCH_KEYS];
	struct peppermint_import_outcome outcomes[BATCH_KEYS];
	size_t fault_count;
	struct import_fault faults[BATCH_FAULTS];

	size_t message; /* bytes that the keys take in a message, at most */
	char *room;     /* their values and texts, locked */
	size_t used;
};

/* NULL after a complaint. */
struct import_batch *batch_new(void);
void batch_freep(struct import_batch **batch); /* for CLEANUP */

/* The next lines; none at the end of the file. False after a complaint. */
bool batch_fill(struct import_batch *batch, uint64_t number, struct reader *reader);

/* Room for texts, zeroed; NULL when it does not fit any more. */
char *batch_alloc(struct import_batch *batch, size_t size);

#endif
