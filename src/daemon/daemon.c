#include "daemon.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "base/secret.h"
#include "hsm/hsm.h"
#include "program.h"
#include "sink.h"
#include "store/store.h"

#define STORE_QUEUE 1024
#define STORE_BATCH 256
#define STORE_READERS 16
#define KEEP_EXECUTED_DAYS 7 /* what vault.proto promises */

#define FILES_BESIDE_CONNECTIONS 128 /* descriptors: the database's, the signers', and to spare */

struct daemon {
	const char *config_path;
	const struct settings
		*settings; /* of the start: a reload changes the callers in rpc only */
	char program[PROGRAM_TEXT_MAX + 1];
	struct store *store;
	struct hsm *hsms[SETTINGS_ENVIRONMENTS_MAX];
	struct vault *vault;
	struct sink *sink; /* NULL: none is configured */
	struct rpc *rpc;
	bool start_told; /* the audit log knows of the configuration that was read at start */
	size_t serving;  /* environments, as last told to systemd; SIZE_MAX: not told yet */
};

/*
 * A PIN's descriptor must not reach the other environments' signers. Done before anything else is
 * opened: afterwards the number of one that nobody passed might be a file of ours.
 */
static enum pm_err claim_pin_fds(const struct settings *s)
{
	for (size_t i = 0; i < s->environment_count; i++) {
		const struct environment_settings *environment = &s->environments[i];
		int fd = (int)environment->pin_fd.id;

		if (!environment->pin_fd.given || fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
			continue;
		log_error("[environment %s]: descriptor %d (pin_fd) is not open; whoever starts "
			  "peppermintd must pass it",
			  environment->head.name, fd);
		return PM_CONFIG;
	}
	return PM_OK;
}

static enum pm_err harden(void)
{
	bool all_locked = false;

	TRY(secret_harden_process(&all_locked));
	if (!all_locked)
		log_warn("not all memory is locked, only what holds secrets by design: set "
			 "LimitMEMLOCK=infinity (ulimit -l unlimited)");
	return PM_OK;
}

/* rpc raises the limit as far as it goes; if that is too little, this says so. */
static void check_file_limit(const struct limit_settings *limits)
{
	rlim_t need = limits->connections + FILES_BESIDE_CONNECTIONS;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max < need)
		log_warn("%u connections need %lu file descriptors, the limit is %lu: raise "
			 "LimitNOFILE or lower 'connections'",
			 limits->connections, (unsigned long)need, (unsigned long)files.rlim_max);
}

static enum pm_err open_store(struct daemon *d)
{
	const struct store_config config = {
		.dir = d->settings->daemon.state_dir,
		.queue = STORE_QUEUE,
		.batch = STORE_BATCH,
		.readers = STORE_READERS,
		.keep_executed_days = KEEP_EXECUTED_DAYS,
	};

	return store_open(&config, &d->store);
}

static const char *given(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

/* Neither file nor descriptor: it starts sealed, as after a PIN that the token refused. */
static enum pm_err open_hsm(struct daemon *d, const struct environment_settings *environment,
			    struct hsm **hsm)
{
	bool by_fd = environment->pin_fd.given;
	const struct hsm_config config = {
		.environment = environment->head.name,
		.signer = d->settings->daemon.signer,
		.module = environment->module,
		.token_uri = environment->token,
		.pin_file = given(environment->pin_file),
		.pin_fd = by_fd ? (int)environment->pin_fd.id : -1,
		.module_env = environment->module_env,
		.init_args = given(environment->init_args),
		.sessions = environment->sessions,
		.call_timeout_ms = d->settings->limits.hsm_timeout_ms,
		.reload_ms = environment->reload_seconds * INT64_C(1000),
		.standby_uri = given(environment->standby_token),
		.standby_module = given(environment->standby_module),
		.standby_module_env = given(environment->standby_module_env),
		.standby_pin_file = given(environment->standby_pin_file),
	};

	return hsm_open(&config, hsm);
}

static enum pm_err open_hsms(struct daemon *d)
{
	const struct settings *s = d->settings;

	for (size_t i = 0; i < s->environment_count; i++)
		TRY(open_hsm(d, &s->environments[i], &d->hsms[i]));
	return PM_OK;
}

static struct vault_periods pepper_periods(const struct key_settings *keys)
{
	return (struct vault_periods){
		.make_days = keys->pepper_days,
		.verify_days = keys->pepper_verify_days,
		.make_uses = keys->pepper_uses,
		.warn_days = keys->warn_days,
		.rotate = keys->rotate == ROTATE_AUTO,
	};
}

static struct vault_periods internal_periods(const struct key_settings *keys)
{
	return (struct vault_periods){
		.make_days = keys->internal_days,
		.verify_days = keys->internal_verify_days,
		.make_uses = keys->internal_uses,
		.warn_days = keys->warn_days,
		.rotate = keys->rotate == ROTATE_AUTO,
	};
}

static struct vault_policy policy_of(const struct environment_settings *environment)
{
	struct vault_policy policy = {
		.any_account = environment->any_account,
		.generate_reference = environment->generate_reference,
		.recoverable = environment->recoverable && !environment->production,
		.cross_environment = environment->cross_environment,
		.no_step_up = environment->step_up == 0,
		.step_up = environment->step_up,
		.on_leak = (enum leak_action)environment->on_leak,
		.expiry_warn_days = environment->expiry_warn_days,
	};

	snprintf(policy.mask, sizeof(policy.mask), "%s", environment->mask);
	return policy;
}

static enum pm_err set_leak_sources(struct daemon *d)
{
	struct vault_leak_source sources[SETTINGS_LEAK_SOURCES_MAX];
	const struct settings *s = d->settings;

	for (size_t i = 0; i < s->leak_source_count; i++)
		sources[i] = (struct vault_leak_source){
			.key_id = s->leak_sources[i].key_id,
			.public_key = s->leak_sources[i].public_key,
		};
	return vault_set_leak_sources(d->vault, sources, s->leak_source_count);
}

static enum pm_err open_vault(struct daemon *d, bool new_log)
{
	struct vault_environment environments[SETTINGS_ENVIRONMENTS_MAX];
	struct tlog_key witnesses[VAULT_WITNESSES_MAX];
	const struct settings *s = d->settings;
	const struct vault_audit_config audit = {
		.origin = s->audit.origin,
		.environment = s->audit.environment[0] ? s->audit.environment : NULL,
		.anchor = s->audit.anchor,
		.program = d->program,
		.policy = s->revision,
		.each = s->audit.acts == ACTS_EACH,
		.refusals = s->audit.refusals_per_minute,
		.keep_months = s->audit.keep_months,
		.background = true,
		.new_log = new_log,
		.witnesses = witnesses,
		.witness_count = s->witness_count,
	};

	for (size_t i = 0; i < s->witness_count; i++)
		witnesses[i] = s->witnesses[i].key;
	for (size_t i = 0; i < s->environment_count; i++) {
		environments[i] = (struct vault_environment){
			.name = s->environments[i].head.name,
			.prefix = s->environments[i].key_prefix,
			.hsm = d->hsms[i],
			.peppers = pepper_periods(&s->keys),
			.internals = internal_periods(&s->keys),
			.check_minutes = s->environments[i].check_minutes,
			.policy = policy_of(&s->environments[i]),
		};
	}
	TRY(vault_open(d->store, environments, s->environment_count, &audit, &d->vault));
	return set_leak_sources(d);
}

static void log_audit(struct daemon *d)
{
	struct vault_audit_status status;

	vault_audit_status(d->vault, &status);
	log_info("audit log %u, %s, has %llu entries", status.log, status.origin,
		 (unsigned long long)status.entries);
}

static enum pm_err open_sink(struct daemon *d)
{
	const struct audit_settings *audit = &d->settings->audit;

	return audit->sink == SINK_SYSLOG ? sink_open(d->vault, audit->sink_socket, &d->sink)
					  : PM_OK;
}

/* Again and again until it is in the log; no later configuration is told before. */
static enum pm_err tell_start(struct daemon *d)
{
	if (d->start_told)
		return PM_OK;
	TRY(vault_audit_config_read(d->vault, d->config_path, d->settings->revision, true));
	d->start_told = true;
	return PM_OK;
}

static enum pm_err open_rpc(struct daemon *d)
{
	const struct daemon_settings *daemon = &d->settings->daemon;
	const struct limit_settings *limits = &d->settings->limits;
	struct rpc_caller *callers CLEANUP(free_ptr) = calloc(RPC_CALLERS_MAX, sizeof(*callers));
	const struct rpc_config config = {
		.socket = daemon->socket,
		.socket_mode = daemon->socket_mode,
		.socket_gid = daemon->socket_group.given ? daemon->socket_group.id : UINT32_MAX,
		.version = PM_VERSION,
		.message_bytes = limits->message_bytes,
		.requests = limits->requests,
		.per_connection = limits->per_connection,
		.per_caller = limits->per_caller,
		.connections = limits->connections,
		.batch = limits->batch,
		.workers = limits->workers,
		.queue = limits->queue,
		.send_timeout_ms = limits->send_timeout_ms,
		.replay_bytes = limits->replay_bytes,
		.replay_seconds = limits->replay_seconds,
		.sink_dropped = d->sink ? sink_dropped(d->sink) : NULL,
	};

	if (!callers) {
		log_error("out of memory");
		return PM_NO_MEMORY;
	}
	settings_callers(d->settings, d->settings, callers);
	return rpc_open(d->vault, &config, callers, d->settings->caller_count, &d->rpc);
}

static enum pm_err open_all(struct daemon *d, bool new_log)
{
	TRY(program_describe(PM_VERSION, d->program));
	TRY(claim_pin_fds(d->settings));
	TRY(harden());
	check_file_limit(&d->settings->limits);
	TRY(open_store(d));
	TRY(open_hsms(d));
	TRY(open_vault(d, new_log));
	log_audit(d);
	TRY(open_sink(d));
	/* A log that takes no entries says so by itself, and refuses everything until it does. */
	enum pm_err told = tell_start(d);
	(void)told;
	/* An environment that cannot serve has said so and shows in Status; the others serve. */
	enum pm_err tended = vault_tend(d->vault);
	(void)tended;
	/* The first byte of a stranger's is read inside the sandbox. */
	TRY(sandbox_enter(SANDBOX_DAEMON));
	return open_rpc(d);
}

enum pm_err daemon_open(const struct daemon_start *start, struct daemon **out)
{
	struct daemon *d CLEANUP(daemon_closep) = calloc(1, sizeof(*d));

	if (!d) {
		log_error("out of memory");
		return PM_NO_MEMORY;
	}
	d->config_path = start->config_path;
	d->settings = start->settings;
	d->serving = SIZE_MAX;
	TRY(open_all(d, start->new_log));
	*out = TAKE(d);
	return PM_OK;
}

void daemon_close(struct daemon *d, int64_t deadline)
{
	if (!d)
		return;
	if (d->rpc)
		rpc_close(d->rpc, deadline);
	sink_close(d->sink);
	if (d->vault)
		vault_close(d->vault);
	for (size_t i = SETTINGS_ENVIRONMENTS_MAX; i > 0; i--)
		hsm_close(d->hsms[i - 1]);
	if (d->store)
		store_close(d->store);
	free(d);
}

void daemon_closep(struct daemon **d)
{
	daemon_close(*d, clock_now());
}

static size_t count_serving(struct daemon *d)
{
	size_t serving = 0;

	for (size_t i = 0; i < d->settings->environment_count; i++) {
		if (vault_environment_state(d->vault, i) == ENV_SERVING)
			serving++;
	}
	return serving;
}

void daemon_tend(struct daemon *d)
{
	enum pm_err tended = vault_tend(d->vault), told = tell_start(d);
	size_t serving = count_serving(d);

	(void)tended; /* logged, and in Status */
	(void)told;
	if (serving == d->serving)
		return;
	d->serving = serving;
	sd_notifyf(0, "STATUS=%zu of %zu environments serve", serving,
		   d->settings->environment_count);
}

/*
 * Told before it is done: what callers may do never changes without an entry that says so. And from
 * one that says `ok` on all entries name this revision, so by then nothing may be in its way.
 */
static enum pm_err tell_reload(struct daemon *d, const struct settings *fresh, bool ok)
{
	return vault_audit_config_read(d->vault, d->config_path, fresh->revision, ok);
}

static enum pm_err take_callers(struct daemon *d, const struct settings *fresh)
{
	struct rpc_caller *callers CLEANUP(free_ptr) = calloc(RPC_CALLERS_MAX, sizeof(*callers));

	if (!callers)
		return PM_NO_MEMORY;
	settings_callers(fresh, d->settings, callers);
	TRY(tell_start(d));
	TRY(rpc_check_callers(d->rpc, callers, fresh->caller_count));
	TRY(tell_reload(d, fresh, true));
	return rpc_set_callers(d->rpc, callers, fresh->caller_count);
}

static void refuse_reload(struct daemon *d, const struct settings *fresh)
{
	if (tell_reload(d, fresh, false) != PM_OK)
		log_error("reload: the audit log could not be told that it was refused");
}

void daemon_reload(struct daemon *d)
{
	struct settings *fresh CLEANUP(free_ptr) = malloc(sizeof(*fresh));
	struct config_fault fault;

	if (!fresh) {
		log_error("reload: out of memory; the old settings stay");
		return;
	}
	if (settings_load(d->config_path, fresh, &fault) != PM_OK) {
		settings_log_fault(d->config_path, &fault);
		log_error("reload: the old settings stay");
		refuse_reload(d, fresh);
		return;
	}
	settings_warn_restart(d->settings, fresh);
	enum pm_err err = take_callers(d, fresh);
	if (err != PM_OK) {
		log_error("reload: the old callers stay: %s", peppermint_error_text(err));
		refuse_reload(d, fresh);
		return;
	}
	log_info("reload: %zu callers from %s, revision %s", fresh->caller_count, d->config_path,
		 fresh->revision);
}
