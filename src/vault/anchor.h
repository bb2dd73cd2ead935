/*
 * The anchor: a file outside the database that holds the newest signed checkpoint. A database that
 * was put back from a backup is older than its anchor, and so is noticed.
 */
#ifndef VAULT_ANCHOR_H
#define VAULT_ANCHOR_H

#include "base/bytes.h"
#include "base/err.h"

/* PM_NOT_FOUND: there is none. PM_STORE_UNAVAILABLE, logged: it cannot be read. */
enum pm_err anchor_read(const char *path, struct buf *out) NODISCARD;

/* Replaces it, durably; never half. PM_STORE_UNAVAILABLE, logged. */
enum pm_err anchor_write(const char *path, struct bytes note) NODISCARD;

/* Puts it aside as <path>.abandoned: its log is not continued. */
enum pm_err anchor_set_aside(const char *path) NODISCARD;

#endif
