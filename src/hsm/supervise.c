#define _GNU_SOURCE
#include "supervise.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "link.h"
#include "loss.h"
#include "pace.h"
#include "process.h"
#include "settings.h"

#define GRACE_MS 2000   /* for a signer to go by itself */
#define SEAL_MS 1000    /* the same, when nobody can ask it for anything any more */
#define NEVER INT64_MAX /* not before an order */

struct supervisor {
	struct settings settings;
	struct supervisor_parts parts;
	struct link link;
	struct process process;
	struct pace pace;
	int64_t due;                         /* time of the next start */
	char name[HSM_ENVIRONMENT_MAX + 16]; /* for the log: the environment, and which token */
	pthread_t thread;
	bool has_thread;
};

static const char *environment_of(const struct supervisor *sup)
{
	return sup->settings.config.environment;
}

static struct desk *desk_of(const struct supervisor *sup)
{
	return sup->parts.desk;
}

static void tell(const struct supervisor *sup, enum supervisor_news news)
{
	sup->parts.tell(sup->parts.arg, sup->parts.member, news);
}

/*
 * Nothing serves: who may let another take over is told first, and the callers last, so that the
 * status tells them why.
 */
static void fall(struct supervisor *sup, enum hsm_cause cause, const char *reason)
{
	tell(sup, SIGNER_FELL);
	desk_show_fall(desk_of(sup), cause, reason);
	calls_refuse(sup->parts.calls, cause_seals(cause) ? PM_SEALED : PM_HSM_UNAVAILABLE);
}

/*
 * A new generation begins before the first call is taken, so that no answer of the new token passes
 * for one of the old; and only when calls are taken is the state HSM_SERVING.
 */
static void rise(struct supervisor *sup)
{
	const struct reply_token *token = &sup->link.reply.token;

	desk_show_token(desk_of(sup), token);
	tell(sup, SIGNER_STARTED);
	log_info("signer %s (pid %d) serves token %s, serial %s", sup->name, (int)sup->process.pid,
		 token->label, token->serial);
	pace_serve(&sup->pace, clock_now());
	calls_admit(sup->parts.calls);
	desk_show_service(desk_of(sup));
	tell(sup, SIGNER_SERVES);
	desk_settle(desk_of(sup), PM_OK);
}

/*
 * There are never two signers on one token: whoever starts the next looks that this one is gone.
 * An order that comes meanwhile shortens the grace.
 */
static bool end_process(struct supervisor *sup, int64_t grace_ms, char how[PROCESS_END_MAX])
{
	const enum desk_order next = desk_next_order(desk_of(sup));
	const bool ends_it = next == ORDER_CLOSE || next == ORDER_SEAL;
	const int pid = sup->process.pid;

	link_forget(&sup->link);
	link_attach(&sup->link, -1);
	bool gone =
		process_end(&sup->process, grace_ms, ends_it ? -1 : desk_of(sup)->order_fd, how);
	if (!gone)
		log_error("signer %s (pid %d) was killed and does not go: does its driver hang?",
			  sup->name, pid);
	desk_show_pid(desk_of(sup), sup->process.pid);
	return gone;
}

static void log_loss(const struct supervisor *sup, enum hsm_cause cause, int pid,
		     const char *reason)
{
	if (cause == HSM_CAUSE_OPERATOR)
		log_info("signer %s (pid %d): %s", sup->name, pid, reason);
	else if (cause == HSM_CAUSE_PIN)
		log_error("signer %s (pid %d) is not started again: %s", sup->name, pid, reason);
	else if (cause == HSM_CAUSE_SETUP)
		log_error("signer %s (pid %d): %s", sup->name, pid, reason);
	else
		log_warn("signer %s (pid %d): %s; starting it again in %lld ms", sup->name, pid,
			 reason, (long long)deadline_left_ms(sup->due));
}

/*
 * Whoever does not answer, or answers nonsense, is killed at once. Nobody else: a signer that is killed
 * while its module writes may leave a token that is none any more (SoftHSM writes its file at each
 * login).
 */
static int64_t grace_for(enum link_end end)
{
	if (end == LINK_SILENT || end == LINK_GARBAGE)
		return 0;
	return end == LINK_STOPPED ? SEAL_MS : GRACE_MS;
}

/* Fails the calls before it waits for the signer's end. */
static void lose(struct supervisor *sup, enum link_end end)
{
	const enum hsm_cause cause = loss_cause(&sup->link, end);
	const int pid = sup->process.pid;
	char how[PROCESS_END_MAX] = "is still there";
	char reason[LOSS_REASON_MAX];

	loss_explain(&sup->link, end, environment_of(sup), reason);
	fall(sup, cause, reason);
	end_process(sup, grace_for(end), how);
	sup->due = cause_seals(cause) ? NEVER : pace_lose(&sup->pace, cause, clock_now());
	if (cause == HSM_CAUSE_CRASH || cause == HSM_CAUSE_HANG) {
		size_t len = strlen(reason);
		snprintf(reason + len, sizeof(reason) - len, "; it %s", how);
		desk_show_reason(desk_of(sup), reason);
	}
	log_loss(sup, cause, pid, reason);
	desk_settle(desk_of(sup), loss_outcome(cause));
}

/* *config is changed to what this start finds its PIN with; *piped is to be closed. */
static enum pm_err spawn(struct supervisor *sup, struct hsm_config *config, int *piped)
{
	const struct settings *settings = &sup->settings;
	enum pin_source source = PIN_NOWHERE;
	int socket = -1;

	TRY(desk_lend_pin(desk_of(sup), &source, piped));
	if (source == PIN_PIPED) {
		config->pin_file = NULL;
		config->pin_fd = *piped;
	}
	const struct program program = { config->signer, settings->argv, settings->envp,
					 config->pin_fd };
	TRY(process_start(&program, &sup->process, &socket));
	link_attach(&sup->link, socket);
	desk_show_pid(desk_of(sup), sup->process.pid);
	return PM_OK;
}

static enum link_end ask_start(struct supervisor *sup, const struct hsm_config *config)
{
	struct link *link = &sup->link;

	if (frame_start(++link->id, config, &link->frame) != PM_OK)
		return LINK_GARBAGE; /* not ours to send: settings bound every string */
	enum link_end end = link_ask(link);
	if (end == LINK_OK && link->reply.kind == REPLY_FAILED)
		return LINK_FAILED; /* it cannot start, however small the reason */
	if (end == LINK_OK && link->reply.kind != REPLY_STARTED)
		return LINK_GARBAGE;
	return end;
}

static void fail_to_spawn(struct supervisor *sup, enum pm_err err)
{
	const enum hsm_cause cause = err == PM_CONFIG ? HSM_CAUSE_SETUP : HSM_CAUSE_CRASH;

	sup->due = NEVER;
	if (err == PM_SEALED) /* its order waits */
		return;
	fall(sup, cause, "the signer program cannot be started; see the log");
	sup->due = pace_lose(&sup->pace, cause, clock_now());
	desk_settle(desk_of(sup), loss_outcome(cause));
}

/* An order to close leaves the signer for the thread's end to hang up on. */
static void drop(struct supervisor *sup, enum link_end end)
{
	if (end != LINK_STOPPED || desk_next_order(desk_of(sup)) != ORDER_CLOSE)
		lose(sup, end);
}

/* True: it serves. */
static bool start(struct supervisor *sup)
{
	struct hsm_config config = sup->settings.config;
	int piped CLEANUP(close_fd) = -1;

	desk_show_start(desk_of(sup), sup->pace.started != 0);
	pace_start(&sup->pace, clock_now());
	enum pm_err err = spawn(sup, &config, &piped);
	if (err != PM_OK) {
		fail_to_spawn(sup, err);
		return false;
	}
	enum link_end end = ask_start(sup, &config);
	if (end != LINK_OK) {
		drop(sup, end);
		return false;
	}
	rise(sup);
	link_forget(&sup->link);
	return true;
}

static enum link_end serve_frame(struct supervisor *sup)
{
	struct calls *calls = sup->parts.calls;
	struct link *link = &sup->link;

	if (!calls_take(calls, ++link->id, &link->frame))
		return link_idle(link, calls->wake_fd);
	enum link_end end = link_ask(link);
	if (end == LINK_OK && calls_answer(calls, &link->reply) != PM_OK)
		return LINK_GARBAGE;
	if (end == LINK_OK)
		link_forget(link);
	return end;
}

static enum link_end serve(struct supervisor *sup)
{
	enum link_end end;

	do {
		end = serve_frame(sup);
	} while (end == LINK_OK);
	return end;
}

/* What an order does while no signer runs. */
static void obey(struct supervisor *sup, enum desk_order order)
{
	char reason[LOSS_REASON_MAX];

	if (order == ORDER_UNSEAL) {
		calls_refuse(sup->parts.calls, PM_HSM_UNAVAILABLE);
		pace_forget(&sup->pace);
		sup->due = 0;
	}
	if (order != ORDER_SEAL)
		return;
	loss_explain(&sup->link, LINK_STOPPED, environment_of(sup), reason);
	fall(sup, HSM_CAUSE_OPERATOR, reason);
	sup->due = NEVER;
	desk_settle(desk_of(sup), PM_SEALED);
}

static bool is_gone(struct supervisor *sup)
{
	char how[PROCESS_END_MAX];

	return sup->process.pid == 0 || end_process(sup, 0, how);
}

static void await_order(const struct supervisor *sup)
{
	struct pollfd fd = { .fd = desk_of(sup)->order_fd, .events = POLLIN };
	int64_t left = deadline_left_ms(sup->due);

	poll(&fd, 1, sup->due == NEVER ? -1 : left > INT_MAX ? INT_MAX : (int)left);
}

/* Sleeps until a start is due; false: all is to end. */
static bool await_start(struct supervisor *sup)
{
	for (;;) {
		enum desk_order order = desk_take_order(desk_of(sup));

		if (order == ORDER_CLOSE)
			return false;
		obey(sup, order);
		if (sup->due > clock_now())
			await_order(sup);
		else if (is_gone(sup))
			return true;
	}
}

/*
 * Also the first start is this thread's: the kernel ends a signer together with the thread that
 * started it (PR_SET_PDEATHSIG), and whoever calls hsm_open need not stay.
 */
static void *run(void *arg)
{
	struct supervisor *sup = arg;
	char how[PROCESS_END_MAX];

	while (await_start(sup)) {
		if (start(sup))
			drop(sup, serve(sup));
	}
	end_process(sup, GRACE_MS, how);
	return NULL;
}

/* Signals are for the daemon's own threads. */
static enum pm_err start_thread(struct supervisor *sup)
{
	sigset_t all, before;
	char name[16];

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = pthread_create(&sup->thread, NULL, run, sup);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err != 0) {
		log_error("hsm: cannot create a thread: %s", strerror(err));
		return PM_NO_MEMORY;
	}
	sup->has_thread = true;
	snprintf(name, sizeof(name), "hsm %.11s", environment_of(sup));
	pthread_setname_np(sup->thread, name);
	return PM_OK;
}

/* Without a PIN nothing is started, not even to find out that there is none. */
static void begin_sealed(struct supervisor *sup)
{
	struct desk *desk = desk_of(sup);
	char reason[LOSS_REASON_MAX];

	snprintf(reason, sizeof(reason), "no PIN yet: give it with `peppermint unseal --env %s`",
		 environment_of(sup));
	calls_refuse(sup->parts.calls, PM_SEALED);
	desk_show_fall(desk, HSM_CAUSE_PIN, reason);
	desk_settle(desk, PM_SEALED);
	sup->due = NEVER;
}

static void close_supervisor(struct supervisor **sup)
{
	supervisor_close(*sup);
}

enum pm_err supervisor_open(const struct hsm_config *config, const struct supervisor_parts *parts,
			    struct supervisor **out)
{
	struct supervisor *sup CLEANUP(close_supervisor) = calloc(1, sizeof(*sup));

	if (!sup)
		return PM_NO_MEMORY;
	sup->parts = *parts;
	sup->process.pid_fd = sup->link.fd = -1;
	TRY(settings_copy(config, &sup->settings));
	TRY(link_open(&sup->link, parts->desk->order_fd, config->call_timeout_ms));
	sup->pace.reload_ms = sup->settings.config.reload_ms;
	if (!sup->settings.config.pin_file && config->pin_fd < 0)
		begin_sealed(sup);
	snprintf(sup->name, sizeof(sup->name), "%s%s", environment_of(sup),
		 parts->member == 0 ? "" : " (standby)");
	TRY(start_thread(sup));
	*out = TAKE(sup);
	return PM_OK;
}

void supervisor_close(struct supervisor *sup)
{
	if (!sup)
		return;
	if (sup->has_thread) {
		desk_stop(desk_of(sup));
		pthread_join(sup->thread, NULL);
	}
	link_close(&sup->link);
	settings_free(&sup->settings);
	close_fd(&sup->process.pid_fd);
	free(sup);
}
