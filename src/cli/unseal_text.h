/* Opens what a vault sealed to a recipient's public key, with the private one, without a vault. */
#ifndef CLI_UNSEAL_TEXT_H
#define CLI_UNSEAL_TEXT_H

#include <stddef.h>

#include "base/err.h"

#define UNSEALED_MAX 2000 /* bytes */

/*
 * `sealed` is `sealed:x25519:<base64>` or `sealed:rsa-oaep-sha256:<base64>`, the file a PEM with the
 * private key. A passphrase is asked for on the terminal, if standard input is one; it is taken from
 * nowhere else. `out` is a secret of the caller's and ends with a NUL; `room` of UNSEALED_MAX + 1
 * is always enough.
 *
 * After a complaint: PM_BAD_REQUEST: `sealed` is no such text. PM_CONFIG: the file has no private key of
 * that kind, or it could not be opened. PM_DENIED: that key does not open it. PM_TOO_LARGE: `room`.
 */
enum pm_err unseal_text(const char *sealed, const char *private_pem_path, char *out,
			size_t room) NODISCARD;

#endif
