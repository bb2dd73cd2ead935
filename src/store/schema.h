/*
 * What the database file must be: ours (application id), of a version we know (user_version), and
 * with exactly the schema that our migrations make.
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include <sqlite3.h>
#include <stddef.h>

#include "base/err.h"

#define SCHEMA_APPLICATION_ID 0x50706d74 /* "Ppmt" */

/* What brings a database from version i (its place in the list) to i + 1; never changed again. */
extern const char *const schema_migrations[];
extern const size_t schema_version;

/*
 * Refuses a file that is not ours or newer than `count` migrations (PM_STORE_DAMAGED), without
 * having written to it; then turns WAL on, makes what migrations are missing, each in a
 * transaction, and refuses a schema that they do not make.
 */
enum pm_err schema_bring_up(sqlite3 *db, const char *const *migrations, size_t count) NODISCARD;

#endif
