#define _GNU_SOURCE
#include "pin.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

bool pin_has_length(struct bytes pin)
{
	return pin.len >= 1 && pin.len <= PIN_MAX;
}

enum pm_err pin_pipe(struct bytes pin, int *fd)
{
	int ends[2];

	if (!pin_has_length(pin))
		return PM_BAD_REQUEST;
	if (pipe2(ends, O_CLOEXEC) != 0) {
		log_error("hsm: pipe: %s", strerror(errno));
		return PM_NO_MEMORY;
	}
	int reader CLEANUP(close_fd) = ends[0], writer CLEANUP(close_fd) = ends[1];
	/* A pipe takes at least 4,096 bytes before it makes a writer wait. */
	if (write(writer, pin.data, pin.len) != (ssize_t)pin.len) {
		log_error("hsm: a pipe does not take the PIN: %s", strerror(errno));
		return PM_INTERNAL;
	}
	*fd = take_fd(&reader);
	return PM_OK;
}
