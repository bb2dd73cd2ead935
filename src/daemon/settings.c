#include "settings.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "readers.h"

#define DAYS_MAX 36500 /* a century */

#define NAME_CHARS_LOWER "abcdefghijklmnopqrstuvwxyz0123456789-"
#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZ" NAME_CHARS_LOWER "_."

static const struct config_section sections[] = {
	{ .kind = "daemon",
	  .offset = offsetof(struct settings, daemon),
	  .size = sizeof(struct daemon_settings) },
	{ .kind = "limits",
	  .offset = offsetof(struct settings, limits),
	  .size = sizeof(struct limit_settings) },
	{ .kind = "audit",
	  .offset = offsetof(struct settings, audit),
	  .size = sizeof(struct audit_settings) },
	{ .kind = "keys",
	  .offset = offsetof(struct settings, keys),
	  .size = sizeof(struct key_settings) },
	{ .kind = "witness",
	  .offset = offsetof(struct settings, witnesses),
	  .size = sizeof(struct witness_settings),
	  .max = VAULT_WITNESSES_MAX,
	  .count = offsetof(struct settings, witness_count),
	  .name_max = CONFIG_NAME_MAX,
	  .name_chars = NAME_CHARS },
	{ .kind = "leak_source",
	  .offset = offsetof(struct settings, leak_sources),
	  .size = sizeof(struct leak_source_settings),
	  .max = SETTINGS_LEAK_SOURCES_MAX,
	  .count = offsetof(struct settings, leak_source_count),
	  .name_max = CONFIG_NAME_MAX,
	  .name_chars = NAME_CHARS },
	{ .kind = "environment",
	  .offset = offsetof(struct settings, environments),
	  .size = sizeof(struct environment_settings),
	  .max = SETTINGS_ENVIRONMENTS_MAX,
	  .count = offsetof(struct settings, environment_count),
	  .name_max = VAULT_ENVIRONMENT_MAX,
	  .name_chars = NAME_CHARS_LOWER },
	{ .kind = "caller",
	  .offset = offsetof(struct settings, callers),
	  .size = sizeof(struct caller_settings),
	  .max = RPC_CALLERS_MAX,
	  .count = offsetof(struct settings, caller_count),
	  .name_max = RPC_CALLER_NAME_MAX,
	  .name_chars = NAME_CHARS },
};

#define PATH .read = config_read_path, .must_be = "an absolute path of at most 511 bytes"
#define SOCKET .read = config_read_path, .must_be = "an absolute path of at most 107 bytes"
#define TEXT .read = config_read_text, .must_be = "at most 511 bytes"

/* clang-format off */
#define DAEMON(member) \
	.section = "daemon", .name = #member, CONFIG_FIELD(struct daemon_settings, member)
#define AUDIT(member) \
	.section = "audit", .name = #member, CONFIG_FIELD(struct audit_settings, member)
#define WITNESS(member) \
	.section = "witness", .name = #member, CONFIG_FIELD(struct witness_settings, member)
#define ENVIRONMENT(member) \
	.section = "environment", .name = #member, CONFIG_FIELD(struct environment_settings, member)
#define SOURCE(member) \
	.section = "leak_source", .name = #member, \
	CONFIG_FIELD(struct leak_source_settings, member)
#define FLAG(default_) .read = read_flag, .must_be = MUST_BE_FLAG, .fallback = (default_)
#define CALLER(member) \
	.section = "caller", .name = #member, CONFIG_FIELD(struct caller_settings, member)
#define NUMBER(default_, min_, max_) \
	.read = config_read_number, .min = (min_), .max = (max_), .fallback = (default_)
#define LIMIT(member, default_, min_, max_) \
	{.section = "limits", .name = #member, CONFIG_FIELD(struct limit_settings, member), \
	 NUMBER(default_, min_, max_)}
#define KEYS(member) \
	.section = "keys", .name = #member, CONFIG_FIELD(struct key_settings, member)

static const struct config_setting table[] = {
	{DAEMON(socket), SOCKET, .required = true},
	{DAEMON(socket_mode), .read = config_read_octal, .max = 0777, .fallback = "0660",
	 .must_be = "octal permission bits such as 0660"},
	{DAEMON(socket_group), .read = read_group, .must_be = MUST_BE_GROUP},
	{DAEMON(state_dir), PATH, .required = true},
	{DAEMON(signer), PATH, .fallback = PM_SIGNER_PATH},

	/*    setting          default    from  to */
	LIMIT(message_bytes,   "65536",   4096, 1048576),
	LIMIT(requests,        "256",     1,    4096),
	LIMIT(per_connection,  "64",      1,    4096),
	LIMIT(per_caller,      "120",     1,    4096),
	LIMIT(connections,     "2048",    1,    65536),
	LIMIT(batch,           "512",     1,    512),
	LIMIT(workers,         "8",       1,    64),
	LIMIT(queue,           "256",     1,    4096),
	LIMIT(send_timeout_ms, "2000",    10,   60000),
	LIMIT(replay_bytes,    "2097152", 65536, 268435456),
	LIMIT(replay_seconds,  "120",     1,    3600),
	LIMIT(hsm_timeout_ms,  "10000",   100,  60000),

	{AUDIT(origin), .read = read_origin, .must_be = MUST_BE_ORIGIN},
	{AUDIT(environment), .read = config_read_text, .must_be = "the name of an environment"},
	{AUDIT(anchor), PATH},
	{AUDIT(acts), .read = read_acts, .must_be = MUST_BE_ACTS, .fallback = "folded"},
	{AUDIT(refusals_per_minute), .read = config_read_number, .min = 1, .max = 100000,
	 .fallback = "60"},
	{AUDIT(keep_months), .read = read_months, .must_be = MUST_BE_MONTHS, .fallback = "0"},
	{AUDIT(sink), .read = read_sink, .must_be = MUST_BE_SINK, .fallback = "none"},
	{AUDIT(sink_socket), SOCKET, .fallback = "/dev/log"},

	{KEYS(pepper_days), NUMBER("730", 0, DAYS_MAX)},
	{KEYS(pepper_verify_days), NUMBER("1095", 0, DAYS_MAX)},
	{KEYS(pepper_uses), NUMBER("0", 0, UINT32_MAX)},
	{KEYS(internal_days), NUMBER("730", 0, DAYS_MAX)},
	{KEYS(internal_verify_days), NUMBER("1095", 0, DAYS_MAX)},
	{KEYS(internal_uses), NUMBER("0", 0, UINT32_MAX)},
	{KEYS(warn_days), NUMBER("30", 0, 3650)},
	{KEYS(rotate), .read = read_rotate, .must_be = MUST_BE_ROTATE, .fallback = "manual"},

	{WITNESS(key), .read = read_vkey, .must_be = MUST_BE_VKEY, .required = true},

	{ENVIRONMENT(key_prefix), .read = read_prefix, .must_be = MUST_BE_PREFIX, .required = true},
	{ENVIRONMENT(module), PATH, .required = true},
	{ENVIRONMENT(token), .read = read_token, .must_be = MUST_BE_TOKEN, .required = true},
	{ENVIRONMENT(pin_file), PATH},
	{ENVIRONMENT(pin_fd), .read = read_id, .min = 3, .max = 65535},
	{ENVIRONMENT(module_env), .read = read_variables, .must_be = MUST_BE_VARIABLES},
	{ENVIRONMENT(init_args), TEXT},
	{ENVIRONMENT(sessions), NUMBER("1", 1, 64)},
	{ENVIRONMENT(reload_seconds), NUMBER("30", 0, 3600)},
	{ENVIRONMENT(check_minutes), NUMBER("5", 1, 1440)},
	{ENVIRONMENT(standby_token), .read = read_token, .must_be = MUST_BE_TOKEN},
	{ENVIRONMENT(standby_module), PATH},
	{ENVIRONMENT(standby_module_env), .read = read_variables, .must_be = MUST_BE_VARIABLES},
	{ENVIRONMENT(standby_pin_file), PATH},

	{ENVIRONMENT(production), FLAG("yes")},
	{.section = "environment", .name = "accounts",
	 CONFIG_FIELD(struct environment_settings, any_account),
	 .read = read_accounts, .must_be = MUST_BE_ACCOUNTS, .fallback = "registered"},
	{.section = "environment", .name = "external_references",
	 CONFIG_FIELD(struct environment_settings, generate_reference),
	 .read = read_references, .must_be = MUST_BE_REFERENCES, .fallback = "caller"},
	{ENVIRONMENT(recoverable), FLAG("no")},
	{ENVIRONMENT(cross_environment), FLAG("no")},
	{ENVIRONMENT(step_up), .read = read_step_up, .must_be = MUST_BE_STEP_UP,
	 .fallback = "mint rotate reset revoke reveal operators"},
	{ENVIRONMENT(on_leak), .read = read_on_leak, .must_be = MUST_BE_ON_LEAK,
	 .fallback = "revoke"},
	{ENVIRONMENT(expiry_warn_days), NUMBER("7", 1, 365)},
	{ENVIRONMENT(mask), .read = config_read_text, .must_be = "at most 8 bytes",
	 .fallback = "*****"},

	{SOURCE(key_id), TEXT, .required = true},
	{SOURCE(public_key), TEXT, .required = true},

	{CALLER(user), .read = read_user, .must_be = MUST_BE_USER},
	{CALLER(uid), .read = read_id, .max = UINT32_MAX - 1},
	{CALLER(roles), .read = read_roles, .must_be = MUST_BE_ROLES, .required = true},
	{CALLER(environments), TEXT},
};
/* clang-format on */

const struct config_schema settings_schema = {
	.sections = sections,
	.section_count = sizeof(sections) / sizeof(sections[0]),
	.settings = table,
	.setting_count = sizeof(table) / sizeof(table[0]),
};

static bool begins_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* If one prefix began another, a key's text would not say which environment it belongs to. */
static enum pm_err check_prefix(const struct settings *s, size_t index, struct config_fault *fault)
{
	const struct environment_settings *mine = &s->environments[index];

	for (size_t i = 0; i < index; i++) {
		const struct environment_settings *other = &s->environments[i];

		if (begins_with(mine->key_prefix, other->key_prefix) ||
		    begins_with(other->key_prefix, mine->key_prefix))
			return config_refuse(fault, mine->head.line,
					     "one of the key prefixes of environments '%s' and "
					     "'%s' begins the other",
					     other->head.name, mine->head.name);
	}
	return PM_OK;
}

/* Neither is one that starts sealed; its standby's PIN is then not lying about either. */
static enum pm_err check_pin(const struct environment_settings *environment,
			     struct config_fault *fault)
{
	bool file = environment->pin_file[0] != '\0', fd = environment->pin_fd.given;

	if (file && fd)
		return config_refuse(fault, environment->head.line,
				     "[environment %s] has both 'pin_file' and 'pin_fd'",
				     environment->head.name);
	if (!file && !fd && environment->standby_pin_file[0] != '\0')
		return config_refuse(fault, environment->head.line,
				     "[environment %s] has a 'standby_pin_file' and neither "
				     "'pin_file' nor 'pin_fd'",
				     environment->head.name);
	return PM_OK;
}

static enum pm_err check_standby(const struct environment_settings *environment,
				 struct config_fault *fault)
{
	const char *token = environment->standby_token;
	bool rest = environment->standby_module[0] != '\0' ||
		    environment->standby_module_env[0] != '\0' ||
		    environment->standby_pin_file[0] != '\0';

	if (*token == '\0' && rest)
		return config_refuse(fault, environment->head.line,
				     "[environment %s] has other settings of a standby, and no "
				     "'standby_token'",
				     environment->head.name);
	return PM_OK;
}

/* What a person can read back a thief can, so it is not to be had by forgetting a line. */
static enum pm_err check_recoverable(const struct environment_settings *environment,
				     struct config_fault *fault)
{
	if (!environment->recoverable || !environment->production)
		return PM_OK;
	return config_refuse(fault, environment->head.line,
			     "[environment %s] has 'recoverable = yes', which needs 'production = "
			     "no'",
			     environment->head.name);
}

static enum pm_err check_environments(const struct settings *s, struct config_fault *fault)
{
	if (s->environment_count == 0)
		return config_refuse(fault, 0, "there is no section [environment NAME]");
	for (size_t i = 0; i < s->environment_count; i++) {
		TRY(check_pin(&s->environments[i], fault));
		TRY(check_standby(&s->environments[i], fault));
		TRY(check_recoverable(&s->environments[i], fault));
		TRY(check_prefix(s, i, fault));
	}
	return PM_OK;
}

/* The index of a named environment, or the count. */
static size_t find_environment(const struct settings *s, struct bytes name)
{
	size_t i = 0;

	for (; i < s->environment_count; i++) {
		const char *known = s->environments[i].head.name;

		if (strlen(known) == name.len && memcmp(known, name.data, name.len) == 0)
			break;
	}
	return i;
}

static enum pm_err resolve_environments(const struct settings *s, struct caller_settings *caller,
					struct config_fault *fault)
{
	const char *rest = caller->environments;

	if (*rest == '\0') {
		caller->environment_mask = (1U << s->environment_count) - 1;
		return PM_OK;
	}
	for (;;) {
		struct bytes name = config_next_word(&rest);
		if (name.len == 0)
			return PM_OK;
		size_t index = find_environment(s, name);
		if (index == s->environment_count)
			return config_refuse(fault, caller->head.line,
					     "setting 'environments' in [caller %s] names one "
					     "that has no [environment NAME]",
					     caller->head.name);
		caller->environment_mask |= 1U << index;
	}
}

static uint32_t caller_uid(const struct caller_settings *caller)
{
	return caller->user.given ? caller->user.id : caller->uid.id;
}

static enum pm_err check_caller(struct settings *s, size_t index, struct config_fault *fault)
{
	struct caller_settings *caller = &s->callers[index];

	if (caller->user.given == caller->uid.given)
		return config_refuse(fault, caller->head.line,
				     "[caller %s] needs either 'user' or 'uid'", caller->head.name);
	for (size_t i = 0; i < index; i++) {
		if (caller_uid(&s->callers[i]) == caller_uid(caller))
			return config_refuse(fault, caller->head.line,
					     "[caller %s] and [caller %s] have one uid: %u",
					     s->callers[i].head.name, caller->head.name,
					     caller_uid(caller));
	}
	return resolve_environments(s, caller, fault);
}

static enum pm_err check_witness(const struct settings *s, size_t index, struct config_fault *fault)
{
	const struct witness_settings *witness = &s->witnesses[index];

	if (witness->key.algorithm != TLOG_COSIGNER)
		return config_refuse(fault, witness->head.line,
				     "the 'key' of [witness %s] is of type 0x%02x; a witness's is "
				     "0x04",
				     witness->head.name, (unsigned)witness->key.algorithm);
	for (size_t i = 0; i < index; i++) {
		const struct witness_settings *other = &s->witnesses[i];

		if (strcmp(other->key.name, witness->key.name) == 0)
			return config_refuse(fault, witness->head.line,
					     "[witness %s] and [witness %s] have one key name",
					     other->head.name, witness->head.name);
	}
	return PM_OK;
}

static enum pm_err fill_origin(struct audit_settings *audit, struct config_fault *fault)
{
	char host[SETTINGS_ORIGIN_MAX - sizeof("/peppermint") + 2] = "";

	if (audit->origin[0] != '\0')
		return PM_OK;
	if (gethostname(host, sizeof(host) - 1) != 0 || !tlog_is_name(host))
		return config_refuse(fault, 0,
				     "setting 'origin' is missing in [audit]: this machine's name "
				     "cannot stand in for it");
	snprintf(audit->origin, sizeof(audit->origin), "%s/peppermint", host);
	return PM_OK;
}

static enum pm_err fill_anchor(const struct daemon_settings *daemon, struct audit_settings *audit,
			       struct config_fault *fault)
{
	if (audit->anchor[0] != '\0')
		return PM_OK;
	int len = snprintf(audit->anchor, sizeof(audit->anchor), "%s/audit-checkpoint",
			   daemon->state_dir);
	if (len < 0 || (size_t)len >= sizeof(audit->anchor))
		return config_refuse(fault, 0,
				     "setting 'anchor' is missing in [audit]: 'state_dir' is too "
				     "long to put it there");
	return PM_OK;
}

static enum pm_err check_audit(struct settings *s, struct config_fault *fault)
{
	struct audit_settings *audit = &s->audit;

	if (audit->environment[0] != '\0' &&
	    find_environment(s, bytes_str(audit->environment)) == s->environment_count)
		return config_refuse(fault, 0,
				     "setting 'environment' in [audit] names one that has no "
				     "[environment NAME]");
	for (size_t i = 0; i < s->witness_count; i++)
		TRY(check_witness(s, i, fault));
	TRY(fill_origin(audit, fault));
	return fill_anchor(&s->daemon, audit, fault);
}

/* A period that begins with its warning would be one long warning, and one long rotating. */
static enum pm_err check_keys(const struct key_settings *keys, struct config_fault *fault)
{
	bool peppers = keys->pepper_days == 0 || keys->pepper_days > keys->warn_days;
	bool internals = keys->internal_days == 0 || keys->internal_days > keys->warn_days;

	if (peppers && internals)
		return PM_OK;
	return config_refuse(
		fault, 0, "setting '%s' in [keys] must be more than 'warn_days', or 0 (for ever)",
		peppers ? "internal_days" : "pepper_days");
}

static enum pm_err check(struct settings *s, struct config_fault *fault)
{
	TRY(check_environments(s, fault));
	TRY(check_keys(&s->keys, fault));
	for (size_t i = 0; i < s->caller_count; i++)
		TRY(check_caller(s, i, fault));
	return check_audit(s, fault);
}

static void set_revision(struct bytes text, char revision[SETTINGS_REVISION_LEN + 1])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];

	SHA256(text.data, text.len, digest);
	hex_encode(bytes_of(digest, SETTINGS_REVISION_LEN / 2), revision);
}

enum pm_err settings_parse(struct bytes text, struct settings *out, struct config_fault *fault)
{
	memset(out, 0, sizeof(*out));
	set_revision(text, out->revision);
	TRY(config_parse(&settings_schema, text, out, fault));
	return check(out, fault);
}

enum pm_err settings_load(const char *path, struct settings *out, struct config_fault *fault)
{
	uint8_t *room CLEANUP(free_ptr) = malloc(CONFIG_FILE_MAX + 1);
	struct bytes text;

	strcpy(out->revision, "-");
	if (!room)
		return config_refuse(fault, 0, "cannot be read: out of memory");
	TRY(config_read_file(path, room, &text, fault));
	return settings_parse(text, out, fault);
}

void settings_log_fault(const char *path, const struct config_fault *fault)
{
	if (fault->line > 0)
		log_error("%s:%u: %s", path, fault->line, fault->text);
	else
		log_error("%s: %s", path, fault->text);
}

static uint32_t renumber(uint32_t environments, const struct settings *from,
			 const struct settings *to)
{
	uint32_t renumbered = 0;

	for (size_t i = 0; i < from->environment_count; i++) {
		size_t index = find_environment(to, bytes_str(from->environments[i].head.name));

		if (environments & 1U << i && index < to->environment_count)
			renumbered |= 1U << index;
	}
	return renumbered;
}

void settings_callers(const struct settings *settings, const struct settings *order,
		      struct rpc_caller callers[RPC_CALLERS_MAX])
{
	for (size_t i = 0; i < settings->caller_count; i++) {
		const struct caller_settings *caller = &settings->callers[i];

		callers[i] = (struct rpc_caller){
			.uid = caller_uid(caller),
			.roles = caller->roles,
			.environments = renumber(caller->environment_mask, settings, order),
		};
		memcpy(callers[i].name, caller->head.name, sizeof(callers[i].name));
	}
}
