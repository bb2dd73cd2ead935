/*
 * One log of an export: a folder that is exactly a C2SP tlog-tiles log, grown from the vault's
 * entries. The hashes are computed here from the entries' bytes; what the vault says is believed
 * only as far as its signed checkpoint has the same root.
 *
 * Whatever ends the program, the folder stays a good log of its checkpoint: full tiles are added
 * first and the root is compared, then come partial tiles, then those go that a full one replaces
 * (readers then take the full one), and the new checkpoint is the last. Meanwhile FILE_GOAL holds
 * that one: who finds tiles beyond the checkpoint sees that they are not from under a newer one that
 * somebody took away.
 */
#ifndef CLI_EXPORT_H
#define CLI_EXPORT_H

#include "audit.h"
#include "tlog/merkle.h"
#include "tlog/note.h"
#include "tlog/tile.h"

#define EXPORT_ROWS (TLOG_ROWS_MAX + 1)

/* The nodes of a row that no full tile has yet. */
struct export_row {
	size_t count;
	struct tlog_hash nodes[TLOG_TILE_WIDTH];
};

struct export
{
	struct session *session;
	int folder;
	const struct peppermint_log *log;
	struct tlog_checkpoint had;  /* of the folder; size 0: none */
	struct tlog_checkpoint goal; /* of the vault */
	struct tlog_tree tree;       /* what is in files, rows and bundle */
	struct export_row rows[EXPORT_ROWS];
	struct buf bundle;
	bool again; /* the entries come from the folder's own tiles, found from a run that was ended */
	uint64_t kept; /* how many did */
};
void export_end(struct export *export); /* for CLEANUP */

/*
 * Is the folder one of this log, and can the vault's log be its continuation? Changes nothing.
 * STATUS_REFUSED after a complaint, like all that follows.
 */
enum status export_compare(const struct export *export);
enum status export_older(uint32_t log);
enum status export_forked(uint32_t log);

/* From the checkpoint that the folder has to the vault's. STATUS_REFUSED: one of them is no good. */
enum status export_run(struct export *export);

/* export_tiles.c: the files. All complain themselves. */

/* The tree of `had`, whose root must be that checkpoint's, and the rows at its last full tile. */
enum status tiles_load(struct export *export);
/* The next entry, and whatever tiles it makes full. At `had` the tree must have its root. */
enum status tiles_append(struct export *export, struct bytes entry);
/* Goes on with full tiles that lie beyond the checkpoint and fit together. */
enum status tiles_take_up(struct export *export);
/* The last tile of each row, as wide as it is. */
enum status tiles_put_partial(struct export *export);
/* Partial tiles that a full one replaces. */
enum status tiles_drop_partial(const struct export *export);
/* Full tiles beyond the checkpoint that the folder has. */
enum status tiles_drop_new(const struct export *export);

#endif
