/* New HMAC keys in the token, and an inventory of those that are there. One thread. */
#ifndef SIGNER_GENERATE_H
#define SIGNER_GENERATE_H

#include "keys.h"

#define LIST_MAX 512

/*
 * A 32-byte HMAC-SHA-256 key that is born in the token and cannot leave it: read back and checked,
 * and destroyed again if it is not so. FAILURE_CALLER if an object has that CKA_ID already (ck_rv
 * is 0) or the token did not make the key as asked (CKR_TEMPLATE_INCONSISTENT).
 */
enum pm_err generate_key(const struct keys *keys, struct bytes id, const char *label,
			 struct object *out, struct failure *failure) NODISCARD;

/*
 * The token's secret keys whose label begins with `prefix`. Over LIST_MAX: FAILURE_CALLER. What has
 * no clean label of at most LABEL_MAX bytes, or no CKA_ID of KEY_ID_LEN, is not one of ours.
 */
enum pm_err list_keys(const struct token *token, const char *prefix, struct object out[LIST_MAX],
		      size_t *count, struct failure *failure) NODISCARD;

#endif
