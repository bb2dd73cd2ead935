/*
 * Records as rows: one table of columns per record, from which its SQL, its binding and its loading
 * follow (tables.c). Loading trusts nothing: the file may have been edited by somebody else.
 */
#ifndef STORE_ROW_H
#define STORE_ROW_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum column_kind {
	COLUMN_TEXT,
	COLUMN_BLOB,
	COLUMN_INTEGER,
	COLUMN_WRAPS, /* a secret_record's, as a blob of big-endian numbers; `at` is the record's */
	COLUMN_LOOKUP, /* an imported key's; of others an empty blob */
	COLUMN_BYTES,  /* 1 to `size` of them; their number is the uint32_t that follows */
};

struct column {
	const char *name;
	enum column_kind kind;
	size_t at;   /* the field's place in the record */
	size_t size; /* the field's bytes; a text's with its NUL */
	int64_t min, max;
};

struct table {
	const char *name;
	const struct column *columns; /* the primary key's first */
	size_t count;
	size_t keys; /* columns of the primary key */
};

extern const struct table environment_table, key_table, master_table, account_table, operator_table,
	value_table, key_use_table, executed_table, uses_table, log_table, checkpoint_table;

enum pm_err row_prepare_insert(sqlite3 *db, const struct table *table,
			       sqlite3_stmt **out) NODISCARD;
/* Inserts the key, unless its lookup is taken, which is looked at before what else must be unique. */
enum pm_err row_prepare_insert_new(sqlite3 *db, const struct table *table,
				   sqlite3_stmt **out) NODISCARD;
/* Inserts the row in place of the one of that primary key, if there is one. */
enum pm_err row_prepare_put(sqlite3 *db, const struct table *table, sqlite3_stmt **out) NODISCARD;
enum pm_err row_prepare_delete(sqlite3 *db, const struct table *table,
			       sqlite3_stmt **out) NODISCARD;
/* Changes the row of that primary key if its revision is the record's minus one. */
enum pm_err row_prepare_update(sqlite3 *db, const struct table *table,
			       sqlite3_stmt **out) NODISCARD;
/* The rows with these first `keys` columns of the primary key, in its order. */
enum pm_err row_prepare_select(sqlite3 *db, const struct table *table, size_t keys,
			       sqlite3_stmt **out) NODISCARD;

/* The rows that meet the condition, and in the order it has, if it goes on to say one. */
enum pm_err row_prepare_find(sqlite3 *db, const struct table *table, const char *condition,
			     sqlite3_stmt **out) NODISCARD;

/* Of the rows with all but the last column of the primary key, and `condition`: the greatest. */
enum pm_err row_prepare_newest(sqlite3 *db, const struct table *table, const char *condition,
			       sqlite3_stmt **out) NODISCARD;

/*
 * Binds a statement to a record, which must outlive the step, as far as it has parameters. PM_INTERNAL, logged: a field
 * holds what could not be loaded again.
 */
enum pm_err row_bind(sqlite3_stmt *stmt, const struct table *table, const void *record) NODISCARD;

/*
 * The row at hand as a record. Fields whose column holds anything but what row_bind can have put
 * there are left zero; the result is then the first such column's name, otherwise NULL.
 */
const char *row_load(sqlite3_stmt *stmt, const struct table *table, void *record);

#endif
