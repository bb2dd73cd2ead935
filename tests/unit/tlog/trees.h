/*
 * Trees to test against: nodes by rows for whoever reads them as tlog does, and the root of any range
 * of leaves straight from RFC 6962's definition.
 */
#ifndef TESTS_UNIT_TLOG_TREES_H
#define TESTS_UNIT_TLOG_TREES_H

#include "tlog/merkle.h"

struct rows {
	struct tlog_hash *nodes[TLOG_ROWS_MAX + 1];
	size_t counts[TLOG_ROWS_MAX + 1];
	size_t fail_at; /* this many reads succeed, then one fails; SIZE_MAX: none does */
};

/* Leaf i is the hash of i as eight bytes, big-endian. */
struct tlog_hash numbered_leaf(uint64_t i);

/* Rows of the tree of that many numbered leaves. Ends the test program when memory ends. */
void rows_make(struct rows *rows, uint64_t size);
void rows_free(struct rows *rows); /* for CLEANUP */

/* A tlog_read over a struct rows; PM_STORE_DAMAGED where it is to fail. */
tlog_read rows_read;

/* MTH(D[first:end]) by recursion (RFC 6962 section 2.1). */
struct tlog_hash naive_root(const struct rows *rows, uint64_t first, uint64_t end);

#endif
