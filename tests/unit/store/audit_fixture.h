/* Logs and entries to put into a store, and what must be true of them whatever happened. */
#ifndef STORE_AUDIT_FIXTURE_H
#define STORE_AUDIT_FIXTURE_H

#include "fixture.h"

#define LEAF_TEXT_ROOM 128

/* A leaf's text: they differ by number. */
struct leaf {
	char text[LEAF_TEXT_ROOM];
	struct leaf_record record;
};
void leaf_make(struct leaf *leaf, unsigned number, struct store_receipt *receipt);

struct log_record make_log(uint32_t log);
struct store_change append_leaf(const struct leaf *leaf);
struct store_change open_log(const struct log_opening *opening);
struct store_change update_log(const struct log_record *log);
struct store_change put_checkpoint(const struct checkpoint_record *checkpoint);

int fixture_setup_log(void **state); /* with log 1 open: one entry */

enum pm_err commit_log(struct fixture *f, uint32_t log); /* closes the one before */
enum pm_err commit_leaf(struct fixture *f, unsigned number, struct store_receipt *receipt);
void commit_leaves(struct fixture *f, uint64_t until_size); /* to the open log */
/* A key, its executed record and the leaf that tells of them. */
enum pm_err commit_audited(struct fixture *f, unsigned number, struct store_receipt *receipt);

/* The open log's, or all zero while there is none. */
struct tlog_tree get_tree(struct fixture *f);
struct tlog_hash root_of(const struct tlog_tree *tree);
bool same_tree(const struct tlog_tree *a, const struct tlog_tree *b);

/* As the notary would make it of the open log's first `size` entries; note "": unsigned. */
struct checkpoint_record make_checkpoint(struct fixture *f, uint64_t size, const char *note);
enum pm_err commit_checkpoint(struct fixture *f, uint64_t size, const char *note);

/* What a log's rows say, read entry by entry from `first` to the end. */
struct reading {
	uint64_t next;  /* index that comes next */
	uint64_t found; /* entries visited */
	char last[TLOG_ENTRY_MAX + 1];
	uint64_t stop_after; /* 0: never */
};
enum pm_err read_leaves(struct fixture *f, uint32_t log, uint64_t first, size_t max,
			struct reading *out);

/*
 * Every entry of the open log is there and has its hash; these hashes make every node that is
 * stored, and no other is; and the tree in memory is the tree of the rows.
 */
void assert_tree_is_of_rows(struct fixture *f);

#endif
