#include "callers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

struct entry {
	struct rpc_caller caller;
	bool listed;        /* in the present list; others only wait for their last request */
	uint32_t in_flight; /* an entry with any is not given to another uid */
};

/* Twice the list: after a replacement the old callers' last requests are still counted. */
#define ENTRIES_MAX ((size_t)2 * RPC_CALLERS_MAX)

struct callers {
	pthread_mutex_t lock;
	uint32_t share;
	size_t used; /* entries ever used: what a search must look at */
	struct entry entries[ENTRIES_MAX];
};

enum pm_err callers_new(uint32_t share, struct callers **out)
{
	struct callers *callers = calloc(1, sizeof(*callers));

	if (!callers)
		return PM_NO_MEMORY;
	pthread_mutex_init(&callers->lock, NULL);
	callers->share = share;
	*out = callers;
	return PM_OK;
}

void callers_free(struct callers *callers)
{
	if (!callers)
		return;
	pthread_mutex_destroy(&callers->lock);
	free(callers);
}

static struct entry *find(struct callers *callers, uint32_t uid)
{
	for (size_t i = 0; i < callers->used; i++) {
		struct entry *entry = &callers->entries[i];

		if (entry->caller.uid == uid && (entry->listed || entry->in_flight > 0))
			return entry;
	}
	return NULL;
}

static struct entry *find_free(struct callers *callers)
{
	for (size_t i = 0; i < ENTRIES_MAX; i++) {
		struct entry *entry = &callers->entries[i];

		if (entry->listed || entry->in_flight > 0)
			continue;
		if (i >= callers->used)
			callers->used = i + 1;
		return entry;
	}
	return NULL;
}

static bool list_is_sound(const struct rpc_caller *list, size_t count)
{
	if (count > RPC_CALLERS_MAX) {
		log_error("rpc: %zu callers are configured; the most is %d", count,
			  RPC_CALLERS_MAX);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (list[i].uid != list[j].uid && strcmp(list[i].name, list[j].name) != 0)
				continue;
			log_error("rpc: callers %s and %s have the same name or uid", list[j].name,
				  list[i].name);
			return false;
		}
	}
	return true;
}

/*
 * Who is listed counts as if a request of his were in flight: one may be by the time that the list is
 * set.
 */
static bool list_fits(struct callers *callers, const struct rpc_caller *list, size_t count)
{
	size_t leaving = 0;

	for (size_t i = 0; i < callers->used; i++) {
		const struct entry *entry = &callers->entries[i];
		bool stays = false;

		for (size_t j = 0; j < count && !stays; j++)
			stays = list[j].uid == entry->caller.uid;
		leaving += !stays && (entry->listed || entry->in_flight > 0);
	}
	return leaving + count <= ENTRIES_MAX;
}

static void replace(struct callers *callers, const struct rpc_caller *list, size_t count)
{
	for (size_t i = 0; i < callers->used; i++)
		callers->entries[i].listed = false;
	for (size_t i = 0; i < count; i++) {
		struct entry *entry = find(callers, list[i].uid);

		if (!entry)
			entry = find_free(callers);
		entry->caller = list[i];
		entry->listed = true;
	}
}

enum pm_err callers_check(struct callers *callers, const struct rpc_caller *list, size_t count)
{
	if (!list_is_sound(list, count))
		return PM_CONFIG;
	pthread_mutex_lock(&callers->lock);
	bool fits = list_fits(callers, list, count);
	pthread_mutex_unlock(&callers->lock);
	return fits ? PM_OK : PM_BUSY;
}

enum pm_err callers_set(struct callers *callers, const struct rpc_caller *list, size_t count)
{
	if (!list_is_sound(list, count))
		return PM_CONFIG;
	pthread_mutex_lock(&callers->lock);
	bool fits = list_fits(callers, list, count);
	if (fits)
		replace(callers, list, count);
	pthread_mutex_unlock(&callers->lock);
	return fits ? PM_OK : PM_BUSY;
}

bool callers_know(struct callers *callers, uint32_t uid)
{
	pthread_mutex_lock(&callers->lock);
	const struct entry *entry = find(callers, uid);
	bool known = entry && entry->listed;
	pthread_mutex_unlock(&callers->lock);
	return known;
}

size_t callers_list(struct callers *callers, struct rpc_caller list[RPC_CALLERS_MAX])
{
	size_t count = 0;

	pthread_mutex_lock(&callers->lock);
	for (size_t i = 0; i < callers->used; i++) {
		if (callers->entries[i].listed)
			list[count++] = callers->entries[i].caller;
	}
	pthread_mutex_unlock(&callers->lock);
	return count;
}

static enum pm_err enter(struct callers *callers, uint32_t uid, struct rpc_caller *caller)
{
	struct entry *entry = find(callers, uid);

	if (!entry || !entry->listed || entry->in_flight / 2 >= callers->share)
		return PM_DENIED;
	*caller = entry->caller;
	entry->in_flight++;
	return entry->in_flight > callers->share ? PM_BUSY : PM_OK;
}

enum pm_err callers_enter(struct callers *callers, uint32_t uid, struct rpc_caller *caller)
{
	pthread_mutex_lock(&callers->lock);
	enum pm_err err = enter(callers, uid, caller);
	pthread_mutex_unlock(&callers->lock);
	return err;
}

void callers_leave(struct callers *callers, uint32_t uid)
{
	pthread_mutex_lock(&callers->lock);
	struct entry *entry = find(callers, uid);
	if (entry && entry->in_flight > 0)
		entry->in_flight--;
	pthread_mutex_unlock(&callers->lock);
}
