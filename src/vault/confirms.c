#include "confirms.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "apikey.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/secret.h"

#define COVER_ROOM 512 /* bytes: more than is covered */

_Static_assert(VAULT_CONFIRMATION_LEN <= APIKEY_SECRET_LEN, "a secret's characters are enough");

struct entry {
	int64_t expires_at; /* 0: free */
	uint64_t number;    /* in the order of their opening */
	uint32_t uid;
	char operator_name[VAULT_OPERATOR_MAX + 1];
	uint8_t digest[SHA256_DIGEST_LENGTH];
};

struct confirms {
	pthread_mutex_t lock;
	uint64_t opened;
	struct entry entries[CONFIRMS_MAX];
};

enum pm_err confirms_new(struct confirms **out)
{
	struct confirms *confirms = calloc(1, sizeof(*confirms));

	if (!confirms)
		return PM_NO_MEMORY;
	pthread_mutex_init(&confirms->lock, NULL);
	*out = confirms;
	return PM_OK;
}

void confirms_free(struct confirms *confirms)
{
	if (!confirms)
		return;
	pthread_mutex_destroy(&confirms->lock);
	free(confirms);
}

struct covered {
	uint8_t room[COVER_ROOM]; /* holds the token */
};

static void covered_wipe(struct covered *covered)
{
	secret_wipe(covered, sizeof(*covered));
}

static enum pm_err digest_of(const struct environment *env, const struct actor *actor,
			     enum vault_act act, const char *subject, const char *token,
			     uint8_t digest[SHA256_DIGEST_LENGTH])
{
	struct covered covered CLEANUP(covered_wipe);
	struct buf buf = BUF(covered.room);

	buf_put_field(&buf, bytes_str("peppermint/v1/confirmation"));
	buf_put_field(&buf, bytes_str(token));
	buf_put_u32(&buf, actor->uid);
	buf_put_field(&buf, bytes_str(actor->operator_name));
	buf_put_field(&buf, bytes_str(env->name));
	buf_put_u32(&buf, act);
	buf_put_field(&buf, bytes_str(subject));
	if (buf.full)
		return PM_TOO_LARGE;
	return SHA256(buf.data, buf.len, digest) ? PM_OK : PM_INTERNAL;
}

/* A clock that was set back does not keep one open: a little may be, for clocks are. */
static bool is_open(const struct entry *entry, int64_t now)
{
	return now < entry->expires_at && entry->expires_at - now <= INT64_C(2) * CONFIRM_SECONDS;
}

static bool is_of(const struct entry *entry, const struct actor *actor)
{
	return entry->uid == actor->uid && strcmp(entry->operator_name, actor->operator_name) == 0;
}

/* The actor's oldest, if he has as many as he may; else one that is free. NULL: none is. */
static struct entry *find_room(struct confirms *confirms, const struct actor *actor, int64_t now)
{
	struct entry *oldest = NULL, *room = NULL;
	size_t own = 0;

	for (size_t i = 0; i < CONFIRMS_MAX; i++) {
		struct entry *entry = &confirms->entries[i];

		if (!is_open(entry, now)) {
			room = entry;
		} else if (is_of(entry, actor)) {
			own++;
			if (!oldest || entry->number < oldest->number)
				oldest = entry;
		}
	}
	return own >= CONFIRMS_EACH ? oldest : room;
}

static enum pm_err new_token(char token[VAULT_CONFIRMATION_LEN + 1])
{
	struct apikey key CLEANUP(apikey_wipe) = { 0 };

	TRY(apikey_new_secret(key.secret));
	memcpy(token, key.secret, VAULT_CONFIRMATION_LEN);
	token[VAULT_CONFIRMATION_LEN] = '\0';
	return PM_OK;
}

static enum pm_err put(struct confirms *confirms, const struct actor *actor,
		       const uint8_t digest[SHA256_DIGEST_LENGTH], int64_t now)
{
	struct entry *entry = find_room(confirms, actor, now);

	if (!entry)
		return PM_BUSY;
	entry->expires_at = now + CONFIRM_SECONDS;
	entry->number = ++confirms->opened;
	entry->uid = actor->uid;
	strcpy(entry->operator_name, actor->operator_name);
	memcpy(entry->digest, digest, sizeof(entry->digest));
	return PM_OK;
}

enum pm_err confirms_open(struct confirms *confirms, const struct environment *env,
			  const struct actor *actor, enum vault_act act, const char *subject,
			  struct confirmation *out)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	int64_t now = clock_unix();

	if (strlen(actor->operator_name) > VAULT_OPERATOR_MAX ||
	    strlen(subject) > CONFIRM_SUBJECT_MAX)
		return PM_TOO_LARGE;
	TRY(new_token(out->token));
	TRY(digest_of(env, actor, act, subject, out->token, digest));
	out->expires_at = now + CONFIRM_SECONDS;
	pthread_mutex_lock(&confirms->lock);
	enum pm_err err = put(confirms, actor, digest, now);
	pthread_mutex_unlock(&confirms->lock);
	return err;
}

static bool use(struct confirms *confirms, const uint8_t digest[SHA256_DIGEST_LENGTH], int64_t now)
{
	bool used = false;

	for (size_t i = 0; i < CONFIRMS_MAX; i++) {
		struct entry *entry = &confirms->entries[i];

		if (!is_open(entry, now) ||
		    !secret_equal(entry->digest, digest, sizeof(entry->digest)))
			continue;
		entry->expires_at = 0;
		used = true;
	}
	return used;
}

bool confirms_use(struct confirms *confirms, const struct environment *env,
		  const struct actor *actor, enum vault_act act, const char *subject)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];

	if (strlen(actor->confirmation) != VAULT_CONFIRMATION_LEN ||
	    digest_of(env, actor, act, subject, actor->confirmation, digest) != PM_OK)
		return false;
	pthread_mutex_lock(&confirms->lock);
	bool used = use(confirms, digest, clock_unix());
	pthread_mutex_unlock(&confirms->lock);
	return used;
}
