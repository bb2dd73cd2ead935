/* One batch to the vault, by whichever thread: tried again until it is known what became of each key. */
#ifndef CLI_IMPORT_SEND_H
#define CLI_IMPORT_SEND_H

#include <stdatomic.h>

#include "import_batch.h"
#include "import_state.h"

struct sender {
	struct peppermint *vault;
	const char *environment;
	const char *authorization;
	uint32_t timeout_ms;
	char prefix[IMPORT_PREFIX]; /* of its request ids */
	atomic_bool *stop;          /* nothing is tried again any more */
};

/*
 * PM_OK: the batch's outcomes are known, of some by trying them in smaller messages. Anything else is of
 * the import as a whole, and `message` (of 513 bytes) says what.
 */
enum pm_err batch_send(const struct sender *sender, struct import_batch *batch, char *message);

#endif
