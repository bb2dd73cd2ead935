/*
 * The audit log's copy in syslog: a thread that follows the log and sends each entry as one datagram
 * to a Unix socket, as /dev/log takes them (journald listens there too). It gates nothing: an entry
 * that the socket does not take in time is counted and left out, and stays in the log itself. It
 * begins at the log's end when it is opened. The vault is lent.
 */
#ifndef DAEMON_SINK_H
#define DAEMON_SINK_H

#include <stdatomic.h>

#include "base/err.h"

struct sink;
struct vault;

#define SINK_PATH_MAX 107 /* sockaddr_un's */

/* `path` is at most SINK_PATH_MAX bytes. Nobody need listen there yet. */
enum pm_err sink_open(struct vault *vault, const char *path, struct sink **out) NODISCARD;

/* Sends what is there without waiting for the socket any more. NULL is fine. */
void sink_close(struct sink *sink);

/* Entries left out since it was opened; lent until sink_close. */
const atomic_uint_fast64_t *sink_dropped(const struct sink *sink);

#endif
