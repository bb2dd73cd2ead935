/* `rewrap`: the vault does the work, in the background; this shows how far it is. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "master.h"

#define BAR 30          /* characters */
#define LOOK_MS 500     /* between two looks, at least */
#define LOOK_SHARE 10   /* and ten times as long as a look took: it goes over all keys */
#define LINE_PERCENT 10 /* without a terminal: a line each time it has come so much further */

static volatile sig_atomic_t interrupted;

static void note_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

struct progress {
	uint64_t all, left; /* records */
	int64_t begun;
	unsigned told; /* percent, in the last line */
	bool terminal;
};

static unsigned percent(const struct progress *progress)
{
	if (progress->all == 0)
		return 100;
	return (unsigned)((double)(progress->all - progress->left) * 100 / (double)progress->all);
}

/* ", 1200/s, 35 s left", or "" while there is nothing to judge by. */
static void describe_rate(const struct progress *progress, char text[64])
{
	double seconds = (double)(clock_now() - progress->begun) / (double)NS_PER_SECOND;
	uint64_t done = progress->all - progress->left;

	text[0] = '\0';
	if (done == 0 || seconds < 0.1)
		return;
	double rate = (double)done / seconds;
	if (progress->left > 0)
		snprintf(text, 64, ", %.0f/s, %.0f s left", rate, (double)progress->left / rate);
	else
		snprintf(text, 64, ", %.0f/s", rate);
}

static void show(struct progress *progress)
{
	unsigned now = percent(progress), filled = now * BAR / 100;
	char rate[64], bar[BAR + 1];

	describe_rate(progress, rate);
	for (unsigned i = 0; i < BAR; i++)
		bar[i] = i < filled ? '#' : '.';
	bar[BAR] = '\0';
	if (progress->terminal)
		fprintf(stderr, "\r[%s] %3u %%, %" PRIu64 " of %" PRIu64 "%s\033[K", bar, now,
			progress->all - progress->left, progress->all, rate);
	else if (now >= progress->told + LINE_PERCENT)
		fprintf(stderr, "%u %%, %" PRIu64 " of %" PRIu64 "%s\n", now,
			progress->all - progress->left, progress->all, rate);
	else
		return;
	progress->told = now;
	fflush(stderr);
}

static void end_line(const struct progress *progress)
{
	if (progress->terminal)
		fputc('\n', stderr);
}

/* An answer that did not come in time is no end: the vault has much to do. */
static bool may_look_again(enum pm_err err)
{
	return err == PM_BUSY || err == PM_DEADLINE_EXCEEDED || err == PM_HSM_UNAVAILABLE;
}

/* The active version, as it is now; the next look comes a while after this one. */
static enum pm_err look(struct session *session, const struct master_name *name,
			struct masters *masters, const struct peppermint_master **active)
{
	int64_t before = clock_now();
	enum pm_err err = masters_read(session, name, masters);
	int64_t pause = LOOK_SHARE * (clock_now() - before);

	if (pause < LOOK_MS * NS_PER_MS)
		pause = LOOK_MS * NS_PER_MS;
	const struct timespec rest = deadline_timespec(pause);
	*active = err == PM_OK ? masters_find(masters, 0) : NULL;
	if (err == PM_OK && (!*active || !(*active)->rewrapping))
		return PM_OK;
	nanosleep(&rest, NULL); /* an interrupt ends it */
	return err;
}

static enum status interrupted_at(const struct progress *progress)
{
	end_line(progress);
	complain("the vault goes on without this command: %" PRIu64 " of %" PRIu64
		 " were left. `usage` shows how far it is.",
		 progress->left, progress->all);
	return STATUS_REFUSED;
}

static enum status finished(const struct progress *progress)
{
	end_line(progress);
	if (progress->left == 0)
		return STATUS_DONE;
	complain("the vault has stopped with %" PRIu64
		 " records left to move. Its log says why; run this again.",
		 progress->left);
	return STATUS_REFUSED;
}

/* While it goes on, 0 is not counted yet. */
static void take_look(struct progress *progress, const struct peppermint_master *active)
{
	if (!active || (active->rewrapping && active->rewrap_left == 0))
		return;
	progress->left = active->rewrap_left;
	if (progress->left > progress->all) /* more came meanwhile */
		progress->all = progress->left;
}

static enum status watch(struct session *session, const struct master_name *name,
			 struct progress *progress)
{
	struct masters *masters CLEANUP(free_ptr) = must_have(calloc(1, sizeof(*masters)));

	for (;;) {
		const struct peppermint_master *active = NULL;

		show(progress);
		enum pm_err err = look(session, name, masters, &active);
		if (interrupted)
			return interrupted_at(progress);
		if (err != PM_OK && !may_look_again(err)) {
			end_line(progress);
			return vault_refused(session, err);
		}
		if (err != PM_OK)
			continue;
		take_look(progress, active);
		if (!active || !active->rewrapping) {
			show(progress);
			return finished(progress);
		}
	}
}

static enum status wait_for_it(struct session *session, const struct master_name *name,
			       const struct peppermint_master_outcome *outcome)
{
	struct sigaction note = { .sa_handler = note_interrupt }, before;
	struct progress progress = {
		.all = outcome->affected,
		.left = outcome->affected,
		.begun = clock_now(),
		.terminal = isatty(STDERR_FILENO),
	};

	session->call.request_id = NULL; /* was the change's */
	interrupted = 0;
	sigaction(SIGINT, &note, &before);
	enum status status = watch(session, name, &progress);
	sigaction(SIGINT, &before, NULL);
	return status;
}

enum status master_rewrap(struct session *session, const struct master_name *name,
			  struct peppermint_master_outcome *outcome)
{
	const struct options *options = &session->options;
	struct peppermint_master_change change =
		master_change(session, name, PEPPERMINT_MASTER_REWRAP);

	change.version = 0;
	be_patient(session);
	enum pm_err err =
		peppermint_change_master(session->vault, &change, outcome, &session->call);
	if (err != PM_OK)
		return vault_refused(session, err);
	if (options->given & (OPT_DRY_RUN | OPT_NO_WAIT) || !outcome->after.rewrapping)
		return STATUS_DONE;
	return wait_for_it(session, name, outcome);
}

enum status run_master_rewrap(struct session *session)
{
	struct peppermint_master_outcome outcome = { 0 };
	struct master_name name;
	enum status status = master_name(session, &name);

	if (status == STATUS_DONE)
		status = master_rewrap(session, &name, &outcome);
	if (outcome.text[0]) /* it was begun */
		master_print_outcome(session, &outcome);
	return status;
}
