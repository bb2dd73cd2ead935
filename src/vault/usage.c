#include "usage.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "imported.h"
#include "layer.h"

#define GROUPS_MAX 4096 /* one for each chain of versions that any secret has */

struct lines {
	struct usage *lines;
	size_t max, count;
	const char *name; /* of the master key */
	uint32_t active;  /* version: what it vouches for stays where it is */
};

/* The line of a version; made if there is none. */
static enum pm_err take_line(struct lines *lines, uint32_t version, struct usage **out)
{
	size_t i = 0;

	while (i < lines->count && lines->lines[i].version != version)
		i++;
	if (i == lines->max)
		return PM_TOO_LARGE;
	if (i == lines->count)
		lines->lines[lines->count++] = (struct usage){ .version = version };
	*out = &lines->lines[i];
	return PM_OK;
}

/* Of a group, all versions of the chain are needed, and the outermost is the one to move away from. */
static enum pm_err add_secrets(struct environment *env, struct lines *lines,
			       const struct secret_group *group, int64_t now)
{
	struct secret_record chain = {
		.pepper_version = group->pepper_version,
		.wrap_count = group->wrap_count,
	};
	struct usage *line = NULL;

	memcpy(chain.wraps, group->wraps, sizeof(chain.wraps));
	const uint64_t live = layer_is_dead(env, &chain, now) ? 0 : group->live;
	for (uint32_t layer = 0; layer < layer_count(&chain); layer++) {
		TRY(take_line(lines, layer_version(&chain, layer), &line));
		line->needed += live;
		line->ended += group->ended + (group->live - live);
		if (layer < chain.wrap_count)
			line->wrapped += live;
	}
	if (line && line->version != lines->active)
		line->to_rewrap += live;
	return PM_OK;
}

static enum pm_err count_secrets(struct environment *env, struct lines *lines)
{
	struct secret_group *groups CLEANUP(free_ptr) = calloc(GROUPS_MAX, sizeof(*groups));
	const int64_t now = clock_unix();
	size_t count = 0;

	if (!groups)
		return PM_NO_MEMORY;
	TRY(store_group_secrets(env->store, env->name, now, groups, GROUPS_MAX, &count));
	for (size_t i = 0; i < count; i++)
		TRY(add_secrets(env, lines, &groups[i], now));
	return PM_OK;
}

/*
 * What was executed is not sealed anew: those records are removed by themselves after
 * keep_executed_days, and until then need the version that sealed them.
 */
static enum pm_err add_seals(struct lines *lines, const struct seal_group *group)
{
	uint64_t sealed_anew = group->keys + group->masters + group->environments +
			       group->accounts + group->operators;
	struct usage *line = NULL;

	TRY(take_line(lines, group->version, &line));
	line->needed += sealed_anew + group->executed;
	if (group->version != lines->active)
		line->to_rewrap += sealed_anew;
	return PM_OK;
}

static enum pm_err count_seals(struct environment *env, struct lines *lines)
{
	struct seal_group *groups CLEANUP(free_ptr) = calloc(GROUPS_MAX, sizeof(*groups));
	size_t count = 0;

	if (!groups)
		return PM_NO_MEMORY;
	TRY(store_group_seals(env->store, env->name, groups, GROUPS_MAX, &count));
	for (size_t i = 0; i < count; i++)
		TRY(add_seals(lines, &groups[i]));
	return PM_OK;
}

static enum pm_err add_versions(struct lines *lines, const struct version_count *versions,
				size_t count)
{
	struct usage *line = NULL;

	for (size_t i = 0; i < count; i++) {
		TRY(take_line(lines, versions[i].version, &line));
		line->needed += versions[i].count;
	}
	return PM_OK;
}

static enum pm_err count_pins(struct environment *env, struct lines *lines)
{
	struct version_count versions[VAULT_PEPPER_VERSIONS_MAX];
	size_t count = 0;

	TRY(store_count_pins(env->store, env->name, versions, VAULT_PEPPER_VERSIONS_MAX, &count));
	return add_versions(lines, versions, count);
}

static enum pm_err count_values(struct environment *env, struct lines *lines)
{
	struct version_count versions[VAULT_PEPPER_VERSIONS_MAX];
	size_t count = 0;

	TRY(store_count_values(env->store, env->name, versions, VAULT_PEPPER_VERSIONS_MAX, &count));
	return add_versions(lines, versions, count);
}

static enum pm_err count_lookups(struct environment *env, struct lines *lines)
{
	struct master_record master;

	for (uint32_t version = 1; version <= VAULT_PEPPER_VERSIONS_MAX; version++) {
		struct version_count found = { .version = version };

		if (environment_master(env, PURPOSE_INDEX, lines->name, version, &master) != PM_OK)
			continue;
		TRY(store_count_lookups(env->store, env->name, version, &found.count));
		TRY(add_versions(lines, &found, found.count > 0));
	}
	return PM_OK;
}

/*
 * Can a secret that came under that key still verify? Its text is found by that key's HMAC for ever, also
 * when it was used and something else of it is hashed.
 */
static void add_imported(const struct key_record *key, const char *name, int64_t now,
			 struct usage *line)
{
	bool over = key->revoked_at != 0 || (key->expires_at != 0 && now >= key->expires_at);

	if (strcmp(key->import_key, name) != 0)
		return;
	for (int i = 0; i < SECRETS_PER_KEY; i++) {
		const struct secret_record *secret = &key->secrets[i];

		if (secret->version == 0 || secret->form == SECRET_OURS)
			continue;
		if (over || (secret->not_after != 0 && now >= secret->not_after))
			line->ended++;
		else
			line->needed++;
	}
}

#define SCAN_PAGE 64

/* Of all versions that an import key had, the others being destroyed, one is there. */
static enum pm_err count_imports(struct environment *env, struct lines *lines)
{
	struct key_record *keys CLEANUP(free_ptr) = calloc(SCAN_PAGE, sizeof(*keys));
	const int64_t now = clock_unix();
	char after[STORE_ID_LEN + 1] = "";
	struct master_record master;
	struct usage *line = NULL;
	size_t count = SCAN_PAGE;

	if (!keys)
		return PM_NO_MEMORY;
	/* Without its own record, which may be lost: an orphan is not destroyed while it is needed. */
	if (imported_hmac_key(env, lines->name, &master) != PM_OK)
		master.version = 1;
	TRY(take_line(lines, master.version, &line));
	while (count == SCAN_PAGE) {
		TRY(store_scan_keys(env->store, env->name, after, keys, SCAN_PAGE, &count));
		for (size_t i = 0; i < count; i++)
			add_imported(&keys[i], lines->name, now, line);
		if (count > 0)
			strcpy(after, keys[count - 1].id);
	}
	return PM_OK;
}

static const struct {
	const char *purpose, *name; /* name NULL: any */
	enum pm_err (*count)(struct environment *env, struct lines *lines);
} counters[] = {
	{ PURPOSE_PEPPER, VAULT_API_KEYS_PEPPER, count_secrets },
	{ PURPOSE_INTEGRITY, INTEGRITY_NAME, count_seals },
	{ PURPOSE_PIN, PIN_NAME, count_pins },
	{ PURPOSE_WRAP, WRAP_NAME, count_values },
	{ PURPOSE_INDEX, INDEX_NAME, count_lookups },
	{ PURPOSE_IMPORT, NULL, count_imports },
};
#define COUNTERS (sizeof(counters) / sizeof(counters[0]))

/* COUNTERS: there is none. */
static size_t find_counter(const char *purpose, const char *name)
{
	size_t i = 0;

	while (i < COUNTERS && (strcmp(counters[i].purpose, purpose) != 0 ||
				(counters[i].name && strcmp(counters[i].name, name) != 0)))
		i++;
	return i;
}

bool usage_applies(const char *purpose, const char *name)
{
	return find_counter(purpose, name) < COUNTERS;
}

enum pm_err usage_count(struct environment *env, const char *purpose, const char *name,
			struct usage *out, size_t max, size_t *count)
{
	struct lines lines = { .lines = out, .max = max, .name = name };
	size_t counter = find_counter(purpose, name);
	struct master_record active;
	enum pm_err err = PM_OK;

	if (environment_master(env, purpose, name, 0, &active) == PM_OK)
		lines.active = active.version;
	if (counter < COUNTERS)
		err = counters[counter].count(env, &lines);
	*count = lines.count;
	return err;
}

struct usage usage_of(const struct usage *lines, size_t count, uint32_t version)
{
	for (size_t i = 0; i < count; i++) {
		if (lines[i].version == version)
			return lines[i];
	}
	return (struct usage){ .version = version };
}
