/* What the rest of the vault needs to know about hashing values: a batch's locked memory. */
#ifndef VAULT_VALUE_H
#define VAULT_VALUE_H

#include <stddef.h>

size_t value_scratch_size(void);

#endif
