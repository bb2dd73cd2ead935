/*
 * The one thread that writes, and the bounded queue before it: what waits goes into one
 * transaction, and its callers go on when that is durable.
 */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include <sqlite3.h>

#include "openlog.h"
#include "store/store.h"

struct writer;

/* Takes `db` over, also when it fails. */
enum pm_err writer_start(sqlite3 *db, const struct store_config *config,
			 struct writer **out) NODISCARD;

/* Commits what is queued, ends the thread and closes the connection. NULL is allowed. */
void writer_stop(struct writer *writer);

/* As store_commit. */
enum pm_err writer_commit(struct writer *writer, const struct store_change *changes, size_t count,
			  int64_t deadline) NODISCARD;

/* The open log as of the last commit that has returned. Any thread. */
void writer_open_log(struct writer *writer, struct openlog *out);

#endif
