/*
 * Who uses a token: a signer that serves it holds its lock shared, and whoever would change the
 * token behind a running vault's back takes it exclusively first. A token is the same by whatever
 * path or URI it was found: the lock is named after its manufacturer, model and serial number. The
 * lock ends with the descriptor, so with its process. Any thread.
 */
#ifndef BASE_TOKEN_LOCK_H
#define BASE_TOKEN_LOCK_H

#include <stdbool.h>

#include "base/err.h"

#define TOKEN_LOCK_PATH_MAX 80

/* The lock file's path; the texts are CK_TOKEN_INFO's without their padding. */
void token_lock_path(const char *manufacturer, const char *model, const char *serial,
		     char out[TOKEN_LOCK_PATH_MAX]);

/*
 * Takes the lock without waiting; `*fd` is the caller's to close. PM_CONFLICT: somebody holds it in
 * a way that excludes this; who would share it hears so only of a file that nobody but root and its
 * own user can hold exclusively, so that no one else keeps a vault from serving.
 * PM_STORE_UNAVAILABLE: the lock cannot be had, as the log says.
 */
enum pm_err token_lock_take(const char *manufacturer, const char *model, const char *serial,
			    bool exclusive, int *fd) NODISCARD;

#endif
