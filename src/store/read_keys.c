#include <string.h>

#include "base/cleanup.h"
#include "db.h"
#include "handle.h"
#include "position.h"
#include "readers.h"
#include "row.h"

/* Without one of these an index might be passed over for what statistics there are not. */
static const struct {
	enum read_statement statement;
	const char *sql;
} key_sql[] = {
	{ READ_IDS, "SELECT id FROM api_key INDEXED BY api_key_by_id"
		    " WHERE environment = ?1 AND id > ?2 ORDER BY id" },
	/* As they lie: the rows are read too. */
	{ READ_IDS_OF_ALL, "SELECT id FROM api_key NOT INDEXED WHERE environment = ?1" },
	{ READ_TEXTS, "SELECT id, product, name, external_ref, labels FROM api_key"
		      " WHERE rowid = ?1" },
	{ READ_VALUES, "SELECT product, tail, created_by, name, external_ref FROM api_key"
		       " WHERE rowid = ?1" },
	{ READ_TALLY, "SELECT number, sum(count) FROM key_count WHERE environment = ?1"
		      " AND kind = ?2 AND account = ?3 AND (?4 = '' OR product = ?4)"
		      " GROUP BY number" },
	{ READ_TALLY_OF_ALL, "SELECT coalesce(sum(count), 0) FROM key_count"
			     " WHERE environment = ?1 AND kind = 1" },
	{ READ_TALLY_OF_LOOKUPS, "SELECT coalesce(sum(count), 0) FROM key_count"
				 " WHERE environment = ?1 AND kind = 2"
				 " AND (?2 = 0 OR number = ?2)" },
	{ READ_UNREVOKED, "SELECT id FROM api_key INDEXED BY api_key_by_state"
			  " WHERE environment = ?1 AND account = ?2 AND state < 2" },
	{ READ_EXPIRING, "SELECT id FROM api_key INDEXED BY api_key_of_all_by_end"
			 " WHERE environment = ?1 AND expires_at <> 0 AND expires_at > ?2"
			 " AND expires_at < ?3 AND state < 2 AND NOT EXISTS"
			 " (SELECT 1 FROM key_use WHERE key_use.environment = ?1"
			 "  AND key_use.id = api_key.id AND warned_at = expires_at)"
			 " ORDER BY expires_at, id" },
	{ READ_VALUE_VERSIONS, "SELECT key_version, count(*) FROM key_value"
			       " WHERE environment = ?1 GROUP BY key_version" },
};

enum pm_err reader_prepare_keys(struct reader *reader)
{
	sqlite3_stmt **statements = reader->statements;

	for (size_t i = 0; i < sizeof(key_sql) / sizeof(key_sql[0]); i++)
		TRY(db_prepare(reader->db, key_sql[i].sql, &statements[key_sql[i].statement]));
	TRY(row_prepare_select(reader->db, &key_table, key_table.keys, &statements[READ_KEY]));
	TRY(row_prepare_find(reader->db, &key_table,
			     "environment = ?1 AND lookup_version <> 0 AND lookup = ?2",
			     &statements[READ_KEY_BY_LOOKUP]));
	TRY(row_prepare_select(reader->db, &value_table, value_table.keys,
			       &statements[READ_VALUE]));
	return row_prepare_select(reader->db, &key_use_table, key_use_table.keys,
				  &statements[READ_KEY_USE]);
}

/* The row of an environment and id. */
static enum pm_err read_one(struct reader *reader, enum read_statement which,
			    const struct table *table, const char *environment, const char *id,
			    void *out)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[which];

	stmt_bind_text(stmt, 1, environment);
	stmt_bind_text(stmt, 2, id);
	return reader_load(reader, stmt, table, out);
}

static enum pm_err read_key(struct reader *reader, const char *environment, const char *id,
			    struct key_record *out)
{
	*out = (struct key_record){ 0 };
	return read_one(reader, READ_KEY, &key_table, environment, id, out);
}

enum pm_err store_get_key(struct store *store, const char *environment, const char *id,
			  struct key_record *out)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);

	return read_key(reader, environment, id, out);
}

enum pm_err store_find_key(struct store *store, const char *environment,
			   const uint8_t lookup[STORE_LOOKUP_LEN], struct key_record *out)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_KEY_BY_LOOKUP];

	*out = (struct key_record){ 0 };
	stmt_bind_text(stmt, 1, environment);
	sqlite3_bind_blob64(stmt, 2, lookup, STORE_LOOKUP_LEN, SQLITE_STATIC);
	return reader_load(reader, stmt, &key_table, out);
}

enum pm_err store_get_value(struct store *store, const char *environment, const char *id,
			    struct value_record *out)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);

	*out = (struct value_record){ 0 };
	return read_one(reader, READ_VALUE, &value_table, environment, id, out);
}

enum pm_err reader_load_use(struct reader *reader, const char *environment, const char *id,
			    struct key_use_record *out)
{
	*out = (struct key_use_record){ 0 };
	enum pm_err err = read_one(reader, READ_KEY_USE, &key_use_table, environment, id, out);
	if (err != PM_OK)
		*out = (struct key_use_record){ 0 };
	return err;
}

enum pm_err store_get_key_use(struct store *store, const char *environment, const char *id,
			      struct key_use_record *out)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);

	return reader_load_use(reader, environment, id, out);
}

static enum pm_err read_number(struct reader *reader, sqlite3_stmt *stmt, uint64_t *out)
{
	int rc = sqlite3_step(stmt);

	if (rc != SQLITE_ROW)
		return db_failed(reader->db, rc, "reading a count");
	*out = (uint64_t)sqlite3_column_int64(stmt, 0);
	return PM_OK;
}

enum pm_err store_count_keys(struct store *store, const char *environment, uint64_t *total)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_TALLY_OF_ALL];

	stmt_bind_text(stmt, 1, environment);
	return read_number(reader, stmt, total);
}

enum pm_err store_count_lookups(struct store *store, const char *environment, uint32_t version,
				uint64_t *count)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_TALLY_OF_LOOKUPS];

	stmt_bind_text(stmt, 1, environment);
	sqlite3_bind_int64(stmt, 2, version);
	return read_number(reader, stmt, count);
}

enum pm_err store_unrevoked_keys(struct store *store, const char *environment, const char *account,
				 char ids[][STORE_ID_LEN + 1], size_t max, size_t *count)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_UNREVOKED];

	stmt_bind_text(stmt, 1, environment);
	stmt_bind_text(stmt, 2, account);
	return reader_list_texts(reader, stmt, &key_table, ids[0], sizeof(ids[0]), max, count);
}

/* Those that the log was told of are passed over one by one, however many they are. */
enum pm_err store_expiring_keys(struct store *store, const char *environment, int64_t now,
				int64_t before, char ids[][STORE_ID_LEN + 1], size_t max,
				size_t *count)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take_for_all(store->readers);
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_EXPIRING];

	stmt_bind_text(stmt, 1, environment);
	sqlite3_bind_int64(stmt, 2, now);
	sqlite3_bind_int64(stmt, 3, before);
	return reader_list_texts(reader, stmt, &key_table, ids[0], sizeof(ids[0]), max, count);
}

enum pm_err store_count_values(struct store *store, const char *environment,
			       struct version_count *out, size_t max, size_t *count)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_VALUE_VERSIONS];

	stmt_bind_text(stmt, 1, environment);
	return reader_list_versions(reader, stmt, out, max, count);
}

/* NULL unless the row's id looks like one of ours. */
static const char *column_id(sqlite3_stmt *stmt)
{
	if (sqlite3_column_type(stmt, 0) != SQLITE_TEXT)
		return NULL;
	const char *id = (const char *)sqlite3_column_text(stmt, 0);
	size_t len = (size_t)sqlite3_column_bytes(stmt, 0);
	return id && position_is_id(id, len) ? id : NULL;
}

enum pm_err reader_load_listed(struct reader *reader, const char *environment, const char *id,
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
			return reader_load_listed(reader, environment, id, out);
		reader_malformed(reader, &key_table, "id");
	}
	return rc == SQLITE_DONE ? PM_NOT_FOUND : db_failed(reader->db, rc, "listing keys");
}

enum pm_err store_scan_keys(struct store *store, const char *environment, const char *after,
			    struct key_record *out, size_t max, size_t *count)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	sqlite3_stmt *ids CLEANUP(stmt_resetp) = reader->statements[READ_IDS];

	*count = 0;
	stmt_bind_text(ids, 1, environment);
	stmt_bind_text(ids, 2, after ? after : "");
	for (; *count < max; (*count)++) {
		enum pm_err err = next_key(reader, ids, environment, &out[*count]);
		if (err == PM_NOT_FOUND)
			return PM_OK;
		TRY(err);
	}
	return PM_OK;
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
	sqlite3_stmt *ids CLEANUP(stmt_resetp) = reader->statements[READ_IDS_OF_ALL];
	struct groups groups = { .out = out, .max = max, .count = count, .now = now };
	struct key_record key = { 0 };
	enum pm_err err = PM_OK;

	*count = 0;
	stmt_bind_text(ids, 1, environment);
	while ((err = next_key(reader, ids, environment, &key)) == PM_OK)
		TRY(group_key(&groups, &key));
	return err == PM_NOT_FOUND ? PM_OK : err;
}
