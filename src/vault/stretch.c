#include "stretch.h"

#include <sodium.h>

#include "base/log.h"
#include "base/secret.h"
#include "nacl.h"

_Static_assert(STRETCH_SALT_LEN == crypto_pwhash_SALTBYTES, "Argon2's salt");

enum pm_err stretch_pin(struct bytes pin, const uint8_t salt[STRETCH_SALT_LEN],
			uint8_t out[STRETCH_LEN])
{
	if (pin.len == 0 || pin.len > STRETCH_PIN_MAX)
		return PM_BAD_REQUEST;
	TRY(nacl_start());
	if (crypto_pwhash(out, STRETCH_LEN, (const char *)pin.data, pin.len, salt, STRETCH_PASSES,
			  STRETCH_MEMORY, crypto_pwhash_ALG_ARGON2ID13) != 0) {
		secret_wipe(out, STRETCH_LEN);
		log_error("vault: no memory to stretch a PIN");
		return PM_NO_MEMORY;
	}
	return PM_OK;
}
