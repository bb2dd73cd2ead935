#include "entry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/* The CSV's columns are these for good; what they lack of an entry is in the last one, as JSON. */
static const struct column csv_columns[] = {
	{ NULL, "log", false },     { NULL, "index", false },    { NULL, "ts", false },
	{ NULL, "type", false },    { NULL, "ok", false },       { NULL, "err", false },
	{ NULL, "reason", false },  { NULL, "caller", false },   { NULL, "uid", false },
	{ NULL, "pid", false },     { NULL, "operator", false }, { NULL, "from", false },
	{ NULL, "env", false },     { NULL, "key", false },      { NULL, "pepper", false },
	{ NULL, "version", false }, { NULL, "account", false },  { NULL, "product", false },
	{ NULL, "name", false },    { NULL, "report", false },   { NULL, "rpc", false },
	{ NULL, "count", false },   { NULL, "since", false },    { NULL, "until", false },
	{ NULL, "request", false }, { NULL, "policy", false },   { NULL, "rest", false },
};
#define CSV_COLUMNS (sizeof(csv_columns) / sizeof(csv_columns[0]))

static const struct column table_columns[] = {
	{ "INDEX", "index", false },     { "TIME", "ts", false }, { "TYPE", "type", false },
	{ "RESULT", "result", false },   { "ENV", "env", false }, { "CALLER", "caller", false },
	{ "DETAILS", "details", false },
};

void printer_end(struct printer *printer)
{
	sheet_end(&printer->sheet);
}

enum status printer_begin(struct printer *printer, const struct options *options)
{
	const char *format = options->format ? options->format : "jsonl";

	if ((options->given & OPT_JSON) && strcmp(format, "jsonl") != 0) {
		complain("--json is --format jsonl, and --format says otherwise. Give one.");
		return STATUS_USAGE;
	}
	printer->exact = strcmp(format, "jsonl") == 0;
	if (strcmp(format, "csv") == 0)
		printer->sheet = SHEET(SHEET_CSV, csv_columns);
	else if (strcmp(format, "table") == 0)
		printer->sheet = SHEET(SHEET_TABLE, table_columns);
	else if (!printer->exact) {
		complain("--format is jsonl, csv or table.");
		return STATUS_USAGE;
	}
	return STATUS_DONE;
}

static bool is_shown_alone(const char *field)
{
	if (strcmp(field, "v") == 0 || strcmp(field, "seq") == 0)
		return true;
	for (size_t i = 0; i < CSV_COLUMNS; i++) {
		if (strcmp(csv_columns[i].field, field) == 0)
			return true;
	}
	return false;
}

/* What no column shows: as one compact object, "" if there is nothing. */
static void add_rest(json_t *row)
{
	json_t *rest CLEANUP(json_end) = must_have(json_object());
	const char *field = NULL;
	json_t *value = NULL;

	json_object_foreach(row, field, value)
	{
		if (!is_shown_alone(field))
			json_object_set(rest, field, value);
	}
	if (json_object_size(rest) == 0)
		return;
	char *text CLEANUP(free_ptr) = must_have(json_dumps(rest, JSON_COMPACT));
	json_object_set_new(row, "rest", json_string(text));
}

static void add_detail(FILE *text, const char *field, const json_t *value)
{
	char *dumped CLEANUP(free_ptr) =
		json_is_string(value)
			? NULL
			: must_have(json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT));

	fprintf(text, " %s=%s", field, dumped ? dumped : json_string_value(value));
}

/* What the table's other columns and people have no use for. */
static bool is_no_detail(const char *field, const json_t *value)
{
	static const char *const known[] = { "v",   "seq",  "log",    "index",  "ts",     "type",
					     "ok",  "err",  "reason", "env",    "caller", "uid",
					     "pid", "from", "policy", "request" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i], field) == 0)
			return true;
	}
	return json_is_string(value) && strcmp(json_string_value(value), "-") == 0;
}

/* The members that the other columns do not show: key=… count=… */
static void add_details(json_t *row)
{
	char *text CLEANUP(free_ptr) = NULL;
	size_t len = 0;
	FILE *out = must_have(open_memstream(&text, &len));
	const char *field = NULL;
	json_t *value = NULL;

	json_object_foreach(row, field, value)
	{
		if (!is_no_detail(field, value))
			add_detail(out, field, value);
	}
	if (fclose(out) != 0)
		must_have(NULL);
	json_object_set_new(row, "details", json_string(text[0] == ' ' ? text + 1 : text));
}

static void add_result(json_t *row)
{
	const char *err = entry_text(row, "err");
	const char *reason = entry_text(row, "reason");

	if (json_is_true(json_object_get(row, "ok")))
		json_object_set_new(row, "result", json_string("ok"));
	else
		json_object_set_new(row, "result",
				    json_string(err[0]      ? err
						: reason[0] ? reason
							    : "failed"));
}

json_t *entry_row(uint32_t log, const struct peppermint_log_entry *entry, enum sheet_kind kind)
{
	json_t *row = entry_json(entry);

	if (!row) {
		complain("entry %" PRIu64 " of log %" PRIu32
			 " is not JSON, as the vault writes it.",
			 entry->index, log);
		return NULL;
	}
	json_object_set_new(row, "log", json_integer(log));
	json_object_set_new(row, "index", json_integer((json_int_t)entry->index));
	if (kind == SHEET_CSV)
		add_rest(row);
	if (kind == SHEET_TABLE) {
		add_details(row);
		add_result(row);
	}
	return row;
}

enum status print_entry(void *arg, uint32_t log, const struct peppermint_log_entry *entry)
{
	struct printer *printer = arg;

	if (printer->exact) {
		puts(entry->text);
		return STATUS_DONE;
	}
	json_t *row = entry_row(log, entry, printer->sheet.kind);
	if (!row)
		return STATUS_REFUSED;
	sheet_row(&printer->sheet, row);
	return STATUS_DONE;
}

enum status print_page_done(void *arg)
{
	struct printer *printer = arg;

	sheet_flush(&printer->sheet);
	return output_flush() ? STATUS_DONE : STATUS_NOBODY_READS;
}
