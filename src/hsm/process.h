/*
 * A program that we started: it sees a socket as descriptor 3, perhaps a PIN as 4, our standard
 * error, and nothing else of ours. Only who started it waits for it; there is no SIGCHLD handler.
 */
#ifndef HSM_PROCESS_H
#define HSM_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define PROCESS_SOCKET_FD 3
#define PROCESS_PIN_FD 4
#define PROCESS_END_MAX 64 /* bytes of a text about how one ended */

struct program {
	const char *path;
	char *const *argv, *const *envp;
	int pin_fd; /* or -1 */
};

struct process {
	pid_t pid; /* 0: none */
	int pid_fd;
};

/*
 * Starts it; `socket` is our end of a SOCK_SEQPACKET pair, the caller's to close. PM_CONFIG: the
 * program is not there or cannot be run; PM_HSM_UNAVAILABLE: not now. Both logged.
 */
enum pm_err process_start(const struct program *program, struct process *out,
			  int *socket) NODISCARD;

/*
 * Ends it: gives it that long to go by itself, less when `hurry_fd` (or -1) becomes readable, then
 * kills it. True when it is gone, with how in words ("exited with status 1"); *process is none then.
 * False: it was killed and is still there, as with a driver that hangs; call again later.
 */
bool process_end(struct process *process, int64_t grace_ms, int hurry_fd,
		 char how[PROCESS_END_MAX]);

#endif
