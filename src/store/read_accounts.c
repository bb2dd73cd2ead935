#include <string.h>

#include "base/cleanup.h"
#include "db.h"
#include "handle.h"
#include "readers.h"
#include "row.h"

static const struct {
	enum read_statement statement;
	const char *sql;
} account_sql[] = {
	{ READ_ACCOUNTS, "SELECT id FROM account WHERE environment = ?1 AND id > ?2 ORDER BY id" },
	{ READ_ACCOUNTS_IN, "SELECT id FROM account INDEXED BY account_by_status"
			    " WHERE environment = ?1 AND status = ?3 AND id > ?2 ORDER BY id" },
	{ READ_ACCOUNT_COUNT, "SELECT count(*) FROM account WHERE environment = ?1" },
	{ READ_ACCOUNT_COUNT_IN, "SELECT count(*) FROM account INDEXED BY account_by_status"
				 " WHERE environment = ?1 AND status = ?3" },
	{ READ_CLOSING, "SELECT id FROM account INDEXED BY account_closing"
			" WHERE environment = ?1 AND closing <> 0 ORDER BY id" },
	{ READ_OPERATORS, "SELECT id FROM operator WHERE environment = ?1 AND id > ?2"
			  " ORDER BY id" },
	{ READ_OPERATOR_COUNT, "SELECT count(*) FROM operator WHERE environment = ?1" },
	{ READ_PIN_VERSIONS, "SELECT pin_version, count(*) FROM operator"
			     " WHERE environment = ?1 AND pin_version <> 0 GROUP BY pin_version" },
};

enum pm_err reader_prepare_accounts(struct reader *reader)
{
	sqlite3_stmt **statements = reader->statements;

	for (size_t i = 0; i < sizeof(account_sql) / sizeof(account_sql[0]); i++)
		TRY(db_prepare(reader->db, account_sql[i].sql,
			       &statements[account_sql[i].statement]));
	TRY(row_prepare_select(reader->db, &account_table, account_table.keys,
			       &statements[READ_ACCOUNT]));
	return row_prepare_select(reader->db, &operator_table, operator_table.keys,
				  &statements[READ_OPERATOR]);
}

/* Accounts and operators alike. */
struct kind {
	const struct table *table;
	enum read_statement one;
	size_t size; /* of a record */
};

static const struct kind accounts = { &account_table, READ_ACCOUNT, sizeof(struct account_record) };
static const struct kind operators = { &operator_table, READ_OPERATOR,
				       sizeof(struct operator_record) };

static enum pm_err read_one(struct reader *reader, const struct kind *kind, const char *environment,
			    const char *id, void *out)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[kind->one];

	memset(out, 0, kind->size);
	stmt_bind_text(stmt, 1, environment);
	stmt_bind_text(stmt, 2, id);
	return reader_load(reader, stmt, kind->table, out);
}

enum pm_err store_get_account(struct store *store, const char *environment, const char *id,
			      struct account_record *out)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);

	return read_one(reader, &accounts, environment, id, out);
}

enum pm_err store_get_operator(struct store *store, const char *environment, const char *id,
			       struct operator_record *out)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);

	return read_one(reader, &operators, environment, id, out);
}

struct page {
	const struct kind *kind;
	const char *environment;
	const char *after;
	int status; /* 0: any */
	uint8_t *out;
	size_t max;
	size_t *count;
};

/* A parameter that the statement has not is not bound. */
static void bind_page(sqlite3_stmt *stmt, const struct page *page)
{
	stmt_bind_text(stmt, 1, page->environment);
	stmt_bind_text(stmt, 2, page->after ? page->after : "");
	sqlite3_bind_int(stmt, 3, page->status);
}

static enum pm_err count_page(struct reader *reader, enum read_statement which,
			      const struct page *page, uint64_t *total)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[which];

	bind_page(stmt, page);
	int rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		return db_failed(reader->db, rc, "counting");
	*total = (uint64_t)sqlite3_column_int64(stmt, 0);
	return PM_OK;
}

/* A malformed one stays in the list, so that it is missed, with nothing but its key: no seal. */
static enum pm_err list_one(struct reader *reader, const struct page *page, const char *id)
{
	const struct column *keys = page->kind->table->columns;
	uint8_t *out = page->out + *page->count * page->kind->size;
	enum pm_err err = read_one(reader, page->kind, page->environment, id, out);

	if (err != PM_OK && err != PM_RECORD_QUARANTINED && err != PM_NOT_FOUND)
		return err;
	if (err != PM_OK) {
		memset(out, 0, page->kind->size);
		memcpy(out + keys[0].at, page->environment,
		       strnlen(page->environment, keys[0].size - 1));
		memcpy(out + keys[1].at, id, strnlen(id, keys[1].size - 1));
	}
	(*page->count)++;
	return PM_OK;
}

static enum pm_err list_page(struct reader *reader, enum read_statement which,
			     const struct page *page)
{
	sqlite3_stmt *ids CLEANUP(stmt_resetp) = reader->statements[which];
	size_t size = page->kind->table->columns[1].size;
	int rc = SQLITE_DONE;

	*page->count = 0;
	bind_page(ids, page);
	while (*page->count < page->max && (rc = sqlite3_step(ids)) == SQLITE_ROW) {
		const char *id = (const char *)sqlite3_column_text(ids, 0);
		if (id && strlen(id) < size)
			TRY(list_one(reader, page, id));
		else
			reader_malformed(reader, page->kind->table, "id");
	}
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? PM_OK : db_failed(reader->db, rc, "listing");
}

enum pm_err store_list_accounts(struct store *store, const char *environment,
				enum account_status status, const char *after,
				struct account_record *out, size_t max, size_t *count,
				uint64_t *total)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	struct page page = {
		.kind = &accounts,
		.environment = environment,
		.after = after,
		.status = (int)status,
		.out = (uint8_t *)out,
		.max = max,
		.count = count,
	};

	TRY(count_page(reader, page.status ? READ_ACCOUNT_COUNT_IN : READ_ACCOUNT_COUNT, &page,
		       total));
	return list_page(reader, page.status ? READ_ACCOUNTS_IN : READ_ACCOUNTS, &page);
}

enum pm_err store_list_operators(struct store *store, const char *environment, const char *after,
				 struct operator_record *out, size_t max, size_t *count,
				 uint64_t *total)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	struct page page = {
		.kind = &operators,
		.environment = environment,
		.after = after,
		.out = (uint8_t *)out,
		.max = max,
		.count = count,
	};

	TRY(count_page(reader, READ_OPERATOR_COUNT, &page, total));
	return list_page(reader, READ_OPERATORS, &page);
}

enum pm_err store_closing_accounts(struct store *store, const char *environment,
				   char ids[][STORE_ACCOUNT_MAX + 1], size_t max, size_t *count)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_CLOSING];

	stmt_bind_text(stmt, 1, environment);
	return reader_list_texts(reader, stmt, &account_table, ids[0], sizeof(ids[0]), max, count);
}

enum pm_err store_count_pins(struct store *store, const char *environment,
			     struct version_count *out, size_t max, size_t *count)
{
	struct reader *reader CLEANUP(reader_givep) = readers_take(store->readers);
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = reader->statements[READ_PIN_VERSIONS];

	stmt_bind_text(stmt, 1, environment);
	return reader_list_versions(reader, stmt, out, max, count);
}
