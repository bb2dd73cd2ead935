#include "leaf.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "base/clock.h"
#include "base/text.h"
#include "environment.h"
#include "names.h"
#include "sure.h"
#include "value.h"

#define HIDDEN "hidden" /* what stands for a text whose HMAC could not be had */
#define NONE "-"
#define OURSELVES "peppermintd"
#define RESOLVE_MS 1000
#define US_PER_SECOND INT64_C(1000000)
#define TIME_ROOM 64 /* bytes: twice what a time takes */

static const char *const type_names[] = {
#define NAME_X(name, type, text) [LEAF_##name] = (type),
	LEAF_TYPES(NAME_X)
#undef NAME_X
};

const char *leaf_type_name(enum leaf_type type)
{
	return type_names[type];
}

static void set(struct leaf *leaf, const char *field, json_t *value)
{
	/* It takes the value even when it fails. Our fields' names are UTF-8. */
	if (json_object_set_new_nocheck(leaf->fields, field, value) != 0)
		leaf->broken = PM_NO_MEMORY;
}

void leaf_text(struct leaf *leaf, const char *field, const char *text)
{
	/* Ours are clean; what a module or a file name brings along may not be. */
	set(leaf, field,
	    json_string_nocheck(text_is_clean(bytes_str(text)) ? text : "unprintable"));
}

void leaf_number(struct leaf *leaf, const char *field, int64_t number)
{
	set(leaf, field, json_integer(number));
}

void leaf_flag(struct leaf *leaf, const char *field, bool flag)
{
	set(leaf, field, json_boolean(flag));
}

static void put_time(struct leaf *leaf, const char *field, int64_t seconds, const char *fraction)
{
	char text[TIME_ROOM], whole[TIME_ROOM / 2];
	time_t time = (time_t)seconds;
	struct tm tm = { 0 };

	gmtime_r(&time, &tm);
	strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s%.8sZ", whole, fraction);
	leaf_text(leaf, field, text);
}

void leaf_time(struct leaf *leaf, const char *field, int64_t seconds)
{
	put_time(leaf, field, seconds, "");
}

static void put_now(struct leaf *leaf)
{
	int64_t now = clock_unix_us();
	char fraction[16];

	snprintf(fraction, sizeof(fraction), ".%06d", (int)(now % US_PER_SECOND));
	put_time(leaf, "ts", now / US_PER_SECOND, fraction);
}

static const struct hidden *find_hidden(const struct leaf *leaf, const char *field)
{
	for (size_t i = 0; i < leaf->hidden_count; i++) {
		if (strcmp(leaf->hidden[i].field, field) == 0)
			return &leaf->hidden[i];
	}
	return NULL;
}

void leaf_hide(struct leaf *leaf, const char *field, const char *text)
{
	struct hidden *hidden = &leaf->hidden[leaf->hidden_count];

	if (text[0] == '\0')
		return;
	if (leaf->hidden_count == LEAF_HIDDEN_MAX || find_hidden(leaf, field)) {
		leaf->broken = PM_INTERNAL;
		return;
	}
	leaf->hidden_count++;
	hidden->field = field;
	hidden->text = text;
	hidden->tag[0] = '\0';
	set(leaf, field, json_null()); /* holds its place among the fields until leaf_end */
}

static void put_or_none(struct leaf *leaf, const char *field, const char *text)
{
	if (text[0])
		leaf_hide(leaf, field, text);
	else
		leaf_text(leaf, field, NONE);
}

static void put_who(struct leaf *leaf, const struct actor *actor)
{
	char from[40];

	snprintf(from, sizeof(from), "connection %llu", (unsigned long long)actor->connection);
	leaf_text(leaf, "caller", actor->caller[0] ? actor->caller : NONE);
	leaf_number(leaf, "uid", actor->uid);
	leaf_number(leaf, "pid", actor->pid);
	put_or_none(leaf, "operator", actor->operator_name);
	leaf_text(leaf, "from", from);
}

static void put_ourselves(struct leaf *leaf)
{
	leaf_text(leaf, "caller", OURSELVES);
	leaf_number(leaf, "uid", getuid());
	leaf_number(leaf, "pid", getpid());
	leaf_text(leaf, "operator", NONE);
	leaf_text(leaf, "from", "local");
}

void leaf_begin(struct leaf *leaf, enum leaf_type type, const struct actor *actor,
		struct audit *audit, struct environment *env)
{
	leaf->fields = json_object();
	leaf->broken = leaf->fields ? PM_OK : PM_NO_MEMORY;
	leaf->env = env ? env : audit_environment(audit);
	leaf->hidden_count = 0;
	leaf->receipt = (struct store_receipt){ 0 };
	put_now(leaf);
	leaf_text(leaf, "type", leaf_type_name(type));
	leaf_flag(leaf, "ok", true);
	if (actor)
		put_who(leaf, actor);
	else
		put_ourselves(leaf);
	leaf_text(leaf, "env", env ? env->name : NONE);
	put_or_none(leaf, "request", actor ? actor->request_id : "");
	leaf_text(leaf, "policy", audit_policy(audit));
}

void leaf_drop(struct leaf *leaf)
{
	json_decref(leaf->fields);
	leaf->fields = NULL;
}

void leaf_fail(struct leaf *leaf, enum pm_err err)
{
	leaf_flag(leaf, "ok", false);
	leaf_text(leaf, "err", peppermint_error_name(err));
}

void leaf_cover(const struct environment *env, const char *text, struct buf *buf)
{
	buf_put_field(buf, bytes_str("peppermint/v1/audit-text"));
	buf_put_field(buf, bytes_str(env->name));
	buf_put_field(buf, bytes_str(text));
}

static bool cover(const struct environment *env, struct hidden *hidden, struct hsm_job *job)
{
	struct buf buf = BUF(hidden->room);

	leaf_cover(env, hidden->text, &buf);
	job->data = buf_bytes(&buf);
	return !buf.full;
}

size_t leaf_jobs(struct leaf *leaf, struct hsm_job jobs[LEAF_HIDDEN_MAX])
{
	struct environment *env = leaf->env;
	struct master_record key;
	size_t count = 0;

	if (leaf->hidden_count == 0 ||
	    environment_master(env, PURPOSE_AUDIT, AUDIT_TEXT_NAME, 0, &key) != PM_OK)
		return 0;
	for (size_t i = 0; i < leaf->hidden_count; i++) {
		struct hidden *hidden = &leaf->hidden[i];

		hidden->awaited = false;
		if (hidden->tag[0] ||
		    names_find(env->names, key.version, hidden->text, hidden->tag) ||
		    !cover(env, hidden, &jobs[count]))
			continue;
		hidden->awaited = true;
		hidden->version = key.version;
		memcpy(jobs[count++].key.bytes, key.key_id, sizeof(key.key_id));
	}
	return count;
}

void leaf_take_jobs(struct leaf *leaf, const struct hsm_job *jobs, size_t count)
{
	size_t job = 0;

	for (size_t i = 0; i < leaf->hidden_count && job < count; i++) {
		struct hidden *hidden = &leaf->hidden[i];

		if (!hidden->awaited)
			continue;
		hidden->awaited = false;
		value_hash_format(hidden->version, jobs[job++].mac, hidden->tag);
		/* Request ids do not come back. */
		if (strcmp(hidden->field, "request") != 0)
			names_keep(leaf->env->names, hidden->version, hidden->text, hidden->tag);
	}
}

/* An HSM that hangs must leave time for the commit. */
static int64_t resolve_deadline(int64_t deadline)
{
	int64_t now = clock_now();
	int64_t most = now + RESOLVE_MS * NS_PER_MS;
	int64_t half = now + (deadline - now) / 2;

	return half < most ? half : most;
}

void leaves_resolve(struct leaf *leaves, size_t count, struct environment *env, int64_t deadline)
{
	struct hsm_job jobs[LEAVES_MAX * LEAF_HIDDEN_MAX];
	size_t counts[LEAVES_MAX], total = 0;

	/* A text must not be hidden by whatever key stands in a token that was not checked. */
	if (!environment_in_service(env))
		return;
	for (size_t i = 0; i < count; i++) {
		counts[i] = leaves[i].env == env ? leaf_jobs(&leaves[i], jobs + total) : 0;
		total += counts[i];
	}
	if (total == 0 || sure_hmac(env, jobs, total, resolve_deadline(deadline)) != PM_OK)
		return;
	for (size_t i = 0, taken = 0; i < count; taken += counts[i++])
		leaf_take_jobs(&leaves[i], jobs + taken, counts[i]);
}

void leaf_resolve(struct leaf *leaf, int64_t deadline)
{
	leaves_resolve(leaf, 1, leaf->env, deadline);
}

void leaf_take_tags(struct leaf *leaf, const struct leaf *from)
{
	for (size_t i = 0; i < leaf->hidden_count; i++) {
		const struct hidden *same = find_hidden(from, leaf->hidden[i].field);

		if (same && strcmp(same->text, leaf->hidden[i].text) == 0)
			strcpy(leaf->hidden[i].tag, same->tag);
	}
}

enum pm_err leaf_end(struct leaf *leaf)
{
	for (size_t i = 0; i < leaf->hidden_count; i++) {
		const struct hidden *hidden = &leaf->hidden[i];

		leaf_text(leaf, hidden->field, hidden->tag[0] ? hidden->tag : HIDDEN);
	}
	TRY(leaf->broken);
	size_t len = json_dumpb(leaf->fields, leaf->text, sizeof(leaf->text), JSON_COMPACT);
	if (len == 0)
		return PM_NO_MEMORY;
	if (len > sizeof(leaf->text))
		return PM_TOO_LARGE;
	/* The store writes the opening brace, and members before ours. */
	leaf->record.text = bytes_of(leaf->text + 1, len - 1);
	leaf->record.receipt = &leaf->receipt;
	return PM_OK;
}
