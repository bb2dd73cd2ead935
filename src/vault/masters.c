#include "masters.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "domain.h"
#include "period.h"
#include "rewrap.h"

void master_info_fill(struct environment *env, const struct master_record *master,
		      const struct usage *usage, struct master_info *out)
{
	struct period period;

	period_of(env, master, &period);
	*out = (struct master_info){
		.version = master->version,
		.state = (enum pepper_state)master->state,
		.created_at = master->created_at,
		.activated_at = master->activated_at,
		.changed_at = master->changed_at,
		.ends_at = master->ends_at,
		.destroy_at = master->destroy_at,
		.make_until = period.make_until,
		.verify_until = period.verify_until,
		.uses = period.uses,
		.uses_max = period.uses_max,
		.last_used_at = period.last_used_at,
		.needed = usage->needed,
		.wrapped = usage->wrapped,
		.ended = usage->ended,
		.rewrapping = master->rewrap,
	};
	strcpy(out->environment, env->name);
	strcpy(out->purpose, master->purpose);
	strcpy(out->name, master->name);
	if (master->rewrap)
		out->rewrap_left = rewrap_left(env, master->purpose, master->name);
}

static int compare(const void *left, const void *right)
{
	const struct master_record *a = left, *b = right;
	int order = strcmp(a->purpose, b->purpose);

	if (order == 0)
		order = strcmp(a->name, b->name);
	return order != 0 ? order : (a->version > b->version) - (a->version < b->version);
}

static bool is_wanted(const char *wanted, const char *text)
{
	return wanted[0] == '\0' || strcmp(wanted, text) == 0;
}

static size_t collect(struct environment *env, const char *purpose, const char *name,
		      struct master_record *masters)
{
	size_t all = environment_copy_masters(env, masters), count = 0;

	for (size_t i = 0; i < all; i++) {
		if (is_wanted(purpose, masters[i].purpose) && is_wanted(name, masters[i].name))
			masters[count++] = masters[i];
	}
	qsort(masters, count, sizeof(*masters), compare);
	return count;
}

/* Records are counted once for all versions of a key, which stand together. */
static enum pm_err fill_all(struct environment *env, const struct master_record *masters,
			    size_t count, struct master_info *out)
{
	struct usage lines[VAULT_PEPPER_VERSIONS_MAX];
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		const struct master_record *master = &masters[i];

		if (i == 0 || strcmp(master->purpose, masters[i - 1].purpose) != 0 ||
		    strcmp(master->name, masters[i - 1].name) != 0)
			TRY(usage_count(env, master->purpose, master->name, lines,
					VAULT_PEPPER_VERSIONS_MAX, &used));
		const struct usage usage = usage_of(lines, used, master->version);
		master_info_fill(env, master, &usage, &out[i]);
	}
	return PM_OK;
}

enum pm_err vault_list_masters(struct vault *vault, struct actor *actor, const char *environment,
			       const char *purpose, const char *name, struct master_info *out,
			       size_t max, size_t *count)
{
	struct master_record *masters CLEANUP(free_ptr) = calloc(MASTERS_MAX, sizeof(*masters));
	struct environment *env = NULL;

	*count = 0;
	if (!masters)
		return PM_NO_MEMORY;
	TRY(vault_enter(vault, actor, environment, &env));
	size_t found = collect(env, purpose, name, masters);
	if (found > max)
		return PM_TOO_LARGE;
	TRY(fill_all(env, masters, found, out));
	*count = found;
	const struct fold_act act = { .type = LEAF_MASTER_READ, .env = env, .count = 1 };
	return audit_acts(vault->audit, actor, &act, 1);
}
