/* An inventory of the keys in the token. One thread. */
#ifndef SIGNER_LIST_H
#define SIGNER_LIST_H

#include "object.h"

#define LIST_MAX 512

/*
 * The token's secret and private keys whose label begins with `prefix`, pairs with their public
 * half. Over LIST_MAX: FAILURE_CALLER. What has no clean label of at most LABEL_MAX bytes, or no
 * CKA_ID of KEY_ID_LEN, is not one of ours. In the order of their labels.
 */
enum pm_err list_keys(const struct token *token, const char *prefix, struct object out[LIST_MAX],
		      struct object spare[LIST_MAX], size_t *count,
		      struct failure *failure) NODISCARD;

#endif
