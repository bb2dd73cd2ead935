/*
 * Puts a generic secret of known value into a SoftHSM token, or tries to get a private or secret key
 * out of it: what pkcs11-tool 0.23 cannot do. A program of its own, never built with sanitizers.
 *
 *   import_key TOKEN-LABEL ID-HEX LABEL VALUE-HEX sensitive|extractable
 *   import_key TOKEN-LABEL ID-HEX     prints the CK_RV of each attempt; 0: none got anywhere
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <string.h>

#include "soft_token.h"

#define VALUE_MAX 256

static CK_FUNCTION_LIST *p11;

static CK_ULONG unhex(const char *hex, CK_BYTE *out)
{
	CK_ULONG len = 0;

	while (len < VALUE_MAX && sscanf(hex + 2 * len, "%2hhx", &out[len]) == 1)
		len++;
	return len;
}

static CK_RV load(void)
{
	CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK };
	void *library = dlopen(SOFT_TOKEN_MODULE, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get =
		library ? (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList") : NULL;
	CK_RV rv = get ? get(&p11) : CKR_GENERAL_ERROR;

	return rv == CKR_OK ? p11->C_Initialize(&args) : rv;
}

static CK_RV log_in(const char *label, CK_SESSION_HANDLE *session)
{
	CK_SLOT_ID slots[16];
	CK_ULONG count = 16;
	CK_TOKEN_INFO info;
	CK_RV rv = p11->C_GetSlotList(CK_TRUE, slots, &count);

	for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++) {
		rv = p11->C_GetTokenInfo(slots[i], &info);
		if (rv != CKR_OK || memcmp(info.label, label, strlen(label)) != 0)
			continue;
		rv = p11->C_OpenSession(slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
					session);
		return rv != CKR_OK
			       ? rv
			       : p11->C_Login(*session, CKU_USER, (CK_UTF8CHAR *)SOFT_TOKEN_PIN,
					      strlen(SOFT_TOKEN_PIN));
	}
	return rv == CKR_OK ? CKR_TOKEN_NOT_PRESENT : rv;
}

static CK_RV import(CK_SESSION_HANDLE session, char **argv)
{
	CK_BYTE id[VALUE_MAX], value[VALUE_MAX];
	CK_BBOOL yes = CK_TRUE, sensitive = strcmp(argv[5], "sensitive") == 0;
	CK_BBOOL extractable = !sensitive;
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_ATTRIBUTE wanted[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_KEY_TYPE, &type, sizeof(type) },
		{ CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_PRIVATE, &yes, sizeof(yes) },
		{ CKA_SIGN, &yes, sizeof(yes) },
		{ CKA_SENSITIVE, &sensitive, sizeof(sensitive) },
		{ CKA_EXTRACTABLE, &extractable, sizeof(extractable) },
		{ CKA_ID, id, unhex(argv[2], id) },
		{ CKA_LABEL, argv[3], strlen(argv[3]) },
		{ CKA_VALUE, value, unhex(argv[4], value) },
	};
	CK_OBJECT_HANDLE key;

	return p11->C_CreateObject(session, wanted, sizeof(wanted) / sizeof(wanted[0]), &key);
}

static CK_RV find_key(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *hex,
		      CK_OBJECT_HANDLE *key)
{
	CK_BYTE id[VALUE_MAX];
	CK_ATTRIBUTE match[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_ID, id, unhex(hex, id) },
	};
	CK_ULONG count = 0;
	CK_RV rv = p11->C_FindObjectsInit(session, match, 2);

	if (rv == CKR_OK)
		rv = p11->C_FindObjects(session, key, 1, &count);
	p11->C_FindObjectsFinal(session);
	return rv == CKR_OK && count == 0 ? CKR_OBJECT_HANDLE_INVALID : rv;
}

/* How many attempts succeeded. */
static int extract(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
	CK_BYTE value[VALUE_MAX];
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE read = { CKA_VALUE, value, sizeof(value) };
	CK_ATTRIBUTE plain = { CKA_SENSITIVE, &no, sizeof(no) };
	CK_ATTRIBUTE loose = { CKA_EXTRACTABLE, &yes, sizeof(yes) };
	CK_OBJECT_HANDLE copy;
	const CK_RV rvs[] = {
		p11->C_GetAttributeValue(session, key, &read, 1),
		p11->C_SetAttributeValue(session, key, &plain, 1),
		p11->C_SetAttributeValue(session, key, &loose, 1),
		p11->C_CopyObject(session, key, &plain, 1, &copy),
		p11->C_CopyObject(session, key, &loose, 1, &copy),
	};
	int successes = 0;

	for (size_t i = 0; i < sizeof(rvs) / sizeof(rvs[0]); i++) {
		printf("0x%lx ", rvs[i]);
		successes += rvs[i] == CKR_OK;
	}
	return successes;
}

int main(int argc, char **argv)
{
	CK_SESSION_HANDLE session = 0;
	CK_OBJECT_HANDLE key = 0;

	if (argc != 6 && argc != 3)
		return 2;
	CK_RV rv = load();
	if (rv == CKR_OK)
		rv = log_in(argv[1], &session);
	if (rv == CKR_OK)
		rv = argc == 6 ? import(session, argv)
			       : find_key(session, CKO_PRIVATE_KEY, argv[2], &key);
	if (rv == CKR_OBJECT_HANDLE_INVALID)
		rv = find_key(session, CKO_SECRET_KEY, argv[2], &key);
	if (rv == CKR_OK && argc == 3)
		return extract(session, key) == 0 ? 0 : 1;
	if (rv != CKR_OK)
		printf("import_key: CK_RV 0x%lx\n", rv);
	return rv == CKR_OK ? 0 : 1;
}
