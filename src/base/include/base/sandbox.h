/*
 * The system calls that a process gives up for good once it is set up, in all its threads (Linux
 * seccomp). A list of what is denied, not of what is allowed: vendors' PKCS#11 modules open
 * devices, talk to networks and start threads each in their own way, so a closed list would break
 * the next one. It takes away what an intruder wants next: running programs, reading and tracing
 * other processes, mounting, loading kernel code, escaping into namespaces. It does not confine
 * files or sockets; that is the service manager's part.
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include "base/err.h"

enum sandbox_kind {
	SANDBOX_SIGNER, /* everything on the list, running programs too */
	SANDBOX_DAEMON, /* may still run programs: it starts signers again */
};

/* Denied calls then fail with EPERM. Call after no_new_privs is set; there is no way back. */
enum pm_err sandbox_enter(enum sandbox_kind kind) NODISCARD;

#endif
