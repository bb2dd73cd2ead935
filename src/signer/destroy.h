/*
 * Destroying keys for good. It goes by what is in the token, not by what its calls return: after
 * each attempt it looks again. Main thread.
 */
#ifndef SIGNER_DESTROY_H
#define SIGNER_DESTROY_H

#include "keys.h"

/*
 * Destroys all objects of the token with that CKA_ID, of any kind, and looks that they are gone;
 * `count` says how many there were. FAILURE_CALLER with ck_rv CKR_ACTION_PROHIBITED: one of them
 * bears another label (NULL: any will do); nothing was destroyed. With another code: the token
 * refused, and something is left.
 */
enum pm_err destroy_key(struct keys *keys, struct bytes id, const char *label, size_t *count,
			struct failure *failure) NODISCARD;

#endif
