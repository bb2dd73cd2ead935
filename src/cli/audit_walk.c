#include <inttypes.h>
#include <string.h>

#include "audit.h"
#include "base/cleanup.h"
#include "when.h"

#define STEPS_MAX 1000 /* of one walk over one log; each asks the vault once more */

void logs_end(struct logs *logs)
{
	free(logs->all);
}

enum status logs_read(struct session *session, enum peppermint_report report, struct logs *logs)
{
	logs->all = must_have(calloc(PEPPERMINT_LOGS_MAX, sizeof(*logs->all)));
	enum pm_err err = peppermint_list_logs(session->vault, report, NULL, logs->all,
					       PEPPERMINT_LOGS_MAX, &logs->count, &session->call);
	return err == PM_OK ? STATUS_DONE : vault_refused(session, err);
}

void walk_end(struct walk *walk)
{
	free(walk->page);
}

static enum status visit_page(struct walk *walk, uint64_t end)
{
	const struct peppermint_log_page *page = walk->page;

	for (size_t i = 0; i < page->count && page->entries[i].index < end; i++) {
		enum status status = walk->visit(walk->arg, page->log, &page->entries[i]);
		if (status != STATUS_DONE)
			return status;
	}
	return walk->page_done ? walk->page_done(walk->arg) : STATUS_DONE;
}

static enum status give_up(struct walk *walk)
{
	struct session *session = walk->session;

	walk->given_up = true;
	if (walk->query.log <= session->altered.given_up)
		return STATUS_REFUSED;
	session->altered.given_up = walk->query.log;
	complain("over %d entries of log %" PRIu32
		 " were stepped over. It is not worth reading on: "
		 "peppermint status tells more.",
		 STEPS_MAX, walk->query.log);
	return STATUS_REFUSED;
}

/*
 * The vault tells of an altered entry when it is the first that is asked for. Reports walk a log more
 * than once, always forward: what was told of before is not told again.
 */
static enum status step_over(struct walk *walk)
{
	struct session *session = walk->session;
	uint32_t log = walk->query.log;
	uint64_t index = walk->query.first++;

	session->altered.any = true;
	if (walk->steps++ == STEPS_MAX)
		return give_up(walk);
	if (log < session->altered.log ||
	    (log == session->altered.log && index <= session->altered.index))
		return STATUS_DONE;
	session->altered.log = log;
	session->altered.index = index;
	complain("entry %" PRIu64 " of log %" PRIu32 " was altered outside the vault, and is left "
		 "out. An export made before that tells what it was.",
		 index, log);
	return STATUS_DONE;
}

static enum status take_page(struct walk *walk, uint64_t *end)
{
	struct peppermint_log_query *query = &walk->query;
	uint64_t first = query->first;

	if (walk->page->size < *end)
		*end = walk->page->size;
	query->log = walk->page->log;
	query->first = walk->page->next;
	enum status status = visit_page(walk, *end);
	if (status != STATUS_DONE)
		return status;
	if (query->first <= first && first < *end) {
		complain("the vault does not tell what comes after entry %ju of log %u.",
			 (uintmax_t)first, query->log);
		return STATUS_VAULT;
	}
	return STATUS_DONE;
}

enum status walk_log(struct walk *walk, uint64_t end)
{
	struct peppermint_log_query *query = &walk->query;
	enum status status = STATUS_DONE;

	if (!walk->page)
		walk->page = must_have(malloc(sizeof(*walk->page)));
	walk->steps = 0;
	walk->given_up = false;
	do {
		walk->err = peppermint_read_log(walk->session->vault, query, walk->page,
						&walk->session->call);
		if (walk->err == PM_OK)
			status = take_page(walk, &end);
		else if (walk->err == PM_STORE_DAMAGED && !walk->whole)
			status = step_over(walk);
		else
			status = vault_refused(walk->session, walk->err);
	} while (status == STATUS_DONE && query->first < end);
	return status;
}

enum status walk_logs(struct walk *walk)
{
	const struct options *options = &walk->session->options;
	struct logs logs CLEANUP(logs_end) = { 0 };
	enum status status = logs_read(walk->session, walk->query.report, &logs);
	bool found = !(options->given & OPT_LOG);

	for (size_t i = 0; status == STATUS_DONE && i < logs.count; i++) {
		if ((options->given & OPT_LOG) && logs.all[i].log != options->log)
			continue;
		found = true;
		walk->query.log = logs.all[i].log;
		walk->query.first = logs.all[i].minimum;
		status = walk_log(walk, logs.all[i].entries);
		if (walk->given_up)
			status = STATUS_DONE;
	}
	if (status == STATUS_DONE && !found) {
		complain("there is no log %u. Try: peppermint audit logs.", options->log);
		return STATUS_VAULT;
	}
	return status;
}

static enum status read_moment(const char *name, const char *text, int64_t *out)
{
	if (!text || parse_past(text, out))
		return STATUS_DONE;
	complain("--%s cannot be that: 2027-01-31T00:00:00Z, seconds since 1970, or as long ago as "
		 "90d, 12h, 30m.",
		 name);
	return STATUS_USAGE;
}

enum status query_times(const struct session *session, struct peppermint_log_query *query)
{
	enum status status = read_moment("since", session->options.since, &query->since);

	return status == STATUS_DONE ? read_moment("until", session->options.until, &query->until)
				     : status;
}

json_t *entry_json(const struct peppermint_log_entry *entry)
{
	json_t *json = json_loadb(entry->text, entry->len, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}

const char *entry_text(const json_t *entry, const char *field)
{
	const char *text = json_string_value(json_object_get(entry, field));

	return text ? text : "";
}

int64_t entry_when(const json_t *entry, const char *field)
{
	int64_t when = 0;

	return parse_timestamp(entry_text(entry, field), &when) ? when : 0;
}

/* The first one that tells it ends the walk. */
static enum status take_when(void *arg, uint32_t log, const struct peppermint_log_entry *entry)
{
	int64_t *when = arg;
	json_t *json CLEANUP(json_end) = entry_json(entry);

	(void)log;
	*when = entry_when(json, "ts");
	return *when != 0 ? STATUS_NOBODY_READS : STATUS_DONE;
}

enum status walk_when(struct session *session, const struct peppermint_log_query *query,
		      uint64_t end, int64_t *when)
{
	struct walk walk CLEANUP(walk_end) = {
		.session = session, .query = *query, .visit = take_when, .arg = when
	};
	enum status status = walk_log(&walk, end);

	return status == STATUS_NOBODY_READS || walk.given_up ? STATUS_DONE : status;
}
