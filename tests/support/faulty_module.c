/*
 * A PKCS#11 module that hands every call to SoftHSM, except where its environment says otherwise:
 *
 *   FAULTY_LOG=path      append the name of every wrapped call, one a line
 *   FAULTY_CALL=C_Sign   the wrapped function that fails, or "any", which counts them together,
 *   FAULTY_NTH=2         from its n-th call on (counted from 1, which is also the default)
 *   FAULTY_TIMES=1       and only so many times
 *   FAULTY_DO=0x30       by returning this CK_RV instead of calling; "hang"; or "crash"
 *   FAULTY_UNTOLD=0x163  C_GetAttributeValue does not know this attribute
 *   FAULTY_FLAGS=0x40000 C_GetTokenInfo adds these flags
 *   FAULTY_WITHOUT=0x1057 there is no such mechanism,
 *   FAULTY_FEIGNS=1      although C_GetMechanismInfo says so
 *
 * Never built with sanitizers, and loaded by no program of ours but the signer under test.
 */
#include <dlfcn.h>
#include <limits.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REAL_MODULE "/usr/lib/softhsm/libsofthsm2.so"

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST list;

static unsigned long number(const char *name, unsigned long if_unset)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : if_unset;
}

static void record(const char *call)
{
	const char *path = getenv("FAULTY_LOG");
	FILE *file = path ? fopen(path, "a") : NULL;

	if (!file)
		return;
	fprintf(file, "%s\n", call);
	fclose(file);
}

static CK_RV misbehave(void)
{
	const char *how = getenv("FAULTY_DO");

	if (how && strcmp(how, "hang") == 0) {
		for (;;)
			pause();
	}
	if (how && strcmp(how, "crash") == 0)
		abort();
	return number("FAULTY_DO", CKR_DEVICE_ERROR);
}

/* CKR_OK: let the call pass. */
static CK_RV passes(const char *call, unsigned long *calls)
{
	static unsigned long all;
	const char *faulty = getenv("FAULTY_CALL");

	record(call);
	if (faulty && strcmp(faulty, "any") == 0)
		calls = &all;
	else if (!faulty || strcmp(faulty, call) != 0)
		return CKR_OK;
	unsigned long first = number("FAULTY_NTH", 1), nth = ++*calls;
	return nth >= first && nth - first < number("FAULTY_TIMES", ULONG_MAX) ? misbehave()
									       : CKR_OK;
}

static CK_RV hidden(CK_MECHANISM_TYPE type)
{
	return type == number("FAULTY_WITHOUT", CK_UNAVAILABLE_INFORMATION) ? CKR_MECHANISM_INVALID
									    : CKR_OK;
}

static CK_RV untold(const CK_ATTRIBUTE *attributes, CK_ULONG count)
{
	for (CK_ULONG i = 0; i < count; i++) {
		if (attributes[i].type == number("FAULTY_UNTOLD", CK_UNAVAILABLE_INFORMATION))
			return CKR_ATTRIBUTE_TYPE_INVALID;
	}
	return CKR_OK;
}

#define WRAP_BUT(refusal, name, parameters, arguments)                                             \
	static CK_RV faulty_##name parameters                                                      \
	{                                                                                          \
		static unsigned long calls;                                                        \
		CK_RV rv = passes(#name, &calls);                                                  \
		if (rv == CKR_OK)                                                                  \
			rv = refusal;                                                              \
		return rv == CKR_OK ? real->name arguments : rv;                                   \
	}

#define WRAP(name, parameters, arguments) WRAP_BUT(CKR_OK, name, parameters, arguments)

WRAP(C_Initialize, (void *args), (args))
WRAP(C_OpenSession,
     (CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify, CK_SESSION_HANDLE *session),
     (slot, flags, app, notify, session))
WRAP(C_CloseSession, (CK_SESSION_HANDLE session), (session))
WRAP(C_Login, (CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len),
     (session, user, pin, len))
WRAP_BUT(getenv("FAULTY_FEIGNS") ? CKR_OK : hidden(type), C_GetMechanismInfo,
	 (CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info), (slot, type, info))
WRAP(C_CopyObject,
     (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *change, CK_ULONG count,
      CK_OBJECT_HANDLE *copy),
     (session, object, change, count, copy))
WRAP(C_DestroyObject, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object), (session, object))
WRAP(C_FindObjectsInit, (CK_SESSION_HANDLE session, CK_ATTRIBUTE *match, CK_ULONG count),
     (session, match, count))
WRAP(C_FindObjects,
     (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *found, CK_ULONG max, CK_ULONG *count),
     (session, found, max, count))
WRAP(C_FindObjectsFinal, (CK_SESSION_HANDLE session), (session))
WRAP_BUT(untold(attributes, count), C_GetAttributeValue,
	 (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attributes,
	  CK_ULONG count),
	 (session, object, attributes, count))
WRAP_BUT(hidden(mechanism->mechanism), C_SignInit,
	 (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key),
	 (session, mechanism, key))
WRAP(C_Sign,
     (CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *sig, CK_ULONG *sig_len),
     (session, data, data_len, sig, sig_len))
WRAP_BUT(hidden(mechanism->mechanism), C_VerifyInit,
	 (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key),
	 (session, mechanism, key))
WRAP(C_Verify,
     (CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *sig, CK_ULONG sig_len),
     (session, data, data_len, sig, sig_len))
WRAP(C_GenerateKey,
     (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *wanted, CK_ULONG count,
      CK_OBJECT_HANDLE *key),
     (session, mechanism, wanted, count, key))
WRAP_BUT(hidden(mechanism->mechanism), C_GenerateKeyPair,
	 (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *public_wanted,
	  CK_ULONG public_count, CK_ATTRIBUTE *private_wanted, CK_ULONG private_count,
	  CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key),
	 (session, mechanism, public_wanted, public_count, private_wanted, private_count,
	  public_key, private_key))
WRAP(C_GenerateRandom, (CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len),
     (session, data, len))

static CK_RV faulty_C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	CK_RV rv = real->C_GetTokenInfo(slot, info);

	if (rv == CKR_OK)
		info->flags |= number("FAULTY_FLAGS", 0);
	return rv;
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **out)
{
	void *library = dlopen(REAL_MODULE, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get =
		library ? (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList") : NULL;

	if (!get || get(&real) != CKR_OK)
		return CKR_GENERAL_ERROR;
	list = *real;
	list.C_Initialize = faulty_C_Initialize;
	list.C_OpenSession = faulty_C_OpenSession;
	list.C_CloseSession = faulty_C_CloseSession;
	list.C_Login = faulty_C_Login;
	list.C_GetMechanismInfo = faulty_C_GetMechanismInfo;
	list.C_CopyObject = faulty_C_CopyObject;
	list.C_DestroyObject = faulty_C_DestroyObject;
	list.C_FindObjectsInit = faulty_C_FindObjectsInit;
	list.C_FindObjects = faulty_C_FindObjects;
	list.C_FindObjectsFinal = faulty_C_FindObjectsFinal;
	list.C_SignInit = faulty_C_SignInit;
	list.C_Sign = faulty_C_Sign;
	list.C_VerifyInit = faulty_C_VerifyInit;
	list.C_Verify = faulty_C_Verify;
	list.C_GenerateKey = faulty_C_GenerateKey;
	list.C_GenerateKeyPair = faulty_C_GenerateKeyPair;
	list.C_GenerateRandom = faulty_C_GenerateRandom;
	list.C_GetAttributeValue = faulty_C_GetAttributeValue;
	list.C_GetTokenInfo = faulty_C_GetTokenInfo;
	*out = &list;
	return CKR_OK;
}
