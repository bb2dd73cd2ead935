/* Keys that end soon: the log is told of each, once for every end that it is given. */
#ifndef VAULT_EXPIRY_H
#define VAULT_EXPIRY_H

#include <stdint.h>

struct environment;

/* Every minute or so, some at a time; called from vault_tend. */
void expiry_tend(struct environment *env, int64_t deadline);

#endif
