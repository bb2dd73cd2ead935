/*
 * The vendor's PKCS#11 module. Loaded and initialised once and never finalised, because the process
 * ends without the module's help (see main.c). One thread.
 */
#ifndef SIGNER_MODULE_H
#define SIGNER_MODULE_H

#include <stdbool.h>

#include "ckr.h"

struct module {
	CK_FUNCTION_LIST *p11;
	bool one_thread; /* it cannot lock: only one thread may call it, ever */
};

/*
 * `init_args` is C_Initialize's pReserved, for modules that want such a string; empty: NULL, as the
 * others insist.
 */
enum pm_err module_load(struct module *module, const char *path, const char *init_args,
			struct failure *failure) NODISCARD;

#endif
