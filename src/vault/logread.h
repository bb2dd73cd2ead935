/* What the readings of the audit log share. */
#ifndef VAULT_LOGREAD_H
#define VAULT_LOGREAD_H

#include <stdbool.h>
#include <stdint.h>

struct audit;

/*
 * Whether damage to the log is news. Not if it was given up, or a log after it: what has been signed
 * since does not lean on it.
 */
bool logread_counts(struct audit *audit, uint32_t log);

#endif
