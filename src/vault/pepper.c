#include <string.h>

#include "base/cleanup.h"
#include "domain.h"
#include "master.h"
#include "renew.h"

static void fill_version(const struct master_record *master, struct pepper_info *info)
{
	struct pepper_version *version = &info->versions[info->count];

	/* Versions are bounded by the same number where they are made; a longer list is not told.
	 */
	if (info->count == VAULT_PEPPER_VERSIONS_MAX)
		return;
	*version = (struct pepper_version){
		.version = master->version,
		.state = (enum pepper_state)master->state,
		.created_at = master->created_at,
	};
	memcpy(version->key_id, master->key_id, sizeof(version->key_id));
	memcpy(version->check_value, master->check, sizeof(version->check_value));
	info->count++;
}

/* Masters stand grouped by name where they come from the store, but not where one was added. */
static struct pepper_info *find_info(const char *name, struct pepper_info *infos, size_t *count)
{
	for (size_t i = 0; i < *count; i++) {
		if (strcmp(infos[i].name, name) == 0)
			return &infos[i];
	}
	if (*count == VAULT_PEPPERS_MAX)
		return NULL;
	struct pepper_info *info = &infos[(*count)++];
	*info = (struct pepper_info){ 0 };
	strcpy(info->name, name);
	return info;
}

/* All peppers, or the one of that name. */
static void collect(struct environment *env, const char *only, struct pepper_info *infos,
		    size_t *count)
{
	*count = 0;
	pthread_rwlock_rdlock(&env->lock);
	for (size_t i = 0; i < env->master_count; i++) {
		const struct master_record *master = &env->masters[i];

		if (strcmp(master->purpose, PURPOSE_PEPPER) != 0 ||
		    (only && strcmp(master->name, only) != 0))
			continue;
		struct pepper_info *info = find_info(master->name, infos, count);
		if (info) {
			strcpy(info->environment, env->name);
			fill_version(master, info);
		}
	}
	pthread_rwlock_unlock(&env->lock);
}

static size_t count_peppers(struct environment *env, const char *name, bool *exists)
{
	size_t names = 0;

	*exists = false;
	pthread_rwlock_rdlock(&env->lock);
	for (size_t i = 0; i < env->master_count; i++) {
		const struct master_record *master = &env->masters[i];

		if (strcmp(master->purpose, PURPOSE_PEPPER) != 0)
			continue;
		if (master->version == 1)
			names++;
		if (strcmp(master->name, name) == 0 && master->state == MASTER_ACTIVE)
			*exists = true;
	}
	pthread_rwlock_unlock(&env->lock);
	return names;
}

static enum pm_err create(struct environment *env, struct actor *actor, const char *name)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	struct executed_record executed;
	struct master_making making = {
		.purpose = PURPOSE_PEPPER,
		.name = name,
		.terms = { .executed = &executed, .leaf = &leaf },
	};

	leaf_begin(&leaf, LEAF_PEPPER_CREATE, actor, env->audit, env);
	leaf_text(&leaf, "pepper", name);
	leaf_resolve(&leaf, actor->deadline);
	request_record(env, actor, "", &executed);
	TRY(master_make(env, &making, actor->deadline));
	audit_receipt(&leaf.receipt, &actor->receipt);
	return PM_OK;
}

static enum pm_err rotate_version(struct environment *env, struct actor *actor, const char *name)
{
	struct renewal renewal = { .purpose = PURPOSE_PEPPER, .name = name, .actor = actor };
	uint32_t staged = 0;

	enum pm_err err = renew_check(env, PURPOSE_PEPPER, name, &staged);
	if (err == PM_CONFLICT)
		actor->why = "a version is STAGED already: activate it, or destroy it";
	TRY(err);
	return renew(env, &renewal, actor->deadline);
}

/* Inside a change: what exists stays as it is until the new version is there. */
static enum pm_err make_version(struct environment *env, struct actor *actor, const char *name,
				bool rotate)
{
	bool exists = false;

	TRY(request_begin(env, actor));
	size_t names = count_peppers(env, name, &exists);
	if (rotate && !exists)
		return PM_NOT_FOUND;
	if (!rotate && exists)
		return PM_ALREADY_EXISTS;
	if (!rotate && names >= VAULT_PEPPERS_MAX)
		return PM_TOO_LARGE;
	return rotate ? rotate_version(env, actor, name) : create(env, actor, name);
}

static enum pm_err change_pepper(struct vault *vault, struct actor *actor, const char *environment,
				 const char *name, bool rotate, struct pepper_info *info)
{
	struct environment *env = NULL;
	size_t count = 0;

	if (!master_is_name(name)) {
		actor->why = "name: 1 to 32 of a-z 0-9 -, beginning with a letter";
		return PM_BAD_REQUEST;
	}
	TRY(vault_enter(vault, actor, environment, &env));
	TRY(environment_begin_change(env, actor->deadline));
	enum pm_err err = make_version(env, actor, name, rotate);
	environment_end_change(env);
	TRY(err);
	collect(env, name, info, &count);
	return PM_OK;
}

enum pm_err vault_create_pepper(struct vault *vault, struct actor *actor, const char *environment,
				const char *name, struct pepper_info *info)
{
	return change_pepper(vault, actor, environment, name, false, info);
}

enum pm_err vault_rotate_pepper(struct vault *vault, struct actor *actor, const char *environment,
				const char *name, struct pepper_info *info)
{
	return change_pepper(vault, actor, environment, name, true, info);
}

enum pm_err vault_list_peppers(struct vault *vault, struct actor *actor, const char *environment,
			       struct pepper_info *infos, size_t *count)
{
	struct environment *env = NULL;

	TRY(vault_enter(vault, actor, environment, &env));
	collect(env, NULL, infos, count);
	const struct fold_act act = { .type = LEAF_PEPPER_READ, .env = env, .count = 1 };
	return audit_acts(vault->audit, actor, &act, 1);
}
