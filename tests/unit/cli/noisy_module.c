/* A PKCS#11 module that talks on standard output, reads standard input, and may end the program. */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "soft_token.h"

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	void *library = dlopen(SOFT_TOKEN_MODULE, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList real =
		library ? (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList") : NULL;
	char stolen[64];

	if (getenv("NOISY_EXIT"))
		_exit(0);
	dprintf(STDOUT_FILENO, "Vendor PKCS#11 starts; licensed to nobody\n");
	if (read(STDIN_FILENO, stolen, sizeof(stolen)) > 0)
		dprintf(STDOUT_FILENO, "the module read standard input\n");
	return real ? real(list) : CKR_GENERAL_ERROR;
}
