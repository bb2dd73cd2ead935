#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "db.h"
#include "list.h"
#include "walk.h"

/* The places of all keys of an account that match. */
struct places {
	struct position *list;
	size_t count, room;
};

static void places_free(struct places *places)
{
	free(places->list);
}

static enum pm_err places_add(struct places *places, const struct position *position)
{
	if (places->count == places->room) {
		size_t room = places->room ? 2 * places->room : 64;
		struct position *list = reallocarray(places->list, room, sizeof(*list));
		if (!list)
			return PM_NO_MEMORY;
		places->list = list;
		places->room = room;
	}
	places->list[places->count++] = *position;
	return PM_OK;
}

/* Which column of READ_VALUES. */
static int value_column(enum key_sort sort)
{
	switch (sort) {
	case KEYS_BY_PRODUCT:
		return 0;
	case KEYS_BY_TAIL:
		return 1;
	case KEYS_BY_CREATOR:
		return 2;
	case KEYS_BY_NAME:
		return 3;
	default:
		return 4;
	}
}

/* PM_NOT_FOUND: there is no such text, in a row that was edited. */
static enum pm_err place_by_text(struct list *list, const struct walk_row *row,
				 struct position *place)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = list->reader->statements[READ_VALUES];
	enum key_sort sort = list->filter->sort;

	sqlite3_bind_int64(stmt, 1, row->rowid);
	int rc = sqlite3_step(stmt);
	if (rc == SQLITE_DONE || (rc & 0xff) == SQLITE_TOOBIG)
		return PM_NOT_FOUND;
	if (rc != SQLITE_ROW)
		return db_failed(list->reader->db, rc, "reading what keys are sorted by");
	const char *text = (const char *)sqlite3_column_text(stmt, value_column(sort));
	size_t len = (size_t)sqlite3_column_bytes(stmt, value_column(sort));
	if (!text || len >= sizeof(place->text))
		return PM_NOT_FOUND;
	memcpy(place->text, text, len);
	place->text[len] = '\0';
	if (sort == KEYS_BY_NAME || sort == KEYS_BY_REFERENCE)
		place->segment = place->text[0] != '\0';
	return PM_OK;
}

static enum pm_err place_by_use(struct list *list, struct position *place)
{
	struct key_use_record use;
	enum pm_err err = reader_load_use(list->reader, list->filter->environment, place->id, &use);

	if (err != PM_OK && err != PM_NOT_FOUND && err != PM_RECORD_QUARANTINED)
		return err;
	place->number = list->filter->sort == KEYS_BY_USES ? (int64_t)use.uses : use.last_at;
	return PM_OK;
}

/* As the segments of walk.c have it: where an account has become too large, its list goes on there. */
static enum pm_err place_of(struct list *list, const struct walk_row *row, struct position *place)
{
	*place = (struct position){ 0 };
	memcpy(place->id, row->position.id, sizeof(place->id));
	switch (list->filter->sort) {
	case KEYS_BY_ID:
		return PM_OK;
	case KEYS_BY_EXPIRES:
		place->segment = row->expires_at == 0;
		place->number = row->expires_at;
		return PM_OK;
	case KEYS_BY_LAST_USED:
	case KEYS_BY_USES:
		return place_by_use(list, place);
	default:
		return place_by_text(list, row, place);
	}
}

static enum pm_err gather_one(struct list *list, const struct walk_row *row, struct places *places)
{
	struct position place;

	if (!row->matches)
		return PM_OK;
	enum pm_err err = place_of(list, row, &place);
	if (err == PM_NOT_FOUND) {
		reader_malformed(list->reader, &key_table, "text");
		return PM_OK;
	}
	TRY(err);
	return places_add(places, &place);
}

/* In any order, so along the index that looks like the table. */
static enum pm_err gather(struct list *list, struct places *places)
{
	struct walk_budget budget = { .left = UINT32_MAX };
	struct key_filter filter = *list->filter;
	size_t segments = 0;
	struct walk_row row;
	enum pm_err err = PM_OK;

	filter.sort = KEYS_BY_START;
	filter.descending = false;
	struct walk walk CLEANUP(walk_end) = {
		.reader = list->reader,
		.filter = &filter,
		.segment = walk_segments(&filter, &segments),
		.budget = &budget,
	};
	TRY(walk_begin(&walk, NULL));
	for (size_t looked = 0; (err = walk_next(&walk, &row)) == PM_OK; looked++) {
		if (looked == STORE_LIST_WALK)
			return PM_TOO_LARGE;
		TRY(gather_one(list, &row, places));
	}
	return err == PM_NOT_FOUND ? PM_OK : err;
}

static int compare(const void *a, const void *b)
{
	return position_compare(a, b);
}

static int compare_descending(const void *a, const void *b)
{
	return position_compare(b, a);
}

static enum pm_err list_gathered(struct list *list, const struct places *places)
{
	int (*order)(const void *, const void *) =
		list->filter->descending ? compare_descending : compare;
	size_t at = 0;

	if (places->count > 0)
		qsort(places->list, places->count, sizeof(*places->list), order);
	while (list->after && at < places->count && order(&places->list[at], list->after) <= 0)
		at++;
	for (; at < places->count && list->listing->count < list->max; at++)
		TRY(list_put(list, &places->list[at]));
	if (at < places->count && list->listing->count > 0)
		list_continue(list, &places->list[at - 1]);
	list->listing->total = places->count;
	return PM_OK;
}

enum pm_err list_sorted(struct list *list)
{
	struct places places CLEANUP(places_free) = { 0 };

	TRY(gather(list, &places));
	return list_gathered(list, &places);
}
