#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "domain.h"

/* A quarantined record's fields mean nothing: only what it was asked for by is told. */
static void key_info_quarantined(const struct environment *env, const char *id,
				 struct key_info *info)
{
	*info = (struct key_info){ .state = KEY_QUARANTINED };
	strcpy(info->environment, env->name);
	strcpy(info->id, id);
}

enum pm_err vault_get(struct vault *vault, struct actor *actor, const char *environment,
		      const char *key_id, struct key_info *info)
{
	struct environment *env = NULL;
	struct key_record record;

	TRY(vault_enter(vault, actor, environment, &env));
	if (!apikey_is_id(key_id))
		return PM_NOT_FOUND;
	enum pm_err err = store_get_key(vault->store, env->name, key_id, &record);
	if (err == PM_RECORD_QUARANTINED)
		environment_quarantine(env, "key", key_id);
	else if (err == PM_OK)
		err = seal_check_key(env, &record, actor->deadline);
	if (err == PM_RECORD_QUARANTINED) {
		key_info_quarantined(env, key_id, info);
		return PM_OK;
	}
	TRY(err);
	key_info_fill(&record, info);
	return PM_OK;
}

/* One more than a page, to know whether another follows. */
struct list_work {
	struct key_record records[VAULT_PAGE_MAX + 1];
	struct seal_task tasks[VAULT_PAGE_MAX + 1];
};

static void fill_page(struct environment *env, struct list_work *work, struct key_page *page)
{
	for (size_t i = 0; i < page->count; i++) {
		if (work->tasks[i].holds) {
			key_info_fill(&work->records[i], &page->keys[i]);
			continue;
		}
		environment_quarantine(env, "key", work->records[i].id);
		key_info_quarantined(env, work->records[i].id, &page->keys[i]);
	}
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
	fill_page(env, work, page);
	page->next_page_token[0] = '\0';
	if (more)
		strcpy(page->next_page_token, page->keys[page->count - 1].id);
	return PM_OK;
}
