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
	CK_ULONG wanted;  /* the key being looked for; 0 once it was given */
	CK_ULONG signing; /* the handle of C_SignInit */
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
	if (out->type == CKA_ID)
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

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	(void)session;
	assert_int_equal(mechanism->mechanism, CKM_SHA256_HMAC);
	module.signing = key;
	return CKR_OK;
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *mac,
		  CK_ULONG *len)
{
	(void)session;
	(void)data;
	(void)data_len;
	memset(mac, 0, *len);
	memcpy(mac, &module.signing, sizeof(module.signing));
	return CKR_OK;
}

static CK_FUNCTION_LIST functions = {
	.C_FindObjectsInit = find_init,
	.C_FindObjects = find,
	.C_FindObjectsFinal = find_final,
	.C_GetAttributeValue = get_attribute,
	.C_CopyObject = copy,
	.C_DestroyObject = destroy,
	.C_SignInit = sign_init,
	.C_Sign = sign,
};

static struct token token = { .p11 = &functions };
static struct keys keys;

static CK_ULONG handle_used_for(CK_ULONG key)
{
	uint8_t id[KEY_ID_LEN] = { 0 }, mac[SIGN_MAC_LEN];
	struct failure failure;
	CK_ULONG handle;

	memcpy(id, &key, sizeof(key));
	assert_int_equal(keys_sign(&keys, bytes_of(id, sizeof(id)), ALGORITHM_HMAC_SHA256,
				   bytes_str("x"), mac, &failure),
			 PM_OK);
	memcpy(&handle, mac, sizeof(handle));
	return handle;
}

static int start(void **state)
{
	(void)state;
	memset(&module, 0, sizeof(module));
	keys_init(&keys, &token, "live");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_key_is_looked_for_once, start),
		cmocka_unit_test_setup(past_its_limit_the_table_still_uses_the_right_keys, start),
		cmocka_unit_test_setup(a_copy_that_makes_room_is_destroyed, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
