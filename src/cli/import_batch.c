#include "import_batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "import_line.h"
#include "output.h"

#define ROOM ((size_t)96 * 1024)
#define MESSAGE_MAX 63000 /* of 65,536: the rest is the envelope's */

struct import_batch *batch_new(void)
{
	struct import_batch *batch CLEANUP(batch_freep) = must_have(calloc(1, sizeof(*batch)));

	batch->room = secret_alloc(ROOM);
	if (!batch->room) {
		complain("no locked memory to be had. Raise the limit: ulimit -l.");
		return NULL;
	}
	return TAKE(batch);
}

void batch_freep(struct import_batch **batch)
{
	if (!*batch)
		return;
	secret_free((*batch)->room, ROOM);
	free(*batch);
}

char *batch_alloc(struct import_batch *batch, size_t size)
{
	if (size > ROOM - batch->used)
		return NULL;
	char *room = batch->room + batch->used;
	batch->used += size;
	return room;
}

static void add_fault(struct import_batch *batch, uint64_t line, const char *reason)
{
	batch->faults[batch->fault_count++] =
		(struct import_fault){ .line = line, .reason = reason };
}

/* False: the line has to wait for the next batch, and the batch is as it was. */
static bool add_line(struct import_batch *batch, const struct reader_line *line, uint64_t number)
{
	size_t used = batch->used, message = batch->message;
	struct peppermint_import *key = &batch->keys[batch->count];
	const char *fault =
		line->too_long ? "the line is over 16384 bytes" : import_line(line, batch, key);

	if (!fault && batch->message <= MESSAGE_MAX) {
		batch->lines[batch->count++] = number;
		batch->line_count++;
		return true;
	}
	secret_wipe(batch->room + used, batch->used - used);
	batch->used = used;
	batch->message = message;
	if (!fault || fault == import_no_room)
		return false;
	add_fault(batch, number, fault);
	batch->line_count++;
	return true;
}

static bool is_blank(const struct reader_line *line)
{
	return !line->too_long && line->len == 0;
}

bool batch_fill(struct import_batch *batch, uint64_t number, struct reader *reader)
{
	struct reader_line line;
	bool found = true;

	secret_wipe(batch->room, batch->used);
	batch->number = number;
	batch->count = batch->fault_count = batch->used = batch->message = 0;
	batch->line_count = 0;
	while (batch->count < BATCH_KEYS && batch->fault_count < BATCH_FAULTS) {
		if (!reader_next(reader, &line, &found))
			return false;
		if (!found)
			break;
		if (!is_blank(&line) && !add_line(batch, &line, reader->line)) {
			reader_back(reader);
			break;
		}
	}
	batch->end_offset = reader->offset;
	batch->end_line = reader->line;
	return true;
}
