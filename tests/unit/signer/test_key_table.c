/*
 * The key table at its limit, over a module made up of a few functions: more keys than a real token
 * makes in reasonable time. An object's handle says which key it is, and whether it is a copy.
 */
#include "keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ORIGINAL 1000UL
#define COPY 1000000UL
#define KEYS_USED (KEYS_MAX + 100)

static struct {
	CK_ULONG wanted; /* the key being looked for; 0 once it was given */
	CK_ULONG other;  /* a search, or a copy, gives this many keys further */
	size_t searches;
	int copies; /* alive */
} module;

static CK_RV find_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *match, CK_ULONG count)
{
	(void)session;
	assert_int_equal(match[count - 1].type, CKA_ID);
	memcpy(&module.wanted, match[count - 1].pValue, sizeof(module.wanted));
	module.searches++;
	return CKR_OK;
}

static CK_RV find(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *found, CK_ULONG max, CK_ULONG *count)
{
	(void)session;
	(void)max;
	*count = module.wanted > 0;
	found[0] = ORIGINAL + module.wanted;
	module.wanted = 0;
	return CKR_OK;
}

static CK_RV find_final(CK_SESSION_HANDLE session)
{
	(void)session;
	return CKR_OK;
}

static CK_RV get_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *out,
			   CK_ULONG count)
{
	static const char label[] = "peppermint/live/key";
	const CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	bool yes = out->type == CKA_SENSITIVE || out->type == CKA_SIGN ||
		   (out->type == CKA_TOKEN && object < COPY);
	CK_BBOOL flag = yes ? CK_TRUE : CK_FALSE;
	const void *value = &flag;
	(void)session;

	assert_int_equal(count, 1);
	if (out->type == CKA_ID) {
		const CK_ULONG key = object - (object < COPY ? ORIGINAL : COPY) + module.other;

		memset(out->pValue, 0, out->ulValueLen);
		memcpy(out->pValue, &key, sizeof(key));
		return CKR_OK;
	}
	if (out->type == CKA_ALLOWED_MECHANISMS)
		return CKR_ATTRIBUTE_TYPE_INVALID;
	if (out->type == CKA_LABEL) {
		value = label;
		out->ulValueLen = sizeof(label) - 1;
	}
	if (out->type == CKA_KEY_TYPE)
		value = &type;
	memcpy(out->pValue, value, out->ulValueLen);
	return CKR_OK;
}

static CK_RV copy(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *change,
		  CK_ULONG count, CK_OBJECT_HANDLE *out)
{
	(void)session;
	(void)change;
	(void)count;
	module.copies++;
	*out = object - ORIGINAL + COPY;
	return CKR_OK;
}

static CK_RV destroy(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	(void)session;
	assert_true(object >= COPY); /* never a key of the token */
	module.copies--;
	return CKR_OK;
}

static CK_FUNCTION_LIST functions = {
	.C_FindObjectsInit = find_init,
	.C_FindObjects = find,
	.C_FindObjectsFinal = find_final,
	.C_GetAttributeValue = get_attribute,
	.C_CopyObject = copy,
	.C_DestroyObject = destroy,
};

static struct token token = { .p11 = &functions };
static struct keys keys;

static enum pm_err look_up(CK_ULONG key, CK_OBJECT_HANDLE *handle, struct failure *failure)
{
	uint8_t id[KEY_ID_LEN] = { 0 };

	memcpy(id, &key, sizeof(key));
	return keys_handle(&keys, bytes_of(id, sizeof(id)), ALGORITHM_HMAC_SHA256, handle, failure);
}

static CK_ULONG handle_used_for(CK_ULONG key)
{
	CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
	struct failure failure;

	keys_new_round(&keys);
	assert_int_equal(look_up(key, &handle, &failure), PM_OK);
	return handle;
}

static int start(void **state)
{
	(void)state;
	memset(&module, 0, sizeof(module));
	keys_init(&keys, &token, "live");
	keys.copies = true;
	return 0;
}

static void a_key_is_looked_for_once(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(handle_used_for(7), COPY + 7);
	assert_int_equal(module.searches, 1);
	assert_int_equal(module.copies, 1);
}

static void past_its_limit_the_table_still_uses_the_right_keys(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		for (CK_ULONG key = 1; key <= KEYS_USED; key++)
			assert_int_equal(handle_used_for(key), COPY + key);
	}
	assert_true(module.searches > KEYS_USED); /* some had to make room */
}

static void a_copy_that_makes_room_is_destroyed(void **state)
{
	(void)state;
	for (CK_ULONG key = 1; key <= KEYS_USED; key++) {
		handle_used_for(key);
		assert_true(module.copies <= KEYS_MAX);
	}
	assert_int_equal(module.copies, KEYS_MAX);
}

/* As many as there may be, after many others that had to make room for them. */
static void what_is_used_in_a_round_does_not_make_room_in_it(void **state)
{
	static CK_OBJECT_HANDLE handles[KEYS_MAX];
	struct failure failure;
	(void)state;

	for (CK_ULONG key = 1; key <= KEYS_USED; key++)
		handle_used_for(key);
	keys_new_round(&keys);
	for (CK_ULONG i = 0; i < KEYS_MAX; i++)
		assert_int_equal(look_up(KEYS_MAX - i, &handles[i], &failure), PM_OK);
	size_t searches = module.searches;
	for (CK_ULONG i = 0; i < KEYS_MAX; i++) {
		CK_OBJECT_HANDLE again;

		assert_int_equal(handles[i], COPY + KEYS_MAX - i);
		assert_int_equal(look_up(KEYS_MAX - i, &again, &failure), PM_OK);
		assert_int_equal(again, handles[i]);
	}
	assert_int_equal(module.searches, searches);
}

static void handles_of_an_older_generation_are_not_used(void **state)
{
	(void)state;
	handle_used_for(7);
	token.generation++;
	assert_int_equal(handle_used_for(7), COPY + 7);
	assert_int_equal(module.searches, 2);
	assert_int_equal(module.copies, 1); /* the old one was destroyed */
}

static void a_handle_that_names_another_key_is_not_used(void **state)
{
	CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
	struct failure failure;
	(void)state;

	module.other = 1;
	assert_int_equal(look_up(7, &handle, &failure), PM_BAD_REQUEST);
	assert_int_equal(failure.class, FAILURE_CALLER);
	assert_int_equal(handle, CK_INVALID_HANDLE);
	module.other = 0;
	assert_int_equal(handle_used_for(7), COPY + 7);
}

static void a_forgotten_key_is_looked_for_again(void **state)
{
	uint8_t id[KEY_ID_LEN] = { 7 };
	struct failure failure;
	(void)state;

	handle_used_for(7);
	assert_int_equal(keys_forget(&keys, bytes_of(id, sizeof(id)), &failure), PM_OK);
	assert_int_equal(module.copies, 0);
	handle_used_for(7);
	assert_int_equal(module.searches, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_key_is_looked_for_once, start),
		cmocka_unit_test_setup(past_its_limit_the_table_still_uses_the_right_keys, start),
		cmocka_unit_test_setup(a_copy_that_makes_room_is_destroyed, start),
		cmocka_unit_test_setup(what_is_used_in_a_round_does_not_make_room_in_it, start),
		cmocka_unit_test_setup(handles_of_an_older_generation_are_not_used, start),
		cmocka_unit_test_setup(a_handle_that_names_another_key_is_not_used, start),
		cmocka_unit_test_setup(a_forgotten_key_is_looked_for_again, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
