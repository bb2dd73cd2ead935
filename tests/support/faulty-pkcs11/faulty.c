/*
 * A PKCS#11 module that hands every call to a real one, except where its rules say otherwise. See
 * README.md. Never built with sanitizers: it lives inside the program that it torments.
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "wrap.h"

#define DEFAULT_MODULE "/usr/lib/softhsm/libsofthsm2.so"

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST list;

static CK_RV first_of(CK_RV first, CK_RV second)
{
	return first != CKR_OK ? first : second;
}

static CK_RV give_list(CK_FUNCTION_LIST **out)
{
	if (!out)
		return CKR_ARGUMENTS_BAD;
	*out = &list;
	return CKR_OK;
}

#define DEFINE(name, shape) shape(name)
CALLS(DEFINE)

/* Its own name in FAULTY_MODULE would find itself. */
static bool load_real(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		fprintf(stderr, "faulty-pkcs11: %s\n", dlerror());
		return false;
	}
	CK_C_GetFunctionList get = (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
	if (get && get != C_GetFunctionList && get(&real) == CKR_OK)
		return true;
	fprintf(stderr, "faulty-pkcs11: %s is no PKCS#11 module to wrap\n", path);
	return false;
}

static void load(void)
{
	const char *path = getenv("FAULTY_MODULE");

	if (!load_real(path ? path : DEFAULT_MODULE)) {
		real = NULL;
		return;
	}
	list.version = real->version;
#define FILL(name, shape) list.name = faulty_##name;
	CALLS(FILL)
#undef FILL
	call_setup(real);
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	return real ? faulty_C_GetFunctionList(out) : CKR_GENERAL_ERROR;
}
