/* peppermintd: reads its arguments and its configuration, opens the vault, and waits for signals.
 */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon.h"

#define EXIT_USAGE 2

#define TICK_MS 1000
#define DRAIN_MS 10000 /* for requests in flight when the vault stops */

static const char usage[] =
	"usage: peppermintd [--config PATH] [--check-config] [--new-log]\n"
	"\n"
	"  --config PATH   instead of " PM_CONFIG_PATH "\n"
	"  --check-config  read it, say whether it is right, and end\n"
	"  --new-log       only after the database was restored from a backup: give up an audit\n"
	"                  log that lost entries, and begin the next one, which says so. A log\n"
	"                  that lost none goes on\n"
	"  --version\n"
	"  --help\n"
	"\n"
	"SIGHUP reads the callers again, SIGTERM drains and ends.\n";

struct arguments {
	const char *config;
	bool check_config, new_log, version, help;
};

static bool read_arguments(int argc, char **argv, struct arguments *args)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 't' },
		{ "new-log", no_argument, NULL, 'n' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			args->config = optarg;
			break;
		case 't':
			args->check_config = true;
			break;
		case 'n':
			args->new_log = true;
			break;
		case 'V':
			args->version = true;
			break;
		case 'h':
			args->help = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc;
}

/* A file opened as descriptor 2 would get the log; so none of the three may be free. */
static bool fill_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* Before any thread is made: all of them inherit the mask, and only the main loop takes signals. */
static void take_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGHUP);
	sigprocmask(SIG_BLOCK, signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD,
	       SIG_DFL); /* ignored, as some starters leave it, signers would not be reaped */
}

static void reload(struct daemon *daemon)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)(clock_now() / 1000));
	daemon_reload(daemon);
	sd_notify(0, "READY=1");
}

/* The watchdog is fed here and nowhere else, so that a daemon_tend that hangs starves it. */
static void serve(struct daemon *daemon, const sigset_t *signals)
{
	uint64_t watchdog_us = 0;
	bool watched = sd_watchdog_enabled(0, &watchdog_us) > 0;
	int64_t tick_ns = TICK_MS * NS_PER_MS;

	if (watched && (int64_t)watchdog_us * 1000 / 2 < tick_ns)
		tick_ns = (int64_t)watchdog_us * 1000 / 2;
	const struct timespec tick = deadline_timespec(tick_ns);
	sd_notify(0, "READY=1");
	for (;;) {
		daemon_tend(daemon);
		if (watched)
			sd_notify(0, "WATCHDOG=1");
		int sig = sigtimedwait(signals, NULL, &tick);
		if (sig == SIGHUP)
			reload(daemon);
		if (sig == SIGTERM || sig == SIGINT)
			return;
	}
}

/* From here on a second SIGTERM or SIGINT has its default action. */
static void stop(struct daemon *daemon)
{
	sigset_t ending;

	log_info("stopping: requests in flight have %d s; a second signal ends it at once",
		 DRAIN_MS / 1000);
	sd_notify(0, "STOPPING=1");
	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	sigprocmask(SIG_UNBLOCK, &ending, NULL);
	daemon_close(daemon, deadline_in_ms(DRAIN_MS));
	log_info("stopped");
}

static int run(const struct arguments *args)
{
	struct settings *settings CLEANUP(free_ptr) = malloc(sizeof(*settings));
	struct config_fault fault;
	struct daemon *daemon = NULL;
	sigset_t signals;

	take_signals(&signals);
	if (!settings) {
		log_error("out of memory");
		return EXIT_FAILURE;
	}
	if (settings_load(args->config, settings, &fault) != PM_OK) {
		settings_log_fault(args->config, &fault);
		return EXIT_FAILURE;
	}
	if (args->check_config) {
		printf("%s: good\n", args->config);
		return EXIT_SUCCESS;
	}
	const struct daemon_start start = {
		.config_path = args->config,
		.settings = settings,
		.new_log = args->new_log,
	};
	if (daemon_open(&start, &daemon) != PM_OK)
		return EXIT_FAILURE;
	log_info("version " PM_VERSION " serves at %s", settings->daemon.socket);
	serve(daemon, &signals);
	stop(daemon);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct arguments args = { .config = PM_CONFIG_PATH };

	if (!fill_standard_fds())
		return EXIT_FAILURE;
	log_open("peppermintd");
	if (!read_arguments(argc, argv, &args)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (args.help)
		fputs(usage, stdout);
	else if (args.version)
		puts("peppermintd " PM_VERSION);
	else
		return run(&args);
	return EXIT_SUCCESS;
}
