/*
 * Clients that rotate, reset, roll back, revoke, disable, enable and verify keys at random, and a
 * checker that holds every answer against what it may have been:
 *
 *	lifecycle SOCKET ENVIRONMENT KEYS CLIENTS SECONDS
 *
 * Every call is kept with the moment before it was sent and the moment after its answer. A change holds
 * at some moment between its two. So a verify must not succeed that was sent after the answer to
 * what ended its secret, and must not be refused without a change that was sent before its answer. Ends
 * with 1, and a line for each, if one did; errors that are no answer (and none is expected) as well.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "peppermint/client.h"

#define CLIENTS_MAX 64
#define OVERLAP_MAX 4 /* seconds */

enum kind { VERIFY, ROTATE, FIRST_USE, RESET, ROLLBACK, DISABLE, ENABLE, REVOKE, KINDS };
static const char *const kind_names[KINDS] = { "verify",   "rotate",  "first-use", "reset",
					       "rollback", "disable", "enable",    "revoke" };
/* Of a thousand calls; the rest are verifies. */
static const int share[KINDS] = { 0, 60, 30, 20, 20, 40, 60, 1 };

struct event {
	enum kind kind;
	double sent, answered;        /* CLOCK_MONOTONIC */
	int64_t sent_at, answered_at; /* CLOCK_REALTIME, whole seconds */
	uint32_t version;             /* VERIFY: asked about; changes: the current one after it */
	int64_t until; /* ROTATE: when the one before ends; FIRST_USE: seconds after the first use */
	enum pm_reason reason;
};

struct key {
	pthread_mutex_t lock;
	char id[PEPPERMINT_KEY_ID_LEN + 1];
	struct event *events;
	size_t count, room;
	struct peppermint_secret *texts; /* by version; "" where none is known */
	uint32_t versions;
};

struct test {
	const char *socket, *environment;
	struct key *keys;
	size_t key_count;
	unsigned int clients, seconds;
	atomic_bool stop;
	atomic_ulong calls[KINDS], refused[KINDS], errors;
};

struct client {
	struct test *test;
	struct peppermint *vault;
	unsigned int seed;
	pthread_t thread;
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int64_t wall(void)
{
	return (int64_t)time(NULL);
}

static void *grow(void *array, size_t *room, size_t need, size_t size)
{
	if (need <= *room)
		return array;
	size_t more = *room == 0 ? 64 : *room * 2;
	void *grown = realloc(array, more * size);
	if (!grown)
		abort();
	memset((char *)grown + *room * size, 0, (more - *room) * size);
	*room = more;
	return grown;
}

static void keep(struct key *key, const struct event *event)
{
	pthread_mutex_lock(&key->lock);
	key->events = grow(key->events, &key->room, key->count + 1, sizeof(*event));
	key->events[key->count++] = *event;
	pthread_mutex_unlock(&key->lock);
}

static void keep_text(struct key *key, uint32_t version, const struct peppermint_secret *text)
{
	pthread_mutex_lock(&key->lock);
	size_t room = key->versions;
	while (room <= version)
		key->texts = grow(key->texts, &room, room + 1, sizeof(*text));
	key->versions = (uint32_t)room;
	key->texts[version] = *text;
	pthread_mutex_unlock(&key->lock);
}

/* A text that the key has or had: mostly one of the last. */
static uint32_t pick_text(struct client *c, struct key *key, struct peppermint_secret *out)
{
	uint32_t last = 0;

	pthread_mutex_lock(&key->lock);
	for (uint32_t i = 0; i < key->versions; i++) {
		if (key->texts[i].text[0] != '\0')
			last = i;
	}
	uint32_t back = (uint32_t)(rand_r(&c->seed) % 3);
	uint32_t version = last > back ? last - back : last;
	if (rand_r(&c->seed) % 8 == 0)
		version = 1 + (uint32_t)rand_r(&c->seed) % last;
	*out = key->texts[version];
	pthread_mutex_unlock(&key->lock);
	return out->text[0] != '\0' ? version : 0;
}

static void begin(struct event *event, enum kind kind)
{
	*event = (struct event){ .kind = kind, .sent = now(), .sent_at = wall() };
}

static void end(struct event *event)
{
	event->answered_at = wall();
	event->answered = now();
}

/* What a change may be refused with, because of other changes. */
static bool is_expected(enum pm_err err)
{
	return err == PM_CONFLICT;
}

static void count_error(struct test *test, enum kind kind, enum pm_err err, const char *message)
{
	if (is_expected(err)) {
		test->refused[kind]++;
		return;
	}
	fprintf(stderr, "lifecycle: %s: %s %s\n", kind_names[kind], peppermint_error_name(err),
		message);
	test->errors++;
}

static void verify(struct client *c, struct key *key)
{
	struct peppermint_call call = { .timeout_ms = 20000 };
	struct peppermint_verdict verdict;
	struct peppermint_secret text;
	struct event event;
	uint32_t version = pick_text(c, key, &text);

	if (version == 0)
		return;
	begin(&event, VERIFY);
	enum pm_err err =
		peppermint_verify_key(c->vault, c->test->environment, text.text, &verdict, &call);
	end(&event);
	if (err == PM_OK)
		err = verdict.error;
	if (err != PM_OK) {
		count_error(c->test, VERIFY, err, call.message);
		return;
	}
	event.version = version;
	event.reason = verdict.reason;
	keep(key, &event);
	c->test->refused[VERIFY] += !verdict.valid;
}

static enum pm_err rotate(struct client *c, struct key *key, enum kind kind, struct event *event,
			  struct peppermint_key *record, struct peppermint_secret *secret,
			  struct peppermint_call *call)
{
	struct peppermint_rotation rotation = {
		.environment = c->test->environment,
		.key_id = key->id,
		.overlap_seconds = (uint32_t)rand_r(&c->seed) % OVERLAP_MAX,
		.force = rand_r(&c->seed) % 2 == 0,
		.first_use = kind == FIRST_USE,
	};

	begin(event, kind);
	enum pm_err err = peppermint_rotate_key(c->vault, &rotation, record, secret, call);
	event->until = kind == FIRST_USE ? rotation.overlap_seconds : record->overlap_until;
	/* An overlap of 0 is over at once; the record's time is then of the same second. */
	if (kind == ROTATE && rotation.overlap_seconds == 0)
		event->until = 0;
	return err;
}

static enum pm_err reset(struct client *c, struct key *key, struct event *event,
			 struct peppermint_key *record, struct peppermint_secret *secret,
			 struct peppermint_call *call)
{
	const struct peppermint_reset params = { .environment = c->test->environment,
						 .key_id = key->id };
	struct peppermint_confirmation confirmation;

	enum pm_err err = peppermint_confirm(c->vault, c->test->environment, PEPPERMINT_ACT_RESET,
					     key->id, &confirmation, call);
	begin(event, RESET);
	if (err != PM_OK)
		return err;
	call->confirmation = confirmation.token;
	return peppermint_reset_secret(c->vault, &params, record, secret, call);
}

static enum pm_err set_disabled(struct client *c, struct key *key, bool disabled,
				struct event *event, struct peppermint_key *record,
				struct peppermint_call *call)
{
	const struct peppermint_key_update update = { .environment = c->test->environment,
						      .key_id = key->id,
						      .set_disabled = true,
						      .disabled = disabled };

	begin(event, disabled ? DISABLE : ENABLE);
	return peppermint_update_key(c->vault, &update, record, call);
}

static enum pm_err revoke(struct client *c, struct key *key, struct event *event,
			  struct peppermint_key *record, struct peppermint_call *call)
{
	begin(event, REVOKE);
	return peppermint_revoke_key(c->vault, c->test->environment, key->id, record, call);
}

static enum pm_err roll_back(struct client *c, struct key *key, struct event *event,
			     struct peppermint_key *record, struct peppermint_call *call)
{
	begin(event, ROLLBACK);
	return peppermint_rollback_key(c->vault, c->test->environment, key->id, record, call);
}

static void change(struct client *c, struct key *key, enum kind kind)
{
	struct peppermint_call call = { .timeout_ms = 20000 };
	struct peppermint_key record = { .secret_version = 0 };
	struct peppermint_secret secret = { .text = "" };
	struct event event;
	enum pm_err err = PM_OK;

	if (kind == ROTATE || kind == FIRST_USE)
		err = rotate(c, key, kind, &event, &record, &secret, &call);
	else if (kind == RESET)
		err = reset(c, key, &event, &record, &secret, &call);
	else if (kind == ROLLBACK)
		err = roll_back(c, key, &event, &record, &call);
	else if (kind == REVOKE)
		err = revoke(c, key, &event, &record, &call);
	else
		err = set_disabled(c, key, kind == DISABLE, &event, &record, &call);
	end(&event);
	if (err != PM_OK) {
		count_error(c->test, kind, err, call.message);
		return;
	}
	event.version = record.secret_version;
	keep(key, &event);
	if (secret.text[0] != '\0')
		keep_text(key, record.secret_version, &secret);
}

static enum kind pick_kind(struct client *c)
{
	int dice = rand_r(&c->seed) % 1000;

	for (int kind = VERIFY + 1; kind < KINDS; kind++) {
		if (dice < share[kind])
			return (enum kind)kind;
		dice -= share[kind];
	}
	return VERIFY;
}

static void *work(void *arg)
{
	struct client *c = arg;

	while (!c->test->stop) {
		struct key *key = &c->test->keys[(size_t)rand_r(&c->seed) % c->test->key_count];
		enum kind kind = pick_kind(c);

		c->test->calls[kind]++;
		if (kind == VERIFY)
			verify(c, key);
		else
			change(c, key, kind);
	}
	return NULL;
}

/* The checker. */

static bool violates(const char *what, const struct key *key, const struct event *event)
{
	fprintf(stderr,
		"lifecycle: VIOLATION: key %s, secret %u, sent %.6f, answered %.6f, %s: %s\n",
		key->id, event->version, event->sent, event->answered,
		peppermint_reason_name(event->reason), what);
	return true;
}

/* A later enabling may have come after that disabling, and before the verify's answer. */
static bool may_be_enabled(const struct key *key, const struct event *disable,
			   const struct event *event)
{
	for (size_t i = 0; i < key->count; i++) {
		const struct event *other = &key->events[i];

		if (other->kind == ENABLE && other->answered > disable->sent &&
		    other->sent < event->answered)
			return true;
	}
	return false;
}

/* A rollback that may have dropped that version. */
static bool may_be_dropped(const struct key *key, const struct event *made)
{
	for (size_t i = 0; i < key->count && made->kind == FIRST_USE; i++) {
		const struct event *other = &key->events[i];

		if (other->kind == ROLLBACK && other->version < made->version &&
		    other->answered > made->sent)
			return true;
	}
	return false;
}

/* The version was seen to be used before `event` was sent, long enough for the one before it to end. */
static bool first_use_is_over(const struct key *key, const struct event *made,
			      const struct event *event)
{
	for (size_t i = 0; i < key->count; i++) {
		const struct event *use = &key->events[i];

		if (use->kind == VERIFY && use->reason == PM_REASON_NONE &&
		    use->version == made->version && use->answered < event->sent &&
		    (made->until == 0 || event->sent_at >= use->answered_at + made->until))
			return true;
	}
	return false;
}

/* Did that change, answered before the verify was sent, end the verified secret for sure? */
static bool is_ended_by(const struct key *key, const struct event *made, const struct event *event)
{
	if (made->version <= event->version || may_be_dropped(key, made))
		return false;
	if (made->kind == RESET)
		return true;
	if (made->kind == ROTATE)
		return event->sent_at >= made->until;
	return first_use_is_over(key, made, event);
}

static bool check_valid(const struct key *key, const struct event *event)
{
	size_t newer = 0;

	for (size_t i = 0; i < key->count; i++) {
		const struct event *other = &key->events[i];

		if (other->answered >= event->sent)
			continue;
		if (other->kind == REVOKE)
			return violates("valid after a revoke", key, event);
		if (other->kind == DISABLE && !may_be_enabled(key, other, event))
			return violates("valid while disabled", key, event);
		if (other->kind == ROLLBACK && other->version < event->version) {
			bool before = false;
			for (size_t j = 0; j < key->count; j++)
				before = before || (key->events[j].kind == FIRST_USE &&
						    key->events[j].version == event->version &&
						    key->events[j].answered < other->sent);
			if (before)
				return violates("valid after it was rolled back", key, event);
		}
		if (other->kind != ROTATE && other->kind != FIRST_USE && other->kind != RESET)
			continue;
		if (is_ended_by(key, other, event))
			return violates("valid after the end of its overlap", key, event);
		newer += other->version > event->version && !may_be_dropped(key, other);
	}
	return newer >= 2 && violates("valid beside two newer secrets", key, event);
}

static bool may_have_caused(const struct event *other, const struct event *event)
{
	switch (event->reason) {
	case PM_REASON_REVOKED:
		return other->kind == REVOKE;
	case PM_REASON_DISABLED:
		return other->kind == DISABLE;
	case PM_REASON_SUPERSEDED:
	case PM_REASON_WRONG_SECRET:
		return other->version > event->version
			       ? other->kind == ROTATE || other->kind == FIRST_USE ||
					 other->kind == RESET
			       : other->kind == ROLLBACK && other->version < event->version;
	default:
		return false;
	}
}

static bool check_refused(const struct key *key, const struct event *event)
{
	for (size_t i = 0; i < key->count; i++) {
		if (key->events[i].sent < event->answered &&
		    may_have_caused(&key->events[i], event))
			return false;
	}
	return violates("refused without a cause", key, event);
}

/* How many of all secrets that it ever had verify now. */
static unsigned int live_secrets(struct peppermint *vault, struct test *test, struct key *key)
{
	unsigned int live = 0;

	for (uint32_t i = 0; i < key->versions; i++) {
		struct peppermint_verdict verdict = { .valid = false };

		if (key->texts[i].text[0] == '\0')
			continue;
		if (peppermint_verify_key(vault, test->environment, key->texts[i].text, &verdict,
					  NULL) != PM_OK)
			test->errors++;
		live += verdict.valid;
	}
	return live;
}

static unsigned long check(struct test *test, struct peppermint *vault)
{
	unsigned long bad = 0, most = 0;

	for (size_t i = 0; i < test->key_count; i++) {
		struct key *key = &test->keys[i];

		for (size_t j = 0; j < key->count; j++) {
			const struct event *event = &key->events[j];

			if (event->kind != VERIFY)
				continue;
			bad += event->reason == PM_REASON_NONE ? check_valid(key, event)
							       : check_refused(key, event);
		}
		unsigned long live = live_secrets(vault, test, key);
		most = live > most ? live : most;
	}
	printf("most live secrets of one key: %lu\n", most);
	return bad + (most > 2);
}

static bool open_vault(struct test *test, struct peppermint **vault)
{
	const struct peppermint_options options = { .socket = test->socket };

	return peppermint_open(&options, vault) == PM_OK;
}

static bool mint_all(struct test *test, struct peppermint *vault)
{
	const struct peppermint_mint params = { .environment = test->environment,
						.account = "lifecycle" };

	for (size_t i = 0; i < test->key_count; i++) {
		struct key *key = &test->keys[i];
		struct peppermint_secret secret;
		struct peppermint_key record;

		pthread_mutex_init(&key->lock, NULL);
		if (peppermint_mint_key(vault, &params, &record, &secret, NULL) != PM_OK)
			return false;
		memcpy(key->id, record.id, sizeof(key->id));
		keep_text(key, 1, &secret);
	}
	return true;
}

static bool run(struct test *test)
{
	static struct client clients[CLIENTS_MAX];
	const struct timespec length = { .tv_sec = test->seconds };

	for (unsigned int i = 0; i < test->clients; i++) {
		clients[i] = (struct client){ .test = test, .seed = i + 1 };
		if (!open_vault(test, &clients[i].vault) ||
		    pthread_create(&clients[i].thread, NULL, work, &clients[i]) != 0)
			return false;
	}
	nanosleep(&length, NULL);
	test->stop = true;
	for (unsigned int i = 0; i < test->clients; i++) {
		pthread_join(clients[i].thread, NULL);
		peppermint_close(clients[i].vault);
	}
	return true;
}

int main(int argc, char **argv)
{
	static struct test test;
	struct peppermint *vault = NULL;

	if (argc != 6) {
		fprintf(stderr, "usage: lifecycle SOCKET ENVIRONMENT KEYS CLIENTS SECONDS\n");
		return 2;
	}
	test = (struct test){ .socket = argv[1],
			      .environment = argv[2],
			      .key_count = strtoul(argv[3], NULL, 10),
			      .clients = (unsigned int)strtoul(argv[4], NULL, 10),
			      .seconds = (unsigned int)strtoul(argv[5], NULL, 10) };
	test.keys = calloc(test.key_count, sizeof(*test.keys));
	if (!test.keys || test.clients > CLIENTS_MAX || !open_vault(&test, &vault) ||
	    !mint_all(&test, vault) || !run(&test)) {
		fprintf(stderr, "lifecycle: it could not begin\n");
		return 2;
	}
	unsigned long bad = check(&test, vault);
	peppermint_close(vault);
	for (int kind = 0; kind < KINDS; kind++)
		printf("%s: %lu calls, %lu refused\n", kind_names[kind], test.calls[kind],
		       test.refused[kind]);
	printf("violations: %lu, errors: %lu\n", bad, test.errors);
	return bad == 0 && test.errors == 0 ? 0 : 1;
}
