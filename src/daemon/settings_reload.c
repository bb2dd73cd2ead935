/* What of a fresh configuration the daemon that runs does not take over. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "settings.h"

/* Fields were zero before they were read, so equal settings are equal bytes. */
static void warn_section(const char *kind, const char *title, const void *running,
			 const void *fresh)
{
	for (size_t i = 0; i < settings_schema.setting_count; i++) {
		const struct config_setting *setting = &settings_schema.settings[i];
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

static bool same_witnesses(const struct settings *a, const struct settings *b)
{
	if (a->witness_count != b->witness_count)
		return false;
	for (size_t i = 0; i < a->witness_count; i++) {
		const struct witness_settings *x = &a->witnesses[i], *y = &b->witnesses[i];

		if (strcmp(x->head.name, y->head.name) != 0 ||
		    memcmp(&x->key, &y->key, sizeof(x->key)) != 0)
			return false;
	}
	return true;
}

static bool same_leak_sources(const struct settings *a, const struct settings *b)
{
	if (a->leak_source_count != b->leak_source_count)
		return false;
	for (size_t i = 0; i < a->leak_source_count; i++) {
		const struct leak_source_settings *x = &a->leak_sources[i];
		const struct leak_source_settings *y = &b->leak_sources[i];

		if (strcmp(x->head.name, y->head.name) != 0 || strcmp(x->key_id, y->key_id) != 0 ||
		    strcmp(x->public_key, y->public_key) != 0)
			return false;
	}
	return true;
}

void settings_warn_restart(const struct settings *running, const struct settings *fresh)
{
	warn_section("daemon", "daemon", &running->daemon, &fresh->daemon);
	warn_section("limits", "limits", &running->limits, &fresh->limits);
	warn_section("audit", "audit", &running->audit, &fresh->audit);
	warn_section("keys", "keys", &running->keys, &fresh->keys);
	if (!same_witnesses(running, fresh))
		log_warn("reload: other [witness NAME] sections take effect after a restart");
	if (!same_leak_sources(running, fresh))
		log_warn("reload: other [leak_source NAME] sections take effect after a restart");
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
