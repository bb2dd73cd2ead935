#define _GNU_SOURCE
#include "base/secret.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

static size_t round_to_pages(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

enum pm_err secret_lock(void *ptr, size_t size)
{
	size_t len = round_to_pages(size);

	if (mlock(ptr, len) != 0) {
		log_error("secret: cannot lock %zu bytes of memory: %s; raise RLIMIT_MEMLOCK "
			  "(systemd: LimitMEMLOCK=infinity)",
			  len, strerror(errno));
		return PM_NO_MEMORY;
	}
	if (madvise(ptr, len, MADV_DONTDUMP) != 0 || madvise(ptr, len, MADV_WIPEONFORK) != 0) {
		log_error("secret: madvise: %s", strerror(errno));
		return PM_NO_MEMORY;
	}
	return PM_OK;
}

void *secret_alloc(size_t size)
{
	size_t len = round_to_pages(size);
	void *ptr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (ptr == MAP_FAILED) {
		log_error("secret: mmap of %zu bytes: %s", len, strerror(errno));
		return NULL;
	}
	if (secret_lock(ptr, len) != PM_OK) {
		munmap(ptr, len);
		return NULL;
	}
	return ptr;
}

void secret_free(void *ptr, size_t size)
{
	if (!ptr)
		return;
	secret_wipe(ptr, size);
	munmap(ptr, round_to_pages(size));
}

void secret_wipe(void *ptr, size_t size)
{
	OPENSSL_cleanse(ptr, size);
}

bool secret_equal(const void *a, const void *b, size_t size)
{
	return CRYPTO_memcmp(a, b, size) == 0;
}

enum pm_err secret_harden_process(bool *all_locked)
{
	const struct rlimit no_core = { 0, 0 };

	umask(077);
	if (setrlimit(RLIMIT_CORE, &no_core) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		log_error("secret: cannot harden the process: %s", strerror(errno));
		return PM_INTERNAL;
	}

	/*
	 * Under a finite limit MCL_FUTURE would make later allocations fail, so it is all or only
	 * what is asked for by secret_alloc. Root is bound by no limit.
	 */
	struct rlimit memlock = { 0, 0 };
	bool unlimited = getrlimit(RLIMIT_MEMLOCK, &memlock) == 0 &&
			 (memlock.rlim_cur == RLIM_INFINITY || geteuid() == 0);
	*all_locked = unlimited && mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
	return PM_OK;
}
