/* Inside verify.h: one log of the export, and what one step hands to the next. */
#ifndef CLI_VERIFY_LOG_H
#define CLI_VERIFY_LOG_H

#include <dirent.h>

#include "tlog/tile.h"
#include "verify.h"

#define VERIFY_ROWS (TLOG_ROWS_MAX + 1)
#define BUNDLE_MAX ((size_t)TLOG_TILE_WIDTH * (2 + TLOG_ENTRY_MAX))

/* What a log's last entry says of the next log. */
struct successor {
	char origin[TLOG_NAME_MAX + 1];
	struct tlog_key key;
};

/* What a log's first entry says of the log before. */
struct predecessor {
	bool any;
	bool abandoned;
	struct tlog_checkpoint end;
};

struct log_check {
	const struct verify_options *options;
	struct verify_report *report;
	struct verified_log *found;
	int folder;
	struct tlog_key key;
	const struct tlog_checkpoint *since; /* NULL: none, or not of this log */
	uint64_t goal; /* entries up to which an export was on its way; else the checkpoint's */

	bool has_first, has_last; /* they were not pruned */
	bool closed;
	struct successor next;
	struct predecessor before;

	/* The tiles that are not full yet: nodes[r] holds the last counts[r] mod 256 of row r. */
	uint64_t counts[VERIFY_ROWS];
	struct tlog_hash nodes[VERIFY_ROWS][TLOG_TILE_WIDTH];
	struct tlog_hash tile[TLOG_TILE_WIDTH];
	uint8_t *bundle; /* the one at hand */
	size_t bundle_room;
};

/* Sets report->fault. False. */
__attribute__((format(printf, 2, 3))) bool verify_refuse(struct verify_report *report,
							 const char *fmt, ...);

/* A regular file of at most `max` bytes below the log's folder, whole. */
bool verify_read(struct log_check *check, const char *path, void *to, size_t max, size_t *len);
/* An entry bundle; it stands until the next one is read. */
bool verify_read_bundle(struct log_check *check, const char *path, struct bytes *bundle);

bool verify_has(const struct log_check *check, const char *path);

/* The next name but . and ..; NULL at the end, or with errno set if it cannot be read. */
const char *verify_next_name(DIR *listing);

/* Nothing lies in the folder that a log of this size has not; sets found->minimum. */
bool verify_inventory(struct log_check *check);

/* Checkpoint and log.vkey. `next` is what the log before says of this one; NULL: it does not. */
bool verify_checkpoint(struct log_check *check, const struct successor *next);

/* All bundles and tiles, up to the root. */
bool verify_entries(struct log_check *check);

/*
 * A partial tile or bundle of an earlier checkpoint, which the format lets stay: it must be the
 * beginning of the one that is `now` wide.
 */
bool verify_older_tile(struct log_check *check, int level, uint64_t index, unsigned width,
		       unsigned now);

/* An entry's form, and what the first and the last one say. */
bool verify_entry(struct log_check *check, uint64_t index, struct bytes entry);

#endif
