/* The socket's file: made room for before nng binds it, opened to others afterwards. */
#ifndef RPC_ENDPOINT_H
#define RPC_ENDPOINT_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/err.h"

#define ENDPOINT_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/*
 * Removes a socket that nobody listens on. PM_CONFIG, logged in one line: the path is too long, its
 * directory is missing, something else stands there, or another process listens on it.
 */
enum pm_err endpoint_clear(const char *path) NODISCARD;

/* Gives the socket its group (UINT32_MAX: leaves it) and only then its permissions. */
enum pm_err endpoint_admit(const char *path, uint32_t mode, uint32_t gid) NODISCARD;

#endif
