#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
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

enum pm_err reader_prepare(struct reader *reader)
{
	sqlite3_stmt **statements = reader->statements;

	TRY(row_prepare_select(reader->db, &environment_table, environment_table.keys,
			       &statements[READ_ENVIRONMENT]));
	TRY(row_prepare_select(reader->db, &key_table, key_table.keys, &statements[READ_KEY]));
	TRY(row_prepare_select(reader->db, &executed_table, executed_table.keys,
			       &statements[READ_EXECUTED]));
	TRY(row_prepare_select(reader->db, &master_table, 1, &statements[READ_MASTERS]));
	for (unsigned filter = 0; filter < FILTERS; filter++)
		TRY(prepare_filter(reader, filter));
	return reader_prepare_audit(reader);
}

static void bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

static void report_malformed(struct reader *reader, const struct table *table, const char *what)
{
	if (clock_now() < reader->quiet_until)
		return;
	reader->quiet_until = deadline_in_ms(1000);
	log_error("store: a row of %s has a malformed %s and is quarantined: "
		  "the database was edited by others or is damaged",
		  table->name, what);
}

enum pm_err reader_load(struct reader *reader, sqlite3_stmt *stmt, const struct table *table,
			void *out)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_DONE)
		return PM_NOT_FOUND;
	if ((rc & 0xff) == SQLITE_TOOBIG) {
		report_malformed(reader, table, "size");
		return PM_RECORD_QUARANTINED;
	}
	if (rc != SQLITE_ROW)
		return db_failed(reader->db, rc, "reading");
	const char *malformed = row_load(stmt, table, out);
	if (!malformed)
		return PM_OK;
	report_malformed(reader, table, malformed);
	return PM_RECORD_QUARANTINED;
}

enum pm_err store_get_environment(struct store *store, const char *name,
				  struct environment_record *out)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_ENVIRONMENT];

	*out = (struct environment_record){ 0 };
	bind_text(stmt, 1, name);
	return reader_load(reader, stmt, &environment_table, out);
}

static enum pm_err read_key(struct reader *reader, const char *environment, const char *id,
			    struct key_record *out)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_KEY];

	*out = (struct key_record){ 0 };
	bind_text(stmt, 1, environment);
	bind_text(stmt, 2, id);
	return reader_load(reader, stmt, &key_table, out);
}

enum pm_err store_get_key(struct store *store, const char *environment, const char *id,
			  struct key_record *out)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);

	return read_key(reader, environment, id, out);
}

enum pm_err store_get_executed(struct store *store, uint32_t uid, const char *request_id,
			       struct executed_record *out)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_EXECUTED];

	*out = (struct executed_record){ 0 };
	sqlite3_bind_int64(stmt, 1, uid);
	bind_text(stmt, 2, request_id);
	return reader_load(reader, stmt, &executed_table, out);
}

/* A malformed master key stays in the list, so that it is missed, but cannot pass for sealed. */
static void load_master(struct reader *reader, sqlite3_stmt *stmt, struct master_record *out)
{
	*out = (struct master_record){ 0 };
	const char *malformed = row_load(stmt, &master_table, out);
	if (!malformed)
		return;
	report_malformed(reader, &master_table, malformed);
	out->seal = (struct store_seal){ 0 };
	if (out->state == 0)
		out->state = MASTER_DESTROYED;
}

enum pm_err store_list_masters(struct store *store, const char *environment,
			       struct master_record *out, size_t max, size_t *count)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_MASTERS];
	int rc = SQLITE_OK;

	*count = 0;
	bind_text(stmt, 1, environment);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (*count == max)
			return PM_TOO_LARGE;
		load_master(reader, stmt, &out[(*count)++]);
	}
	return rc == SQLITE_DONE ? PM_OK : db_failed(reader->db, rc, "listing master keys");
}

/* One of the four variants at `variants`, bound. */
static sqlite3_stmt *bind_filter(sqlite3_stmt *const *variants, const struct key_filter *filter)
{
	bool account = filter->account && *filter->account;
	bool product = filter->product && *filter->product;
	sqlite3_stmt *stmt = variants[(account ? BY_ACCOUNT : 0) | (product ? BY_PRODUCT : 0)];

	bind_text(stmt, 1, filter->environment);
	if (account)
		bind_text(stmt, 2, filter->account);
	if (product)
		bind_text(stmt, 3, filter->product);
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

static enum pm_err list_page(struct reader *reader, const struct key_filter *filter,
			     struct key_record *out, size_t max, size_t *count)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) =
		bind_filter(&reader->statements[READ_IDS], filter);
	int rc = SQLITE_ROW;

	bind_text(stmt, 4, filter->after ? filter->after : "");
	while (*count < max && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *id = column_id(stmt);
		if (!id) {
			report_malformed(reader, &key_table, "id");
			continue;
		}
		TRY(load_listed(reader, filter->environment, id, &out[*count]));
		(*count)++;
	}
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		return PM_OK;
	return db_failed(reader->db, rc, "listing keys");
}

enum pm_err store_list_keys(struct store *store, const struct key_filter *filter,
			    struct key_record *out, size_t max, size_t *count, uint64_t *total)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);

	*count = 0;
	TRY(count_keys(reader, filter, total));
	return list_page(reader, filter, out, max, count);
}
