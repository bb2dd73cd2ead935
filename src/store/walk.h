/*
 * Going through keys along an index, from a place on, and telling which of them a filter wants. The
 * number of rows that are looked at is bounded, however few of them match.
 */
#ifndef STORE_WALK_H
#define STORE_WALK_H

#include <sqlite3.h>
#include <stdbool.h>

#include "position.h"
#include "readers.h"

/* A part of a list: rows next to each other in an index. The texts are SQL. */
struct segment {
	const char *index;
	const char *range; /* which part of the index, beyond its environment; "" is all */
	const char *fits;  /* which rows of it, where the index cannot tell */
	const char *value; /* the column they are in the order of; NULL: of their ids alone */
	enum { VALUE_NUMBER, VALUE_TEXT, VALUE_UNIQUE_TEXT } kind;
	uint32_t states; /* only keys in these (enum key_states); 0: whatever they are in */
	/* Rows lie in its order; they do not; and each must be read, as the index tells too little. */
	enum { ROWS_NEAR, ROWS_FAR, ROWS_READ } rows;
};

/* The segments of a list with that filter, in ascending order. *count 0: there is no such list. */
const struct segment *walk_segments(const struct key_filter *filter, size_t *count);

/* Can keys of the segment match? */
bool walk_is_wanted(const struct segment *segment, const struct key_filter *filter);

/* Is it a list of one account's keys? */
bool walk_is_of_account(const struct key_filter *filter);

/* What rows cost that were looked at, up to STORE_LIST_WALK. */
struct walk_budget {
	uint32_t left;
};

struct walk_row {
	struct position position;
	int64_t rowid, state, start_at, expires_at;
	bool matches; /* the filter */
};

struct walk {
	struct reader *reader;
	const struct key_filter *filter;
	const struct segment *segment;
	uint32_t number; /* the segment's */
	struct walk_budget *budget;
	sqlite3_stmt *rows;
};

/*
 * Begins at `after`, or at the segment's beginning if that is NULL. All pointers are borrowed until
 * walk_end.
 */
enum pm_err walk_begin(struct walk *walk, const struct position *after) NODISCARD;
void walk_end(struct walk *walk); /* for CLEANUP */

/* PM_NOT_FOUND: that was all. PM_TOO_LARGE: the budget is used up. */
enum pm_err walk_next(struct walk *walk, struct walk_row *row) NODISCARD;

/* What a key is at filter->now. */
enum key_states walk_state(const struct walk_row *row, int64_t now);

#endif
