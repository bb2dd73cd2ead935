/*
 * Memory for secrets: locked against swapping, left out of core dumps, zero in a forked child, and
 * wiped before it is given back. Comparison takes the same time wherever the bytes differ.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Zeroed whole pages, or NULL (also when RLIMIT_MEMLOCK does not allow them). */
void *secret_alloc(size_t size);
void secret_free(void *ptr, size_t size);

/* Locks `size` bytes at page-aligned `ptr` and keeps them out of dumps and children. */
enum pm_err secret_lock(void *ptr, size_t size) NODISCARD;

void secret_wipe(void *ptr, size_t size);
bool secret_equal(const void *a, const void *b, size_t size);

/*
 * For a process that handles secrets: no core dump, no ptrace by others of the same uid, no new
 * privileges, umask 077; and every page locked if the limits allow it (else false in *all_locked:
 * then only secret_alloc's pages are).
 */
enum pm_err secret_harden_process(bool *all_locked) NODISCARD;

#endif
