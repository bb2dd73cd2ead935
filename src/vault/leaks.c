#include "leaks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "domain.h"
#include "leak.h"

#define SOURCES_MAX 64

struct source {
	char *key_id, *public_key;
};

struct sources {
	struct source list[SOURCES_MAX];
	size_t count;
};

struct leaks {
	pthread_mutex_t lock;
	struct sources *sources;
};

static void sources_free(struct sources **sources)
{
	for (size_t i = 0; *sources && i < (*sources)->count; i++) {
		free((*sources)->list[i].key_id);
		free((*sources)->list[i].public_key);
	}
	free(*sources);
}

enum pm_err leaks_new(struct leaks **out)
{
	struct leaks *leaks CLEANUP(free_ptr) = calloc(1, sizeof(*leaks));

	if (!leaks)
		return PM_NO_MEMORY;
	leaks->sources = calloc(1, sizeof(*leaks->sources));
	if (!leaks->sources)
		return PM_NO_MEMORY;
	pthread_mutex_init(&leaks->lock, NULL);
	*out = TAKE(leaks);
	return PM_OK;
}

void leaks_free(struct leaks *leaks)
{
	if (!leaks)
		return;
	pthread_mutex_destroy(&leaks->lock);
	sources_free(&leaks->sources);
	free(leaks);
}

static const struct source *find(const struct sources *sources, const char *key_id)
{
	for (size_t i = 0; i < sources->count; i++) {
		if (strcmp(sources->list[i].key_id, key_id) == 0)
			return &sources->list[i];
	}
	return NULL;
}

static enum pm_err add(struct sources *sources, const struct vault_leak_source *given)
{
	struct source *source = &sources->list[sources->count];

	if (given->key_id[0] == '\0' || find(sources, given->key_id)) {
		log_error("vault: a source of leak reports has no key id of its own: \"%s\"",
			  given->key_id);
		return PM_CONFIG;
	}
	TRY(leak_key_check(given->public_key));
	sources->count++;
	source->key_id = strdup(given->key_id);
	source->public_key = strdup(given->public_key);
	return source->key_id && source->public_key ? PM_OK : PM_NO_MEMORY;
}

static enum pm_err copy(const struct vault_leak_source *given, size_t count, struct sources **out)
{
	struct sources *sources CLEANUP(sources_free) = calloc(1, sizeof(*sources));

	if (!sources)
		return PM_NO_MEMORY;
	if (count > SOURCES_MAX) {
		log_error("vault: %zu sources of leak reports, of which there may be %d", count,
			  SOURCES_MAX);
		return PM_CONFIG;
	}
	for (size_t i = 0; i < count; i++)
		TRY(add(sources, &given[i]));
	*out = TAKE(sources);
	return PM_OK;
}

enum pm_err vault_set_leak_sources(struct vault *vault, const struct vault_leak_source *sources,
				   size_t count)
{
	struct leaks *leaks = vault->leaks;
	struct sources *copied = NULL;

	TRY(copy(sources, count, &copied));
	pthread_mutex_lock(&leaks->lock);
	struct sources *replaced = leaks->sources;
	leaks->sources = copied;
	pthread_mutex_unlock(&leaks->lock);
	sources_free(&replaced);
	return PM_OK;
}

enum pm_err leaks_verify(struct leaks *leaks, const char *key_id, struct bytes payload,
			 struct bytes signature)
{
	char *public_key CLEANUP(free_ptr) = NULL;

	pthread_mutex_lock(&leaks->lock);
	const struct source *source = find(leaks->sources, key_id);
	const bool known = source != NULL;
	if (known)
		public_key = strdup(source->public_key);
	pthread_mutex_unlock(&leaks->lock);
	if (!known)
		return PM_DENIED;
	return public_key ? leak_verify(public_key, payload, signature) : PM_NO_MEMORY;
}
