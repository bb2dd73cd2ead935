/* How entries of the audit log are printed: their exact text, CSV, or a table. */
#ifndef CLI_ENTRY_H
#define CLI_ENTRY_H

#include "audit.h"

/*
 * An entry's members with its place (log, index) and, for a table, with `result` (ok, or the error
 * or reason) and `details` (what the table's other columns do not show). NULL after a complaint.
 */
json_t *entry_row(uint32_t log, const struct peppermint_log_entry *entry, enum sheet_kind kind);

struct printer {
	bool exact; /* the exact text, one entry per line; else by the sheet */
	struct sheet sheet;
};
void printer_end(struct printer *printer); /* for CLEANUP */

/* --format jsonl (the default), csv or table. STATUS_USAGE after a complaint. */
enum status printer_begin(struct printer *printer, const struct options *options);
/* For walks, with the printer as argument. */
enum status print_entry(void *printer, uint32_t log, const struct peppermint_log_entry *entry);
/* Ends the walk with STATUS_NOBODY_READS when nobody reads the output any more. */
enum status print_page_done(void *printer);

#endif
