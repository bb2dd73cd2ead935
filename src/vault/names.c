#include "names.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 1024

/* Direct-mapped: a text has one place, and whoever else has the same takes it over. */
struct slot {
	uint32_t version; /* 0: empty */
	char text[VAULT_NAME_MAX + 1];
	char tag[VAULT_HASH_TEXT_MAX + 1];
};

struct names {
	pthread_mutex_t lock;
	struct slot slots[SLOTS];
};

enum pm_err names_new(struct names **out)
{
	struct names *names = calloc(1, sizeof(*names));

	if (!names)
		return PM_NO_MEMORY;
	pthread_mutex_init(&names->lock, NULL);
	*out = names;
	return PM_OK;
}

void names_free(struct names *names)
{
	if (!names)
		return;
	pthread_mutex_destroy(&names->lock);
	free(names);
}

/* FNV-1a. Whoever makes texts collide only makes the table forget. */
static struct slot *place(struct names *names, const char *text)
{
	uint32_t hash = 2166136261;

	for (const char *c = text; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 16777619;
	return &names->slots[(hash ^ hash >> 16) % SLOTS];
}

bool names_find(struct names *names, uint32_t version, const char *text,
		char tag[VAULT_HASH_TEXT_MAX + 1])
{
	struct slot *slot = place(names, text);

	pthread_mutex_lock(&names->lock);
	bool known = slot->version == version && strcmp(slot->text, text) == 0;
	if (known)
		strcpy(tag, slot->tag);
	pthread_mutex_unlock(&names->lock);
	return known;
}

void names_keep(struct names *names, uint32_t version, const char *text, const char *tag)
{
	struct slot *slot = place(names, text);

	if (strlen(text) > VAULT_NAME_MAX || strlen(tag) > VAULT_HASH_TEXT_MAX)
		return;
	pthread_mutex_lock(&names->lock);
	slot->version = version;
	strcpy(slot->text, text);
	strcpy(slot->tag, tag);
	pthread_mutex_unlock(&names->lock);
}
