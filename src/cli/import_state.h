/*
 * How far an import is, in a file beside its own, so that one that was killed goes on where it was: two
 * files, STATE and STATE.refused, of which the first is replaced as a whole and says how much of the
 * second counts. What was done after it was last written is done once more, under the same request ids.
 */
#ifndef CLI_IMPORT_STATE_H
#define CLI_IMPORT_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "import_batch.h"

#define IMPORT_PATH_MAX 4096

struct import_state {
	char path[IMPORT_PATH_MAX];
	FILE *refused; /* one JSON object a line; locked for one import at a time */
	uint8_t digest[32];
	const char *environment;
	int64_t saved_at; /* monotonic ns */

	/* What the file has. */
	uint64_t run; /* from 1: the same file, imported again after it was finished */
	bool finished;
	uint64_t batch, offset, line; /* the next ones */
	uint64_t lines, imported, existed, refusals;
	uint64_t refused_len; /* bytes of the other file */
};

/*
 * Reads what is there of this content in this environment, or begins anew, as it does when that was
 * finished. False after a complaint, like the others.
 */
bool import_state_open(struct import_state *state, const char *path, const char *environment,
		       const uint8_t digest[32]);
void import_state_close(struct import_state *state); /* for CLEANUP */

/* Puts down what became of a batch. Written at most once a second. */
bool import_state_add(struct import_state *state, const struct import_batch *batch);
/* At once. */
bool import_state_save(struct import_state *state);

/* For all of this run's request ids: 32 hexadecimal digits. */
#define IMPORT_PREFIX 33
void import_state_prefix(const struct import_state *state, char prefix[IMPORT_PREFIX]);

/* The whole report, as JSON. */
bool import_state_report(struct import_state *state, const char *file, FILE *to);

#endif
