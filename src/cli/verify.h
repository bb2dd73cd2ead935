/*
 * Checks an exported audit log with nothing but the folder and the verifier key of its first log: no
 * vault, token or database. Each numbered folder in it must be exactly a C2SP tlog-tiles log with a
 * file log.vkey, and may have what an export that was ended left (files.h). Memory is bounded, whatever
 * the size; everything in the folder may be hostile. One thread at a time per export.
 *
 * A log that was closed names the next one's key in its last entry, so one key vouches for all. A
 * log that was abandoned cannot: the next one needs its own key among those given.
 */
#ifndef CLI_VERIFY_H
#define CLI_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "tlog/merkle.h"
#include "tlog/note.h"

#define VERIFY_LOGS_MAX 256

struct verify_options {
	const struct tlog_key *keys; /* a key's name is the origin of its log */
	size_t key_count;
	const struct tlog_key *witnesses;
	size_t witness_count;
	struct bytes since; /* an older checkpoint's note, which must be consistent; empty: none */
	bool strict;        /* every entry must be JSON, not only begin and end as ours do */
	/* NULL, or called now and then: entries of this log that were looked at. */
	void (*progress)(void *arg, uint32_t log, uint64_t done, uint64_t size);
	void *arg;
};

enum verified_end {
	VERIFIED_OPEN,      /* the export's last log */
	VERIFIED_CLOSED,    /* its last entry names the next log */
	VERIFIED_ABANDONED, /* the next log says that this one has no end */
	VERIFIED_UNKNOWN,   /* its last entry or the next one's first were pruned */
};

struct verified_log {
	uint32_t log;
	enum verified_end end;
	char origin[TLOG_NAME_MAX + 1];
	uint64_t size;
	uint64_t minimum;      /* entries below are not in the export, only hashes above them */
	uint64_t said_minimum; /* entries of the export say that those below were pruned */
	bool unfinished; /* an export was ended: beyond the checkpoint lies what was not checked */
	bool restarted;  /* first of the export, and says that what was before it was given up */
	struct tlog_hash root;
	size_t witnessed; /* given witnesses whose cosignatures the checkpoint bears */
	size_t unknown;   /* lines of keys that were not given: nothing vouches for them */
};

struct verify_report {
	struct verified_log logs[VERIFY_LOGS_MAX]; /* those that were begun */
	size_t count;
	uint64_t entries, bytes; /* that were hashed */
	bool consistent;         /* with the older checkpoint, if one was given */
	char fault[512]; /* "", or the first thing that is wrong: a leaf or a file by name */
};

/* True if everything holds; else report->fault says what does not. */
bool verify_export(const char *folder, const struct verify_options *options,
		   struct verify_report *report);

#endif
