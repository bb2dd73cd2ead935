/* report control-failures: PCI DSS 10.7.2. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "entry.h"
#include "report.h"
#include "when.h"

#define EVENTS_MAX 100000 /* of one report: 24 MB. They are rare; --since asks for fewer */

static bool always(const json_t *entry)
{
	(void)entry;
	return true;
}

static bool says_abandoned(const json_t *entry)
{
	return json_is_true(json_object_get(entry, "abandoned"));
}

static bool says_unclean(const json_t *entry)
{
	return json_is_false(json_object_get(entry, "clean"));
}

static bool says_refused(const json_t *entry)
{
	return !json_is_true(json_object_get(entry, "ok"));
}

/*
 * X(type, control, which entries of the type are one, what it begins ends with: the types of its
 * recovery, space-separated)
 */
#define FAILURES(X)                                                                                \
	X("hsm.fault", "HSM", always, "hsm.recover env.serve")                                     \
	X("hsm.pin", "HSM login", always, "hsm.unseal env.serve")                                  \
	X("hsm.seal", "HSM login", always, "hsm.unseal env.serve")                                 \
	X("env.refuse", "binding of token and database", always, "env.serve")                      \
	X("log.open", "audit log's integrity", says_abandoned, "")                                 \
	X("log.damage", "audit log's integrity", always, "")                                       \
	X("log.resume", "audit log", always, "")                                                   \
	X("vault.start", "audit log", says_unclean, "")                                            \
	X("config.read", "configuration", says_refused, "")                                        \
	X("call.unknown", "identification of callers", always, "")                                 \
	X("call.refuse", "authorisation of callers", always, "")                                   \
	X("key.quarantine", "integrity of records", always, "")

static const struct failure {
	const char *type, *control;
	bool (*is_one)(const json_t *entry);
	const char *recovery;
} failures[] = {
#define ROW(type, control, is_one, recovery) { type, control, is_one, recovery },
	FAILURES(ROW)
#undef ROW
};
#define FAILURE_COUNT (sizeof(failures) / sizeof(failures[0]))

/* What is asked of the vault: every type above, and the recoveries. */
static const char *const asked[] = { "hsm.",           "env.",        "log.damage",
				     "log.open",       "log.resume",  "call.",
				     "key.quarantine", "vault.start", "config.read" };
#define ASKED_COUNT (sizeof(asked) / sizeof(asked[0]))

struct event {
	uint32_t log;
	uint64_t index;
	int64_t when;
	int64_t since, until; /* of entries that tell of more than a moment; 0: they do not */
	char type[24];
	char env[PEPPERMINT_ENVIRONMENT_MAX + 1];
	char details[128];
};

struct events {
	struct event *all;
	size_t count, room;
};

static void events_end(struct events *events)
{
	free(events->all);
}

static struct event *next_event(struct events *events)
{
	if (events->count == events->room) {
		events->room = events->room ? 2 * events->room : 256;
		events->all =
			must_have(reallocarray(events->all, events->room, sizeof(*events->all)));
	}
	return &events->all[events->count++];
}

static const struct failure *find_failure(const char *type)
{
	for (size_t i = 0; i < FAILURE_COUNT; i++) {
		if (strcmp(failures[i].type, type) == 0)
			return &failures[i];
	}
	return NULL;
}

static enum status add_event(void *arg, uint32_t log, const struct peppermint_log_entry *entry)
{
	struct events *events = arg;
	json_t *row CLEANUP(json_end) = entry_row(log, entry, SHEET_TABLE);

	if (!row)
		return STATUS_REFUSED;
	const struct failure *failure = find_failure(entry_text(row, "type"));
	if (failure && !failure->is_one(row))
		return STATUS_DONE;
	if (events->count == EVENTS_MAX) {
		complain("there are over %d events. Ask for a shorter time: --since, --until.",
			 EVENTS_MAX);
		return STATUS_REFUSED;
	}
	struct event *event = next_event(events);
	*event = (struct event){ .log = log, .index = entry->index };
	event->when = entry_when(row, "ts");
	event->since = entry_when(row, "since");
	event->until = entry_when(row, "until");
	snprintf(event->type, sizeof(event->type), "%s", entry_text(row, "type"));
	snprintf(event->env, sizeof(event->env), "%s", entry_text(row, "env"));
	snprintf(event->details, sizeof(event->details), "%s", entry_text(row, "details"));
	return STATUS_DONE;
}

static int by_place(const void *a_, const void *b_)
{
	const struct event *a = a_, *b = b_;

	if (a->log != b->log)
		return a->log < b->log ? -1 : 1;
	return (a->index > b->index) - (a->index < b->index);
}

/* Types hold a dot, and none is another's beginning, so a substring is a word. */
static const struct event *find_recovery(const struct events *events, size_t from,
					 const struct failure *failure)
{
	const struct event *began = &events->all[from];

	if (!failure->recovery[0])
		return NULL;
	for (size_t i = from + 1; i < events->count; i++) {
		const struct event *event = &events->all[i];

		if (strstr(failure->recovery, event->type) && strcmp(event->env, began->env) == 0)
			return event;
	}
	return NULL;
}

/* Of these, an entry says that the log goes on: the failure is the time before it. */
static bool ends_pause(const struct event *event)
{
	return strcmp(event->type, "log.resume") == 0 || strcmp(event->type, "vault.start") == 0;
}

/* If the entry that ends a pause does not say since when: the one before it was the last one. */
static enum status find_pause_begin(struct session *session, const struct event *resume,
				    int64_t *began)
{
	const struct peppermint_log_query query = { .report = PEPPERMINT_REPORT_CONTROL_FAILURES,
						    .log = resume->log,
						    .first = resume->index - 1,
						    .max = 1 };

	*began = resume->since;
	if (resume->since || resume->index == 0)
		return STATUS_DONE;
	return walk_when(session, &query, resume->index, began);
}

static json_t *failure_row(const struct event *event, const struct failure *failure, int64_t began,
			   int64_t ended)
{
	bool lasts = failure->recovery[0] != '\0';
	json_t *row = must_have(json_pack("{s:I, s:I, s:s, s:s, s:s, s:I, s:I, s:s}", "log",
					  (json_int_t)event->log, "index", (json_int_t)event->index,
					  "control", failure->control, "type", event->type, "env",
					  event->env, "began_at", (json_int_t)began, "ended_at",
					  (json_int_t)ended, "details", event->details));

	if (began && ended)
		json_object_set_new(row, "seconds", json_integer(ended - began));
	else if (lasts)
		json_object_set_new(row, "seconds", json_string("not over"));
	return row;
}

static const struct column columns[] = {
	{ "BEGAN", "began_at", true },   { "ENDED", "ended_at", true },
	{ "SECONDS", "seconds", false }, { "CONTROL", "control", false },
	{ "TYPE", "type", false },       { "ENV", "env", false },
	{ "LOG", "log", false },         { "INDEX", "index", false },
	{ "DETAILS", "details", false },
};

static enum status print_failures(struct session *session, const struct events *events,
				  struct sheet *sheet, size_t *open)
{
	for (size_t i = 0; i < events->count; i++) {
		const struct event *event = &events->all[i];
		const struct failure *failure = find_failure(event->type);
		enum status status = STATUS_DONE;
		int64_t began = event->since ? event->since : event->when, ended = event->until;

		if (!failure)
			continue; /* a recovery */
		const struct event *recovery = find_recovery(events, i, failure);
		if (recovery)
			ended = recovery->when;
		else
			*open += failure->recovery[0] != '\0';
		if (ends_pause(event)) {
			ended = event->when;
			status = find_pause_begin(session, event, &began);
		}
		if (status != STATUS_DONE)
			return status;
		sheet_row(sheet, failure_row(event, failure, began, ended));
	}
	return STATUS_DONE;
}

static enum status read_events(struct session *session, struct events *events)
{
	struct walk walk CLEANUP(walk_end) = {
		.session = session,
		.query.report = PEPPERMINT_REPORT_CONTROL_FAILURES,
		.visit = add_event,
		.arg = events,
	};
	enum status status = query_times(session, &walk.query);

	for (size_t i = 0; i < ASKED_COUNT && status == STATUS_DONE; i++) {
		walk.query.type = asked[i];
		status = walk_logs(&walk);
	}
	if (events->count > 0)
		qsort(events->all, events->count, sizeof(*events->all), by_place);
	return status;
}

enum status run_report_control_failures(struct session *session)
{
	struct sheet sheet CLEANUP(sheet_end) =
		REPORT(session, "control-failures",
		       "Failures of security controls, and how long they lasted (PCI DSS 10.7.2)",
		       columns);
	struct events events CLEANUP(events_end) = { 0 };
	enum status status = read_events(session, &events);
	size_t open = 0;

	if (status == STATUS_DONE)
		status = print_failures(session, &events, &sheet, &open);
	if (status != STATUS_DONE)
		return status;
	sheet_finish(&sheet, json_pack("{s:I}", "not_over", (json_int_t)open));
	report_remark(&sheet, "%zu failures, %zu of them not over.", sheet.rows, open);
	return STATUS_DONE;
}
