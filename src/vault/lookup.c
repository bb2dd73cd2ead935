#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "domain.h"
#include "refusal.h"

/* A quarantined record's fields mean nothing: only what it was asked for by is told. */
static void key_info_quarantined(const struct environment *env, const char *id,
				 struct key_info *info)
{
	*info = (struct key_info){ .state = KEY_QUARANTINED };
	strcpy(info->environment, env->name);
	strcpy(info->id, id);
}

/* The text that names nothing is the caller's: the entry has only that there was one. */
static enum pm_err tell_not_found(struct environment *env, struct actor *actor)
{
	const struct fold_act act = {
		.type = LEAF_KEY_READ, .env = env, .reason = PM_REASON_UNKNOWN_KEY, .count = 1
	};

	return audit_refusals(env->audit, actor, &act, 1);
}

static enum pm_err tell_read(struct environment *env, struct actor *actor, const char *key_id)
{
	const struct fold_act act = {
		.type = LEAF_KEY_READ, .env = env, .key = key_id, .count = 1
	};

	return audit_acts(env->audit, actor, &act, 1);
}

static enum pm_err load(struct environment *env, const struct actor *actor, const char *key_id,
			struct key_record *record)
{
	if (!apikey_is_id(key_id))
		return PM_NOT_FOUND;
	enum pm_err err = store_get_key(env->store, env->name, key_id, record);
	if (err == PM_RECORD_QUARANTINED)
		environment_quarantine(env, "key", key_id);
	TRY(err);
	return seal_check_key(env, record, actor->deadline);
}

enum pm_err vault_get(struct vault *vault, struct actor *actor, const char *environment,
		      const char *key_id, struct key_info *info)
{
	struct environment *env = NULL;
	struct key_record record;

	TRY(vault_enter(vault, actor, environment, &env));
	enum pm_err err = load(env, actor, key_id, &record);
	if (err == PM_NOT_FOUND)
		TRY(tell_not_found(env, actor));
	if (err == PM_RECORD_QUARANTINED) {
		key_info_quarantined(env, key_id, info);
		return refusal_of_quarantined(env, actor, key_id);
	}
	TRY(err);
	key_info_fill(&record, info);
	return tell_read(env, actor, key_id);
}

/* One more than a page, to know whether another follows. */
struct list_work {
	struct key_record records[VAULT_PAGE_MAX + 1];
	struct seal_task tasks[VAULT_PAGE_MAX + 1];
};

static enum pm_err fill_page(struct environment *env, struct actor *actor, struct list_work *work,
			     struct key_page *page)
{
	for (size_t i = 0; i < page->count; i++) {
		if (work->tasks[i].holds) {
			key_info_fill(&work->records[i], &page->keys[i]);
			continue;
		}
		environment_quarantine(env, "key", work->records[i].id);
		key_info_quarantined(env, work->records[i].id, &page->keys[i]);
		TRY(refusal_of_quarantined(env, actor, work->records[i].id));
	}
	return PM_OK;
}

enum pm_err vault_list(struct vault *vault, struct actor *actor, const struct list_params *params,
		       struct key_page *page)
{
	struct environment *env = NULL;
	struct list_work *work CLEANUP(free_ptr) = calloc(1, sizeof(*work));
	struct key_filter filter = {
		.account = params->account,
		.product = params->product,
		.after = params->page_token,
	};

	if (!work)
		return PM_NO_MEMORY;
	if (params->page_token[0] && !apikey_is_id(params->page_token)) {
		actor->why = "page_token: not one that ListKeys gave";
		return PM_BAD_REQUEST;
	}
	if (params->page_size < 1 || params->page_size > VAULT_PAGE_MAX)
		return PM_BAD_REQUEST;
	TRY(vault_enter(vault, actor, params->environment, &env));
	filter.environment = env->name;
	TRY(store_list_keys(vault->store, &filter, work->records, params->page_size + 1,
			    &page->count, &page->total));
	bool more = page->count > params->page_size;
	if (more)
		page->count = params->page_size;
	for (size_t i = 0; i < page->count; i++)
		seal_cover_key(&work->tasks[i], &work->records[i]);
	TRY(seal_check(env, work->tasks, page->count, actor->deadline));
	TRY(fill_page(env, actor, work, page));
	page->next_page_token[0] = '\0';
	if (more)
		strcpy(page->next_page_token, page->keys[page->count - 1].id);
	return tell_read(env, actor, NULL);
}
