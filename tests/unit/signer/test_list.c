/*
 * List at its limits, over a module made up of a few functions: more pairs than a real token makes
 * in reasonable time. A handle below HALVES is a private key's, above it its public half's.
 */
#include "ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "list.h"

#define HALVES 1000000UL
#define FRAME_MAX ((size_t)128 * 1024) /* serve.c's */
#define PREFIX "peppermint/live/"

typedef Peppermint__Signer__V1__SignerReply Reply;

static struct {
	size_t pairs; /* in the token */
	int label_len;
	CK_OBJECT_CLASS class; /* looked for */
	CK_ULONG wanted;       /* the public half looked for */
	size_t given;
} module;

static CK_RV find_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *match, CK_ULONG count)
{
	(void)session;
	assert_int_equal(match[0].type, CKA_CLASS);
	memcpy(&module.class, match[0].pValue, sizeof(module.class));
	if (module.class == CKO_PUBLIC_KEY)
		memcpy(&module.wanted, match[count - 1].pValue, sizeof(module.wanted));
	module.given = 0;
	return CKR_OK;
}

static CK_RV find(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *found, CK_ULONG max, CK_ULONG *count)
{
	size_t there = module.class == CKO_PRIVATE_KEY  ? module.pairs
		       : module.class == CKO_PUBLIC_KEY ? 1
							: 0;
	(void)session;

	for (*count = 0; *count < max && module.given < there; module.given++)
		found[(*count)++] =
			module.class == CKO_PUBLIC_KEY ? HALVES + module.wanted : module.given + 1;
	return CKR_OK;
}

static CK_RV find_final(CK_SESSION_HANDLE session)
{
	(void)session;
	return CKR_OK;
}

static CK_RV give(CK_ATTRIBUTE *out, const void *value, size_t len)
{
	assert_true(len <= out->ulValueLen);
	memcpy(out->pValue, value, len);
	out->ulValueLen = len;
	return CKR_OK;
}

static CK_RV get_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *out,
			   CK_ULONG count)
{
	const CK_KEY_TYPE type = CKK_EC;
	const CK_BBOOL yes = CK_TRUE;
	uint8_t id[KEY_ID_LEN] = { 0 }, point[67] = { 0x04, 0x41, 0x04 };
	char label[LABEL_MAX + 1];
	(void)session;

	assert_int_equal(count, 1);
	memcpy(id, &object, sizeof(object));
	snprintf(label, sizeof(label), PREFIX "%0*lu", module.label_len - (int)strlen(PREFIX),
		 object);
	switch (out->type) {
	case CKA_ID:
		return give(out, id, sizeof(id));
	case CKA_LABEL:
		return give(out, label, strlen(label));
	case CKA_KEY_TYPE:
		return give(out, &type, sizeof(type));
	case CKA_EC_PARAMS:
		return give(out, "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10);
	case CKA_EC_POINT:
		return give(out, point, sizeof(point));
	default:
		return give(out, &yes, sizeof(yes));
	}
}

static CK_FUNCTION_LIST functions = {
	.C_FindObjectsInit = find_init,
	.C_FindObjects = find,
	.C_FindObjectsFinal = find_final,
	.C_GetAttributeValue = get_attribute,
};

static struct signer signer;

static int make_signer(void **state)
{
	(void)state;
	signer = (struct signer){ .environment = "live",
				  .started = true,
				  .token = { .p11 = &functions } };
	return arena_new((size_t)1024 * 1024, 0, &signer.arena) == PM_OK ? 0 : -1; /* serve.c's */
}

static int free_signer(void **state)
{
	(void)state;
	arena_free(signer.arena);
	return 0;
}

static enum pm_err list(size_t pairs, int label_len, Reply *reply)
{
	Peppermint__Signer__V1__List ask = PEPPERMINT__SIGNER__V1__LIST__INIT;
	Peppermint__Signer__V1__SignerRequest request =
		PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	module.pairs = pairs;
	module.label_len = label_len;
	ask.label_prefix = (char *)PREFIX;
	request.op_case = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_LIST;
	request.list = &ask;
	peppermint__signer__v1__signer_reply__init(reply);
	arena_reset(signer.arena);
	return ops_run(&signer, &request, reply);
}

static void as_many_pairs_are_listed_as_there_may_be(void **state)
{
	Reply reply;
	(void)state;

	assert_int_equal(list(LIST_MAX, 60, &reply), PM_OK);
	assert_int_equal(reply.list->n_objects, LIST_MAX);
	for (size_t i = 0; i < LIST_MAX; i++) {
		assert_int_equal(reply.list->objects[i]->algorithm, ALGORITHM_ECDSA_P256);
		assert_int_equal(reply.list->objects[i]->public_key.len, PUBLIC_MAX);
	}
}

static void one_more_is_refused(void **state)
{
	Reply reply;
	(void)state;

	assert_int_equal(list(LIST_MAX + 1, 60, &reply), PM_BAD_REQUEST);
	assert_int_equal(signer.failure.class, FAILURE_CALLER);
	assert_int_equal(signer.failure.rv, 0);
}

/* With the longest labels the frame is full before the list is. */
static void what_is_listed_fits_a_frame_or_is_refused(void **state)
{
	bool refused = false;
	(void)state;

	for (size_t pairs = 400; pairs <= LIST_MAX; pairs += 4) {
		Reply reply;
		enum pm_err err = list(pairs, LABEL_MAX, &reply);

		refused = err != PM_OK;
		if (refused)
			assert_int_equal(signer.failure.class, FAILURE_CALLER);
		else
			assert_true(peppermint__signer__v1__signer_reply__get_packed_size(&reply) <
				    FRAME_MAX);
	}
	assert_true(refused); /* so the check was met */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_pairs_are_listed_as_there_may_be),
		cmocka_unit_test(one_more_is_refused),
		cmocka_unit_test(what_is_listed_fits_a_frame_or_is_refused),
	};

	return cmocka_run_group_tests(tests, make_signer, free_signer);
}
