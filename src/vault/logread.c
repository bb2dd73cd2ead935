/* Reading the audit log. Every reading is itself in the log, before anything of it is told. */
#include "logread.h"

#include <string.h>

#include "audit_state.h"
#include "base/cleanup.h"
#include "history.h"
#include "logbook.h"
#include "match.h"
#include "report.h"

#define LOOKED_AT_MAX 100000 /* entries of one call */

static enum pm_err tell(struct audit *audit, struct actor *actor, uint32_t report)
{
	const struct fold_act act = {
		.type = LEAF_LOG_READ,
		.key = report_name(report),
		.count = 1,
	};

	return audit_acts(audit, actor, &act, 1);
}

static enum pm_err confront(struct audit *audit, struct actor *actor, struct bytes known)
{
	if (known.len == 0)
		return PM_OK;
	enum pm_err err = history_confront(audit, known, actor->deadline);
	if (err == PM_CONFLICT)
		actor->why = "the checkpoint that you have is signed by this vault, whose database "
			     "does not have its entries any more: a backup was restored?";
	else if (err == PM_BAD_REQUEST)
		actor->why = "known_checkpoint: not a checkpoint's note";
	return err == PM_NOT_FOUND ? PM_OK : err;
}

enum pm_err vault_logs(struct vault *vault, struct actor *actor, uint32_t report,
		       struct bytes known, struct vault_log *logs, size_t max, size_t *count)
{
	struct audit *audit = vault->audit;
	struct log_record log, newest;

	TRY(audit_admit(audit));
	TRY(tell(audit, actor, report));
	TRY(confront(audit, actor, known));
	TRY(store_get_log(audit->store, 0, &newest));
	*count = 0;
	for (uint32_t number = 1; number <= newest.log && *count < max; number++) {
		TRY(store_get_log(audit->store, number, &log));
		TRY(logbook_describe(audit, &log, &logs[(*count)++]));
	}
	return PM_OK;
}

/* How the log writes the text, under every version of the environment's key. */
static enum pm_err add_hidden(struct vault *vault, struct actor *actor,
			      const struct vault_log_query *query, const char *field,
			      const char *text, struct match *match)
{
	struct value_hash hashes[VAULT_TEXT_HASHES_MAX];
	size_t count = 0;

	if (text[0] == '\0')
		return PM_OK;
	TRY(vault_audit_hash(vault, actor, query->environment, text, hashes, &count));
	return match_add_hashes(match, field, hashes, count);
}

static enum pm_err make_match(struct vault *vault, struct actor *actor,
			      const struct vault_log_query *query, struct match *match)
{
	TRY(match_add_type(match, query->type));
	TRY(match_add(match, "env", query->environment));
	TRY(match_add(match, "key", query->key_id));
	TRY(match_add(match, "caller", query->caller));
	TRY(add_hidden(vault, actor, query, "account", query->account, match));
	TRY(add_hidden(vault, actor, query, "operator", query->operator_name, match));
	if (query->failures)
		TRY(match_add_failure(match));
	if (query->since != 0)
		entry_second_format(query->since, match->since);
	if (query->until != 0)
		entry_second_format(query->until, match->until);
	return PM_OK;
}

struct reading {
	const struct match *match;
	vault_log_visit *visit;
	void *arg;
	uint32_t left; /* entries that may still be told */
	uint64_t next;
};

static bool look(void *arg, uint64_t index, struct bytes entry, const struct tlog_hash *leaf)
{
	struct reading *reading = arg;

	(void)leaf;
	if (match_entry(reading->match, entry)) {
		if (reading->left == 0 || !reading->visit(reading->arg, index, entry))
			return false;
		reading->left--;
	}
	reading->next = index + 1;
	return true;
}

bool logread_counts(struct audit *audit, uint32_t log)
{
	struct log_record record;

	for (; store_get_log(audit->store, log, &record) == PM_OK; log++) {
		if (record.state == LOG_ABANDONED)
			return false;
	}
	return true;
}

static void report_damage(struct audit *audit, struct actor *actor, uint32_t log, uint64_t index)
{
	if (!logread_counts(audit, log)) {
		actor->why = "an entry was altered outside the vault, in a log that was given up";
		return;
	}
	audit_damage(audit, log, index, "entry");
	actor->why = "an entry was altered outside the vault; Status says which";
}

/* A damaged entry is told when it comes first: what is before it has been told by then. */
static enum pm_err read_on(struct audit *audit, struct actor *actor, uint64_t first,
			   struct reading *reading, struct vault_log_page *page)
{
	struct log_record log;

	TRY(store_get_log(audit->store, page->log, &log));
	page->log = log.log;
	TRY(store_log_size(audit->store, log.log, &page->size));
	reading->next = first < log.minimum ? log.minimum : first;
	first = reading->next;
	enum pm_err err =
		store_read_leaves(audit->store, log.log, first, LOOKED_AT_MAX, look, reading);
	page->next = reading->next;
	if (err != PM_STORE_DAMAGED)
		return err;
	if (reading->next > first)
		return PM_OK;
	report_damage(audit, actor, log.log, first);
	return err;
}

enum pm_err vault_log_read(struct vault *vault, struct actor *actor,
			   const struct vault_log_query *query, vault_log_visit *visit, void *arg,
			   struct vault_log_page *page)
{
	struct match match CLEANUP(match_end) = { .part_count = 0 };
	struct reading reading = {
		.match = &match,
		.visit = visit,
		.arg = arg,
		.left = query->max,
	};

	TRY(audit_admit(vault->audit));
	TRY(make_match(vault, actor, query, &match));
	TRY(tell(vault->audit, actor, query->report));
	*page = (struct vault_log_page){ .log = query->log };
	return read_on(vault->audit, actor, query->first, &reading, page);
}

/* The logs follow each other: after the end of a closed one the next begins. */
static enum pm_err follow(struct audit *audit, uint32_t *log, struct reading *reading,
			  const struct log_record *newest)
{
	uint64_t size = 0;

	for (; *log <= newest->log; (*log)++, reading->next = 0) {
		TRY(store_log_size(audit->store, *log, &size));
		if (reading->next < size)
			return store_read_leaves(audit->store, *log, reading->next, reading->left,
						 look, reading);
		if (*log == newest->log)
			break;
	}
	return PM_OK;
}

enum pm_err vault_log_follow(struct vault *vault, uint32_t *log, uint64_t *next, size_t max,
			     vault_log_visit *visit, void *arg)
{
	static const struct match any;
	struct reading reading = {
		.match = &any,
		.visit = visit,
		.arg = arg,
		.left = (uint32_t)max,
		.next = *next,
	};
	struct log_record newest;

	TRY(store_get_log(vault->store, 0, &newest));
	if (*log == 0) {
		TRY(store_log_size(vault->store, newest.log, &reading.next));
		*log = newest.log;
	}
	enum pm_err err = follow(vault->audit, log, &reading, &newest);
	*next = reading.next;
	return err;
}
