#include "settings.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "readers.h"

#define NAME_CHARS_LOWER "abcdefghijklmnopqrstuvwxyz0123456789-"
#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZ" NAME_CHARS_LOWER "_."

static const struct config_section sections[] = {
	{ .kind = "daemon",
	  .offset = offsetof(struct settings, daemon),
	  .size = sizeof(struct daemon_settings) },
	{ .kind = "limits",
	  .offset = offsetof(struct settings, limits),
	  .size = sizeof(struct limit_settings) },
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
#define TEXT .read = config_read_text, .must_be = "at most 511 bytes"

/* clang-format off */
#define DAEMON(member) \
	.section = "daemon", .name = #member, CONFIG_FIELD(struct daemon_settings, member)
#define ENVIRONMENT(member) \
	.section = "environment", .name = #member, CONFIG_FIELD(struct environment_settings, member)
#define CALLER(member) \
	.section = "caller", .name = #member, CONFIG_FIELD(struct caller_settings, member)
#define LIMIT(member, default_, min_, max_) \
	{.section = "limits", .name = #member, CONFIG_FIELD(struct limit_settings, member), \
	 .read = config_read_number, .min = (min_), .max = (max_), .fallback = (default_)}

static const struct config_setting table[] = {
	{DAEMON(socket), .read = config_read_path, .required = true,
	 .must_be = "an absolute path of at most 107 bytes"},
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

	{ENVIRONMENT(key_prefix), .read = read_prefix, .must_be = MUST_BE_PREFIX, .required = true},
	{ENVIRONMENT(module), PATH, .required = true},
	{ENVIRONMENT(token), .read = read_token, .must_be = MUST_BE_TOKEN, .required = true},
	{ENVIRONMENT(pin_file), PATH},
	{ENVIRONMENT(pin_fd), .read = read_id, .min = 3, .max = 65535},
	{ENVIRONMENT(module_env), .read = read_variables, .must_be = MUST_BE_VARIABLES},

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

static enum pm_err check_environments(const struct settings *s, struct config_fault *fault)
{
	if (s->environment_count == 0)
		return config_refuse(fault, 0, "there is no section [environment NAME]");
	for (size_t i = 0; i < s->environment_count; i++) {
		const struct environment_settings *environment = &s->environments[i];

		if (environment->pin_fd.given == (environment->pin_file[0] != '\0'))
			return config_refuse(fault, environment->head.line,
					     "[environment %s] needs either 'pin_file' or 'pin_fd'",
					     environment->head.name);
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

static enum pm_err check(struct settings *s, struct config_fault *fault)
{
	TRY(check_environments(s, fault));
	for (size_t i = 0; i < s->caller_count; i++)
		TRY(check_caller(s, i, fault));
	return PM_OK;
}

enum pm_err settings_parse(struct bytes text, struct settings *out, struct config_fault *fault)
{
	memset(out, 0, sizeof(*out));
	TRY(config_parse(&settings_schema, text, out, fault));
	return check(out, fault);
}

enum pm_err settings_load(const char *path, struct settings *out, struct config_fault *fault)
{
	memset(out, 0, sizeof(*out));
	TRY(config_load(&settings_schema, path, out, fault));
	return check(out, fault);
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

/* Fields were zero before they were read, so equal settings are equal bytes. */
static void warn_section(const char *kind, const char *title, const void *running,
			 const void *fresh)
{
	for (size_t i = 0; i < settings_schema.setting_count; i++) {
		const struct config_setting *setting = &table[i];
		const char *a = (const char *)running + setting->offset;
		const char *b = (const char *)fresh + setting->offset;

		if (strcmp(setting->section, kind) == 0 && memcmp(a, b, setting->size) != 0)
			log_warn("reload: the new '%s' in [%s] takes effect after a restart",
				 setting->name, title);
	}
}

static bool same_environments(const struct settings *a, const struct settings *b)
{
	if (a->environment_count != b->environment_count)
		return false;
	for (size_t i = 0; i < a->environment_count; i++) {
		if (strcmp(a->environments[i].head.name, b->environments[i].head.name) != 0)
			return false;
	}
	return true;
}

void settings_warn_restart(const struct settings *running, const struct settings *fresh)
{
	warn_section("daemon", "daemon", &running->daemon, &fresh->daemon);
	warn_section("limits", "limits", &running->limits, &fresh->limits);
	if (!same_environments(running, fresh)) {
		log_warn("reload: other [environment NAME] sections take effect after a restart");
		return;
	}
	for (size_t i = 0; i < running->environment_count; i++) {
		char title[sizeof("environment ") + CONFIG_NAME_MAX];

		snprintf(title, sizeof(title), "environment %s",
			 running->environments[i].head.name);
		warn_section("environment", title, &running->environments[i],
			     &fresh->environments[i]);
	}
}
