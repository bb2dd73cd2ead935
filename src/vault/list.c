/* Lists of keys, page by page. */
#include <stdlib.h>
#include <string.h>

#include "authority.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "domain.h"
#include "lookup.h"
#include "refusal.h"

_Static_assert(STORE_POSITION_MAX <= VAULT_PAGE_TOKEN_MAX, "a page token is the store's position");
_Static_assert((int)SORT_START == KEYS_BY_START && (int)SORT_CREATED == KEYS_BY_CREATED &&
		       (int)SORT_EXPIRES == KEYS_BY_EXPIRES && (int)SORT_NAME == KEYS_BY_NAME &&
		       (int)SORT_REFERENCE == KEYS_BY_REFERENCE && (int)SORT_ID == KEYS_BY_ID &&
		       (int)SORT_STATE == KEYS_BY_STATE && (int)SORT_PRODUCT == KEYS_BY_PRODUCT &&
		       (int)SORT_MASKED == KEYS_BY_TAIL &&
		       (int)SORT_CREATED_BY == KEYS_BY_CREATOR &&
		       (int)SORT_LAST_USED == KEYS_BY_LAST_USED &&
		       (int)SORT_USE_COUNT == KEYS_BY_USES,
	       "the numbers are the store's");

struct list_work {
	struct key_record records[VAULT_PAGE_MAX];
	struct key_use_record uses[VAULT_PAGE_MAX];
	struct seal_task tasks[VAULT_PAGE_MAX];
	struct key_listing listing;
};

static const struct {
	enum key_state state;
	enum key_states stored;
} states[] = {
	{ KEY_ACTIVE, KEYS_ACTIVE },     { KEY_EXPIRED, KEYS_EXPIRED },
	{ KEY_REVOKED, KEYS_REVOKED },   { KEY_NOT_YET, KEYS_NOT_YET },
	{ KEY_DISABLED, KEYS_DISABLED },
};

/* Which rows are altered only reading them can tell, so that none can be asked for by that. */
static enum pm_err take_states(struct actor *actor, uint32_t asked, uint32_t *out)
{
	*out = 0;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if ((asked & 1u << states[i].state) == 0)
			continue;
		*out |= states[i].stored;
		asked &= ~(1u << states[i].state);
	}
	if (asked == 0)
		return PM_OK;
	actor->why = "states: of ACTIVE, NOT_YET, DISABLED, EXPIRED and REVOKED";
	return PM_BAD_REQUEST;
}

static bool needs_account(enum vault_key_sort sort)
{
	return sort != SORT_START && sort != SORT_EXPIRES && sort != SORT_ID;
}

static enum pm_err take_params(struct actor *actor, const struct list_params *params,
			       struct key_filter *filter)
{
	*filter = (struct key_filter){
		.account = params->account,
		.product = params->product,
		.text = params->text,
		.now = clock_unix(),
		.expires_before = params->expires_before,
		.sort = (enum key_sort)params->sort,
		.descending = !params->ascending,
		.position = params->page_token,
	};
	if (params->page_size < 1 || params->page_size > VAULT_PAGE_MAX)
		actor->why = "page_size: must be at most 100";
	else if (params->sort > SORT_USE_COUNT)
		actor->why = "sort: no such order";
	else if (needs_account(params->sort) && params->account[0] == '\0')
		actor->why = "sort: without an account by start, expires or id";
	else if (params->expires_before < 0)
		actor->why = "expires_before: seconds since 1970, or 0";
	else
		return take_states(actor, params->states, &filter->states);
	return PM_BAD_REQUEST;
}

/* Who acts for somebody sees one account at a time, and only one that is his. */
static enum pm_err authorize(struct vault *vault, struct environment *env, struct actor *actor,
			     const char *account)
{
	if (!actor->on_behalf)
		return PM_OK;
	if (account[0] == '\0') {
		actor->why = "account: required of whoever acts for somebody";
		return PM_NOT_FOUND;
	}
	return authority_over_keys(vault, env, actor, account, 0, NULL, NULL);
}

static enum pm_err read_page(struct environment *env, struct actor *actor,
			     const struct key_filter *filter, size_t max, struct list_work *work)
{
	enum pm_err err =
		store_list_keys(env->store, filter, work->records, work->uses, max, &work->listing);

	if (err == PM_BAD_REQUEST)
		actor->why = "page_token: not one that ListKeys gave for this very list";
	if (err == PM_TOO_LARGE)
		actor->why =
			"sort: too many keys for that order; by start, created, expires, name, "
			"reference, id or state";
	return err;
}

static enum pm_err fill_row(struct environment *env, struct actor *actor, struct list_work *work,
			    size_t i, struct key_info *info)
{
	const struct key_record *record = &work->records[i];
	struct key_facts facts;

	if (!work->tasks[i].holds) {
		environment_quarantine(env, "key", record->id);
		key_info_altered(env, record->id, info);
		return refusal_of_quarantined(env, actor, record->id);
	}
	TRY(key_facts_load(env, record, &work->uses[i], &facts, actor->deadline));
	key_info_fill(env, record, &facts, info);
	return PM_OK;
}

static enum pm_err fill_page(struct environment *env, struct actor *actor, struct list_work *work,
			     struct key_page *page)
{
	size_t count = work->listing.count;

	for (size_t i = 0; i < count; i++)
		seal_cover_key(&work->tasks[i], &work->records[i]);
	TRY(seal_check(env, work->tasks, count, actor->deadline));
	for (size_t i = 0; i < count; i++)
		TRY(fill_row(env, actor, work, i, &page->keys[i]));
	page->count = count;
	page->total = work->listing.total;
	page->total_is_least = work->listing.total_is_least;
	strcpy(page->next_page_token, work->listing.next);
	return PM_OK;
}

enum pm_err vault_list(struct vault *vault, struct actor *actor, const struct list_params *params,
		       struct key_page *page)
{
	struct list_work *work CLEANUP(free_ptr) = calloc(1, sizeof(*work));
	struct environment *env = NULL;
	struct key_filter filter;

	page->count = 0;
	if (!work)
		return PM_NO_MEMORY;
	TRY(vault_enter(vault, actor, params->environment, &env));
	TRY(authorize(vault, env, actor, params->account));
	TRY(take_params(actor, params, &filter));
	filter.environment = env->name;
	TRY(read_page(env, actor, &filter, params->page_size, work));
	TRY(fill_page(env, actor, work, page));
	return lookup_tell(env, actor, NULL);
}
