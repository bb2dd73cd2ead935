/* A look over the whole database file for damage, for as long as a start may take. */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include <sqlite3.h>

#include "base/err.h"

/*
 * PM_STORE_DAMAGED, logged, when SQLite's quick_check finds something within a second. A database
 * too large for that is taken as it is: what is damaged is found when it is read.
 */
enum pm_err check_integrity(sqlite3 *db) NODISCARD;

#endif
