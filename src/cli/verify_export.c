/* The logs of an export, and how each one follows from the one before. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "verify_log.h"

struct export_check {
	const struct verify_options *options;
	struct verify_report *report;
	int folder;
	bool there[VERIFY_LOGS_MAX + 1];
	uint32_t first, last;
	struct tlog_checkpoint since;
	bool since_used;
	bool closed, has_last; /* the log before, if there was one */
	struct successor next;
};

/* The folder chooses names that stand in a fault: nothing of it may steer a terminal. */
static void scrub(char *text)
{
	if (text_is_clean(bytes_str(text)))
		return;
	for (; *text; text++) {
		if (*text < ' ' || *text > '~')
			*text = '?';
	}
}

bool verify_refuse(struct verify_report *report, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(report->fault, sizeof(report->fault), fmt, args);
	va_end(args);
	scrub(report->fault);
	return false;
}

static void close_listing(DIR **listing)
{
	if (*listing)
		closedir(*listing);
}

static void close_check(struct log_check **check)
{
	if (!*check)
		return;
	close_fd(&(*check)->folder);
	free((*check)->bundle);
	free(*check);
}

/* A log's number as its folder is called; 0: it is none. */
static uint32_t log_number(const char *name)
{
	char again[16];
	unsigned long number = strtoul(name, NULL, 10);

	snprintf(again, sizeof(again), "%lu", number);
	return number <= VERIFY_LOGS_MAX && strcmp(again, name) == 0 ? (uint32_t)number : 0;
}

static bool add_log(struct export_check *export, const char *name)
{
	uint32_t log = log_number(name);

	if (log == 0)
		return verify_refuse(export->report, "%s does not belong into an export", name);
	export->there[log] = true;
	if (export->first == 0 || log < export->first)
		export->first = log;
	if (log > export->last)
		export->last = log;
	return true;
}

static bool find_logs(struct export_check *export, const char *folder)
{
	DIR *listing CLEANUP(close_listing) = opendir(folder);

	if (!listing)
		return verify_refuse(export->report, "%s: %s", folder, strerror(errno));
	export->folder = fcntl(dirfd(listing), F_DUPFD_CLOEXEC, 0);
	if (export->folder < 0)
		return verify_refuse(export->report, "%s: %s", folder, strerror(errno));
	for (const char *name; (name = verify_next_name(listing));) {
		if (!add_log(export, name))
			return false;
	}
	if (errno != 0)
		return verify_refuse(export->report, "%s: %s", folder, strerror(errno));
	return export->last > 0 || verify_refuse(export->report, "%s holds no log", folder);
}

static bool refuse(const struct log_check *check, const char *what)
{
	return verify_refuse(check->report, "log %" PRIu32 ": %s", check->found->log, what);
}

/* Does the older checkpoint speak of this log? Then it must be this log's, and not be ahead of it. */
static bool use_since(struct export_check *export, struct log_check *check)
{
	const struct tlog_checkpoint *since = &export->since;
	struct bytes note = export->options->since;

	if (note.len == 0 || strcmp(since->origin, check->found->origin) != 0)
		return true;
	if (tlog_note_verify(note, &check->key, NULL) != PM_OK)
		return refuse(check, "the older checkpoint does not bear this log's signature");
	if (since->size > check->found->size)
		return verify_refuse(check->report,
				     "log %" PRIu32 ": the older checkpoint is of %" PRIu64
				     " leaves and this one of %" PRIu64 ": leaves were taken away",
				     check->found->log, since->size, check->found->size);
	export->since_used = true;
	check->since = since;
	return true;
}

static bool same_end(const struct tlog_checkpoint *end, const struct verified_log *log)
{
	return end->size == log->size && tlog_hash_equal(&end->root, &log->root);
}

/*
 * Its first entry must continue the log before, and that one must have ended. Only where a damaged
 * log ended can nobody say: then `prev` is null, and the entry says that the log was abandoned.
 */
static bool check_link(struct export_check *export, struct log_check *check,
		       struct verified_log *before)
{
	const struct predecessor *said = &check->before;
	bool continues = said->any && strcmp(said->end.origin, before->origin) == 0;
	bool no_end = !said->any && said->abandoned && !export->closed;

	if (check->has_first && !continues && !no_end)
		return refuse(check, "its first entry does not continue the log before it");
	if (export->closed) {
		before->end = VERIFIED_CLOSED;
		return !check->has_first || same_end(&said->end, before) ||
		       refuse(check, "its first entry gives another size or root as the end of "
				     "the log before it");
	}
	if (!check->has_first || !export->has_last) {
		before->end = VERIFIED_UNKNOWN;
		return true;
	}
	before->end = VERIFIED_ABANDONED;
	return said->abandoned ||
	       refuse(check, "the log before it has no end: neither does its last entry close "
			     "it, nor does the first one here say that it was abandoned");
}

/*
 * The first log at hand. Its vault never drops a log, however old its entries: pruning leaves the
 * folder, the checkpoint and the hashes. So who has not log 1 must be told by a signed entry why.
 */
static bool check_beginning(const struct log_check *check)
{
	struct verified_log *found = check->found;

	found->restarted = check->before.abandoned;
	if (found->log > 1 && !found->restarted)
		return verify_refuse(check->report,
				     "log 1 is missing: the first one here is log %" PRIu32
				     ", and its first entry does not say that what was before it "
				     "was given up",
				     found->log);
	if (found->log == 1 && check->before.any)
		return refuse(check, "its first entry says that there was a log before it");
	return true;
}

static bool follow(struct export_check *export, struct log_check *check)
{
	struct verified_log *found = check->found;
	bool is_first = found->log == export->first;

	if (!(is_first ? check_beginning(check) : check_link(export, check, found - 1)))
		return false;
	export->closed = check->closed;
	export->has_last = check->has_last;
	export->next = check->next;
	return true;
}

static bool check_log(struct export_check *export, uint32_t log)
{
	struct log_check *check CLEANUP(close_check) = calloc(1, sizeof(*check));
	char name[16];

	if (!check)
		return verify_refuse(export->report, "there is not enough memory");
	check->options = export->options;
	check->report = export->report;
	check->found = &export->report->logs[export->report->count++];
	check->found->log = log;
	snprintf(name, sizeof(name), "%" PRIu32, log);
	check->folder =
		openat(export->folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (check->folder < 0)
		return refuse(check, export->there[log] ? strerror(errno) : "it is missing");
	return verify_checkpoint(check, export->closed ? &export->next : NULL) &&
	       use_since(export, check) && verify_inventory(check) && verify_entries(check) &&
	       follow(export, check);
}

/*
 * Whoever takes entries off the front makes them look pruned: a signed entry must say that they were.
 * Pruning goes by age, so what says it of one log says it of all older ones.
 */
static bool check_pruned(struct verify_report *report)
{
	bool may_be_pruned = false;

	for (size_t i = report->count; i > 0; i--) {
		const struct verified_log *log = &report->logs[i - 1];

		if (log->minimum > log->said_minimum && !may_be_pruned)
			return verify_refuse(report,
					     "log %" PRIu32 ": entries below %" PRIu64
					     " are missing, and signed entries say only of those "
					     "below %" PRIu64 " that they were pruned",
					     log->log, log->minimum, log->said_minimum);
		may_be_pruned = may_be_pruned || log->said_minimum > 0;
	}
	return true;
}

static bool check_logs(struct export_check *export)
{
	for (uint32_t log = export->first; log <= export->last; log++) {
		if (!check_log(export, log))
			return false;
	}
	if (!check_pruned(export->report))
		return false;
	if (export->closed)
		return verify_refuse(export->report,
				     "log %" PRIu32 ": it is missing, and the log before it ends "
				     "by naming it: %s (an export that was ended leaves it so: run "
				     "it again)",
				     export->last + 1, export->next.origin);
	return export->options->since.len == 0 || export->since_used ||
	       verify_refuse(export->report,
			     "the older checkpoint is of %s, and no log of this export is",
			     export->since.origin);
}

bool verify_export(const char *folder, const struct verify_options *options,
		   struct verify_report *report)
{
	struct export_check export = { .options = options, .report = report, .folder = -1 };

	*report = (struct verify_report){ 0 };
	if (options->since.len > 0 && tlog_checkpoint_parse(options->since, &export.since) != PM_OK)
		return verify_refuse(report, "the older checkpoint is not one");
	bool good = find_logs(&export, folder) && check_logs(&export);
	close_fd(&export.folder);
	return good;
}
