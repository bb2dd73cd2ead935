/*
 * peppermint-signer: the one process of an environment that loads the vendor's PKCS#11 module and
 * logs in to its token. peppermintd starts it with
 *
 *   argv[1]       the environment's name
 *   descriptor 2  the log
 *   descriptor 3  a SOCK_SEQPACKET socketpair's end: signer.proto
 *   descriptor 4  the PIN, if the Start request names no file; kept for later logins
 *
 * and everything else is closed here. It ends when peppermintd hangs up or dies, and after any
 * failure that it cannot mend.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/secret.h"
#include "ops.h"
#include "serve.h"

enum { LINK_FD = 3, PIN_FD = 4, FIRST_FOREIGN_FD = 5 };
enum { DEATH_SIGNAL = SIGUSR1, ORPHAN_SECONDS = 1 };
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static bool was_started_right(int argc, char **argv)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(LINK_FD, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type == SOCK_SEQPACKET && argc == 2 && argv[1][0] != '\0' &&
	       strlen(argv[1]) <= ENVIRONMENT_MAX && !strchr(argv[1], '/');
}

static void take_name(const char *environment)
{
	char name[sizeof("signer ") + ENVIRONMENT_MAX];

	snprintf(name, sizeof(name), "signer %s", environment);
	log_open(name);
	prctl(PR_SET_NAME, name, 0, 0, 0); /* the kernel keeps 15 characters */
}

static void set_a_term(int signal)
{
	(void)signal;
	alarm(ORPHAN_SECONDS); /* SIGALRM has its default action: the end */
}

/*
 * A vendor's call can hang for minutes: then only the kernel can end us with peppermintd. Not at once:
 * a module that is killed while it writes may leave a token that is none any more, and one that does
 * not hang lets us see that peppermintd has hung up.
 */
static enum pm_err die_with_parent(void)
{
	const struct sigaction on_death = { .sa_handler = set_a_term, .sa_flags = SA_RESTART };
	struct ucred parent;
	socklen_t len = sizeof(parent);

	signal(SIGALRM, SIG_DFL);
	if (sigaction(DEATH_SIGNAL, &on_death, NULL) != 0 ||
	    prctl(PR_SET_PDEATHSIG, DEATH_SIGNAL, 0, 0, 0) != 0 ||
	    getsockopt(LINK_FD, SOL_SOCKET, SO_PEERCRED, &parent, &len) != 0) {
		log_error("cannot tie this process to its parent: %s", strerror(errno));
		return PM_INTERNAL;
	}
	/* It may have died before the prctl. Who made the socketpair is who started us. */
	return getppid() == parent.pid ? PM_OK : PM_SHUTTING_DOWN;
}

/* Vendors' modules print; nobody reads it, and nothing may take descriptor 0 or 1 by chance. */
static enum pm_err drop_descriptors(void)
{
	int null CLEANUP(close_fd) = -1;

	/* p11-kit starts programs of its own; they shall not have ours. */
	fcntl(LINK_FD, F_SETFD, FD_CLOEXEC);
	fcntl(PIN_FD, F_SETFD, FD_CLOEXEC);
	if (close_range(FIRST_FOREIGN_FD, ~0U, 0) == 0)
		null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0) {
		log_error("cannot drop inherited descriptors: %s", strerror(errno));
		return PM_INTERNAL;
	}
	if (null <= STDERR_FILENO)
		take_fd(&null); /* in its place */
	return PM_OK;
}

/*
 * A terminal's ^C and systemd's stop reach the whole group. peppermintd still needs us then, to
 * finish what it has accepted; it hangs up when it is done.
 */
static void leave_stopping_to_parent(void)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN); /* a module's connection to its device is its own affair */
}

static enum pm_err run(const char *environment)
{
	/* Looked at now: later, what the module opens may have that number. */
	const int pin_fd = fcntl(PIN_FD, F_GETFD) >= 0 ? PIN_FD : -1;
	bool all_locked = false;

	take_name(environment);
	TRY(secret_harden_process(&all_locked));
	TRY(die_with_parent());
	TRY(drop_descriptors());
	leave_stopping_to_parent();
	if (!all_locked)
		log_info("not all memory is locked: raise RLIMIT_MEMLOCK to keep what the module "
			 "holds from being swapped");
	return serve(LINK_FD, pin_fd, environment);
}

int main(int argc, char **argv)
{
	if (!was_started_right(argc, argv)) {
		fprintf(stderr, "peppermint-signer is started by peppermintd, not by hand\n");
		return EXIT_USAGE;
	}
	enum pm_err err = run(argv[1]);

	/* Not exit: modules crash in their exit handlers, which would look like a real crash. */
	_exit(err == PM_SHUTTING_DOWN ? EXIT_OK : EXIT_FAILED);
}
