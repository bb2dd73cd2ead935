/* audit tail, audit search: entries as they are. */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "entry.h"
#include "key.h"

#define TAIL_LINES 10

/* Nothing more to print is no failure; what output_flush could not write, output_close tells of. */
static enum status finish(struct printer *printer, enum status status)
{
	if (status == STATUS_DONE && !printer->exact)
		sheet_finish(&printer->sheet, NULL);
	return status == STATUS_NOBODY_READS ? STATUS_DONE : status;
}

static bool texts_have_environment(const struct options *options)
{
	if (options->env || !(options->given & (OPT_ACCOUNT | OPT_OPERATOR_NAME)))
		return true;
	complain("--account and --operator-name need --env: each environment hides texts under a "
		 "key of its own.");
	return false;
}

enum status run_audit_search(struct session *session)
{
	const struct options *options = &session->options;
	struct printer printer CLEANUP(printer_end) = { 0 };
	struct walk walk CLEANUP(walk_end) = {
		.session = session,
		.query = { .type = options->type,
			   .environment = options->env,
			   .key_id = options->key,
			   .account = options->account,
			   .operator_name = options->person,
			   .caller = options->caller,
			   .failures = options->given & OPT_FAILURES },
		.visit = print_entry,
		.page_done = print_page_done,
		.arg = &printer,
	};

	if ((options->key && !is_key_id(options->key)) || !texts_have_environment(options))
		return STATUS_USAGE;
	enum status status = query_times(session, &walk.query);
	if (status == STATUS_DONE)
		status = printer_begin(&printer, options);
	if (status != STATUS_DONE)
		return status;
	signal(SIGPIPE, SIG_IGN);
	return finish(&printer, walk_logs(&walk));
}

/* Where the last lines of a log begin: the one that --log names, or the newest. */
static enum status find_last_lines(struct session *session, struct peppermint_log_query *query,
				   bool *closed)
{
	const struct options *options = &session->options;
	uint64_t lines = options->given & OPT_LINES ? options->lines : TAIL_LINES;
	struct logs logs CLEANUP(logs_end) = { 0 };
	enum status status = logs_read(session, PEPPERMINT_REPORT_NONE, &logs);

	if (status != STATUS_DONE)
		return status;
	for (size_t i = logs.count; i > 0; i--) {
		const struct peppermint_log *log = &logs.all[i - 1];

		if ((options->given & OPT_LOG) && log->log != options->log)
			continue;
		query->log = log->log;
		query->first = log->entries > lines ? log->entries - lines : 0;
		if (query->first < log->minimum)
			query->first = log->minimum;
		*closed = log->state == PEPPERMINT_LOG_CLOSED ||
			  log->state == PEPPERMINT_LOG_ABANDONED;
		return STATUS_DONE;
	}
	complain("there is no such log. Try: peppermint audit logs.");
	return STATUS_VAULT;
}

/* Prints, and notes when a log says that it ends: the next one is followed from its beginning. */
struct tail {
	struct printer *printer;
	bool closed;
};

static enum status tail_entry(void *arg, uint32_t log, const struct peppermint_log_entry *entry)
{
	struct tail *tail = arg;
	json_t *json CLEANUP(json_end) = entry_json(entry);

	if (strcmp(entry_text(json, "type"), "log.close") == 0)
		tail->closed = true;
	return print_entry(tail->printer, log, entry);
}

static enum status tail_page_done(void *arg)
{
	struct tail *tail = arg;

	return print_page_done(tail->printer);
}

/* A second, or less if a signal came that ends the program. */
static bool wait_a_second(const sigset_t *ends)
{
	const struct timespec second = { .tv_sec = 1 };

	return sigtimedwait(ends, NULL, &second) < 0;
}

static enum status follow(struct walk *walk)
{
	struct tail *tail = walk->arg;
	enum status status = STATUS_DONE;
	sigset_t ends;

	/* They wait for wait_a_second, so no answer is cut off. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	while (status == STATUS_DONE && (tail->closed || wait_a_second(&ends))) {
		if (tail->closed) {
			tail->closed = false;
			walk->query.log++;
			walk->query.first = 0;
		}
		status = walk_log(walk, UINT64_MAX);
	}
	return status;
}

enum status run_audit_tail(struct session *session)
{
	const struct options *options = &session->options;
	struct printer printer CLEANUP(printer_end) = { 0 };
	struct tail tail = { .printer = &printer };
	struct walk walk CLEANUP(walk_end) = {
		.session = session,
		.visit = tail_entry,
		.page_done = tail_page_done,
		.arg = &tail,
	};
	enum status status = printer_begin(&printer, options);

	if (status == STATUS_DONE)
		status = find_last_lines(session, &walk.query, &tail.closed);
	if (status != STATUS_DONE)
		return status;
	signal(SIGPIPE, SIG_IGN);
	status = walk_log(&walk, UINT64_MAX);
	if (status == STATUS_DONE && (options->given & OPT_FOLLOW))
		status = follow(&walk);
	return finish(&printer, status);
}
