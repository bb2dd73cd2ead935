#include "destroy.h"

#include <string.h>

#include "base/text.h"
#include "mend.h"

#define OBJECTS_MAX 16 /* of one CKA_ID: a pair has two */

struct look {
	struct keys *keys;
	struct bytes id;
	const char *label; /* or NULL */
	CK_OBJECT_HANDLE found[OBJECTS_MAX];
	size_t count;
};

static enum pm_err refuse(struct failure *failure, const char *label)
{
	enum pm_err err =
		failure_set(failure, FAILURE_CALLER,
			    "what has that CKA_ID is labelled %s: it is left alone", label);

	failure->rv = CKR_ACTION_PROHIBITED;
	return err;
}

/* A handle is one to be destroyed only if what it names bears the id and the label. */
static enum pm_err check_object(const struct look *look, CK_OBJECT_HANDLE handle,
				struct failure *failure)
{
	const struct token *token = look->keys->token;
	char label[LABEL_MAX + 1];
	bool ours = false;

	TRY(object_is(token, handle, look->id, true, &ours, failure));
	if (!ours)
		return failure_set(failure, FAILURE_HANDLE, "a handle names another object");
	TRY(object_read_label(token, handle, label, failure));
	return look->label && strcmp(label, look->label) != 0 ? refuse(failure, label) : PM_OK;
}

static enum pm_err look(void *arg, struct failure *failure)
{
	struct look *look = arg;
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE match[] = {
		{ CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_ID, (void *)look->id.data, look->id.len },
	};

	TRY(object_find(look->keys->token, match, 2, look->found, OBJECTS_MAX, &look->count,
			failure));
	for (size_t i = 0; i < look->count; i++)
		TRY(check_object(look, look->found[i], failure));
	return PM_OK;
}

static enum pm_err forget(void *arg, struct failure *failure)
{
	const struct look *look = arg;

	return keys_forget(look->keys, look->id, failure);
}

static enum pm_err destroy_found(const struct look *look, struct failure *failure)
{
	const struct token *token = look->keys->token;

	for (size_t i = 0; i < look->count; i++) {
		CK_RV rv = token->p11->C_DestroyObject(token->work[0], look->found[i]);

		if (rv != CKR_OK)
			return failure_ck(failure, rv, "C_DestroyObject");
	}
	return PM_OK;
}

static enum pm_err still_there(struct failure *failure)
{
	enum pm_err err =
		failure_set(failure, FAILURE_CALLER, "the token says it destroyed it, and has it");

	failure->rv = CKR_FUNCTION_FAILED;
	return err;
}

enum pm_err destroy_key(struct keys *keys, struct bytes id, const char *label, size_t *count,
			struct failure *failure)
{
	struct look there = { .keys = keys, .id = id, .label = label };
	struct mend mend = { .token = keys->token };

	TRY(mend_run(keys->token, look, &there, failure));
	*count = there.count;
	TRY(mend_run(keys->token, forget, &there, failure));
	while (there.count > 0) {
		struct failure why;
		enum pm_err err = destroy_found(&there, &why);
		const bool again = err != PM_OK && mend_try(&mend, &why);

		TRY(mend_run(keys->token, look, &there, failure));
		if (there.count == 0 || again)
			continue;
		if (err == PM_OK)
			return still_there(failure);
		*failure = why;
		return err;
	}
	return PM_OK;
}
