/* What the rest of the vault needs to know about verifying: how much locked memory a batch takes.
 */
#ifndef VAULT_VERIFY_H
#define VAULT_VERIFY_H

#include <stddef.h>

size_t verify_scratch_size(void);

#endif
