#define _GNU_SOURCE
#include "supervise.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "link.h"
#include "process.h"
#include "settings.h"

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 30000
#define STEADY_MS 60000 /* who served this long is started again without delay to speak of */
#define GRACE_MS 2000   /* for a signer to go by itself, and once killed */

struct supervisor {
	struct settings settings;
	struct calls *calls;
	struct link link;
	struct process process;
	int stop_fd; /* readable from the moment everything is to end */
	pthread_t thread;
	bool has_thread;
	enum pm_err outcome; /* of the last start or of losing what it started */
	int64_t backoff_ms;
	int64_t serving_since; /* 0: this signer has not come to serve */
	pthread_mutex_t mutex; /* of what follows */
	struct hsm_status status;
	bool tried; /* the first start has succeeded or failed */
	pthread_cond_t tried_once;
};

static bool stopped_within(const struct supervisor *sup, int64_t ms)
{
	struct pollfd fd = { .fd = sup->stop_fd, .events = POLLIN };

	return poll(&fd, 1, (int)ms) > 0;
}

static void set_state(struct supervisor *sup, enum hsm_state state, const char *reason)
{
	pthread_mutex_lock(&sup->mutex);
	sup->status.state = state;
	sup->status.pid = sup->process.pid;
	snprintf(sup->status.reason, sizeof(sup->status.reason), "%s", reason);
	pthread_mutex_unlock(&sup->mutex);
}

/*
 * A new generation begins before the first call is taken, so that no answer of the new token passes
 * for one of the old; and only when calls are taken is the state HSM_SERVING.
 */
static void begin_generation(struct supervisor *sup)
{
	const struct reply *token = &sup->link.reply;
	struct hsm_status *status = &sup->status;

	pthread_mutex_lock(&sup->mutex);
	status->generation++;
	memcpy(status->label, token->label, sizeof(status->label));
	memcpy(status->manufacturer, token->manufacturer, sizeof(status->manufacturer));
	memcpy(status->model, token->model, sizeof(status->model));
	memcpy(status->serial, token->serial, sizeof(status->serial));
	memcpy(status->firmware, token->firmware, sizeof(status->firmware));
	pthread_mutex_unlock(&sup->mutex);
	sup->serving_since = clock_now();
	log_info("signer %s (pid %d) serves token %s, serial %s", sup->settings.config.environment,
		 (int)sup->process.pid, token->label, token->serial);
}

/* There are never two signers on one token: a killed one is waited for, unless all is to end. */
static void end_process(struct supervisor *sup, bool at_once, char how[PROCESS_END_MAX])
{
	if (at_once)
		process_kill(&sup->process);
	link_attach(&sup->link, -1);
	if (process_reap(&sup->process, GRACE_MS, how))
		return;
	process_kill(&sup->process);
	while (!process_reap(&sup->process, GRACE_MS, how)) {
		log_error("signer %s (pid %d) was killed and does not go: does its driver hang?",
			  sup->settings.config.environment, (int)sup->process.pid);
		if (stopped_within(sup, 0))
			return;
	}
}

/*
 * A PIN is never tried twice. A set-up failure at the first start is a mistake in the
 * configuration; later it is a token that was taken out, and may be put back.
 */
static bool is_final(const struct supervisor *sup, enum link_end end)
{
	if (end != LINK_FAILED)
		return false;
	enum fault fault = sup->link.reply.fault;
	return fault == FAULT_PIN || (fault == FAULT_SETUP && sup->status.generation == 0);
}

static void explain(const struct supervisor *sup, enum link_end end, char *out, size_t cap)
{
	switch (end) {
	case LINK_SILENT:
		snprintf(out, cap, "the signer did not answer a call within %lld ms",
			 (long long)sup->link.timeout_ms);
		break;
	case LINK_GARBAGE:
		snprintf(out, cap, "the signer said something that is no answer");
		break;
	case LINK_FAILED:
		snprintf(out, cap, "%s", sup->link.reply.detail);
		break;
	case LINK_CLOSED:
	case LINK_OK:
	case LINK_STOPPED:
		snprintf(out, cap, "the signer has ended");
	}
}

static void grow_backoff(struct supervisor *sup)
{
	bool steady =
		sup->serving_since != 0 && clock_now() - sup->serving_since > STEADY_MS * NS_PER_MS;

	sup->backoff_ms = steady || sup->backoff_ms == 0 ? BACKOFF_MIN_MS : sup->backoff_ms * 2;
	if (sup->backoff_ms > BACKOFF_MAX_MS)
		sup->backoff_ms = BACKOFF_MAX_MS;
	sup->serving_since = 0;
}

/* Nothing serves: says so to every call and to the status. `final`: nothing will. */
static enum pm_err fall(struct supervisor *sup, bool final, const char *reason)
{
	enum pm_err err = final ? PM_SEALED : PM_HSM_UNAVAILABLE;

	calls_refuse(sup->calls, err);
	set_state(sup, final ? HSM_SEALED : HSM_STARTING, reason);
	return err;
}

static void log_loss(const struct supervisor *sup, bool final, int pid, const char *reason)
{
	const char *environment = sup->settings.config.environment;

	if (final)
		log_error("signer %s (pid %d) is not started again: %s", environment, pid, reason);
	else
		log_warn("signer %s (pid %d): %s; starting it again in %lld ms", environment, pid,
			 reason, (long long)sup->backoff_ms);
}

/* Fails the calls before it waits for the signer's end. */
static enum pm_err lose(struct supervisor *sup, enum link_end end)
{
	const bool final = is_final(sup, end);
	const int pid = sup->process.pid;
	char how[PROCESS_END_MAX] = "is still there";
	char reason[sizeof(sup->status.reason)];

	explain(sup, end, reason, sizeof(reason));
	fall(sup, final, reason);
	link_forget(&sup->link);
	grow_backoff(sup);
	end_process(sup, end == LINK_SILENT || end == LINK_GARBAGE, how);
	if (end == LINK_STOPPED)
		return PM_SHUTTING_DOWN;
	if (end != LINK_FAILED) { /* it said why, so how it went is no news */
		size_t len = strlen(reason);
		snprintf(reason + len, sizeof(reason) - len, "; it %s", how);
	}
	log_loss(sup, final, pid, reason);
	return fall(sup, final, reason);
}

static enum link_end ask_start(struct supervisor *sup)
{
	struct link *link = &sup->link;

	if (frame_start(++link->id, &sup->settings.config, &link->frame) != PM_OK)
		return LINK_GARBAGE; /* not ours to send: settings bound every string */
	enum link_end end = link_ask(link);
	if (end == LINK_OK && link->reply.kind != REPLY_STARTED)
		return LINK_GARBAGE;
	return end;
}

/* PM_SEALED: another start would not help. PM_HSM_UNAVAILABLE: it might. Nothing runs then. */
static enum pm_err start(struct supervisor *sup)
{
	const struct settings *settings = &sup->settings;
	const struct program program = { settings->config.signer, settings->argv, settings->envp,
					 settings->config.pin_fd };
	int socket = -1;

	enum pm_err err = process_start(&program, &sup->process, &socket);
	if (err != PM_OK) {
		grow_backoff(sup);
		return fall(sup, err == PM_CONFIG && sup->status.generation == 0,
			    "the signer program cannot be started; see the log");
	}
	link_attach(&sup->link, socket);
	set_state(sup, HSM_STARTING, "the signer is starting");
	enum link_end end = ask_start(sup);
	if (end != LINK_OK)
		return lose(sup, end);
	begin_generation(sup);
	link_forget(&sup->link);
	calls_admit(sup->calls);
	set_state(sup, HSM_SERVING, "");
	return PM_OK;
}

static enum link_end serve_frame(struct supervisor *sup)
{
	struct link *link = &sup->link;

	if (!calls_take(sup->calls, ++link->id, &link->frame))
		return link_idle(link, sup->calls->wake_fd);
	enum link_end end = link_ask(link);
	if (end == LINK_OK && calls_answer(sup->calls, &link->reply) != PM_OK)
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

/*
 * Also the first start is this thread's: the kernel ends a signer together with the thread that
 * started it (PR_SET_PDEATHSIG), and whoever calls hsm_open need not stay.
 */
static void start_first(struct supervisor *sup)
{
	sup->outcome = start(sup);
	pthread_mutex_lock(&sup->mutex);
	sup->tried = true;
	pthread_cond_signal(&sup->tried_once);
	pthread_mutex_unlock(&sup->mutex);
}

static enum pm_err await_first(struct supervisor *sup)
{
	pthread_mutex_lock(&sup->mutex);
	while (!sup->tried)
		pthread_cond_wait(&sup->tried_once, &sup->mutex);
	enum hsm_state state = sup->status.state;
	pthread_mutex_unlock(&sup->mutex);
	return state == HSM_SEALED ? PM_CONFIG : PM_OK;
}

static void *run(void *arg)
{
	struct supervisor *sup = arg;

	start_first(sup);
	while (sup->outcome == PM_OK || sup->outcome == PM_HSM_UNAVAILABLE) {
		if (sup->outcome == PM_OK) {
			sup->outcome = lose(sup, serve(sup));
			continue;
		}
		if (stopped_within(sup, sup->backoff_ms))
			break;
		pthread_mutex_lock(&sup->mutex);
		sup->status.restarts++;
		pthread_mutex_unlock(&sup->mutex);
		sup->outcome = start(sup);
	}
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
	snprintf(name, sizeof(name), "hsm %.11s", sup->settings.config.environment);
	pthread_setname_np(sup->thread, name);
	return PM_OK;
}

static void close_supervisor(struct supervisor **sup)
{
	supervisor_close(*sup);
}

enum pm_err supervisor_open(const struct hsm_config *config, struct calls *calls,
			    struct supervisor **out)
{
	struct supervisor *sup CLEANUP(close_supervisor) = calloc(1, sizeof(*sup));

	if (!sup)
		return PM_NO_MEMORY;
	pthread_mutex_init(&sup->mutex, NULL);
	pthread_cond_init(&sup->tried_once, NULL);
	sup->calls = calls;
	sup->process.pid_fd = -1;
	sup->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sup->link.fd = -1;
	if (sup->stop_fd < 0) {
		log_error("hsm: eventfd: %s", strerror(errno));
		return PM_NO_MEMORY;
	}
	TRY(settings_copy(config, &sup->settings));
	TRY(link_open(&sup->link, sup->stop_fd, config->call_timeout_ms));
	TRY(start_thread(sup));
	TRY(await_first(sup));
	*out = TAKE(sup);
	return PM_OK;
}

void supervisor_close(struct supervisor *sup)
{
	if (!sup)
		return;
	if (sup->has_thread) {
		eventfd_write(sup->stop_fd, 1);
		pthread_join(sup->thread, NULL);
	}
	link_close(&sup->link);
	settings_free(&sup->settings);
	close_fd(&sup->process.pid_fd);
	close_fd(&sup->stop_fd);
	pthread_cond_destroy(&sup->tried_once);
	pthread_mutex_destroy(&sup->mutex);
	free(sup);
}

void supervisor_status(struct supervisor *sup, struct hsm_status *out)
{
	pthread_mutex_lock(&sup->mutex);
	*out = sup->status;
	pthread_mutex_unlock(&sup->mutex);
}
