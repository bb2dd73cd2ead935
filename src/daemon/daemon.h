/*
 * The running vault: everything peppermintd opens, in order, and closes in reverse. Owns the store,
 * the hsm of each environment, the vault and the socket. Main thread only.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "settings.h"

struct daemon;

/* Both texts are borrowed until daemon_close. */
struct daemon_start {
	const char *config_path;
	const struct settings *settings;
	bool new_log; /* give up an audit log that lost entries, and begin the next */
};

/*
 * Opens all of it, the socket last and inside the sandbox. What goes wrong was logged in one line,
 * nothing is tried again, and what was open is closed.
 */
enum pm_err daemon_open(const struct daemon_start *start, struct daemon **out) NODISCARD;

/* Stops taking requests, gives those in flight until the deadline, and closes everything. */
void daemon_close(struct daemon *daemon, int64_t deadline);
void daemon_closep(struct daemon **daemon); /* for CLEANUP: at once */

/* Once a second or so: brings environments (back) into service and tells systemd how it goes. */
void daemon_tend(struct daemon *daemon);

/*
 * Reads the configuration again: callers change at once, a faulty file changes nothing. The audit log
 * is told first; when it takes no entries, nothing changes either.
 */
void daemon_reload(struct daemon *daemon);

#endif
