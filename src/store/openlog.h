/*
 * The log that takes entries: its number, and the right edge of its tree, which appending needs and
 * which is loaded from the rows when the store is opened.
 */
#ifndef STORE_OPENLOG_H
#define STORE_OPENLOG_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "rows.h"
#include "store/audit.h"

struct openlog {
	uint32_t log; /* 0: none yet */
	char origin[TLOG_NAME_MAX + 1];
	struct tlog_tree tree;
	bool damaged; /* no tree can be made of its rows, so it takes no entries */
	char damage[STORE_DAMAGE_MAX + 1]; /* then: what is wrong with them */
};

/* Damage is logged in one line and is no error: what is there can still be read. */
enum pm_err openlog_load(sqlite3 *db, struct rows *rows, struct openlog *out) NODISCARD;

#endif
