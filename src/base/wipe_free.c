/*
 * Linked into every program that handles secrets: memory is wiped as it is given back, whoever
 * gives it back (nng's messages, protobuf-c's strings, a PKCS#11 module's buffers). glibc's own
 * M_PERTURB does not reach chunks that go to the per-thread cache, so free and realloc are replaced
 * here as the glibc manual's "Replacing malloc" allows; allocation stays glibc's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

extern void __libc_free(void *ptr);
extern void *__libc_malloc(size_t size);

__attribute__((visibility("default"))) void free(void *ptr)
{
	if (!ptr)
		return;
	explicit_bzero(ptr, malloc_usable_size(ptr));
	__libc_free(ptr);
}

__attribute__((visibility("default"))) void *realloc(void *ptr, size_t size)
{
	if (!ptr)
		return __libc_malloc(size);
	if (size == 0) {
		free(ptr);
		return NULL;
	}
	size_t old = malloc_usable_size(ptr);
	/* Not worth a move: it fits and does not waste half. */
	if (size <= old && size >= old / 2)
		return ptr;
	void *moved = __libc_malloc(size);
	if (!moved)
		return NULL;
	memcpy(moved, ptr, old < size ? old : size);
	free(ptr);
	return moved;
}
