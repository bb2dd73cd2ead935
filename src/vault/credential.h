/*
 * What a request presents: the value of its one Authorization header, taken apart. Strict, because two
 * readers that understand a header differently are a hole. Plain values; no thread rules.
 */
#ifndef VAULT_CREDENTIAL_H
#define VAULT_CREDENTIAL_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"

#define CREDENTIAL_USER_MAX 64
#define CREDENTIAL_TEXT_MAX 256

/* Holds a secret: declare it CLEANUP(credential_wipe). */
struct credential {
	char user[CREDENTIAL_USER_MAX + 1]; /* Basic's, never empty there; "" with Bearer */
	bool basic;
	char text[CREDENTIAL_TEXT_MAX + 1]; /* the API key */
};

void credential_wipe(struct credential *credential);

/*
 * `Bearer <token>` (RFC 6750 section 2.1) or `Basic <base64 of user:password>` (RFC 7617): the scheme in
 * upper or lower case, one space, and nothing behind. Basic is split at the first colon; both sides are
 * non-empty UTF-8 without control characters.
 *
 * PM_REASON_NONE, MISSING (no bytes at all) or MALFORMED: everything else, so also a key without a
 * scheme, two credentials, blanks around. Then `out` is empty. Total over any bytes.
 */
enum pm_reason credential_parse(struct bytes header, struct credential *out);

#endif
