#include <string.h>

#include "base/cleanup.h"
#include "db.h"
#include "handle.h"
#include "readers.h"
#include "row.h"

/* The filters of store_list_keys: the number of each is the sum of the fields it fixes. */
enum { BY_ACCOUNT = 1, BY_PRODUCT = 2, FILTERS = 4 };

static const char *const filter_sql[FILTERS] = {
	[0] = "FROM api_key WHERE environment = ?1",
	[BY_ACCOUNT] = "FROM api_key INDEXED BY api_key_by_account"
		       " WHERE environment = ?1 AND account = ?2",
	[BY_PRODUCT] = "FROM api_key INDEXED BY api_key_by_product"
		       " WHERE environment = ?1 AND product = ?3",
	[BY_ACCOUNT | BY_PRODUCT] = "FROM api_key INDEXED BY api_key_by_account"
				    " WHERE environment = ?1 AND account = ?2 AND product = ?3",
};

static enum pm_err prepare_filter(struct reader *reader, unsigned filter)
{
	char sql[192];

	sqlite3_snprintf(sizeof(sql), sql, "SELECT id %s AND id > ?4 ORDER BY id",
			 filter_sql[filter]);
	TRY(db_prepare(reader->db, sql, &reader->statements[READ_IDS + filter]));
	sqlite3_snprintf(sizeof(sql), sql, "SELECT count(*) %s", filter_sql[filter]);
	return db_prepare(reader->db, sql, &reader->statements[READ_COUNTS + filter]);
}

enum pm_err reader_prepare_keys(struct reader *reader)
{
	TRY(row_prepare_select(reader->db, &key_table, key_table.keys,
			       &reader->statements[READ_KEY]));
	for (unsigned filter = 0; filter < FILTERS; filter++)
		TRY(prepare_filter(reader, filter));
	return PM_OK;
}

static enum pm_err read_key(struct reader *reader, const char *environment, const char *id,
			    struct key_record *out)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_KEY];

	*out = (struct key_record){ 0 };
	stmt_bind_text(stmt, 1, environment);
	stmt_bind_text(stmt, 2, id);
	return reader_load(reader, stmt, &key_table, out);
}

enum pm_err store_get_key(struct store *store, const char *environment, const char *id,
			  struct key_record *out)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);

	return read_key(reader, environment, id, out);
}

/* One of the four variants at `variants`, bound. */
static sqlite3_stmt *bind_filter(sqlite3_stmt *const *variants, const struct key_filter *filter)
{
	bool account = filter->account && *filter->account;
	bool product = filter->product && *filter->product;
	sqlite3_stmt *stmt = variants[(account ? BY_ACCOUNT : 0) | (product ? BY_PRODUCT : 0)];

	stmt_bind_text(stmt, 1, filter->environment);
	if (account)
		stmt_bind_text(stmt, 2, filter->account);
	if (product)
		stmt_bind_text(stmt, 3, filter->product);
	return stmt;
}

static enum pm_err count_keys(struct reader *reader, const struct key_filter *filter,
			      uint64_t *total)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) =
		bind_filter(&reader->statements[READ_COUNTS], filter);

	int rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		return db_failed(reader->db, rc, "counting keys");
	*total = (uint64_t)sqlite3_column_int64(stmt, 0);
	return PM_OK;
}

/* NULL unless the row's id looks like one of ours. */
static const char *column_id(sqlite3_stmt *stmt)
{
	static const char letters[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	if (sqlite3_column_type(stmt, 0) != SQLITE_TEXT)
		return NULL;
	const char *id = (const char *)sqlite3_column_text(stmt, 0);
	size_t len = (size_t)sqlite3_column_bytes(stmt, 0);
	if (!id || len < 1 || len > STORE_ID_LEN || strspn(id, letters) != len)
		return NULL;
	return id;
}

/*
 * The key of a listed id. A malformed one stays in the list, so that it is missed, with nothing but
 * its id and no seal; so does an id that only an index knows.
 */
static enum pm_err load_listed(struct reader *reader, const char *environment, const char *id,
			       struct key_record *out)
{
	enum pm_err err = read_key(reader, environment, id, out);

	if (err != PM_RECORD_QUARANTINED && err != PM_NOT_FOUND)
		return err;
	*out = (struct key_record){ 0 };
	memcpy(out->environment, environment, strnlen(environment, STORE_ENVIRONMENT_MAX));
	memcpy(out->id, id, strnlen(id, STORE_ID_LEN));
	return PM_OK;
}

/* `ids` gives its next id that is one, and the snapshot. PM_NOT_FOUND: there is none any more. */
static enum pm_err next_key(struct reader *reader, sqlite3_stmt *ids, const char *environment,
			    struct key_record *out)
{
	int rc = SQLITE_OK;

	while ((rc = sqlite3_step(ids)) == SQLITE_ROW) {
		const char *id = column_id(ids);
		if (id)
			return load_listed(reader, environment, id, out);
		reader_malformed(reader, &key_table, "id");
	}
	return rc == SQLITE_DONE ? PM_NOT_FOUND : db_failed(reader->db, rc, "listing keys");
}

static enum pm_err list_page(struct reader *reader, const struct key_filter *filter,
			     struct key_record *out, size_t max, size_t *count)
{
	sqlite3_stmt *ids CLEANUP(stmt_resetp) = bind_filter(&reader->statements[READ_IDS], filter);

	stmt_bind_text(ids, 4, filter->after ? filter->after : "");
	for (; *count < max; (*count)++) {
		enum pm_err err = next_key(reader, ids, filter->environment, &out[*count]);
		if (err == PM_NOT_FOUND)
			return PM_OK;
		TRY(err);
	}
	return PM_OK;
}

enum pm_err store_list_keys(struct store *store, const struct key_filter *filter,
			    struct key_record *out, size_t max, size_t *count, uint64_t *total)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);

	*count = 0;
	TRY(count_keys(reader, filter, total));
	return list_page(reader, filter, out, max, count);
}

enum pm_err store_scan_keys(struct store *store, const char *environment, const char *after,
			    struct key_record *out, size_t max, size_t *count)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	struct key_filter filter = { .environment = environment, .after = after };

	*count = 0;
	return list_page(reader, &filter, out, max, count);
}

/* Groups in the making. */
struct groups {
	struct secret_group *out;
	size_t max;
	size_t *count;
	int64_t now;
};

/* The secret's group, a new one if there is none; NULL: there is no room for it. */
static struct secret_group *find_group(struct groups *groups, const struct secret_record *secret)
{
	size_t used = secret->wrap_count * sizeof(secret->wraps[0]);

	for (size_t i = 0; i < *groups->count; i++) {
		struct secret_group *group = &groups->out[i];
		if (group->pepper_version == secret->pepper_version &&
		    group->wrap_count == secret->wrap_count &&
		    memcmp(group->wraps, secret->wraps, used) == 0)
			return group;
	}
	if (*groups->count == groups->max)
		return NULL;
	struct secret_group *group = &groups->out[(*groups->count)++];
	*group = (struct secret_group){ .pepper_version = secret->pepper_version,
					.wrap_count = secret->wrap_count };
	memcpy(group->wraps, secret->wraps, used);
	return group;
}

static bool is_past(int64_t time, int64_t now)
{
	return time != 0 && time <= now;
}

/* A malformed key has been loaded as one without secrets. */
static enum pm_err group_key(struct groups *groups, const struct key_record *key)
{
	bool ended = key->revoked_at != 0 || is_past(key->expires_at, groups->now);

	for (size_t i = 0; i < SECRETS_PER_KEY; i++) {
		const struct secret_record *secret = &key->secrets[i];
		if (secret->version == 0)
			continue;
		struct secret_group *group = find_group(groups, secret);
		if (!group)
			return PM_TOO_LARGE;
		if (ended || is_past(secret->not_after, groups->now))
			group->ended++;
		else
			group->live++;
	}
	return PM_OK;
}

enum pm_err store_group_secrets(struct store *store, const char *environment, int64_t now,
				struct secret_group *out, size_t max, size_t *count)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take_for_all(store->readers);
	struct key_filter filter = { .environment = environment };
	sqlite3_stmt *ids CLEANUP(stmt_resetp) =
		bind_filter(&reader->statements[READ_IDS], &filter);
	struct groups groups = { .out = out, .max = max, .count = count, .now = now };
	struct key_record key = { 0 };
	enum pm_err err = PM_OK;

	*count = 0;
	stmt_bind_text(ids, 4, "");
	while ((err = next_key(reader, ids, environment, &key)) == PM_OK)
		TRY(group_key(&groups, &key));
	return err == PM_NOT_FOUND ? PM_OK : err;
}
