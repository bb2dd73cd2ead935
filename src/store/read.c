#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "db.h"
#include "handle.h"
#include "readers.h"
#include "row.h"

/* Rows of an environment by the version they are sealed under; the number is the table's. */
enum {
	SEALED_KEYS,
	SEALED_MASTERS,
	SEALED_ENVIRONMENTS,
	SEALED_ACCOUNTS,
	SEALED_OPERATORS,
	SEALED_EXECUTED
};
static const char seals_sql[] =
	"SELECT 0, seal_version, count(*) FROM api_key WHERE environment = ?1 GROUP BY 2"
	" UNION ALL "
	"SELECT 1, seal_version, count(*) FROM master_key WHERE environment = ?1 GROUP BY 2"
	" UNION ALL "
	"SELECT 2, seal_version, count(*) FROM environment WHERE name = ?1 GROUP BY 2"
	" UNION ALL "
	"SELECT 3, seal_version, count(*) FROM account WHERE environment = ?1 GROUP BY 2"
	" UNION ALL "
	"SELECT 4, seal_version, count(*) FROM operator WHERE environment = ?1 GROUP BY 2"
	" UNION ALL "
	"SELECT 5, seal_version, count(*) FROM executed WHERE environment = ?1 GROUP BY 2";

enum pm_err reader_prepare(struct reader *reader)
{
	sqlite3_stmt **statements = reader->statements;

	TRY(row_prepare_select(reader->db, &environment_table, environment_table.keys,
			       &statements[READ_ENVIRONMENT]));
	TRY(row_prepare_select(reader->db, &executed_table, executed_table.keys,
			       &statements[READ_EXECUTED]));
	TRY(row_prepare_select(reader->db, &master_table, 1, &statements[READ_MASTERS]));
	TRY(row_prepare_select(reader->db, &uses_table, 1, &statements[READ_USES]));
	TRY(db_prepare(reader->db, seals_sql, &statements[READ_SEALS]));
	TRY(db_prepare(reader->db, "BEGIN", &statements[READ_BEGIN]));
	TRY(db_prepare(reader->db, "COMMIT", &statements[READ_END]));
	TRY(reader_prepare_keys(reader));
	TRY(reader_prepare_accounts(reader));
	return reader_prepare_audit(reader);
}

void reader_malformed(struct reader *reader, const struct table *table, const char *what)
{
	if (clock_now() < reader->quiet_until)
		return;
	reader->quiet_until = deadline_in_ms(1000);
	log_error("store: a row of %s has a malformed %s and is quarantined: "
		  "the database was edited by others or is damaged",
		  table->name, what);
}

enum pm_err reader_begin_snapshot(struct reader *reader)
{
	return db_run(reader->statements[READ_BEGIN], "beginning to read");
}

void reader_end_snapshot(struct reader *reader)
{
	sqlite3_step(reader->statements[READ_END]);
	sqlite3_reset(reader->statements[READ_END]);
}

enum pm_err reader_list_texts(struct reader *reader, sqlite3_stmt *stmt, const struct table *table,
			      char *out, size_t size, size_t max, size_t *count)
{
	int rc = SQLITE_DONE;

	*count = 0;
	while (*count < max && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(stmt, 0);
		size_t len = (size_t)sqlite3_column_bytes(stmt, 0);
		if (!text || len >= size || memchr(text, '\0', len)) {
			reader_malformed(reader, table, "id");
			continue;
		}
		memcpy(out + *count * size, text, len + 1);
		(*count)++;
	}
	return rc == SQLITE_DONE || *count == max ? PM_OK : db_failed(reader->db, rc, "listing");
}

enum pm_err reader_list_versions(struct reader *reader, sqlite3_stmt *stmt,
				 struct version_count *out, size_t max, size_t *count)
{
	int rc = SQLITE_OK;

	*count = 0;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		int64_t version = sqlite3_column_int64(stmt, 0);
		if (version < 0 || version > UINT32_MAX)
			continue; /* no version of ours: the row is quarantined when it is read */
		if (*count == max)
			return PM_TOO_LARGE;
		out[*count].version = (uint32_t)version;
		out[(*count)++].count = (uint64_t)sqlite3_column_int64(stmt, 1);
	}
	return rc == SQLITE_DONE ? PM_OK : db_failed(reader->db, rc, "counting versions");
}

enum pm_err reader_load(struct reader *reader, sqlite3_stmt *stmt, const struct table *table,
			void *out)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_DONE)
		return PM_NOT_FOUND;
	if ((rc & 0xff) == SQLITE_TOOBIG) {
		reader_malformed(reader, table, "size");
		return PM_RECORD_QUARANTINED;
	}
	if (rc != SQLITE_ROW)
		return db_failed(reader->db, rc, "reading");
	const char *malformed = row_load(stmt, table, out);
	if (!malformed)
		return PM_OK;
	reader_malformed(reader, table, malformed);
	return PM_RECORD_QUARANTINED;
}

enum pm_err store_get_environment(struct store *store, const char *name,
				  struct environment_record *out)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_ENVIRONMENT];

	*out = (struct environment_record){ 0 };
	stmt_bind_text(stmt, 1, name);
	return reader_load(reader, stmt, &environment_table, out);
}

enum pm_err store_get_executed(struct store *store, uint32_t uid, const char *request_id,
			       struct executed_record *out)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_EXECUTED];

	*out = (struct executed_record){ 0 };
	sqlite3_bind_int64(stmt, 1, uid);
	stmt_bind_text(stmt, 2, request_id);
	return reader_load(reader, stmt, &executed_table, out);
}

/* A malformed master key stays in the list, so that it is missed, but cannot pass for sealed. */
static void load_master(struct reader *reader, sqlite3_stmt *stmt, struct master_record *out)
{
	*out = (struct master_record){ 0 };
	const char *malformed = row_load(stmt, &master_table, out);
	if (!malformed)
		return;
	reader_malformed(reader, &master_table, malformed);
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
	stmt_bind_text(stmt, 1, environment);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (*count == max)
			return PM_TOO_LARGE;
		load_master(reader, stmt, &out[(*count)++]);
	}
	return rc == SQLITE_DONE ? PM_OK : db_failed(reader->db, rc, "listing master keys");
}

/* A malformed one says nothing that counts. */
enum pm_err store_list_uses(struct store *store, const char *environment, struct uses_record *out,
			    size_t max, size_t *count)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_USES];
	int rc = SQLITE_OK;

	*count = 0;
	stmt_bind_text(stmt, 1, environment);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct uses_record uses = { 0 };
		const char *malformed = row_load(stmt, &uses_table, &uses);
		if (malformed) {
			reader_malformed(reader, &uses_table, malformed);
			continue;
		}
		if (*count == max)
			return PM_TOO_LARGE;
		out[(*count)++] = uses;
	}
	return rc == SQLITE_DONE ? PM_OK : db_failed(reader->db, rc, "listing uses");
}

/* The group of that version, a new one if there is none; NULL: there is no room for it. */
static struct seal_group *find_seals(struct seal_group *groups, size_t max, size_t *count,
				     uint32_t version)
{
	for (size_t i = 0; i < *count; i++) {
		if (groups[i].version == version)
			return &groups[i];
	}
	if (*count == max)
		return NULL;
	groups[*count] = (struct seal_group){ .version = version };
	return &groups[(*count)++];
}

static uint64_t *seals_of(struct seal_group *group, int table)
{
	switch (table) {
	case SEALED_KEYS:
		return &group->keys;
	case SEALED_MASTERS:
		return &group->masters;
	case SEALED_ENVIRONMENTS:
		return &group->environments;
	case SEALED_ACCOUNTS:
		return &group->accounts;
	case SEALED_OPERATORS:
		return &group->operators;
	default:
		return &group->executed;
	}
}

enum pm_err store_group_seals(struct store *store, const char *environment, struct seal_group *out,
			      size_t max, size_t *count)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take_for_all(store->readers);
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_SEALS];
	int rc = SQLITE_OK;

	*count = 0;
	stmt_bind_text(stmt, 1, environment);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		int64_t version = sqlite3_column_int64(stmt, 1);
		if (version < 0 || version > UINT32_MAX)
			continue; /* no key sealed that: it is quarantined when it is read */
		struct seal_group *group = find_seals(out, max, count, (uint32_t)version);
		if (!group)
			return PM_TOO_LARGE;
		*seals_of(group, sqlite3_column_int(stmt, 0)) =
			(uint64_t)sqlite3_column_int64(stmt, 2);
	}
	return rc == SQLITE_DONE ? PM_OK : db_failed(reader->db, rc, "counting seals");
}
