/* What the rest of the vault needs of hashing values: the locked memory, and how one is written. */
#ifndef VAULT_VALUE_H
#define VAULT_VALUE_H

#include <stddef.h>

#include "hsm/hsm.h"
#include "vault/vault.h"

size_t value_scratch_size(void);

/* v<version>:<base64url> */
void value_hash_format(uint32_t version, const uint8_t mac[HSM_MAC_LEN],
		       char out[VAULT_HASH_TEXT_MAX + 1]);

#endif
