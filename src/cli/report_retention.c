/* report retention: PCI DSS 10.5.1. */
#include <inttypes.h>
#include <stdio.h>

#include "base/calendar.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "report.h"

#define MONTHS_KEPT 12 /* at least */
#define MONTHS_AT_HAND 3

/* The time of the oldest entry that is at hand; 0 if there is none. */
static enum status oldest_entry(struct session *session, enum peppermint_report report,
				const struct peppermint_log *log, int64_t *when)
{
	const struct peppermint_log_query query = {
		.report = report, .log = log->log, .first = log->minimum, .max = 1
	};

	*when = 0;
	return walk_when(session, &query, log->entries, when);
}

/*
 * What the logs so far have without a gap, oldest first: it begins where the last pruned part ends,
 * and anew after a log that was abandoned, because nobody knows what that one lost.
 */
static void extend(int64_t *begin, const struct peppermint_log *log, int64_t oldest)
{
	if (log->minimum > 0 || *begin == 0)
		*begin = oldest;
	if (log->state == PEPPERMINT_LOG_ABANDONED)
		*begin = 0;
}

enum status log_reach(struct session *session, enum peppermint_report report, int64_t *when)
{
	struct logs logs CLEANUP(logs_end) = { 0 };
	enum status status = logs_read(session, report, &logs);

	*when = 0;
	for (size_t i = 0; status == STATUS_DONE && i < logs.count; i++) {
		int64_t oldest = 0;

		status = oldest_entry(session, report, &logs.all[i], &oldest);
		extend(when, &logs.all[i], oldest);
	}
	if (*when == 0)
		*when = clock_unix();
	return status;
}

static const struct column columns[] = {
	{ "LOG", "log", false },         { "STATE", "state", false },
	{ "ORIGIN", "origin", false },   { "ENTRIES", "entries", false },
	{ "PRUNED", "minimum", false },  { "OLDEST AT HAND", "oldest_at", true },
	{ "OPENED", "opened_at", true }, { "CLOSED", "closed_at", true },
};

/* What all logs together have. */
struct kept {
	int64_t oldest; /* from then on without a gap */
	bool pruned;
	bool lost; /* a log was abandoned */
};

static enum status add_log(struct session *session, const struct peppermint_log *log,
			   struct sheet *sheet, struct kept *kept)
{
	int64_t oldest = 0;
	enum status status = oldest_entry(session, PEPPERMINT_REPORT_RETENTION, log, &oldest);

	if (status != STATUS_DONE)
		return status;
	extend(&kept->oldest, log, oldest);
	kept->pruned |= log->minimum > 0;
	kept->lost |= log->state == PEPPERMINT_LOG_ABANDONED;
	sheet_row(sheet,
		  json_pack("{s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "log", (json_int_t)log->log,
			    "state", log_state_name(log->state), "origin", log->origin, "entries",
			    (json_int_t)log->entries, "minimum", (json_int_t)log->minimum,
			    "oldest_at", (json_int_t)oldest, "opened_at",
			    (json_int_t)log->opened_at, "closed_at", (json_int_t)log->closed_at));
	return STATUS_DONE;
}

static int64_t whole_months(int64_t since)
{
	int64_t now = clock_unix();
	unsigned months = 0;

	while (since != 0 && calendar_months_before(now, months + 1) >= since)
		months++;
	return months;
}

static const char *what_was_before(const struct kept *kept)
{
	if (kept->lost)
		return "before that, entries were lost";
	return kept->pruned ? "older ones were pruned" : "nothing was pruned yet";
}

/* A young log that nothing is missing from keeps everything, however little that is. */
static enum status judge(struct sheet *sheet, const struct kept *kept)
{
	int64_t months = whole_months(kept->oldest);
	bool whole = !kept->pruned && !kept->lost;
	bool year = whole || months >= MONTHS_KEPT;
	bool at_hand = whole || months >= MONTHS_AT_HAND;

	sheet_finish(sheet, json_pack("{s:I, s:I, s:b, s:b, s:b, s:b}", "oldest_at",
				      (json_int_t)kept->oldest, "months_at_hand",
				      (json_int_t)months, "pruned", (int)kept->pruned, "lost",
				      (int)kept->lost, "twelve_months_kept", (int)year,
				      "three_months_at_hand", (int)at_hand));
	report_remark(sheet,
		      "%" PRId64 " whole months at hand; %s.\n12 months kept: %s.\nLast 3 "
		      "months at hand: %s.",
		      months, what_was_before(kept), year ? "yes" : "NO", at_hand ? "yes" : "NO");
	return year && at_hand ? STATUS_DONE : STATUS_REFUSED;
}

enum status run_report_retention(struct session *session)
{
	struct sheet sheet CLEANUP(sheet_end) =
		REPORT(session, "retention", "How far back the audit log reaches (PCI DSS 10.5.1)",
		       columns);
	struct logs logs CLEANUP(logs_end) = { 0 };
	struct kept kept = { 0 };
	enum status status = logs_read(session, PEPPERMINT_REPORT_RETENTION, &logs);

	for (size_t i = 0; i < logs.count && status == STATUS_DONE; i++)
		status = add_log(session, &logs.all[i], &sheet, &kept);
	return status == STATUS_DONE ? judge(&sheet, &kept) : status;
}
