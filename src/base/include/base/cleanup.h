/*
 * Ends of things, declared with them: `int fd CLEANUP(close_fd) = -1;` closes when fd leaves its
 * scope, on every path. TAKE hands the thing on: it returns the value and leaves the variable
 * empty.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

#define TAKE(ptr)                                                                                  \
	__extension__({                                                                            \
		__typeof__(ptr) taken_ = (ptr);                                                    \
		(ptr) = NULL;                                                                      \
		taken_;                                                                            \
	})

static inline int take_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

static inline void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

/* For locals of any pointer type that came from malloc. */
static inline void free_ptr(void *ptr_to_ptr)
{
	void **ptr = ptr_to_ptr;
	free(*ptr);
}

#endif
