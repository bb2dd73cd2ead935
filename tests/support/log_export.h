/* An exported log as the export command leaves it, made from nothing but numbers. */
#ifndef SUPPORT_LOG_EXPORT_H
#define SUPPORT_LOG_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "signing.h"
#include "tlog/note.h"

struct log_export {
	const char *folder; /* the export's; it is there */
	uint32_t log;
	uint64_t size;
	size_t entry_len; /* bytes of an ordinary entry, or a little more; 0: few */
	const char *fill; /* what ordinary entries are filled with; NULL: x */
	uint64_t minimum; /* entries below are pruned */
	const struct tlog_checkpoint *before; /* NULL: none */
	bool abandoned; /* the log before was; without `before`: nobody knows where it ended */
	const struct signer *signer;
	const struct signer *next;    /* of the log that the last entry names; NULL: not closed */
	const struct signer *witness; /* NULL: none */
	uint64_t odd_index;           /* of an entry with another text */
	const char *odd;              /* that text; NULL: none is odd */
};

/* Ends the test program when it cannot be written. `end` (may be NULL) is what was signed. */
void log_export_write(const struct log_export *export, struct tlog_checkpoint *end);

/* Only the checkpoint's note of such a log, without files. */
struct note log_export_note(const struct log_export *export);

#endif
