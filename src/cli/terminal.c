#define _GNU_SOURCE
#include "terminal.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

static const int deadly[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
#define DEADLY_COUNT (sizeof(deadly) / sizeof(deadly[0]))

static volatile sig_atomic_t caught;

static void note_signal(int signal)
{
	caught = signal;
}

/* How the process took signals before. */
struct signals {
	sigset_t mask;
	struct sigaction actions[DEADLY_COUNT];
};

/* They wait until the only place that lets them in: the poll, which they end. */
static void hold_signals(struct signals *before)
{
	struct sigaction note = { .sa_handler = note_signal };
	sigset_t held;

	caught = 0;
	sigemptyset(&held);
	sigaddset(&held, SIGTSTP); /* stopping would leave the echo off */
	for (size_t i = 0; i < DEADLY_COUNT; i++)
		sigaddset(&held, deadly[i]);
	sigprocmask(SIG_BLOCK, &held, &before->mask);
	for (size_t i = 0; i < DEADLY_COUNT; i++)
		sigaction(deadly[i], &note, &before->actions[i]);
}

static void release_signals(const struct signals *before)
{
	for (size_t i = 0; i < DEADLY_COUNT; i++)
		sigaction(deadly[i], &before->actions[i], NULL);
	if (caught)
		raise(caught);
	sigprocmask(SIG_SETMASK, &before->mask, NULL);
}

static ssize_t read_line(const struct signals *before, char *to, size_t size)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	sigset_t allowed = before->mask;

	sigaddset(&allowed, SIGTSTP);
	if (ppoll(&input, 1, NULL, &allowed) < 0)
		return -1;
	return read(STDIN_FILENO, to, size);
}

ssize_t terminal_read(const char *prompt, char *to, size_t size)
{
	struct termios as_found;
	struct signals before;
	ssize_t len = -1;

	if (tcgetattr(STDIN_FILENO, &as_found) != 0)
		return -1;
	struct termios silent = as_found;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	hold_signals(&before);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0) {
		fprintf(stderr, "%s (not shown): ", prompt);
		len = read_line(&before, to, size);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &as_found);
		fputc('\n', stderr);
	}
	release_signals(&before);
	return len;
}
