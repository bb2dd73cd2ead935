/*
 * The audit log in the store: entries that join the transaction of the change they tell of, the
 * Merkle tree over them, and the checkpoints made of it. A log is numbered (1, 2, …); the newest one
 * is open and takes entries, until another is opened. Threads and errors as in store.h.
 *
 * The writer gives an entry its index and its hash. What is stored, and hashed, is the exact text
 *
 *	{"v":1,"seq":<index>,<the leaf's text>
 *
 * and of the first one of a log `{"v":1,"seq":0,"prev":<null or {"origin":…,"size":…,"root":…}>,…`:
 * where the log before ended.
 */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "tlog/merkle.h"
#include "tlog/note.h"
#include "tlog/tile.h"

#define STORE_LEAF_TEXT_MAX 7168 /* bytes of a leaf's text: its entry is below TLOG_ENTRY_MAX */
#define STORE_LOGS_MAX 256
#define STORE_PRUNE_LEAVES_MAX 4096
#define STORE_DAMAGE_MAX 127 /* bytes of what store_get_damage says */

struct store;

/* Where an entry stands, and its hash: proof enough to ask for it later. */
struct store_receipt {
	uint32_t log; /* 0: there is none */
	uint64_t index;
	struct tlog_hash leaf;
};

/*
 * STORE_APPEND_LEAF. PM_NOT_FOUND: no log was opened yet. PM_STORE_DAMAGED: the log takes no entries
 * (store_get_tree), or somebody else put one there. PM_INTERNAL: the text is none.
 */
struct leaf_record {
	struct bytes text; /* `"ts":…}`: members and the closing brace, no newline */
	struct store_receipt
		*receipt; /* out; may be NULL. Means something when the commit is PM_OK */
};

enum log_state {
	LOG_OPEN = 1,
	LOG_CLOSED = 2,    /* its last entry says so; signed up to there and no further */
	LOG_ABANDONED = 3, /* its database had lost entries: nothing of it is signed any more */
};

struct log_record {
	uint32_t log;
	char origin[TLOG_NAME_MAX + 1];
	enum log_state state;
	uint32_t key_version;         /* of master key audit/log; 0: it has none yet */
	char vkey[TLOG_VKEY_MAX + 1]; /* "" while it has none */
	int64_t opened_at, closed_at; /* seconds since 1970; 0: not yet */
	uint64_t minimum;             /* entries below were pruned; a multiple of 256 */
	uint64_t revision;
};

/*
 * STORE_OPEN_LOG: closes the open log, if there is one, and opens `record`. With a close text that is
 * the old log's last entry and it becomes CLOSED; without one it becomes ABANDONED. Of a damaged log
 * nobody knows where it ends: it can only be abandoned, and the first entry's "prev" is null.
 */
struct log_opening {
	const struct log_record *record; /* its log is the newest's plus one (the first: 1), else
					    PM_CONFLICT */
	struct bytes close_text;
	struct bytes open_text; /* of the first entry, after "prev" */
};

/*
 * STORE_UPDATE_LOG changes key_version, vkey and minimum; compare-and-set by revision like other
 * updates. A minimum that grows removes the entries below it, at most STORE_PRUNE_LEAVES_MAX more
 * than before (PM_TOO_LARGE) and never beyond the newest signed checkpoint (PM_CONFLICT). It does
 * not shrink (PM_CONFLICT). Hashes of rows above the leaves stay for ever.
 */

/* STORE_PUT_CHECKPOINT: what is about to be signed (note ""), then the same with its signature. */
struct checkpoint_record {
	uint32_t log;
	uint64_t size;
	struct tlog_hash root;
	int64_t at;                   /* seconds since 1970 */
	uint32_t cosigned;            /* witnesses whose lines the note has */
	char note[TLOG_NOTE_MAX + 1]; /* "": not signed yet */
};
/*
 * PM_CONFLICT: the log has a checkpoint of that size with another root, or a larger one and none of
 * that size; or it has not so many entries. A checkpoint of that size and root has its note,
 * cosigned and time replaced. Of those that nobody cosigned the newest 1,000 are kept, and always the
 * newest that is signed.
 */

/* The open log's tree as of the last commit. PM_NOT_FOUND: no log yet. PM_STORE_DAMAGED: its rows
 * do not make a tree; said once, at store_open. Nothing can be appended then, either; it can be abandoned. */
enum pm_err store_get_tree(struct store *store, uint32_t *log, struct tlog_tree *out) NODISCARD;

/* What was found damaged, such as `entry 12 of audit log 1 is missing`; "" if nothing was. */
void store_get_damage(struct store *store, char out[STORE_DAMAGE_MAX + 1]);

/* Log 0 is the open one, or the newest. */
enum pm_err store_get_log(struct store *store, uint32_t log, struct log_record *out) NODISCARD;
/* How many entries a log has, pruned ones included, and those that are gone though there is a
 * checkpoint of them. */
enum pm_err store_log_size(struct store *store, uint32_t log, uint64_t *size) NODISCARD;

/* The newest checkpoint of a log, signed or not; or the newest that is signed; or cosigned. */
enum store_which { STORE_NEWEST, STORE_NEWEST_SIGNED, STORE_NEWEST_COSIGNED };
enum pm_err store_get_checkpoint(struct store *store, uint32_t log, enum store_which which,
				 struct checkpoint_record *out) NODISCARD;

/*
 * Entries from `first` on, in order, at most `max`, until `visit` says no; from the end on there are
 * none. An entry is lent for the call, which must be quick and not call the store: it has one of the
 * few connections that read. PM_NOT_FOUND: no such log, or `first` was pruned. PM_STORE_DAMAGED,
 * logged with its index: one is missing before the end, or is in another's place, or does not have
 * the hash that is stored with it (it is not visited).
 */
typedef bool store_visit(void *arg, uint64_t index, struct bytes entry,
			 const struct tlog_hash *leaf);
enum pm_err store_read_leaves(struct store *store, uint32_t log, uint64_t first, size_t max,
			      store_visit *visit, void *arg) NODISCARD;

/* tlog_read over a log's rows: `arg` is a struct store_rows. PM_NOT_FOUND: pruned or not there. */
struct store_rows {
	struct store *store;
	uint32_t log;
};
tlog_read store_read_row;

#endif
