#include "walk.h"

#include <string.h>

#include "base/cleanup.h"
#include "db.h"
#include "tally.h"

/* By a segment's rows: what one costs that is passed, and what more if its texts are looked at. */
static const uint32_t pass_cost[] = { [ROWS_NEAR] = 1, [ROWS_FAR] = 1, [ROWS_READ] = 8 };
static const uint32_t text_cost[] = { [ROWS_NEAR] = 4, [ROWS_FAR] = 12, [ROWS_READ] = 4 };

#define OF_ACCOUNT " AND account = ?2"
#define STATE(which) " AND state = " which
#define BY_ID(condition)                                                                           \
	{                                                                                          \
		.index = "api_key_by_id", .range = "", .fits = condition, .rows = ROWS_READ        \
	}

static const struct segment by_start[] = {
	{ .index = "api_key_by_start", .range = OF_ACCOUNT, .fits = "1", .value = "start_at" },
};
/* The same order, where a filter wants keys of one stored state only: by enum tally_state. */
static const struct segment by_start_in_state[TALLY_STATES] = {
	{ "api_key_by_state", OF_ACCOUNT STATE("0"), "1", "start_at", VALUE_NUMBER, 0, ROWS_NEAR },
	{ "api_key_by_state", OF_ACCOUNT STATE("1"), "1", "start_at", VALUE_NUMBER, 0, ROWS_NEAR },
	{ "api_key_by_state", OF_ACCOUNT STATE("2"), "1", "start_at", VALUE_NUMBER, 0, ROWS_NEAR },
};
static const struct segment by_creation[] = {
	{ .index = "api_key_by_creation", .range = OF_ACCOUNT, .fits = "1", .value = "created_at" },
};
static const struct segment by_end[] = {
	{ .index = "api_key_by_end",
	  .range = OF_ACCOUNT " AND expires_at <> 0",
	  .fits = "1",
	  .value = "expires_at",
	  .rows = ROWS_FAR },
	BY_ID("account = ?2 AND expires_at = 0"),
};
/* Of a filter with expires_before. */
static const struct segment by_end_soon[] = {
	{ .index = "api_key_by_end",
	  .range = OF_ACCOUNT " AND expires_at <> 0 AND expires_at > ?3 AND expires_at < ?6",
	  .fits = "1",
	  .value = "expires_at",
	  .rows = ROWS_FAR },
};
static const struct segment by_name[] = {
	BY_ID("account = ?2 AND name = ''"),
	{ .index = "api_key_by_name",
	  .range = OF_ACCOUNT " AND name <> '' AND length(name) <= 128",
	  .fits = "1",
	  .value = "name",
	  .kind = VALUE_TEXT,
	  .rows = ROWS_READ },
};
static const struct segment by_reference[] = {
	BY_ID("account = ?2 AND external_ref = ''"),
	{ .index = "api_key_by_reference",
	  .range = OF_ACCOUNT " AND external_ref <> '' AND length(external_ref) <= 64",
	  .fits = "1",
	  .value = "external_ref",
	  .kind = VALUE_UNIQUE_TEXT,
	  .rows = ROWS_READ },
};
static const struct segment by_id[] = { BY_ID("account = ?2") };
/* In the order of the bits of enum key_states. */
static const struct segment by_state[] = {
	{ "api_key_by_state", OF_ACCOUNT STATE("0") " AND start_at <= ?3", "1", "start_at",
	  VALUE_NUMBER, KEYS_ACTIVE, ROWS_NEAR },
	{ "api_key_by_state", OF_ACCOUNT STATE("0") " AND start_at > ?3", "1", "start_at",
	  VALUE_NUMBER, KEYS_NOT_YET, ROWS_NEAR },
	{ "api_key_by_state", OF_ACCOUNT STATE("1"), "1", "start_at", VALUE_NUMBER, KEYS_DISABLED,
	  false },
	{ "api_key_by_start", OF_ACCOUNT, "1", "start_at", VALUE_NUMBER, KEYS_EXPIRED, ROWS_NEAR },
	{ "api_key_by_state", OF_ACCOUNT STATE("2"), "1", "start_at", VALUE_NUMBER, KEYS_REVOKED,
	  false },
};

static const struct segment all_by_start[] = {
	{ .index = "api_key_of_all_by_start", .range = "", .fits = "1", .value = "start_at" },
};
static const struct segment all_by_end[] = {
	{ .index = "api_key_of_all_by_end",
	  .range = " AND expires_at <> 0",
	  .fits = "1",
	  .value = "expires_at",
	  .rows = ROWS_FAR },
	BY_ID("expires_at = 0"),
};
static const struct segment all_by_end_soon[] = {
	{ .index = "api_key_of_all_by_end",
	  .range = " AND expires_at <> 0 AND expires_at > ?3 AND expires_at < ?6",
	  .fits = "1",
	  .value = "expires_at",
	  .rows = ROWS_FAR },
};
static const struct segment all_by_id[] = { BY_ID("1") };

#define LIST(segments)                                                                             \
	{                                                                                          \
		(segments), sizeof(segments) / sizeof((segments)[0])                               \
	}

struct segments {
	const struct segment *list;
	size_t count;
};

bool walk_is_of_account(const struct key_filter *filter)
{
	return filter->account && *filter->account;
}

/* Keys in which stored state, and in no other, can match? -1: in several. */
static int only_state(const struct key_filter *filter)
{
	if (filter->states == KEYS_REVOKED)
		return TALLY_REVOKED;
	if (filter->states == KEYS_DISABLED)
		return TALLY_DISABLED;
	if (filter->states != 0 &&
	    (filter->states | KEYS_ACTIVE | KEYS_NOT_YET) == (KEYS_ACTIVE | KEYS_NOT_YET))
		return TALLY_ENABLED;
	return -1;
}

const struct segment *walk_segments(const struct key_filter *filter, size_t *count)
{
	static const struct segments of_account[] = {
		[KEYS_BY_START] = LIST(by_start),         [KEYS_BY_CREATED] = LIST(by_creation),
		[KEYS_BY_EXPIRES] = LIST(by_end),         [KEYS_BY_NAME] = LIST(by_name),
		[KEYS_BY_REFERENCE] = LIST(by_reference), [KEYS_BY_ID] = LIST(by_id),
		[KEYS_BY_STATE] = LIST(by_state),
	};
	static const struct segments of_all[] = {
		[KEYS_BY_START] = LIST(all_by_start),
		[KEYS_BY_EXPIRES] = LIST(all_by_end),
		[KEYS_BY_ID] = LIST(all_by_id),
	};
	bool account = walk_is_of_account(filter);
	size_t known = account ? sizeof(of_account) / sizeof(of_account[0])
			       : sizeof(of_all) / sizeof(of_all[0]);
	int state = only_state(filter);

	*count = 0;
	if ((size_t)filter->sort >= known)
		return NULL;
	const struct segments *found = account ? &of_account[filter->sort] : &of_all[filter->sort];
	*count = found->count;
	if (filter->sort == KEYS_BY_EXPIRES && filter->expires_before != 0) {
		*count = 1;
		return account ? by_end_soon : all_by_end_soon;
	}
	if (account && filter->sort == KEYS_BY_START && state >= 0)
		return &by_start_in_state[state];
	return found->list;
}

bool walk_is_wanted(const struct segment *segment, const struct key_filter *filter)
{
	return segment->states == 0 || filter->states == 0 ||
	       (segment->states & filter->states) != 0;
}

/* Where the walk goes on, as SQL; ?4 is the place's number or text, ?5 its id. */
static const char *after_sql(const struct segment *segment, bool descending)
{
	if (!segment->value)
		return descending ? " AND id < ?5" : " AND id > ?5";
	if (segment->kind == VALUE_UNIQUE_TEXT)
		return descending ? " AND %s < ?4" : " AND %s > ?4";
	return descending ? " AND (%s, id) < (?4, ?5)" : " AND (%s, id) > (?4, ?5)";
}

static const char *order_sql(const struct segment *segment, bool descending)
{
	if (!segment->value)
		return descending ? " ORDER BY id DESC" : " ORDER BY id";
	if (segment->kind == VALUE_UNIQUE_TEXT)
		return descending ? " ORDER BY %s DESC" : " ORDER BY %s";
	return descending ? " ORDER BY %s DESC, id DESC" : " ORDER BY %s, id";
}

static void sql_freep(char **sql)
{
	sqlite3_free(*sql);
}

static enum pm_err prepare(struct walk *walk, bool from_a_place)
{
	const struct segment *segment = walk->segment;
	bool descending = walk->filter->descending;
	const char *value = segment->value ? segment->value : "0";
	sqlite3_str *sql = sqlite3_str_new(walk->reader->db);

	sqlite3_str_appendf(sql,
			    "SELECT id, rowid, state, start_at, expires_at, %s, %s"
			    " FROM api_key INDEXED BY %s WHERE environment = ?1%s",
			    value, segment->fits, segment->index, segment->range);
	if (from_a_place)
		sqlite3_str_appendf(sql, after_sql(segment, descending), value);
	sqlite3_str_appendf(sql, order_sql(segment, descending), value);
	char *text CLEANUP(sql_freep) = sqlite3_str_finish(sql);
	return text ? db_prepare(walk->reader->db, text, &walk->rows) : PM_NO_MEMORY;
}

enum pm_err walk_begin(struct walk *walk, const struct position *after)
{
	TRY(prepare(walk, after != NULL));
	stmt_bind_text(walk->rows, 1, walk->filter->environment);
	if (walk_is_of_account(walk->filter))
		stmt_bind_text(walk->rows, 2, walk->filter->account);
	sqlite3_bind_int64(walk->rows, 3, walk->filter->now);
	sqlite3_bind_int64(walk->rows, 6, walk->filter->expires_before);
	if (!after)
		return PM_OK;
	if (walk->segment->kind == VALUE_NUMBER)
		sqlite3_bind_int64(walk->rows, 4, after->number);
	else
		stmt_bind_text(walk->rows, 4, after->text);
	stmt_bind_text(walk->rows, 5, after->id);
	return PM_OK;
}

void walk_end(struct walk *walk)
{
	sqlite3_finalize(walk->rows);
	walk->rows = NULL;
}

/* False unless it is a text that fits. */
static bool load_text(sqlite3_stmt *stmt, int column, char *out, size_t size)
{
	if (sqlite3_column_type(stmt, column) != SQLITE_TEXT)
		return false;
	const char *text = (const char *)sqlite3_column_text(stmt, column);
	size_t len = (size_t)sqlite3_column_bytes(stmt, column);
	if (!text || len >= size || memchr(text, '\0', len))
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

/* False, logged: its place cannot be told. */
static bool load_row(struct walk *walk, struct walk_row *row)
{
	sqlite3_stmt *stmt = walk->rows;
	struct position *position = &row->position;

	*row = (struct walk_row){ .position.segment = walk->number };
	bool whole = load_text(stmt, 0, position->id, sizeof(position->id)) &&
		     position_is_id(position->id, strlen(position->id));
	if (walk->segment->kind == VALUE_NUMBER)
		position->number = sqlite3_column_int64(stmt, 5);
	else
		whole = whole && load_text(stmt, 5, position->text, sizeof(position->text));
	row->rowid = sqlite3_column_int64(stmt, 1);
	row->state = sqlite3_column_int64(stmt, 2);
	row->start_at = sqlite3_column_int64(stmt, 3);
	row->expires_at = sqlite3_column_int64(stmt, 4);
	if (!whole)
		reader_malformed(walk->reader, &key_table, "id");
	return whole;
}

enum key_states walk_state(const struct walk_row *row, int64_t now)
{
	if (row->state == TALLY_REVOKED)
		return KEYS_REVOKED;
	if (row->expires_at != 0 && row->expires_at <= now)
		return KEYS_EXPIRED;
	if (row->state == TALLY_DISABLED)
		return KEYS_DISABLED;
	return row->start_at > now ? KEYS_NOT_YET : KEYS_ACTIVE;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool begins_with(const char *text, const char *wanted)
{
	while (*wanted && lower(*text) == lower(*wanted)) {
		text++;
		wanted++;
	}
	return *wanted == '\0';
}

static bool contains(const char *text, const char *wanted)
{
	if (!text)
		return false;
	for (; *text; text++) {
		if (begins_with(text, wanted))
			return true;
	}
	return false;
}

static bool is_set(const char *text)
{
	return text && *text;
}

/* Of a row: id, product, name, external_ref, labels. */
static bool match_texts(sqlite3_stmt *stmt, const struct key_filter *filter)
{
	const char *product = (const char *)sqlite3_column_text(stmt, 1);
	bool found = !is_set(filter->text);

	if (is_set(filter->product) && (!product || strcmp(product, filter->product) != 0))
		return false;
	for (int i = 0; i <= 4 && !found; i++)
		found = i != 1 &&
			contains((const char *)sqlite3_column_text(stmt, i), filter->text);
	return found;
}

/* A row that is too large for ours matches nothing. */
static enum pm_err look_at_texts(struct reader *reader, const struct key_filter *filter,
				 struct walk_row *row)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_TEXTS];

	sqlite3_bind_int64(stmt, 1, row->rowid);
	int rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		row->matches = match_texts(stmt, filter);
		return PM_OK;
	}
	row->matches = false;
	return rc == SQLITE_DONE || (rc & 0xff) == SQLITE_TOOBIG
		       ? PM_OK
		       : db_failed(reader->db, rc, "reading a key's texts");
}

static bool match_times(const struct key_filter *filter, const struct walk_row *row)
{
	uint32_t state = walk_state(row, filter->now);

	if (filter->states != 0 && (filter->states & state) == 0)
		return false;
	return filter->expires_before == 0 ||
	       (row->expires_at > filter->now && row->expires_at < filter->expires_before);
}

static void spend(struct walk_budget *budget, uint32_t cost)
{
	budget->left -= budget->left < cost ? budget->left : cost;
}

/* Looks at the row itself only if it must. */
static enum pm_err match(struct walk *walk, struct walk_row *row)
{
	const struct key_filter *filter = walk->filter;
	const struct segment *segment = walk->segment;
	uint32_t state = walk_state(row, filter->now);

	if (sqlite3_column_int(walk->rows, 6) == 0)
		return PM_OK;
	if (segment->states != 0 && (segment->states & state) == 0)
		return PM_OK;
	row->matches = match_times(filter, row);
	if (!row->matches || (!is_set(filter->text) && !is_set(filter->product)))
		return PM_OK;
	spend(walk->budget, text_cost[segment->rows]);
	return look_at_texts(walk->reader, filter, row);
}

enum pm_err walk_next(struct walk *walk, struct walk_row *row)
{
	int rc = SQLITE_OK;

	while (walk->budget->left > 0 && (rc = sqlite3_step(walk->rows)) == SQLITE_ROW) {
		spend(walk->budget, pass_cost[walk->segment->rows]);
		if (load_row(walk, row))
			return match(walk, row);
	}
	if (rc == SQLITE_DONE)
		return PM_NOT_FOUND;
	return walk->budget->left == 0 ? PM_TOO_LARGE
				       : db_failed(walk->reader->db, rc, "listing keys");
}
