/* audit verify: is an exported log whole and signed? Without the vault. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "command.h"
#include "files.h"
#include "verify.h"

#define KEYS_MAX 16
#define PROGRESS_NS (NS_PER_SECOND / 5)

struct key_list {
	struct tlog_key keys[KEYS_MAX];
	size_t count;
};

/* Everything that a run needs; large. */
struct run {
	struct key_list keys, witnesses;
	uint8_t since[TLOG_NOTE_MAX];
	struct verify_report report;
	int64_t begun, shown; /* clock_now() */
};

/* Verifier keys hold no blanks, so several can stand in one value. */
static bool read_keys(const char *name, const char *text, struct key_list *list)
{
	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		size_t len = strcspn(text, " ");

		if (list->count == KEYS_MAX ||
		    tlog_key_parse(bytes_of(text, len), &list->keys[list->count]) != PM_OK) {
			complain("--%s must be verifier keys, such as vault.example/audit/1+"
				 "3388d9c8+AQOhB7…, parted by blanks, at most %d.",
				 name, KEYS_MAX);
			return false;
		}
		list->count++;
		text += len;
	}
	return true;
}

static enum status read_options(const struct options *given, struct run *run,
				struct verify_options *options)
{
	size_t len = 0;

	if (!read_keys("key", given->key, &run->keys) ||
	    !read_keys("witness", given->witness ? given->witness : "", &run->witnesses))
		return STATUS_USAGE;
	if (given->since && !file_read(given->since, run->since, sizeof(run->since), &len))
		return STATUS_USAGE;
	options->keys = run->keys.keys;
	options->key_count = run->keys.count;
	options->witnesses = run->witnesses.keys;
	options->witness_count = run->witnesses.count;
	options->since = bytes_of(run->since, len);
	options->strict = given->given & OPT_STRICT;
	return STATUS_DONE;
}

static void show_progress(void *arg, uint32_t log, uint64_t done, uint64_t size)
{
	struct run *run = arg;
	int64_t now = clock_now();

	if (now - run->shown < PROGRESS_NS)
		return;
	run->shown = now;
	fprintf(stderr, "\r\033[Klog %" PRIu32 ": %" PRIu64 " of %" PRIu64 " entries, %.0f/s", log,
		done, size,
		(double)run->report.entries * NS_PER_SECOND / (double)(now - run->begun));
}

static const char *end_name(enum verified_end end)
{
	switch (end) {
	case VERIFIED_OPEN:
		return "OPEN";
	case VERIFIED_CLOSED:
		return "CLOSED";
	case VERIFIED_ABANDONED:
		return "ABANDONED";
	case VERIFIED_UNKNOWN:
		break;
	}
	return "UNKNOWN";
}

static json_t *verified_json(const struct verified_log *log)
{
	return json_pack("{s:I, s:s, s:s, s:I, s:I, s:I, s:b, s:b, s:I, s:I}", "log",
			 (json_int_t)log->log, "state", end_name(log->end), "origin", log->origin,
			 "entries", (json_int_t)log->size, "minimum", (json_int_t)log->minimum,
			 "said_minimum", (json_int_t)log->said_minimum, "restarted",
			 (int)log->restarted, "unfinished", (int)log->unfinished, "cosigned",
			 (json_int_t)log->witnessed, "unknown_signatures",
			 (json_int_t)log->unknown);
}

static json_t *logs_json(const struct verify_report *report)
{
	json_t *logs = must_have(json_array());

	for (size_t i = 0; i < report->count; i++)
		json_array_append_new(logs, must_have(verified_json(&report->logs[i])));
	return logs;
}

/* The logs of a report that is not good are those that were looked at; their last is at fault. */
static void print_report(const struct verify_report *report, bool good, bool compared)
{
	json_t *consistent = compared ? json_boolean(report->consistent) : json_null();

	print_json(json_pack("{s:b, s:s, s:o, s:I, s:o}", "good", (int)good, "fault", report->fault,
			     "consistent", consistent, "checked", (json_int_t)report->entries,
			     "logs", logs_json(report)));
}

static void print_table(const struct verify_report *report)
{
	static const char *const heads[] = {
		"LOG", "STATE", "ORIGIN", "ENTRIES", "FROM", "COSIGNED"
	};
	struct table table CLEANUP(table_end) = { 0 };

	table_head(&table, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < report->count; i++) {
		const struct verified_log *log = &report->logs[i];

		table_cell(&table, "%" PRIu32, log->log);
		table_cell(&table, "%s", end_name(log->end));
		table_cell(&table, "%s", log->origin);
		table_cell(&table, "%" PRIu64, log->size);
		table_cell(&table, "%" PRIu64, log->minimum);
		table_cell(&table, "%zu", log->witnessed);
	}
	table_print(&table);
}

static void print_gaps(const struct verified_log *log)
{
	if (log->unfinished)
		printf("Log %" PRIu32 ": an export was ended before it was done. What it left "
		       "beyond the checkpoint was not checked; run it again.\n",
		       log->log);
	if (log->restarted)
		printf("Log %" PRIu32
		       " (%s) begins anew: its first entry says that what was before "
		       "it was given up. Nothing before it was checked.\n",
		       log->log, log->origin);
	if (log->minimum > 0)
		printf("Log %" PRIu32 ": entries below %" PRIu64
		       " are pruned; only hashes above them were checked.\n",
		       log->log, log->minimum);
}

static void print_end(const struct verified_log *log)
{
	if (log->end == VERIFIED_ABANDONED)
		printf("Log %" PRIu32 " (%s) was abandoned: only the key that you gave for the "
		       "next one vouches that it follows.\n",
		       log->log, log->origin);
	if (log->end == VERIFIED_UNKNOWN)
		printf("Log %" PRIu32 " (%s): how it ended is pruned.\n", log->log, log->origin);
}

/* What is good and yet less than one might think. */
static void print_limits(const struct verify_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct verified_log *log = &report->logs[i];

		print_gaps(log);
		print_end(log);
		if (log->unknown > 0)
			printf("Log %" PRIu32 ": %zu signature(s) of keys that you did not give.\n",
			       log->log, log->unknown);
	}
	printf("Good: %" PRIu64 " entries match what was signed%s.\n", report->entries,
	       report->consistent ? ", which continues the earlier checkpoint" : "");
}

static enum status show(const struct session *session, const struct verify_report *report,
			bool good)
{
	if (session->options.given & OPT_JSON)
		print_report(report, good, session->options.since);
	if (!good) {
		complain("NOT GOOD: %s.", report->fault);
		return STATUS_REFUSED;
	}
	if (!(session->options.given & OPT_JSON)) {
		print_table(report);
		print_limits(report);
	}
	return STATUS_DONE;
}

enum status run_audit_verify(struct session *session)
{
	struct run *run CLEANUP(free_ptr) = must_have(calloc(1, sizeof(*run)));
	struct verify_options options = { .arg = run };
	enum status status = read_options(&session->options, run, &options);
	bool terminal = isatty(STDERR_FILENO);

	if (status != STATUS_DONE)
		return status;
	options.progress = terminal ? show_progress : NULL;
	run->begun = run->shown = clock_now();
	bool good = verify_export(session->argument, &options, &run->report);
	if (terminal)
		fputs("\r\033[K", stderr);
	return show(session, &run->report, good);
}
