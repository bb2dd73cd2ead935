/* Entries that are old enough are removed, whole blocks of 256 from the beginning of a log. */
#ifndef VAULT_PRUNE_H
#define VAULT_PRUNE_H

#include <stdint.h>

#include "base/err.h"

struct audit;

/* Once an hour; again at once while there is more. */
enum pm_err prune_if_due(struct audit *audit, int64_t deadline) NODISCARD;

#endif
