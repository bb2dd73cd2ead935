/* report log-access: PCI DSS 10.2.1.3. */
#include "base/cleanup.h"
#include "entry.h"
#include "report.h"

static const struct column columns[] = {
	{ "LOG", "log", false },   { "INDEX", "index", false },     { "TIME", "ts", false },
	{ "TYPE", "type", false }, { "RESULT", "result", false },   { "CALLER", "caller", false },
	{ "UID", "uid", false },   { "DETAILS", "details", false },
};

static const char *const types[] = { "log.read", "inventory.read", "text.hash" };
#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

static enum status add_entry(void *arg, uint32_t log, const struct peppermint_log_entry *entry)
{
	struct sheet *sheet = arg;
	json_t *row = entry_row(log, entry, sheet->kind);

	if (!row)
		return STATUS_REFUSED;
	sheet_row(sheet, row);
	return STATUS_DONE;
}

enum status run_report_log_access(struct session *session)
{
	struct sheet sheet CLEANUP(sheet_end) =
		REPORT(session, "log-access",
		       "Who read the audit log and the inventory (PCI DSS 10.2.1.3)", columns);
	struct walk walk CLEANUP(walk_end) = {
		.session = session,
		.query.report = PEPPERMINT_REPORT_LOG_ACCESS,
		.visit = add_entry,
		.arg = &sheet,
	};
	enum status status = query_times(session, &walk.query);

	for (size_t i = 0; i < TYPE_COUNT && status == STATUS_DONE; i++) {
		walk.query.type = types[i];
		status = walk_logs(&walk);
	}
	if (status != STATUS_DONE)
		return status;
	sheet_finish(&sheet, NULL);
	report_remark(&sheet,
		      "Reading is counted per caller and minute, unless the vault is set to "
		      "log each: `count` says how often. %zu entries.",
		      sheet.rows);
	return STATUS_DONE;
}
