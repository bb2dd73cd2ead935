/* What the audit commands and the reports share: the vault's logs, and a walk over their entries. */
#ifndef CLI_AUDIT_H
#define CLI_AUDIT_H

#include "command.h"
#include "sheet.h"

struct logs {
	struct peppermint_log *all; /* oldest first */
	size_t count;
};
void logs_end(struct logs *logs); /* for CLEANUP */

enum status logs_read(struct session *session, enum peppermint_report report, struct logs *logs);
const char *log_state_name(enum peppermint_log_state state);
json_t *log_json(const struct peppermint_log *log);
void print_log(const struct session *session, const struct peppermint_log *log);

/*
 * A walk over the entries that answer a query. `visit` is called for each, in order, and may end
 * the walk; `page_done` (may be NULL) after each answer of the vault.
 */
struct walk {
	struct session *session;
	struct peppermint_log_query query;
	enum status (*visit)(void *arg, uint32_t log, const struct peppermint_log_entry *entry);
	enum status (*page_done)(void *arg);
	void *arg;
	bool whole;      /* an altered entry ends it, and is not stepped over */
	enum pm_err err; /* what the vault refused to go on with */
	size_t steps;    /* altered entries of this log so far */
	bool given_up;   /* there were too many */
	struct peppermint_log_page *page;
};
void walk_end(struct walk *walk); /* for CLEANUP */

/*
 * The log query.log (0: the newest) from query.first to where it ends when the walk begins, or to
 * `end` if that comes first. query.first is then where to go on, query.log the log's number. Entries
 * that the vault finds altered are complained about and stepped over: see struct session. Over too
 * many the log is given up: STATUS_REFUSED, and walk->given_up.
 */
enum status walk_log(struct walk *walk, uint64_t end);
/* When the first entry from query.first on was made, below `end`; 0: none can be read. */
enum status walk_when(struct session *session, const struct peppermint_log_query *query,
		      uint64_t end, int64_t *when);
/* One log if --log names it, else all, from their oldest entry at hand. One given up ends no other. */
enum status walk_logs(struct walk *walk);

/* --since and --until, into the query. STATUS_USAGE after a complaint. */
enum status query_times(const struct session *session, struct peppermint_log_query *query);

/* An entry's members; NULL if it is not one flat JSON object, as an entry is. */
json_t *entry_json(const struct peppermint_log_entry *entry);
/* A member's text; "" if it has none. */
const char *entry_text(const json_t *entry, const char *field);
/* A member that is a time (`ts` is when it was made), in seconds since 1970; 0 if it has none. */
int64_t entry_when(const json_t *entry, const char *field);

#endif
