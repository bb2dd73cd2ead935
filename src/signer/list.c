#include "list.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define SCAN_MAX 4096 /* keys of a class in a token, whosesoever, that are looked through */

static enum pm_err find_all(const struct token *token, CK_OBJECT_CLASS class,
			    CK_OBJECT_HANDLE found[SCAN_MAX], size_t *count,
			    struct failure *failure)
{
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE match[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_TOKEN, &yes, sizeof(yes) },
	};

	TRY(object_find(token, match, 2, found, SCAN_MAX, count, failure));
	if (*count == SCAN_MAX)
		return failure_set(failure, FAILURE_CALLER,
				   "token %s holds %d keys of a class or more: too many to list",
				   token->label, SCAN_MAX);
	return PM_OK;
}

/* One that has the prefix, unless it is not one of ours. */
static enum pm_err add(const struct token *token, CK_OBJECT_HANDLE key, struct object out[LIST_MAX],
		       size_t *count, struct failure *failure)
{
	struct object *object = &out[*count];

	if (*count == LIST_MAX)
		return failure_set(failure, FAILURE_CALLER,
				   "token %s holds more than %d keys with that label's beginning",
				   token->label, LIST_MAX);
	TRY(object_read(token, key, object, failure));
	if (object->id_len != KEY_ID_LEN) {
		log_warn("%s in token %s has no CKA_ID of %d bytes and is not one of ours",
			 object->label, token->label, KEY_ID_LEN);
		return PM_OK;
	}
	TRY(object_read_public(token, object, failure));
	(*count)++;
	return PM_OK;
}

static enum pm_err list_class(const struct token *token, CK_OBJECT_CLASS class, const char *prefix,
			      struct object out[LIST_MAX], size_t *count, struct failure *failure)
{
	CK_OBJECT_HANDLE found[SCAN_MAX];
	char label[LABEL_MAX + 1];
	size_t all = 0;

	TRY(find_all(token, class, found, &all, failure));
	for (size_t i = 0; i < all; i++) {
		TRY(object_read_label(token, found[i], label, failure));
		if (label[0] != '\0' && strncmp(label, prefix, strlen(prefix)) == 0)
			TRY(add(token, found[i], out, count, failure));
	}
	return PM_OK;
}

static int by_label(const void *a, const void *b)
{
	const struct object *left = a, *right = b;
	int order = strcmp(left->label, right->label);

	return order != 0 ? order : memcmp(left->id, right->id, sizeof(left->id));
}

static enum pm_err list_once(const struct token *token, const char *prefix,
			     struct object out[LIST_MAX], size_t *count, struct failure *failure)
{
	*count = 0;
	TRY(list_class(token, CKO_SECRET_KEY, prefix, out, count, failure));
	TRY(list_class(token, CKO_PRIVATE_KEY, prefix, out, count, failure));
	qsort(out, *count, sizeof(*out), by_label);
	return PM_OK;
}

enum pm_err list_keys(const struct token *token, const char *prefix, struct object out[LIST_MAX],
		      struct object spare[LIST_MAX], size_t *count, struct failure *failure)
{
	size_t again = 0;

	TRY(list_once(token, prefix, out, count, failure));
	TRY(list_once(token, prefix, spare, &again, failure));
	bool same = *count == again;
	for (size_t i = 0; i < *count && same; i++)
		same = object_equal(&out[i], &spare[i]);
	if (!same)
		return failure_ck(failure, CKR_GENERAL_ERROR, "token %s lists its keys in two ways",
				  token->label);
	return PM_OK;
}
