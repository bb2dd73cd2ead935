#include "base/cleanup.h"
#include "db.h"
#include "list.h"
#include "tally.h"
#include "walk.h"

#define TIMELESS (KEYS_ACTIVE | KEYS_NOT_YET | KEYS_DISABLED | KEYS_EXPIRED) /* all but revoked */

/* Keys that have ended, and such as are not yet: what the tally cannot know. */
static const struct segment ended[] = {
	{ .index = "api_key_of_all_by_end",
	  .range = " AND expires_at <> 0 AND expires_at <= ?3",
	  .fits = "1",
	  .value = "expires_at" },
	{ .index = "api_key_by_end",
	  .range = " AND account = ?2 AND expires_at <> 0 AND expires_at <= ?3",
	  .fits = "1",
	  .value = "expires_at" },
};
static const struct segment not_yet[] = {
	{ .index = "api_key_of_all_by_start",
	  .range = " AND start_at > ?3",
	  .fits = "1",
	  .value = "start_at" },
	{ .index = "api_key_by_state",
	  .range = " AND account = ?2 AND state = 0 AND start_at > ?3",
	  .fits = "1",
	  .value = "start_at" },
};

/* By enum tally_state. */
struct counts {
	uint64_t of[TALLY_STATES];
};

static uint64_t sum(const struct counts *counts)
{
	return counts->of[TALLY_ENABLED] + counts->of[TALLY_DISABLED] + counts->of[TALLY_REVOKED];
}

static enum pm_err read_tally(struct reader *reader, const struct key_filter *filter,
			      const char *product, struct counts *out)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_TALLY];
	bool account = walk_is_of_account(filter);
	int rc = SQLITE_OK;

	*out = (struct counts){ 0 };
	stmt_bind_text(stmt, 1, filter->environment);
	sqlite3_bind_int(stmt, 2, account ? TALLY_ACCOUNT : TALLY_ENVIRONMENT);
	stmt_bind_text(stmt, 3, account ? filter->account : "");
	stmt_bind_text(stmt, 4, product ? product : "");
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		int64_t state = sqlite3_column_int64(stmt, 0);
		if (state >= 0 && state < TALLY_STATES)
			out->of[state] = (uint64_t)sqlite3_column_int64(stmt, 1);
	}
	return rc == SQLITE_DONE ? PM_OK : db_failed(reader->db, rc, "reading counts");
}

enum pm_err total_of_account(struct reader *reader, const struct key_filter *filter,
			     uint64_t *total)
{
	struct counts counts;

	TRY(read_tally(reader, filter, NULL, &counts));
	*total = sum(&counts);
	return PM_OK;
}

/* The keys of a segment that match, by stored state. PM_TOO_LARGE: those of them that were seen. */
static enum pm_err count_segment(struct reader *reader, const struct key_filter *filter,
				 const struct segment *segment, struct counts *out)
{
	struct walk_budget budget = { .left = STORE_LIST_WALK };
	struct walk walk CLEANUP(walk_end) = {
		.reader = reader, .filter = filter, .segment = segment, .budget = &budget
	};
	struct walk_row row;
	enum pm_err err = PM_OK;

	*out = (struct counts){ 0 };
	TRY(walk_begin(&walk, NULL));
	while ((err = walk_next(&walk, &row)) == PM_OK) {
		if (row.matches && row.state >= 0 && row.state < TALLY_STATES)
			out->of[row.state]++;
	}
	return err == PM_NOT_FOUND ? PM_OK : err;
}

static enum pm_err count_in_state(struct reader *reader, const struct key_filter *filter,
				  enum key_states state, const struct segment segments[2],
				  struct counts *out)
{
	struct key_filter those = *filter;

	those.states = state;
	return count_segment(reader, &those, &segments[walk_is_of_account(filter)], out);
}

/* Where somebody edited the file the parts may be more than the whole. */
static uint64_t less(uint64_t whole, uint64_t part)
{
	return whole > part ? whole - part : 0;
}

/* From the tally, less those that the time has made something else. PM_TOO_LARGE: of too many. */
static enum pm_err count_by_states(struct list *list, const struct counts *tally)
{
	uint32_t states = list->filter->states;
	struct counts over, early;
	uint64_t total = 0;

	TRY(count_in_state(list->reader, list->filter, KEYS_EXPIRED, ended, &over));
	TRY(count_in_state(list->reader, list->filter, KEYS_NOT_YET, not_yet, &early));
	if (states & KEYS_ACTIVE)
		total += less(tally->of[TALLY_ENABLED], over.of[TALLY_ENABLED] + sum(&early));
	if (states & KEYS_NOT_YET)
		total += sum(&early);
	if (states & KEYS_DISABLED)
		total += less(tally->of[TALLY_DISABLED], over.of[TALLY_DISABLED]);
	if (states & KEYS_EXPIRED)
		total += sum(&over);
	if (states & KEYS_REVOKED)
		total += tally->of[TALLY_REVOKED];
	list->listing->total = total;
	return PM_OK;
}

/* Looks at the keys, as long as it is worth it. */
static enum pm_err count_walked(struct list *list)
{
	struct key_filter filter = *list->filter;
	struct counts counts;
	size_t segments = 0;

	filter.descending = false;
	filter.sort = filter.expires_before != 0 ? KEYS_BY_EXPIRES : KEYS_BY_START;
	const struct segment *segment = walk_segments(&filter, &segments);
	enum pm_err err = count_segment(list->reader, &filter, segment, &counts);
	list->listing->total = sum(&counts);
	list->listing->total_is_least = err == PM_TOO_LARGE;
	return err == PM_TOO_LARGE ? PM_OK : err;
}

enum pm_err list_total(struct list *list)
{
	const struct key_filter *filter = list->filter;
	struct counts tally;

	if ((filter->text && *filter->text) || filter->expires_before != 0)
		return count_walked(list);
	TRY(read_tally(list->reader, filter, filter->product, &tally));
	if (filter->states != 0 && !(filter->states & KEYS_REVOKED))
		tally.of[TALLY_REVOKED] = 0;
	if ((filter->states & TIMELESS) == 0 && filter->states != 0)
		list->listing->total = tally.of[TALLY_REVOKED];
	else if (filter->states == 0 || (filter->states & TIMELESS) == TIMELESS)
		list->listing->total = sum(&tally);
	else {
		enum pm_err err = count_by_states(list, &tally);
		return err == PM_TOO_LARGE ? count_walked(list) : err;
	}
	return PM_OK;
}
