/*
 * The conversation with peppermintd: one datagram in, one out, in order, until it hangs up. What
 * cannot be read is not answered: the process ends, and a fresh one starts with nothing assumed.
 */
#ifndef SIGNER_SERVE_H
#define SIGNER_SERVE_H

#include "base/err.h"

/*
 * Serves until the end. PM_SHUTTING_DOWN: the other end was closed, all is well. Anything else: a
 * failure that was answered, or a message that was not (and then logged).
 */
enum pm_err serve(int fd, int pin_fd, const char *environment) NODISCARD;

#endif
