#include "row.h"

#include <endian.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "db.h"
#include "store/store.h"

static void sql_freep(char **sql)
{
	sqlite3_free(*sql);
}

/* Columns `first` to `end`, each as `format` has it (given its name and its parameter's number). */
static void add_columns(sqlite3_str *sql, const struct table *table, size_t first, size_t end,
			const char *format, const char *separator)
{
	for (size_t i = first; i < end; i++) {
		if (i > first)
			sqlite3_str_appendall(sql, separator);
		sqlite3_str_appendf(sql, format, table->columns[i].name, (int)i + 1);
	}
}

static enum pm_err prepare(sqlite3 *db, sqlite3_str *sql, sqlite3_stmt **out)
{
	char *text CLEANUP(sql_freep) = sqlite3_str_finish(sql);

	return text ? db_prepare(db, text, out) : PM_NO_MEMORY;
}

/* `verb` up to the table's name; `or_else`: what is to be done when the row's place is taken. */
static enum pm_err prepare_insert(sqlite3 *db, const struct table *table, const char *verb,
				  const char *or_else, sqlite3_stmt **out)
{
	sqlite3_str *sql = sqlite3_str_new(db);

	sqlite3_str_appendf(sql, "%s %s (", verb, table->name);
	add_columns(sql, table, 0, table->count, "%s", ", ");
	sqlite3_str_appendall(sql, ") VALUES (");
	add_columns(sql, table, 0, table->count, "/* %s */ ?%d", ", ");
	sqlite3_str_appendf(sql, ")%s", or_else);
	return prepare(db, sql, out);
}

enum pm_err row_prepare_insert(sqlite3 *db, const struct table *table, sqlite3_stmt **out)
{
	return prepare_insert(db, table, "INSERT INTO", "", out);
}

enum pm_err row_prepare_insert_new(sqlite3 *db, const struct table *table, sqlite3_stmt **out)
{
	return prepare_insert(db, table, "INSERT INTO",
			      " ON CONFLICT (environment, lookup) WHERE lookup_version <> 0"
			      " DO NOTHING",
			      out);
}

enum pm_err row_prepare_put(sqlite3 *db, const struct table *table, sqlite3_stmt **out)
{
	return prepare_insert(db, table, "REPLACE INTO", "", out);
}

enum pm_err row_prepare_delete(sqlite3 *db, const struct table *table, sqlite3_stmt **out)
{
	sqlite3_str *sql = sqlite3_str_new(db);

	sqlite3_str_appendf(sql, "DELETE FROM %s WHERE ", table->name);
	add_columns(sql, table, 0, table->keys, "%s = ?%d", " AND ");
	return prepare(db, sql, out);
}

enum pm_err row_prepare_update(sqlite3 *db, const struct table *table, sqlite3_stmt **out)
{
	sqlite3_str *sql = sqlite3_str_new(db);

	sqlite3_str_appendf(sql, "UPDATE %s SET ", table->name);
	add_columns(sql, table, table->keys, table->count, "%s = ?%d", ", ");
	sqlite3_str_appendall(sql, " WHERE ");
	add_columns(sql, table, 0, table->keys, "%s = ?%d", " AND ");
	for (size_t i = 0; i < table->count; i++) {
		if (strcmp(table->columns[i].name, "revision") == 0)
			sqlite3_str_appendf(sql, " AND revision = ?%d - 1", (int)i + 1);
	}
	return prepare(db, sql, out);
}

enum pm_err row_prepare_select(sqlite3 *db, const struct table *table, size_t keys,
			       sqlite3_stmt **out)
{
	sqlite3_str *sql = sqlite3_str_new(db);

	sqlite3_str_appendall(sql, "SELECT ");
	add_columns(sql, table, 0, table->count, "%s", ", ");
	sqlite3_str_appendf(sql, " FROM %s WHERE ", table->name);
	add_columns(sql, table, 0, keys, "%s = ?%d", " AND ");
	sqlite3_str_appendall(sql, " ORDER BY ");
	add_columns(sql, table, 0, table->keys, "%s", ", ");
	return prepare(db, sql, out);
}

enum pm_err row_prepare_find(sqlite3 *db, const struct table *table, const char *condition,
			     sqlite3_stmt **out)
{
	sqlite3_str *sql = sqlite3_str_new(db);

	sqlite3_str_appendall(sql, "SELECT ");
	add_columns(sql, table, 0, table->count, "%s", ", ");
	sqlite3_str_appendf(sql, " FROM %s WHERE %s", table->name, condition);
	return prepare(db, sql, out);
}

enum pm_err row_prepare_newest(sqlite3 *db, const struct table *table, const char *condition,
			       sqlite3_stmt **out)
{
	sqlite3_str *sql = sqlite3_str_new(db);
	size_t last = table->keys - 1;

	sqlite3_str_appendall(sql, "SELECT ");
	add_columns(sql, table, 0, table->count, "%s", ", ");
	sqlite3_str_appendf(sql, " FROM %s WHERE ", table->name);
	add_columns(sql, table, 0, last, "%s = ?%d", " AND ");
	sqlite3_str_appendf(sql, " AND %s ORDER BY %s DESC LIMIT 1", condition,
			    table->columns[last].name);
	return prepare(db, sql, out);
}

static int64_t get_integer(const struct column *column, const uint8_t *field)
{
	uint32_t narrow = 0;
	int64_t wide = 0;

	if (column->size == sizeof(bool))
		return *field != 0;
	if (column->size == sizeof(narrow)) {
		memcpy(&narrow, field, sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, field, sizeof(wide));
	return wide;
}

static void put_integer(const struct column *column, uint8_t *field, int64_t value)
{
	uint32_t narrow = (uint32_t)value;
	bool flag = value != 0;

	if (column->size == sizeof(flag))
		memcpy(field, &flag, sizeof(flag));
	else if (column->size == sizeof(narrow))
		memcpy(field, &narrow, sizeof(narrow));
	else
		memcpy(field, &value, sizeof(value));
}

static bool in_range(const struct column *column, int64_t value)
{
	return value >= column->min && value <= column->max;
}

/* The version stands in front of the lookup. */
_Static_assert(offsetof(struct key_record, lookup) ==
		       offsetof(struct key_record, lookup_version) + sizeof(uint32_t),
	       "a lookup follows its version");

static uint32_t lookup_version(const uint8_t *field)
{
	uint32_t version = 0;

	memcpy(&version, field - sizeof(version), sizeof(version));
	return version;
}

/* SQLITE_RANGE: the field cannot be stored. */
static int bind_wraps(sqlite3_stmt *stmt, int at, const uint8_t *field)
{
	struct secret_record secret;
	uint8_t blob[STORE_WRAPS_MAX * sizeof(uint32_t)];

	memcpy(&secret, field, sizeof(secret));
	if (secret.wrap_count > STORE_WRAPS_MAX)
		return SQLITE_RANGE;
	for (uint32_t i = 0; i < secret.wrap_count; i++) {
		if (secret.wraps[i] == 0)
			return SQLITE_RANGE;
		uint32_t wire = htobe32(secret.wraps[i]);
		memcpy(blob + i * sizeof(wire), &wire, sizeof(wire));
	}
	return sqlite3_bind_blob64(stmt, at, blob, secret.wrap_count * sizeof(uint32_t),
				   SQLITE_TRANSIENT);
}

/* As above. A key that was not imported has no lookup, and only it. */
static int bind_lookup(sqlite3_stmt *stmt, int at, const uint8_t *field)
{
	static const uint8_t none[STORE_LOOKUP_LEN];

	if (lookup_version(field) != 0)
		return sqlite3_bind_blob64(stmt, at, field, STORE_LOOKUP_LEN, SQLITE_STATIC);
	if (memcmp(field, none, sizeof(none)) != 0)
		return SQLITE_RANGE;
	return sqlite3_bind_zeroblob(stmt, at, 0);
}

/* As above. */
static int bind_bytes(sqlite3_stmt *stmt, int at, const struct column *column, const uint8_t *field)
{
	uint32_t len = 0;

	memcpy(&len, field + column->size, sizeof(len));
	if (len < 1 || len > column->size)
		return SQLITE_RANGE;
	return sqlite3_bind_blob64(stmt, at, field, len, SQLITE_STATIC);
}

/* As above. */
static int bind_field(sqlite3_stmt *stmt, int at, const struct column *column, const uint8_t *field)
{
	const char *text = (const char *)field;

	switch (column->kind) {
	case COLUMN_TEXT:
		if (strnlen(text, column->size) == column->size)
			return SQLITE_RANGE;
		return sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
	case COLUMN_BLOB:
		return sqlite3_bind_blob64(stmt, at, field, column->size, SQLITE_STATIC);
	case COLUMN_INTEGER:
		if (!in_range(column, get_integer(column, field)))
			return SQLITE_RANGE;
		return sqlite3_bind_int64(stmt, at, get_integer(column, field));
	case COLUMN_WRAPS:
		return bind_wraps(stmt, at, field);
	case COLUMN_LOOKUP:
		return bind_lookup(stmt, at, field);
	case COLUMN_BYTES:
		return bind_bytes(stmt, at, column, field);
	}
	return SQLITE_RANGE;
}

enum pm_err row_bind(sqlite3_stmt *stmt, const struct table *table, const void *record)
{
	const uint8_t *base = record;
	size_t params = (size_t)sqlite3_bind_parameter_count(stmt);

	for (size_t i = 0; i < table->count && i < params; i++) {
		const struct column *column = &table->columns[i];
		int rc = bind_field(stmt, (int)i + 1, column, base + column->at);
		if (rc == SQLITE_RANGE) {
			log_error("store: our record for %s has an impossible %s", table->name,
				  column->name);
			return PM_INTERNAL;
		}
		if (rc != SQLITE_OK)
			return db_failed(sqlite3_db_handle(stmt), rc, "binding a record");
	}
	return PM_OK;
}

static bool load_text(sqlite3_stmt *stmt, int at, const struct column *column, uint8_t *field)
{
	if (sqlite3_column_type(stmt, at) != SQLITE_TEXT)
		return false;
	const unsigned char *text = sqlite3_column_text(stmt, at);
	size_t len = (size_t)sqlite3_column_bytes(stmt, at);
	if (!text || len >= column->size || memchr(text, '\0', len))
		return false;
	memcpy(field, text, len);
	return true;
}

static bool load_blob(sqlite3_stmt *stmt, int at, const struct column *column, uint8_t *field)
{
	if (sqlite3_column_type(stmt, at) != SQLITE_BLOB)
		return false;
	const void *blob = sqlite3_column_blob(stmt, at);
	if (!blob || (size_t)sqlite3_column_bytes(stmt, at) != column->size)
		return false;
	memcpy(field, blob, column->size);
	return true;
}

static bool load_integer(sqlite3_stmt *stmt, int at, const struct column *column, uint8_t *field)
{
	if (sqlite3_column_type(stmt, at) != SQLITE_INTEGER)
		return false;
	int64_t value = sqlite3_column_int64(stmt, at);
	if (!in_range(column, value))
		return false;
	put_integer(column, field, value);
	return true;
}

static bool load_wraps(sqlite3_stmt *stmt, int at, const struct column *column, uint8_t *field)
{
	struct secret_record secret;

	if (sqlite3_column_type(stmt, at) != SQLITE_BLOB)
		return false;
	const uint8_t *blob = sqlite3_column_blob(stmt, at); /* NULL if it is empty */
	size_t len = (size_t)sqlite3_column_bytes(stmt, at);
	if (len > sizeof(secret.wraps) || len % sizeof(uint32_t) != 0 || (len > 0 && !blob))
		return false;
	memcpy(&secret, field, column->size);
	for (size_t i = 0; i < len / sizeof(uint32_t); i++) {
		uint32_t wire = 0;
		memcpy(&wire, blob + i * sizeof(wire), sizeof(wire));
		if (wire == 0)
			return false;
		secret.wraps[i] = be32toh(wire);
	}
	secret.wrap_count = (uint32_t)(len / sizeof(uint32_t));
	memcpy(field, &secret, sizeof(secret));
	return true;
}

static bool load_lookup(sqlite3_stmt *stmt, int at, const struct column *column, uint8_t *field)
{
	if (lookup_version(field) != 0)
		return load_blob(stmt, at, column, field);
	return sqlite3_column_type(stmt, at) == SQLITE_BLOB && sqlite3_column_bytes(stmt, at) == 0;
}

static bool load_bytes(sqlite3_stmt *stmt, int at, const struct column *column, uint8_t *field)
{
	if (sqlite3_column_type(stmt, at) != SQLITE_BLOB)
		return false;
	const void *blob = sqlite3_column_blob(stmt, at);
	uint32_t len = (uint32_t)sqlite3_column_bytes(stmt, at);
	if (!blob || len < 1 || len > column->size)
		return false;
	memcpy(field, blob, len);
	memcpy(field + column->size, &len, sizeof(len));
	return true;
}

const char *row_load(sqlite3_stmt *stmt, const struct table *table, void *record)
{
	static bool (*const load[])(sqlite3_stmt *, int, const struct column *, uint8_t *) = {
		[COLUMN_TEXT] = load_text,       [COLUMN_BLOB] = load_blob,
		[COLUMN_INTEGER] = load_integer, [COLUMN_WRAPS] = load_wraps,
		[COLUMN_LOOKUP] = load_lookup,   [COLUMN_BYTES] = load_bytes,
	};
	uint8_t *base = record;
	const char *malformed = NULL;

	for (size_t i = 0; i < table->count; i++) {
		const struct column *column = &table->columns[i];
		if (!load[column->kind](stmt, (int)i, column, base + column->at) && !malformed)
			malformed = column->name;
	}
	return malformed;
}
