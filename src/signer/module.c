#include "module.h"

#include <dlfcn.h>
#include <string.h>

static enum pm_err initialize(struct module *module, const char *path, const char *init_args,
			      struct failure *failure)
{
	/* Never NULL: SoftHSM takes that as "no locking", also for the threads of its own. */
	CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK };

	if (init_args[0] != '\0') {
		args.pReserved = strdup(init_args); /* never freed: the module may keep it */
		if (!args.pReserved)
			return failure_set(failure, FAILURE_CAPACITY, "out of memory");
	}
	CK_RV rv = module->p11->C_Initialize(&args);
	if (rv == CKR_CANT_LOCK) {
		module->one_thread = true;
		args.flags = 0;
		rv = module->p11->C_Initialize(&args);
	}
	if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
		return failure_ck(failure, rv, "module %s does not initialise", path);
	return PM_OK;
}

enum pm_err module_load(struct module *module, const char *path, const char *init_args,
			struct failure *failure)
{
	/* A bare name would be looked for wherever the loader looks. */
	if (path[0] != '/')
		return failure_set(failure, FAILURE_SETUP,
				   "module '%s' is not an absolute path; correct `module` in this "
				   "environment's section",
				   path);
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return failure_set(failure, FAILURE_SETUP,
				   "cannot load module %s; correct `module` in this environment's "
				   "section",
				   dlerror());
	CK_C_GetFunctionList get_list = (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
	if (!get_list)
		return failure_set(failure, FAILURE_SETUP,
				   "%s is not a PKCS#11 module: it has no C_GetFunctionList", path);
	CK_RV rv = get_list(&module->p11);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_GetFunctionList of module %s", path);
	return initialize(module, path, init_args, failure);
}
