#include "list.h"

#include <string.h>

#include "base/cleanup.h"
#include "db.h"
#include "handle.h"
#include "walk.h"

enum pm_err list_put(struct list *list, const struct position *position)
{
	size_t at = list->listing->count;
	const char *environment = list->filter->environment;

	TRY(reader_load_listed(list->reader, environment, position->id, &list->out[at]));
	enum pm_err err = reader_load_use(list->reader, environment, position->id, &list->uses[at]);
	if (err != PM_OK && err != PM_NOT_FOUND && err != PM_RECORD_QUARANTINED)
		return err;
	list->listing->count++;
	return PM_OK;
}

void list_continue(struct list *list, const struct position *position)
{
	position_format(position, list->filter, list->listing->next);
}

/* Fills the page from one segment. PM_NOT_FOUND: up to its end; PM_OK: the page is done. */
static enum pm_err list_segment(struct list *list, struct walk *walk, struct position *last)
{
	struct walk_row row;

	for (;;) {
		enum pm_err err = walk_next(walk, &row);
		if (err != PM_OK && err != PM_TOO_LARGE)
			return err;
		bool full = list->listing->count == list->max;
		if (err == PM_TOO_LARGE || (full && row.matches)) {
			list_continue(list, last);
			return PM_OK;
		}
		if (!full)
			*last = row.position;
		if (row.matches)
			TRY(list_put(list, &row.position));
	}
}

static enum pm_err list_one(struct list *list, const struct segment *segment, uint32_t number,
			    struct walk_budget *budget, struct position *last)
{
	struct walk walk CLEANUP(walk_end) = {
		.reader = list->reader,
		.filter = list->filter,
		.segment = segment,
		.number = number,
		.budget = budget,
	};
	bool inside = list->after && list->after->segment == number;

	TRY(walk_begin(&walk, inside ? list->after : NULL));
	return list_segment(list, &walk, last);
}

static enum pm_err list_walked(struct list *list)
{
	struct walk_budget budget = { .left = STORE_LIST_WALK };
	struct position last = { 0 };
	size_t count = 0;
	const struct segment *segments = walk_segments(list->filter, &count);
	bool descending = list->filter->descending;
	uint32_t number = descending ? (uint32_t)count - 1 : 0;

	if (list->after) {
		if (list->after->segment >= count)
			return PM_BAD_REQUEST;
		number = list->after->segment;
		last = *list->after;
	}
	/* Below 0 it wraps around and is past the last. */
	for (; number < count; number += descending ? UINT32_MAX : 1) {
		if (!walk_is_wanted(&segments[number], list->filter))
			continue;
		enum pm_err err = list_one(list, &segments[number], number, &budget, &last);
		if (err != PM_NOT_FOUND)
			return err;
	}
	return PM_OK;
}

/* Along no index, or along that of all ids: worse than sorting, if the account is small. */
static bool is_sortable(enum key_sort sort)
{
	return sort == KEYS_BY_EXPIRES || sort == KEYS_BY_NAME || sort == KEYS_BY_REFERENCE ||
	       sort == KEYS_BY_ID;
}

static enum pm_err list_of_account(struct list *list)
{
	enum key_sort sort = list->filter->sort;
	uint64_t keys = 0;

	if (is_sortable(sort) || sort >= KEYS_BY_PRODUCT) {
		TRY(total_of_account(list->reader, list->filter, &keys));
		if (keys <= STORE_LIST_WALK)
			return list_sorted(list);
	}
	if (sort >= KEYS_BY_PRODUCT)
		return PM_TOO_LARGE;
	TRY(list_total(list));
	return list->listing->total == 0 && !list->listing->total_is_least ? PM_OK
									   : list_walked(list);
}

static enum pm_err list_keys(struct list *list)
{
	size_t segments = 0;

	if (walk_is_of_account(list->filter))
		return list_of_account(list);
	if (!walk_segments(list->filter, &segments))
		return PM_BAD_REQUEST;
	TRY(list_total(list));
	return list_walked(list);
}

enum pm_err store_list_keys(struct store *store, const struct key_filter *filter,
			    struct key_record *out, struct key_use_record *uses, size_t max,
			    struct key_listing *listing)
{
	struct position after;
	struct list list = {
		.filter = filter, .out = out, .uses = uses, .max = max, .listing = listing
	};

	*listing = (struct key_listing){ 0 };
	if (filter->sort > KEYS_BY_USES)
		return PM_BAD_REQUEST;
	if (filter->position && *filter->position) {
		TRY(position_parse(filter->position, filter, &after));
		list.after = &after;
	}
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	list.reader = reader;
	TRY(reader_begin_snapshot(reader));
	enum pm_err err = list_keys(&list);
	reader_end_snapshot(reader);
	return err;
}
