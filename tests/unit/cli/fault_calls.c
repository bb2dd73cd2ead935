/*
 * Preloaded into the program: its $FAULT_NTH call that makes a file durable, gives it a name or takes
 * it away kills it instead ($FAULT_HOW is `kill`) or fails with EIO, and leaves the file $FAULT_MARK.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VISIBLE __attribute__((visibility("default")))

static bool fault(void)
{
	static atomic_int calls;
	const char *nth = getenv("FAULT_NTH");

	if (!nth || atomic_fetch_add(&calls, 1) + 1 != atoi(nth))
		return false;
	close(open(getenv("FAULT_MARK"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	if (strcmp(getenv("FAULT_HOW"), "kill") == 0)
		raise(SIGKILL);
	errno = EIO;
	return true;
}

/* The C library's own function of that name. */
#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

VISIBLE int fsync(int fd)
{
	return fault() ? -1 : REAL(fsync)(fd);
}

VISIBLE int renameat(int from, const char *old, int to, const char *new)
{
	return fault() ? -1 : REAL(renameat)(from, old, to, new);
}

VISIBLE int unlinkat(int folder, const char *name, int flags)
{
	return fault() ? -1 : REAL(unlinkat)(folder, name, flags);
}

VISIBLE int mkdirat(int folder, const char *name, mode_t mode)
{
	return fault() ? -1 : REAL(mkdirat)(folder, name, mode);
}

VISIBLE int syncfs(int fd)
{
	return fault() ? -1 : REAL(syncfs)(fd);
}
