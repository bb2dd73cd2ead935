#include "usage.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "layer.h"

#define GROUPS_MAX 4096 /* one for each chain of versions that any secret has */

struct lines {
	struct usage *lines;
	size_t max, count;
	uint32_t active; /* version: what it vouches for stays where it is */
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
	uint64_t sealed_anew = group->keys + group->masters + group->environments;
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

enum pm_err usage_count(struct environment *env, const char *purpose, const char *name,
			struct usage *out, size_t max, size_t *count)
{
	struct lines lines = { .lines = out, .max = max };
	struct master_record active;
	enum pm_err err = PM_OK;

	if (environment_master(env, purpose, name, 0, &active) == PM_OK)
		lines.active = active.version;
	if (strcmp(purpose, PURPOSE_PEPPER) == 0 && strcmp(name, VAULT_API_KEYS_PEPPER) == 0)
		err = count_secrets(env, &lines);
	else if (strcmp(purpose, PURPOSE_INTEGRITY) == 0 && strcmp(name, INTEGRITY_NAME) == 0)
		err = count_seals(env, &lines);
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
