/*
 * Secret-key objects of the token: found by CKA_ID or label, and what their attributes say. An
 * attribute that the token does not know or does not tell counts as what would be refused.
 */
#ifndef SIGNER_OBJECT_H
#define SIGNER_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "token.h"

#define KEY_ID_LEN 16
#define LABEL_MAX 127

struct object {
	CK_OBJECT_HANDLE handle;
	uint8_t id[KEY_ID_LEN];
	size_t id_len; /* 0: it has none, or not one of ours */
	char label[LABEL_MAX + 1];
	CK_KEY_TYPE type; /* CK_UNAVAILABLE_INFORMATION: not told */
	bool token, sensitive, always_sensitive, extractable, never_extractable, local, sign;
};

/*
 * Handles of the objects that match, at most `max`; more are not counted. One search at a time, on
 * the work session.
 */
enum pm_err object_find(const struct token *token, CK_ATTRIBUTE *match, size_t match_len,
			CK_OBJECT_HANDLE *found, size_t max, size_t *count,
			struct failure *failure) NODISCARD;

/* How many objects of the token, of any kind, have this CKA_ID: 0, 1 or 2 (for more, too). */
enum pm_err object_count_id(const struct token *token, struct bytes id, size_t *count,
			    struct failure *failure) NODISCARD;

/* `label` is empty if it is not clean text of at most LABEL_MAX bytes. */
enum pm_err object_read_label(const struct token *token, CK_OBJECT_HANDLE handle,
			      char label[LABEL_MAX + 1], struct failure *failure) NODISCARD;

enum pm_err object_read(const struct token *token, CK_OBJECT_HANDLE handle, struct object *out,
			struct failure *failure) NODISCARD;

#endif
