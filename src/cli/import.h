/*
 * `import`: another system's keys from a file of any length, in memory of one size. A reader makes
 * batches of lines, threads send them, and they are put down in order.
 */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include "command.h"
#include "import_batch.h"
#include "import_reader.h"
#include "import_state.h"

#define IMPORT_JOBS 4

/* How many connections a command wants: as many as it has requests under way at once. */
uint32_t import_jobs(const struct command *command, const struct options *options);

/*
 * Sends all batches from where the state is, and puts down in it what became of them. STATUS_VAULT after
 * a complaint: the state says how far it came.
 */
enum status import_all(struct session *session, struct reader *reader, struct import_state *state);

#endif
