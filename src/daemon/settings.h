/*
 * What peppermintd's configuration file says: the settings as plain values, read and checked as a
 * whole. deploy/peppermint.conf explains each of them and is held against `settings_schema` by a
 * test. Main thread only.
 */
#ifndef DAEMON_SETTINGS_H
#define DAEMON_SETTINGS_H

#include "base/config.h"
#include "rpc/rpc.h"
#include "tlog/note.h"
#include "vault/audit.h"
#include "vault/vault.h"

#define SETTINGS_ENVIRONMENTS_MAX 8
#define SETTINGS_TEXT_MAX 511
#define SETTINGS_SOCKET_MAX 107 /* sockaddr_un's */
#define SETTINGS_ORIGIN_MAX 100 /* the number of a log comes behind it */
#define SETTINGS_REVISION_LEN 16
#define SETTINGS_LEAK_SOURCES_MAX 8
#define SETTINGS_MASK_MAX 8

/* A number that may be absent and may be 0. No padding: settings are compared as bytes. */
struct optional_id {
	uint32_t given; /* 0 or 1 */
	uint32_t id;
};

struct daemon_settings {
	char socket[SETTINGS_SOCKET_MAX + 1];
	uint32_t socket_mode;
	struct optional_id socket_group;
	char state_dir[SETTINGS_TEXT_MAX + 1];
	char signer[SETTINGS_TEXT_MAX + 1];
};

struct limit_settings {
	uint32_t message_bytes, requests, per_connection, per_caller, connections, batch;
	uint32_t workers, queue, send_timeout_ms, replay_bytes, replay_seconds, hsm_timeout_ms;
};

enum audit_acts { ACTS_FOLDED, ACTS_EACH };
enum audit_sink { SINK_NONE, SINK_SYSLOG };

struct audit_settings {
	char origin[SETTINGS_ORIGIN_MAX + 1];
	char environment[VAULT_ENVIRONMENT_MAX + 1]; /* "": the first */
	char anchor[SETTINGS_TEXT_MAX + 1];
	uint32_t acts; /* enum audit_acts */
	uint32_t refusals_per_minute;
	uint32_t keep_months; /* 0: for ever */
	uint32_t sink;        /* enum audit_sink */
	char sink_socket[SETTINGS_SOCKET_MAX + 1];
};

enum key_rotation { ROTATE_MANUAL, ROTATE_AUTO };

/* How long and how often keys are used; 0: without end. vault.h's struct vault_periods. */
struct key_settings {
	uint32_t pepper_days, pepper_verify_days, pepper_uses;
	uint32_t internal_days, internal_verify_days, internal_uses;
	uint32_t warn_days;
	uint32_t rotate; /* enum key_rotation */
};

struct witness_settings {
	struct config_head head;
	struct tlog_key key;
};

struct environment_settings {
	struct config_head head;
	char key_prefix[VAULT_PREFIX_MAX + 1];
	char module[SETTINGS_TEXT_MAX + 1];
	char token[SETTINGS_TEXT_MAX + 1];
	char pin_file[SETTINGS_TEXT_MAX + 1]; /* "": on pin_fd, or whoever unseals it brings it */
	struct optional_id pin_fd;
	char module_env[SETTINGS_TEXT_MAX + 1];
	char init_args[SETTINGS_TEXT_MAX + 1];
	uint32_t sessions, reload_seconds, check_minutes;
	char standby_token[SETTINGS_TEXT_MAX + 1]; /* "": there is none */
	char standby_module[SETTINGS_TEXT_MAX + 1];
	char standby_module_env[SETTINGS_TEXT_MAX + 1];
	char standby_pin_file[SETTINGS_TEXT_MAX + 1];
	/* 0 or 1, and all of it vault.h's struct vault_policy */
	uint32_t production, any_account, generate_reference, recoverable, cross_environment;
	uint32_t step_up; /* bit 1 << enum vault_act */
	uint32_t on_leak; /* enum leak_action */
	uint32_t expiry_warn_days;
	char mask[SETTINGS_MASK_MAX + 1];
};

/* Whoever reports keys that it found in public. */
struct leak_source_settings {
	struct config_head head;
	char key_id[SETTINGS_TEXT_MAX + 1];
	char public_key[SETTINGS_TEXT_MAX + 1];
};

struct caller_settings {
	struct config_head head;
	struct optional_id user, uid;             /* one of the two */
	uint32_t roles;                           /* enum role, or-ed */
	char environments[SETTINGS_TEXT_MAX + 1]; /* "": all */
	uint32_t environment_mask;                /* bit i: settings.environments[i] */
};

struct settings {
	char revision[SETTINGS_REVISION_LEN + 1]; /* the start of the text's SHA-256, in hex */
	struct daemon_settings daemon;
	struct limit_settings limits;
	struct audit_settings audit;
	struct key_settings keys;
	struct witness_settings witnesses[VAULT_WITNESSES_MAX];
	size_t witness_count;
	struct environment_settings environments[SETTINGS_ENVIRONMENTS_MAX];
	size_t environment_count;
	struct leak_source_settings leak_sources[SETTINGS_LEAK_SOURCES_MAX];
	size_t leak_source_count;
	struct caller_settings callers[RPC_CALLERS_MAX];
	size_t caller_count;
};

extern const struct config_schema settings_schema;

/*
 * `out` is filled whatever it held. After an error only its revision means something: it is that of
 * the text that was refused, or "-" when there was none to be had.
 */
enum pm_err settings_parse(struct bytes text, struct settings *out,
			   struct config_fault *fault) NODISCARD;
enum pm_err settings_load(const char *path, struct settings *out,
			  struct config_fault *fault) NODISCARD;

void settings_log_fault(const char *path, const struct config_fault *fault);

/* The callers, with their environments numbered as in `order` (a running daemon's settings). */
void settings_callers(const struct settings *settings, const struct settings *order,
		      struct rpc_caller callers[RPC_CALLERS_MAX]);

/* Logs a warning for each setting outside [caller NAME] that differs: it needs a restart. */
void settings_warn_restart(const struct settings *running, const struct settings *fresh);

#endif
